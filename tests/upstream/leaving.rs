//! Clients that leave before they have their answer.

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use crate::common::{App, Client, Gate, LIMIT, Temp, until};

/// How soon the application must see that the client has left. The promise is a second; a busy machine gets two more.
const SOON: Duration = Duration::from_secs(3);

#[test]
fn the_application_sees_at_once_that_the_client_has_left() {
    let dir = Temp::new();
    let log = dir.file("access.log");
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let app = App::script(move |scgi| {
        scgi.all();
        let _ = tell.lock().expect("lock").send(None);
        let _ = tell.lock().expect("lock").send(Some(scgi.peer_closed()));
    });
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--log-format",
        "short $status $request_uri",
        "--access-log",
        &format!("{log} short"),
    ]);
    let mut client = gate.client();
    client.send("GET /left HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(told.recv().expect("the request"), None);
    drop(client);
    let took = told.recv().expect("the close").expect("a time");
    assert!(took < SOON, "the application heard of it after {took:?}");
    gate.stop();
    assert_eq!(
        std::fs::read_to_string(log).expect("the log"),
        "499 /left\n"
    );
}

/// The whole body has gone on as it came: nothing more is expected of the client, so its close means that it has left.
#[test]
fn the_application_sees_it_after_a_body_that_went_on_as_it_came() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let app = App::script(move |scgi| {
        scgi.all();
        scgi.send("Status: 200\r\nContent-Type: text/event-stream\r\n\r\n");
        let _ = tell.lock().expect("lock").send(scgi.peer_closed());
    });
    let gate = Gate::start(["--pass", &app.addr(), "--request-buffering", "off"]);
    // The body in one piece with the head, and after it.
    for (first, rest) in [("0123456789", ""), ("0123", "456789"), ("", "0123456789")] {
        let mut client = gate.client();
        client.send(format!(
            "POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{first}"
        ));
        if !rest.is_empty() {
            gate.has_read_everything();
            client.send(rest);
        }
        // With its head the response tells that the gateway is done with the body. An end that comes with the body's last
        // bytes may be of one side only.
        assert_eq!(client.head().status, 200);
        drop(client);
        let took = told.recv_timeout(LIMIT * 2).expect("the close");
        assert!(took < SOON, "the application heard of it after {took:?}");
    }
    gate.stop();
}

/// Clients that leave while they wait give their places in the queue to others.
#[track_caller]
fn make_room(args: &[&str], requests: [&str; 2], leave: fn(&Gate, [Client; 2])) {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let app = App::with_log(move |scgi, log| {
        let Ok(request) = scgi.try_request() else {
            return;
        };
        log(&request);
        if request.uri() == "/first" {
            let _ = gone.lock().expect("lock").recv();
        }
        scgi.reply("done");
    });
    let addr = app.addr();
    let fixed = ["--pass", &addr, "--workers", "1", "--queue", "2"];
    let gate = Gate::start(fixed.iter().chain(args));
    let mut first = gate.client();
    first.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
    app.wait_accepted(1);
    // Three rounds, so that a place given back twice would show as well.
    for _ in 0..3 {
        let mut leaving = [gate.client(), gate.client()];
        for (client, request) in leaving.iter_mut().zip(requests) {
            client.send(request);
        }
        gate.has_read_everything(); // both wait in the queue
        gate.get("/full").is(503);
        leave(&gate, leaving);
    }
    let mut staying = [gate.client(), gate.client()];
    for client in &mut staying {
        client.send("GET /staying HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    gate.has_read_everything();
    gate.get("/full").is(503);
    go.send(()).expect("go");
    first.response().is(200);
    for client in &mut staying {
        client.response().is(200);
    }
    let seen: Vec<_> = app.requests().iter().map(|r| r.uri()).collect();
    assert_eq!(seen, ["/first", "/staying", "/staying"]);
    gate.stop();
}

#[test]
fn a_client_that_leaves_the_queue_makes_room_in_it() {
    let request = "GET /left HTTP/1.1\r\nHost: a\r\n\r\n";
    make_room(&[], [request; 2], |gate, [ends, resets]| {
        resets.stream().set_reset_on_close();
        // That they have left is known.
        gate.sees_off(ends);
        gate.sees_off(resets);
    });
}

/// What is missing of it can not come any more.
#[test]
fn a_client_that_leaves_in_a_body_that_nobody_reads_yet_makes_room() {
    let head = "POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n";
    let requests = [head, &format!("{head}01234")];
    let buffering = ["--request-buffering", "off"];
    make_room(&buffering, requests, |gate, [mut begins, ends]| {
        begins.send_and_half_close("012345678");
        gate.sees_off(begins);
        gate.sees_off(ends);
    });
}

/// The end of the body that goes on as it comes is known with its head, and so is that it comes too early.
#[test]
fn a_body_that_is_cut_short_at_once_is_not_waited_for() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let app = App::script(move |scgi| {
        scgi.request();
        let _ = gone.lock().expect("lock").recv();
        scgi.reply("done");
    });
    let addr = app.addr();
    let few = ["--workers", "1", "--queue", "1"];
    let args = ["--pass", &addr, "--request-buffering", "off"];
    let gate = Gate::start(args.iter().chain(&few));
    let mut first = gate.client();
    first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    app.wait_accepted(1);
    for part in ["", "012345678"] {
        let mut client = gate.client();
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n";
        client.send_and_half_close(&format!("{head}{part}"));
        client.closed();
    }
    // A whole one is.
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
    gate.has_read_everything();
    client.send_and_half_close("0123456789");
    gate.has_read_everything();
    drop(go);
    first.response().is(200);
    client.response().is(200);
}

#[test]
fn a_client_that_leaves_during_the_body_ends_the_exchange() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let app = App::script(move |scgi| {
        scgi.all();
        scgi.send("Status: 200\r\nContent-Type: text/event-stream\r\n\r\n");
        scgi.send("data: 1\n\n");
        let _ = tell.lock().expect("lock").send(scgi.peer_closed());
    });
    let gate = Gate::start(["--pass", &app.addr()]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head();
    assert_eq!(client.chunk(), b"data: 1\n\n");
    drop(client);
    assert!(told.recv().expect("the close") < SOON);
    gate.stop();
}

#[test]
fn a_client_that_leaves_while_its_request_waits_never_reaches_the_application() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let app = App::with_log(move |scgi, log| {
        let Ok(request) = scgi.try_request() else {
            return;
        };
        log(&request);
        if request.uri() == "/first" {
            let _ = gone.lock().expect("lock").recv();
        }
        scgi.reply("done");
    });
    let gate = Gate::start(["--pass", &app.addr(), "--workers", "1"]);
    let mut first = gate.client();
    first.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
    app.wait_accepted(1);
    let mut second = gate.client();
    second.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
    gate.has_read_everything(); // the request waits in the queue
    drop(second);
    gate.has_read_everything(); // that the client has left is known
    let mut third = gate.client();
    third.send("GET /third HTTP/1.1\r\nHost: a\r\n\r\n");
    go.send(()).expect("go");
    first.response().is(200);
    third.response().is(200);
    let seen: Vec<_> = app.requests().iter().map(|r| r.uri()).collect();
    assert_eq!(seen, ["/first", "/third"]);
    // Not even a connection: an empty one costs a prefork application a process.
    assert_eq!(app.accepted(), 2);
}

#[test]
fn an_exchange_can_be_told_to_go_on_without_its_client() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let app = App::script(move |scgi| {
        let (request, _) = scgi.all();
        if request.uri() == "/left" {
            let _ = gone.lock().expect("lock").recv();
        }
        // All of it is taken, although nobody wants it any more.
        let mut ok = scgi
            .try_send("Status: 200\r\nContent-Length: 1000000\r\n\r\n")
            .is_ok();
        for _ in 0..100 {
            ok &= scgi.try_send([b'x'; 10_000]).is_ok();
        }
        let _ = tell.lock().expect("lock").send(ok);
    });
    let gate = Gate::start(["--pass", &app.addr(), "--ignore-client-abort", "on"]);
    let mut client = gate.client();
    client.send("GET /left HTTP/1.1\r\nHost: a\r\n\r\n");
    app.wait_accepted(1);
    gate.sees_off(client);
    gate.get("/other").is(200);
    assert!(told.recv().expect("the other"));
    go.send(()).expect("go");
    assert!(
        told.recv().expect("the first"),
        "the application could not send all"
    );
    gate.stop();
}

/// Z27: a client that ends its sending side with its request still wants the answer.
#[test]
fn a_half_closed_client_still_gets_its_answer() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let app = App::script(move |scgi| {
        scgi.all();
        let _ = gone.lock().expect("lock").recv();
        let _ = scgi.try_send("Status: 200\r\nContent-Length: 4\r\n\r\nhere");
    });
    let gate = Gate::start(["--pass", &app.addr()]);
    let mut client = gate.client();
    client.send_and_half_close("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    app.wait_accepted(1);
    gate.has_read_everything();
    go.send(()).expect("go");
    assert_eq!(client.response().is(200).text(), "here");
}

#[test]
fn cancelled_exchanges_leave_nothing_behind() {
    let app = App::script(|scgi| {
        // The client may leave before its request is sent on.
        let Ok(request) = scgi.try_request() else {
            return;
        };
        if request.uri() == "/hang" {
            scgi.peer_closed();
        } else {
            scgi.reply("fine");
        }
    });
    let gate = Gate::start(["--pass", &app.addr(), "--workers", "2"]);
    gate.get("/warm-up").is(200);
    let descriptors = || crate::common::process::descriptors(gate.pid()).len();
    let before = descriptors();
    for i in 0..20 {
        let mut client = gate.client();
        client.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n");
        app.wait_accepted(2 + i);
        drop(client);
    }
    gate.get("/after").is(200);
    until("all descriptors to be closed", || descriptors() <= before);
    gate.stop();
}
