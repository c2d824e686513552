//! What is counted: each request once, as a response of a class or as one without, and every byte that came, however the
//! request and its client end.

use std::sync::Arc;

use crate::common::gate::Starter;
use crate::common::status::json;
use crate::common::{App, Client, Gate, Latch, Temp, until};
use crate::{READABLE, gate};

const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];

/// Responses by class, and what got none; the one that tells is not among them. Waits until every request is counted as one
/// of them, which fails if one never is, or one is twice.
#[track_caller]
fn settled(gate: &Gate) -> ([u64; 6], u64) {
    let mut counts = [0; 6];
    let mut asked = 0;
    until("each request to be counted once", || {
        asked += 1;
        let status = json(gate);
        let responses = status.get("responses");
        counts = CLASSES.map(|class| responses.get(class).count());
        status.get("requests").count() - 1 == counts.iter().sum::<u64>()
    });
    (counts, asked)
}

/// How much more without a response `what` makes.
#[track_caller]
fn unanswered(gate: &Gate, what: impl FnOnce()) -> u64 {
    let before = settled(gate).0[5];
    what();
    gate.has_read_everything();
    settled(gate).0[5] - before
}

/// Sends the beginning of a request, and leaves.
fn leave_after(gate: &Gate, bytes: &str, reset: bool) {
    let mut client = gate.client();
    client.send(bytes);
    gate.has_read_everything();
    if reset {
        client.stream().set_reset_on_close();
    }
    gate.sees_off(client);
}

#[test]
fn a_request_that_never_came_as_a_whole_is_one_without_response() {
    let app = App::echo();
    let gate = gate(&[&app], &READABLE);
    for part in [
        "GET / HT",
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
    ] {
        for reset in [false, true] {
            let more = unanswered(&gate, || leave_after(&gate, part, reset));
            assert_eq!(more, 1, "{part:?}, reset: {reset}");
        }
    }
    let nothing = unanswered(&gate, || leave_after(&gate, "", true));
    assert_eq!(nothing, 0, "a connection alone is no request");
    assert_eq!(app.accepted(), 0);
}

#[test]
fn a_client_that_left_its_application_alone_is_one_without_response() {
    let app = App::script(|scgi| {
        scgi.all();
        scgi.peer_closed();
    });
    let gate = gate(&[&app], &READABLE);
    let more = unanswered(&gate, || {
        let mut client = gate.client();
        client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        app.wait_accepted(1);
    });
    assert_eq!(more, 1);
}

#[test]
fn answers_of_every_kind_are_counted_once() {
    let root = Temp::new();
    root.write("f.txt", "0123456789");
    let app = App::script(|scgi| {
        let request = scgi.request();
        let field = match request.get("DOCUMENT_URI").as_str() {
            "/app/accel" => "X-Accel-Redirect: /f.txt\r\n",
            "/app/quiet" => "X-Accel-Redirect: /quiet\r\n",
            "/app/bad" => "Status: nonsense\r\n",
            _ => "Status: 500\r\n",
        };
        let _ = scgi.try_send(format!("{field}Content-Length: 2\r\n\r\nhi"));
    });
    let log = Temp::new();
    let gate = Gate::start(
        [
            &["--access-log", &format!("{} short", log.file("log"))],
            &["--log-format", "short $status $request_method $uri"],
            READABLE.as_slice(),
            &["--location", "/app/", "--pass", &app.addr()],
            &["--error-page", "404 =200 /f.txt"],
            &["--location", "/quiet", "--return", "444"],
            &["--location", "/gone", "--return", "410"],
            &[
                "--location",
                "/",
                "--root",
                &root.path().display().to_string(),
            ],
        ]
        .concat(),
    );
    let ask = |head: &str, status: u16| {
        let mut client = gate.client();
        client.send(format!("{head}\r\nHost: test\r\n\r\n"));
        let method = head.split(' ').next().unwrap_or_default();
        match status {
            0 => client.closed(),
            _ => drop(client.response_to(method).is(status)),
        }
    };
    for (head, status) in [
        ("GET /f.txt HTTP/1.1", 200),
        ("HEAD /f.txt HTTP/1.1", 200),
        ("GET /f.txt HTTP/1.1\r\nRange: bytes=1-2", 206),
        ("GET /f.txt HTTP/1.1\r\nIf-None-Match: *", 304),
        ("GET /f.txt HTTP/1.1\r\nRange: bytes=99-", 416),
        ("PUT /f.txt HTTP/1.1", 405),
        ("GET /gone HTTP/1.1", 410),
        ("GET /quiet HTTP/1.1", 0),
        ("GET /app/accel HTTP/1.1", 200),
        ("GET /app/quiet HTTP/1.1", 0),
        ("GET /app/bad HTTP/1.1", 502),
        ("GET /app/x HTTP/1.1", 500),
        ("GET /none HTTP/1.1", 404),
        ("GET /f.txt HTTP/9.9", 505),
        ("nonsense", 400),
    ] {
        let (before, _) = settled(&gate);
        ask(head, status);
        let (after, asked) = settled(&gate);
        for (class, (before, after)) in before.iter().zip(after).enumerate() {
            // Whoever asked, but the last, was itself a 2xx.
            let own = if class == 1 { asked } else { 0 };
            let is_it = match status {
                0 => class == 5,
                status => class + 1 == usize::from(status / 100),
            };
            assert_eq!(
                after - before - own,
                u64::from(is_it),
                "{head}: {}",
                CLASSES[class]
            );
        }
    }
    gate.stop();
    let lines = std::fs::read_to_string(log.file("log")).expect("the access log");
    for line in ["444 GET /quiet", "200 HEAD /f.txt", "416 GET /f.txt"] {
        assert!(lines.lines().any(|l| l == line), "{line} in\n{lines}");
    }
    // Once by itself and once by the application's word.
    assert_eq!(lines.matches("444 GET /quiet").count(), 2, "{lines}");
}

#[test]
fn bytes_of_a_body_that_goes_on_as_it_comes_are_counted() {
    const SIZE: usize = 700_000;
    let app = App::echo();
    let gate = gate(
        &[&app],
        &[
            "--request-buffering",
            "off",
            "--client-max-body-size",
            "0",
            "--location",
            "/status",
            "--status",
            "on",
        ],
    );
    let received = || json(&gate).get("bytes").get("received").count();
    let before = received();
    gate.client().post("/", &vec![b'x'; SIZE]).is(200);
    let more = received() - before;
    assert!((SIZE as u64..SIZE as u64 + 1000).contains(&more), "{more}");
}

#[test]
fn a_server_is_told_the_end_of_a_response_that_nobody_hears() {
    const SIZE: usize = 300_000;
    let latch = Arc::new(Latch::default());
    let told = Arc::clone(&latch);
    let app = App::script(move |scgi| {
        scgi.all();
        scgi.send(format!("Content-Length: {SIZE}\r\n\r\nbegun"));
        told.wait();
        let _ = scgi.try_send(vec![b'x'; SIZE - 5]);
    });
    let gate = gate(
        &[&app],
        &[
            "--ignore-client-abort",
            "on",
            "--location",
            "/status",
            "--status",
            "on",
        ],
    );
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert!(!client.some().is_empty());
    client.stream().set_reset_on_close();
    gate.sees_off(client);
    latch.open();
    until("the server's response to be counted", || {
        let status = json(&gate);
        let server = &status.get("groups").list()[0].get("servers").list()[0];
        if server.get("running").count() > 0 {
            return false;
        }
        assert_eq!(server.get("responses").get("2xx").count(), 1);
        assert_eq!(server.get("time").get("count").count(), 1);
        let bytes = server.get("bytes").get("received").count();
        assert!(bytes > SIZE as u64, "{bytes}");
        true
    });
}

/// The end of its sending side says nothing about a client while no application is at work for it.
#[test]
fn pipelined_questions_are_all_answered_although_the_client_has_ended_its_side() {
    const COUNT: usize = 200;
    let gate = Starter::new()
        .args(READABLE)
        .args(["--location", "/", "--return", "404"])
        .start();
    let mut client: Client = gate.client();
    client.send("GET /status?format=json HTTP/1.1\r\nHost: test\r\n\r\n".repeat(COUNT));
    // By now it is at it.
    client.response().is(200);
    client.half_close();
    for at in 1..COUNT {
        assert_eq!(client.response().status, 200, "response {at}");
    }
}

/// What it was sent is traffic, whatever it makes of it.
#[test]
fn what_a_server_was_sent_is_counted_although_it_does_not_answer() {
    let app = App::script(|scgi| {
        scgi.all();
    });
    let gate = gate(&[&app], &READABLE);
    gate.client().post("/", &[b'x'; 5000]).is(502);
    let server = || json(&gate).get("groups").list()[0].get("servers").list()[0].clone();
    until("the try to be over", || {
        server().get("running").count() == 0
    });
    let server = server();
    assert_eq!(
        (server.get("requests").count(), server.get("fails").count()),
        (1, 1)
    );
    let sent = server.get("bytes").get("sent").count();
    assert!(sent > 5000, "{sent}");
}
