//! As many connections as `--connections` allows, and what becomes of one more.

use crate::common::Gate;
use crate::common::http::Client;

/// If each waited for the next look at whether there is room, the last would wait far longer than a client of ours does.
#[test]
fn a_connection_that_ends_lets_the_next_in_at_once() {
    let gate = Gate::start(["--return", "200 x", "--connections", "1"]);
    let mut clients: Vec<Client> = (0..400)
        .map(|_| {
            let mut client = gate.client();
            client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            client.half_close();
            client
        })
        .collect();
    while let Some(mut last) = clients.pop() {
        last.response().is(200);
    }
}

#[test]
fn no_connection_is_closed_while_nobody_else_is_there() {
    let gate = Gate::start(["--return", "200 x", "--connections", "2"]);
    let mut first = gate.client();
    first.get("/").is(200);
    let mut second = gate.client();
    second.get("/").is(200);
    first.get("/").is(200);
    second.get("/").is(200);
}

#[test]
fn a_connection_whose_requests_wait_for_their_turn_is_not_spare() {
    let gate = Gate::start(["--return", "200 x", "--connections", "1"]);
    let mut first = gate.client();
    first.get("/").is(200);
    // The gateway finds both at once: many requests of one client, and another that wants its place.
    gate.freeze();
    first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100));
    let mut second = gate.client();
    second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    gate.signal(libc::SIGCONT);
    for _ in 0..100 {
        first.response().is(200);
    }
    second.response().is(200);
}
