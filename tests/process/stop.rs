//! A graceful stop waits for requests, and for nothing else.

use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use crate::common::http::Client;
use crate::common::{App, Gate, until};

/// An application that says when it has a request, and answers when it is told to.
fn waiting() -> (App, Receiver<()>, Sender<()>) {
    let (came, has_come) = mpsc::channel();
    let (go, told) = mpsc::channel::<()>();
    let told = Arc::new(Mutex::new(told));
    let app = App::script(move |scgi| {
        scgi.all();
        came.send(()).expect("the test");
        told.lock().expect("lock").recv().expect("go");
        scgi.send("Status: 200\r\nContent-Length: 4\r\n\r\ndone");
    });
    (app, has_come, go)
}

/// Stops a gateway that has an hour for it, while the application has the request of this client, which keeps its side open.
fn stops(gate: Gate, mut client: Client, go: &Sender<()>) {
    let addr = gate.addr();
    gate.signal(libc::SIGTERM);
    until("new connections to be refused", || {
        TcpStream::connect(addr).is_err()
    });
    go.send(()).expect("the application");
    assert_eq!(client.response().is(200).text(), "done");
    client.closed();
    assert!(gate.wait().status.success());
}

/// A worker has read it, and the front, which has seen it come, does not know that nothing is left.
#[test]
fn a_body_that_went_on_as_it_came_leaves_nothing_to_wait_for() {
    let (app, has_come, go) = waiting();
    let args = ["--pass", &app.addr(), "--shutdown-timeout", "1h"];
    let streams = ["--request-buffering", "off", "--workers", "1"];
    let gate = Gate::start(args.iter().chain(&streams));
    let mut first = gate.client();
    first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    has_come.recv().expect("the application");
    // There is no other worker: the body comes before anybody reads it.
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    gate.has_read_everything();
    client.send("12345");
    gate.has_read_everything();
    go.send(()).expect("the application");
    first.response().is(200);
    has_come.recv().expect("the application");
    stops(gate, client, &go);
}

/// A read that brings as much as it can may have left something.
#[test]
fn a_request_that_ends_with_the_last_byte_of_a_read_leaves_nothing_to_wait_for() {
    let (app, has_come, go) = waiting();
    let gate = Gate::start(["--pass", &app.addr(), "--shutdown-timeout", "1h"]);
    let mut client = gate.client();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65000\r\n";
    let pad = "a".repeat(65536 - 65000 - head.len() - "X: \r\n\r\n".len());
    // All of it is there before the gateway reads any.
    gate.freeze();
    client.send(format!("{head}X: {pad}\r\n\r\n{}", "x".repeat(65000)));
    gate.signal(libc::SIGCONT);
    has_come.recv().expect("the application");
    stops(gate, client, &go);
}

/// RFC 9112 2.2: old clients end a body with a line end that its length does not count.
#[test]
fn an_empty_line_after_a_request_is_nothing_to_wait_for() {
    let gate = Gate::start([
        "--return",
        "200 x",
        "--shutdown-timeout",
        "1h",
        "--log-level",
        "info",
    ]);
    let mut client = gate.client();
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    client.send(format!("{post}\r\n"));
    client.response().is(200);
    client.send("\r\n\r\n");
    client.get("/").is(200);
    client.send("\r\n");
    gate.has_read_everything();
    // A few, and no more: then it is the start of something.
    let mut stranger = gate.client();
    stranger.get("/").is(200);
    stranger.send("\r\n".repeat(10));
    stranger.response().is(400);
    gate.signal(libc::SIGTERM);
    client.closed();
    let stopped = gate.wait();
    assert!(stopped.status.success());
    let within = "it ended within a request head";
    assert!(!stopped.stderr.contains(within), "{}", stopped.stderr);
}
