//! How many servers are tried, and for how long.

use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use crate::common::http::Client;
use crate::common::status::{self, STATUS};
use crate::common::{App, Gate, Latch, Pattern, Scgi, Temp};
use crate::{access_log, gate, good, group, group_of, refusing, seen, silent, stale};

#[test]
fn every_server_is_tried_once_and_in_order() {
    let (a, b, c, d) = (silent(), silent(), silent(), good("at last"));
    let gate = gate(group_of(&[&a, &b, &c, &d]), &[]);
    assert_eq!(gate.get("/").is(200).text(), "at last");
    assert_eq!(seen(&[&a, &b, &c, &d]), [1, 1, 1, 1]);
}

#[test]
fn when_all_have_failed_it_is_502_and_nobody_was_asked_twice() {
    let apps = [silent(), silent(), silent()];
    let backup = silent();
    let servers: Vec<_> = apps.iter().map(|a| (a.addr(), "")).collect();
    let servers = [servers, vec![(backup.addr(), "backup")]].concat();
    let gate = gate(group(&servers), &[]);
    // The second time all have failed before, which keeps no request from them.
    for round in 1..=3 {
        gate.get("/").is(502);
        assert_eq!(seen(&[&apps[0], &apps[1], &apps[2], &backup]), [round; 4]);
    }
    gate.logs("no other server is left");
}

#[test]
fn the_number_of_tries_is_bounded() {
    for (tries, count) in [("1", 1), ("2", 2), ("3", 3), ("4", 4), ("9", 4), ("0", 4)] {
        let (a, b, c, d) = (silent(), silent(), silent(), silent());
        let gate = gate(
            group_of(&[&a, &b, &c, &d]),
            &["--next-upstream-tries", tries],
        );
        gate.get("/").is(502);
        let all: usize = seen(&[&a, &b, &c, &d]).iter().sum();
        assert_eq!(all, count, "--next-upstream-tries {tries}");
        if count < 4 {
            gate.logs("not tried elsewhere: --next-upstream-tries");
        }
    }
}

/// A connection that was refused is a try like any other.
#[test]
fn refused_connections_are_tries() {
    let dir = Temp::new();
    let app = good("not asked");
    let servers = [
        (stale(&dir, "a"), "max_fails=0"),
        (stale(&dir, "b"), "max_fails=0"),
        (app.addr(), "backup"),
    ];
    let gate = gate(group(&servers), &["--next-upstream-tries", "2"]);
    gate.get("/").is(502);
    assert_eq!(app.accepted(), 0);
}

/// N8: at the moment of the failure.
#[test]
fn after_a_time_no_other_server_is_tried() {
    let slow = App::script(|scgi| {
        scgi.all();
        std::thread::sleep(Duration::from_millis(300));
    });
    let app = good("not asked");
    let servers = [(slow.addr(), "max_fails=0"), (app.addr(), "backup")];
    let gate = gate(group(&servers), &["--next-upstream-timeout", "200ms"]);
    gate.get("/").is(502);
    assert_eq!((slow.accepted(), app.accepted()), (1, 0));
    gate.logs("not tried elsewhere: --next-upstream-timeout");
}

#[test]
fn a_failure_within_that_time_is_followed_by_a_try() {
    let (bad, app) = (silent(), good("fine"));
    let servers = [(bad.addr(), "max_fails=0"), (app.addr(), "backup")];
    let gate = gate(group(&servers), &["--next-upstream-timeout", "1h"]);
    assert_eq!(gate.get("/").is(200).text(), "fine");
}

/// N8 again: a try that has begun may take as long as it needs.
#[test]
fn that_time_does_not_end_a_try() {
    let slow = App::script(|scgi| {
        scgi.all();
        std::thread::sleep(Duration::from_millis(500));
        scgi.reply("slow");
    });
    let app = good("not asked");
    let servers = [(slow.addr(), "max_fails=0"), (app.addr(), "backup")];
    let gate = gate(group(&servers), &["--next-upstream-timeout", "100ms"]);
    assert_eq!(gate.get("/").is(200).text(), "slow");
}

#[test]
fn a_spooled_body_is_sent_again_whole() {
    // The first reads a part of it only, the second all.
    let some = App::script(|scgi| {
        scgi.request();
        scgi.some();
    });
    let checked = |scgi: &mut Scgi| {
        let (request, body) = scgi.all();
        assert_eq!(request.content_length, 3_000_000);
        assert_eq!(body.len(), 3_000_000);
        Pattern::new().check(0, &body);
    };
    let all = App::script(checked);
    let app = App::script(move |scgi| {
        checked(scgi);
        scgi.reply("whole");
    });
    let gate = gate(
        group_of(&[&some, &all, &app]),
        &[
            "--client-max-body-size",
            "0",
            "--client-body-buffer-size",
            "4k",
        ],
    );
    let mut client = gate.client();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    client.send(Pattern::new().bytes(3_000_000));
    assert_eq!(client.response().is(200).text(), "whole");
    // A chunked one has its length by then.
    let mut client = gate.client();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in Pattern::new().bytes(3_000_000).chunks(100_000) {
        client.send(format!("{:x}\r\n", piece.len()));
        client.send(piece);
        client.send("\r\n");
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.response().is(200).text(), "whole");
}

/// N10.
#[test]
fn nobody_else_is_asked_for_a_client_that_has_left() {
    let dir = Temp::new();
    let log = dir.file("access.log");
    let fail = Arc::new(Latch::default());
    let shut = Arc::clone(&fail);
    let bad = App::script(move |scgi| {
        scgi.all();
        shut.wait();
    });
    let app = good("for nobody");
    let servers = [(bad.addr(), "max_fails=0"), (app.addr(), "backup")];
    let gate = gate(
        group(&servers),
        &[
            "--log-format",
            "t $status $upstream_addr",
            "--access-log",
            &format!("{log} t"),
        ],
    );
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    bad.wait_accepted(1);
    // An end that came together with the request could be of one side only.
    gate.has_read_everything();
    gate.sees_off(client);
    fail.open();
    let first = bad.addr();
    let lines = access_log(gate, &log);
    assert!(lines.contains(&format!("499 {first}")), "{lines:?}");
    assert_eq!(app.accepted(), 0);
}

/// With `--ignore-client-abort` the request goes its way without the client, and to the next server too.
#[test]
fn a_protected_request_goes_on_without_its_client() {
    let fail = Arc::new(Latch::default());
    let done = Arc::new(Latch::default());
    let (shut, told) = (Arc::clone(&fail), Arc::clone(&done));
    let bad = App::script(move |scgi| {
        scgi.all();
        shut.wait();
    });
    let app = App::script(move |scgi| {
        scgi.all();
        told.open();
        let _ = scgi.try_send("Status: 200\r\nContent-Length: 0\r\n\r\n");
    });
    let servers = [(bad.addr(), "max_fails=0"), (app.addr(), "backup")];
    let gate = gate(group(&servers), &["--ignore-client-abort", "on"]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    bad.wait_accepted(1);
    // An end that came together with the request could be of one side only.
    gate.has_read_everything();
    gate.sees_off(client);
    fail.open();
    done.wait();
    gate.stop();
}

/// Z32: all servers say no, and the last one's own words arrive.
#[test]
fn the_last_refusal_is_passed_on_and_counted() {
    for (status, counted) in [(500, 1), (503, 1), (429, 1), (403, 0), (404, 0)] {
        let (a, b) = (refusing(status), refusing(status));
        let servers = [(a.addr(), "fail_timeout=1h"), (b.addr(), "fail_timeout=1h")];
        let condition = format!("http_{status}");
        let args = [&["--next-upstream", &condition][..], &STATUS].concat();
        let gate = Gate::start(
            group(&servers)
                .iter()
                .map(String::as_str)
                .chain(["--location", "/", "--pass", "g"])
                .chain(args.iter().copied()),
        );
        assert_eq!(gate.get("/").is(status).text(), "own");
        assert_eq!(seen(&[&a, &b]), [1, 1], "{status}");
        for server in status::wait_idle(&gate) {
            assert_eq!(server.fails, counted, "{status}: {server:?}");
        }
    }
}

/// Z11, with a body that no buffer holds: what the application said before it closed is its answer, and no failure.
#[test]
fn an_early_refusal_of_a_large_body_is_heard_out() {
    let early = App::tcp(|scgi| {
        scgi.request();
        scgi.reset_at_end();
        let _ = scgi.try_send("Status: 413 No\r\nContent-Length: 3\r\n\r\nown");
    });
    let app = good("not asked");
    let servers = [(early.addr(), "fail_timeout=1h"), (app.addr(), "backup")];
    let gate = gate(
        group(&servers),
        &[
            "--client-max-body-size",
            "0",
            "--next-upstream",
            "error timeout invalid_header non_idempotent",
        ],
    );
    let body = vec![b'x'; 20_000_000];
    for _ in 0..3 {
        let mut client = gate.client();
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ));
        let _ = client.try_send(&body);
        let response = client.try_response("POST").expect("the early answer");
        assert_eq!((response.status, response.text().as_str()), (413, "own"));
    }
    assert_eq!(app.accepted(), 0);
}

/// N4: nothing was sent to a server whose queue has no room, so that a POST may go on.
#[test]
fn a_full_listen_queue_moves_anything_on() {
    let dir = Temp::new();
    let path = dir.file("full");
    let listener = UnixListener::bind(&path).expect("bind");
    // SAFETY: listen() on a listening socket only changes its backlog.
    let rc = unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 0) };
    assert_eq!(rc, 0);
    let _waiting = fill(&path);
    let app = good("fine");
    let servers = [
        (format!("unix:{path}"), "max_fails=0"),
        (app.addr(), "backup"),
    ];
    let gate = gate(group(&servers), &["--connect-timeout", "1s"]);
    let ask = |mut client: Client| client.post("/", b"once").is(200).text();
    assert_eq!(ask(gate.client()), "fine");
    assert_eq!(app.accepted(), 1);
}

/// Connects until the queue of the listener takes no more.
pub fn fill(path: &str) -> Vec<socket2::Socket> {
    let mut waiting = Vec::new();
    loop {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)
            .expect("a socket");
        socket.set_nonblocking(true).expect("non-blocking");
        match socket.connect(&socket2::SockAddr::unix(path).expect("an address")) {
            Ok(()) => waiting.push(socket),
            Err(e) if e.raw_os_error() == Some(libc::EAGAIN) => return waiting,
            Err(e) => panic!("connect: {e}"),
        }
        assert!(waiting.len() < 100, "the queue has no end");
    }
}
