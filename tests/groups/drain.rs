//! Servers that leave their group by order: what becomes of their requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::http::Broken;
use crate::common::status::{self, order};
use crate::common::{App, Gate, Latch};
use crate::{gate, group, hold, holding, named, names};

#[test]
fn a_drained_server_gets_nothing_new_until_it_is_revived() {
    let (a, b) = (named("a"), named("b"));
    let gate = gate(group(&[(&a, ""), (&b, "")]), &[]);
    assert_eq!(names(&gate, 2), "ab");
    order(&gate, "g", &a.addr(), "drain");
    assert_eq!(status::server(&gate, "g", &a.addr()).state, "draining");
    assert_eq!(names(&gate, 4), "bbbb");
    order(&gate, "G", &a.addr(), "revive");
    let after = names(&gate, 4);
    assert_eq!(crate::times(&after, 'a'), 2, "{after}");
}

#[test]
fn when_all_are_drained_it_is_502() {
    let a = named("a");
    let gate = gate(group(&[(&a, "")]), &[]);
    order(&gate, "g", &a.addr(), "drain");
    gate.get("/").is(502);
    order(&gate, "g", &a.addr(), "revive");
    assert_eq!(names(&gate, 1), "a");
}

/// Z36.
#[test]
fn what_runs_with_a_drained_server_comes_to_its_end() {
    let ((a, go), b) = (holding("a"), named("b"));
    let gate = gate(group(&[(&a, ""), (&b, "")]), &[]);
    let mut held = hold(&gate, &a);
    order(&gate, "g", &a.addr(), "drain");
    order(&gate, "g", &a.addr(), "down");
    assert_eq!(names(&gate, 2), "bb");
    assert_eq!(status::server(&gate, "g", &a.addr()).running, 1);
    go.open();
    assert_eq!(held.response().is(200).text(), "a");
}

/// A server that never answers and waits for the gateway to leave; the time that took.
fn waiting(first: &'static str) -> (App, Arc<Latch>) {
    let left = Arc::new(Latch::default());
    let tell = Arc::clone(&left);
    let app = App::with_log(move |scgi, log| {
        let (request, _) = scgi.all();
        log(&request);
        scgi.send(first);
        scgi.peer_closed();
        tell.open();
    });
    (app, left)
}

fn drop_gate(app: &App, time: &str) -> Gate {
    gate(
        group(&[(app, "fail_timeout=1h")]),
        &["--connection-drop", time],
    )
}

/// N60: no response yet.
#[test]
fn a_dropped_exchange_without_a_head_is_502_and_no_failure() {
    for (time, at_least) in [("on", 0), ("300ms", 250)] {
        let (a, left) = waiting("");
        let gate = drop_gate(&a, time);
        let mut client = hold(&gate, &a);
        let start = Instant::now();
        order(&gate, "g", &a.addr(), "drain");
        client.response().is(502);
        assert!(start.elapsed() >= Duration::from_millis(at_least), "{time}");
        left.wait();
        assert_eq!(status::wait_idle(&gate)[0].fails, 0);
    }
}

/// A response that has begun is cut, and looks like it.
#[test]
fn a_dropped_exchange_with_a_head_is_cut() {
    let (a, left) = waiting("Status: 200\r\nContent-Length: 10\r\n\r\nhalf");
    let gate = drop_gate(&a, "on");
    let mut client = hold(&gate, &a);
    let head = client.head();
    assert_eq!(head.status, 200);
    order(&gate, "g", &a.addr(), "down");
    let mut body = Vec::new();
    let result = client.try_body(&head, &mut |piece| body.extend_from_slice(piece));
    assert!(matches!(result, Err(Broken::InBody(..))), "{result:?}");
    assert!(b"half".starts_with(&body), "{body:?}");
    left.wait();
    // The operator wanted it so: no failure of the server.
    assert_eq!(status::wait_idle(&gate)[0].fails, 0);
}

/// A dropped request has begun with a server that did nothing wrong: it is not sent to another (N60).
#[test]
fn a_dropped_exchange_is_not_tried_elsewhere() {
    let ((a, left), b) = (waiting(""), named("b"));
    let gate = gate(
        group(&[(&a, ""), (&b, "backup")]),
        &[
            "--connection-drop",
            "on",
            "--next-upstream",
            "error timeout invalid_header non_idempotent",
        ],
    );
    let mut client = hold(&gate, &a);
    order(&gate, "g", &a.addr(), "drain");
    client.response().is(502);
    left.wait();
    assert_eq!(b.accepted(), 0);
}

#[test]
fn a_server_that_returns_in_time_keeps_its_exchanges() {
    let (a, go) = holding("a");
    let gate = drop_gate(&a, "1h");
    let mut held = hold(&gate, &a);
    order(&gate, "g", &a.addr(), "drain");
    order(&gate, "g", &a.addr(), "revive");
    go.open();
    assert_eq!(held.response().is(200).text(), "a");
}

/// Others are not concerned, nor those who are not told to drop.
#[test]
fn only_the_exchanges_of_that_server_are_dropped() {
    let ((a, left), (b, go)) = (waiting(""), holding("b"));
    let gate = gate(group(&[(&a, ""), (&b, "")]), &["--connection-drop", "on"]);
    let mut one = hold(&gate, &a);
    let mut two = hold(&gate, &b);
    order(&gate, "g", &a.addr(), "drain");
    one.response().is(502);
    left.wait();
    go.open();
    assert_eq!(two.response().is(200).text(), "b");
}
