//! Who gets the next request.

use crate::common::{App, Gate, Temp};
use crate::{gate, group, group_at, hold, holding, named, names, times};

#[test]
fn equal_servers_take_turns() {
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let gate = gate(group(&[(&a, ""), (&b, ""), (&c, "")]), &[]);
    assert_eq!(names(&gate, 7), "abcabca");
    // Whoever asks: turns are the group's.
    assert_eq!(names(&gate, 1) + &names(&gate, 1), "bc");
    gate.stop().clean();
}

/// N37: the heavy one does not get its turns in a row.
#[test]
fn weights_are_turns() {
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let servers = group(&[(&a, "weight=5"), (&b, ""), (&c, "")]);
    assert_eq!(names(&gate(servers.clone(), &[]), 14), "aabacaaaabacaa");
    // Apache's method has the same turns (N63).
    let apache = gate(servers, &["--balance", "g byrequests"]);
    assert_eq!(names(&apache, 14), "aabacaaaabacaa");
}

#[test]
fn a_server_that_is_down_gets_nothing() {
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let gate = gate(group(&[(&a, ""), (&b, "down"), (&c, "")]), &[]);
    assert_eq!(names(&gate, 6), "acacac");
    assert_eq!(b.accepted(), 0);
}

#[test]
fn backups_wait_until_every_primary_is_out() {
    let dir = Temp::new();
    let dead = |name: &str| {
        let path = dir.file(name);
        drop(std::os::unix::net::UnixListener::bind(&path).expect("bind"));
        format!("unix:{path}")
    };
    let (a, x, y) = (named("a"), named("x"), named("y"));
    let primaries = vec![
        (dead("1"), "fail_timeout=1h"),
        (dead("2"), "fail_timeout=1h"),
    ];
    let backups = vec![(x.addr(), "backup"), (y.addr(), "backup")];
    let living = vec![(a.addr(), "")];

    let with = gate(
        group_at("g", &[primaries.clone(), living, backups.clone()].concat()),
        &[],
    );
    assert_eq!(names(&with, 6), "aaaaaa");
    assert_eq!((x.accepted(), y.accepted()), (0, 0));
    let without = gate(group_at("g", &[primaries, backups].concat()), &[]);
    assert_eq!(names(&without, 4), "xyxy");
}

#[test]
fn a_full_server_gets_no_more() {
    let ((a, go), b) = (holding("a"), named("b"));
    let gate = gate(group(&[(&a, "max_conns=1 weight=9"), (&b, "")]), &[]);
    let mut held = hold(&gate, &a);
    assert_eq!(names(&gate, 5), "bbbbb");
    go.open();
    held.response().is(200);
    // It has room again.
    assert!(names(&gate, 10).contains('a'));
}

#[test]
fn full_primaries_send_requests_to_the_backup() {
    let ((a, go), x) = (holding("a"), named("x"));
    let gate = gate(group(&[(&a, "max_conns=2"), (&x, "backup")]), &[]);
    let mut held = [hold(&gate, &a), hold(&gate, &a)];
    assert_eq!(names(&gate, 3), "xxx");
    go.open();
    for client in &mut held {
        client.response().is(200);
    }
    crate::common::status::wait_idle(&gate);
    assert_eq!(names(&gate, 3), "aaa");
}

/// Even the only server of a group (N26), and a request does not wait for room.
#[test]
fn when_all_are_full_it_is_502() {
    let (a, go) = holding("a");
    let gate = gate(group(&[(&a, "max_conns=1")]), &[]);
    let mut held = hold(&gate, &a);
    gate.get("/").is(502);
    gate.client().post("/", b"x").is(502);
    gate.logs("group g");
    go.open();
    held.response().is(200);
    crate::common::status::wait_idle(&gate);
    assert_eq!(names(&gate, 1), "a");
    assert_eq!(a.accepted(), 2);
}

/// Two servers, of which the first is busy: methods that look at that send all to the other.
#[test]
fn methods_that_count_requests_spare_the_busy() {
    for method in ["least_conn", "bybusyness", "random two"] {
        // Which of them is asked first is `random`'s secret.
        let (a, go) = holding("a");
        let (b, go_on) = holding("b");
        let gate = gate(
            group(&[(&a, ""), (&b, "")]),
            &["--balance", &format!("g {method}")],
        );
        let mut client = gate.client();
        client.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
        crate::common::until("the request to be held", || {
            a.requests().len() + b.requests().len() == 1
        });
        let free = if a.requests().is_empty() { "a" } else { "b" };
        assert_eq!(names(&gate, 8), free.repeat(8), "{method}");
        go.open();
        go_on.open();
        client.response().is(200);
    }
}

/// N39: the share of a server is its weight.
#[test]
fn the_least_busy_for_its_weight_is_chosen() {
    let (a, go) = holding("a");
    let (b, go_on) = holding("b");
    let gate = gate(
        group(&[(&a, "weight=3"), (&b, "")]),
        &["--balance", "g least_conn"],
    );
    let mut clients: Vec<_> = (1..=8)
        .map(|n| {
            let mut client = gate.client();
            client.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
            crate::common::until("the request to be held", || {
                a.requests().len() + b.requests().len() == n
            });
            client
        })
        .collect();
    assert_eq!((a.requests().len(), b.requests().len()), (6, 2));
    go.open();
    go_on.open();
    for client in &mut clients {
        client.response().is(200);
    }
}

/// N63: by the bytes that went both ways.
#[test]
fn a_server_with_much_traffic_is_spared() {
    let talkative = |scgi: &mut crate::common::Scgi| drop(scgi.answer("a".repeat(100_000)));
    let (a, b) = (App::script(talkative), named("b"));
    let gate = gate(group(&[(&a, ""), (&b, "")]), &["--balance", "g bytraffic"]);
    let mut client = gate.client();
    for _ in 0..40 {
        client.get("/").is(200);
        // What a request came to is known when it is over.
        crate::common::status::wait_idle(&gate);
    }
    assert_eq!((a.accepted(), b.accepted()), (1, 39));
}

#[test]
fn chance_spreads_requests_by_weight() {
    for method in ["random", "random two"] {
        let (a, b, c) = (named("a"), named("b"), named("c"));
        let gate = gate(
            group(&[(&a, "weight=2"), (&b, ""), (&c, "")]),
            &["--balance", &format!("g {method}")],
        );
        let all = names(&gate, 400);
        let of = ['a', 'b', 'c'].map(|name| times(&all, name));
        // 200, 100 and 100 are expected of `random`; less than half of that has a chance of one in billions.
        assert!(of[0] > 100 && of[1] > 50 && of[2] > 50, "{method}: {of:?}");
        let in_turn = "abc".repeat(134);
        assert_ne!(all, in_turn[..400], "{method}");
    }
}

/// With several workers at once the shares are the same: a turn is given once.
#[test]
fn turns_hold_for_requests_at_the_same_time() {
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let servers = group(&[(&a, "weight=3"), (&b, "weight=2"), (&c, "")]);
    let gate: Gate = gate(servers, &["--workers", "8"]);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| names(&gate, 100));
        }
    });
    let seen = [&a, &b, &c].map(|app| app.requests().len());
    assert_eq!(seen, [300, 200, 100]);
}
