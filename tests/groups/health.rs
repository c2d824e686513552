//! Failures: what puts a server out of its group, and what brings it back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::common::status::{self, STATUS, order};
use crate::common::{App, Gate, Latch, until};
use crate::{flags, gate, group, group_at, holding, named, names, times};

/// An application with a switch: while it is ill, it closes each connection without an answer.
fn moody(name: &'static str) -> (App, Arc<AtomicBool>) {
    let ill = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&ill);
    let app = App::with_log(move |scgi, log| {
        let (request, _) = scgi.all();
        log(&request);
        if !switch.load(Ordering::SeqCst) {
            scgi.reply(name);
        }
    });
    (app, ill)
}

fn heal(ill: &AtomicBool) {
    ill.store(false, Ordering::SeqCst);
}

/// How often an application was asked.
fn asked(app: &App) -> usize {
    app.requests().len()
}

#[test]
fn one_failure_is_enough_by_default() {
    let ((a, _), b) = (moody("a"), named("b"));
    let gate = gate(group(&[(&a, "fail_timeout=1h"), (&b, "")]), &[]);
    assert_eq!(names(&gate, 5), "bbbbb");
    assert_eq!(asked(&a), 1);
    assert_eq!(status::server(&gate, "g", &a.addr()).state, "failed");
    gate.logs("temporarily disabled");
}

#[test]
fn a_server_stays_until_its_failures_are_enough() {
    let ((a, _), b) = (moody("a"), named("b"));
    let servers = group(&[(&a, "max_fails=3 fail_timeout=1h"), (&b, "backup")]);
    let gate = gate(servers, &[]);
    for n in 1..=5 {
        assert_eq!(names(&gate, 1), "b");
        assert_eq!(asked(&a), n.min(3));
    }
}

#[test]
fn without_a_limit_no_failure_counts() {
    let ((a, _), b) = (moody("a"), named("b"));
    let gate = gate(group(&[(&a, "max_fails=0"), (&b, "backup")]), &[]);
    assert_eq!(names(&gate, 6), "bbbbbb");
    assert_eq!(asked(&a), 6);
}

/// Z29: what was good in between does not make a failure undone.
#[test]
fn failures_count_although_others_were_served() {
    let ((a, ill), b) = (moody("a"), named("b"));
    let servers = group(&[(&a, "max_fails=2 fail_timeout=1h"), (&b, "backup")]);
    let gate = gate(servers, &[]);
    assert_eq!(names(&gate, 1), "b");
    heal(&ill);
    assert_eq!(names(&gate, 4), "aaaa");
    ill.store(true, Ordering::SeqCst);
    assert_eq!(names(&gate, 1), "b");
    heal(&ill);
    assert_eq!(names(&gate, 3), "bbb");
    assert_eq!(asked(&a), 6);
}

/// Z29: the window slides, so that failures far apart never add up.
#[test]
fn failures_are_forgotten_after_their_time() {
    let ((a, _), b) = (moody("a"), named("b"));
    let servers = group(&[(&a, "max_fails=2 fail_timeout=1s"), (&b, "backup")]);
    let gate = gate(servers, &[]);
    for n in 1..=3 {
        assert_eq!(names(&gate, 1), "b");
        assert_eq!(asked(&a), n, "it was out");
        std::thread::sleep(Duration::from_millis(1100));
    }
}

#[test]
fn a_failed_server_comes_back_after_its_time() {
    let ((a, ill), b) = (moody("a"), named("b"));
    let servers = group(&[(&a, "fail_timeout=1s"), (&b, "backup")]);
    let gate = gate(servers, &[]);
    let start = Instant::now();
    assert_eq!(names(&gate, 1), "b");
    heal(&ill);
    until("the server to be back", || names(&gate, 1) == "a");
    assert!(start.elapsed() >= Duration::from_millis(900), "too early");
    assert_eq!(asked(&a), 2);
    assert_eq!(names(&gate, 3), "aaa");
    assert_eq!(status::server(&gate, "g", &a.addr()).state, "up");
    gate.logs("is back");
}

/// One request finds out how it is; the others are not put at risk.
#[test]
fn only_one_request_probes() {
    let ill = Arc::new(AtomicBool::new(true));
    let go = Arc::new(Latch::default());
    let (switch, shut) = (Arc::clone(&ill), Arc::clone(&go));
    let a = App::with_log(move |scgi, log| {
        let (request, _) = scgi.all();
        log(&request);
        if !switch.load(Ordering::SeqCst) {
            shut.wait();
            scgi.reply("a");
        }
    });
    let b = named("b");
    let servers = group(&[(&a, "fail_timeout=3s"), (&b, "backup")]);
    let gate = gate(servers, &[]);
    assert_eq!(names(&gate, 1), "b");
    heal(&ill);
    let mut probe = gate.client();
    until("a probe", || {
        probe.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        until("the request to get somewhere", || {
            asked(&a) > 1 || probe.stream().is_readable()
        });
        let begun = asked(&a) > 1;
        if !begun {
            assert_eq!(probe.response().is(200).text(), "b");
        }
        begun
    });
    let begun = Instant::now();
    let others = names(&gate, 5);
    // A probe without a verdict makes room for another after as long again: on a machine that stood still, it may have.
    if begun.elapsed() < Duration::from_secs(2) {
        assert_eq!(others, "bbbbb");
        assert_eq!(status::server(&gate, "g", &a.addr()).state, "probing");
    }
    go.open();
    assert_eq!(probe.response().is(200).text(), "a");
    status::wait_idle(&gate);
    assert_eq!(names(&gate, 3), "aaa");
}

/// A probe that fails puts the server out again.
#[test]
fn a_failed_probe_begins_the_time_anew() {
    let ((a, _), b) = (moody("a"), named("b"));
    let servers = group(&[(&a, "fail_timeout=1s"), (&b, "backup")]);
    let gate = gate(servers, &[]);
    let start = Instant::now();
    until("three tries", || {
        assert_eq!(names(&gate, 1), "b");
        asked(&a) == 3
    });
    assert!(start.elapsed() >= Duration::from_millis(1900), "too early");
}

/// Z29, Z35: by address, whichever group it was.
#[test]
fn groups_share_what_they_know_of_an_address() {
    let ((a, ill), b) = (moody("a"), named("b"));
    let servers =
        |name: &str| group_at(name, &[(a.addr(), "fail_timeout=1h"), (b.addr(), "backup")]);
    let other = ["--location", "/other/", "--pass", "other"].map(str::to_owned);
    let all = [
        flags([servers("g"), servers("other")].concat(), &[]),
        other.into(),
    ];
    let gate = Gate::start(all.concat());
    assert_eq!(names(&gate, 1), "b");
    assert_eq!(gate.get("/other/").is(200).text(), "b");
    assert_eq!(asked(&a), 1, "the other group knew");
    assert_eq!(status::server(&gate, "other", &a.addr()).state, "failed");
    // Forgotten for one is forgotten for both.
    heal(&ill);
    order(&gate, "other", &a.addr(), "revive");
    assert_eq!(names(&gate, 1), "a");
    assert_eq!(gate.get("/other/").is(200).text(), "a");
}

/// A client that leaves says nothing about the server.
#[test]
fn a_client_that_leaves_is_no_failure() {
    let ((a, go), b) = (holding("a"), named("b"));
    let servers = group(&[(&a, "fail_timeout=1h"), (&b, "backup")]);
    let gate = gate(servers, &[]);
    let held = crate::hold(&gate, &a);
    // An end that came together with the request could be of one side only.
    gate.has_read_everything();
    drop(held);
    let all = status::wait_idle(&gate);
    assert!(all.iter().all(|s| s.fails == 0), "{all:?}");
    go.open();
    assert_eq!(names(&gate, 2), "aa");
}

/// A group whose servers have all failed asks them all the same, and the first that is well again serves at once.
#[test]
fn a_group_that_has_failed_recovers_at_once() {
    let ((a, _), (b, ill)) = (moody("a"), moody("b"));
    let servers = group(&[(&a, "fail_timeout=1h"), (&b, "fail_timeout=1h")]);
    let gate = gate(servers, &[]);
    for n in 1..=3 {
        gate.get("/").is(502);
        assert_eq!((asked(&a), asked(&b)), (n, n));
    }
    heal(&ill);
    assert_eq!(names(&gate, 1), "b");
    assert_eq!(status::server(&gate, "g", &b.addr()).state, "up");
    let before = asked(&a);
    assert_eq!(names(&gate, 5), "bbbbb");
    assert_eq!(asked(&a), before, "the other is still out");
}

/// The order in which servers that have all failed are tried: the one that failed longest ago first, whatever the weights say.
#[test]
fn the_one_that_failed_longest_ago_is_tried_first() {
    let order: Arc<Mutex<String>> = Arc::default();
    let failing = |name: char| {
        let order = Arc::clone(&order);
        App::script(move |scgi| {
            scgi.all();
            order
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(name);
        })
    };
    let (a, b, c) = (failing('a'), failing('b'), failing('c'));
    let servers = group(&[
        (&a, "weight=10 fail_timeout=1h"),
        (&b, "fail_timeout=1h"),
        (&c, "weight=5 fail_timeout=1h"),
    ]);
    // One try for each request.
    let gate = gate(servers, &["--next-upstream", "off"]);
    for _ in 0..9 {
        gate.get("/").is(502);
    }
    let order = order.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (first, rest) = order.split_at(3);
    let mut sorted: Vec<char> = first.chars().collect();
    sorted.sort_unstable();
    assert_eq!(sorted, ['a', 'b', 'c'], "each once, while one is left");
    assert_eq!(rest, first.repeat(2));
}

/// N26: the only server of a group is never out.
#[test]
fn the_only_server_is_always_tried() {
    let (a, ill) = moody("a");
    let gate = gate(group(&[(&a, "fail_timeout=1h")]), &[]);
    gate.get("/").is(502);
    gate.get("/").is(502);
    assert_eq!(asked(&a), 2);
    heal(&ill);
    assert_eq!(names(&gate, 2), "aa");
}

/// N47: with hardly any of its hour gone it has hardly any weight.
#[test]
fn a_server_that_comes_back_starts_slowly() {
    let ((a, ill), b) = (moody("a"), named("b"));
    let servers = group(&[(&a, "fail_timeout=1s slow_start=1h"), (&b, "")]);
    let gate = gate(servers, &[]);
    assert_eq!(names(&gate, 3), "bbb");
    heal(&ill);
    until("the server to be back", || names(&gate, 1) == "a");
    assert_eq!(status::server(&gate, "g", &a.addr()).state, "starting");
    let all = names(&gate, 80);
    assert!(times(&all, 'a') <= 8, "{all}");
    // Before it had ever failed it had its full share.
    let fresh = [named("a"), named("b")];
    let servers = group(&[(&fresh[0], "slow_start=1h"), (&fresh[1], "")]);
    let gate = crate::gate(servers, &[]);
    assert_eq!(names(&gate, 4), "abab");
}

/// Orders of the status page forget failures.
#[test]
fn a_revived_server_is_tried_at_once() {
    let ((a, ill), b) = (moody("a"), named("b"));
    let servers = group(&[(&a, "fail_timeout=1h"), (&b, "backup")]);
    let gate = gate(servers, &[]);
    assert_eq!(names(&gate, 2), "bb");
    heal(&ill);
    order(&gate, "g", &a.addr(), "revive");
    assert_eq!(names(&gate, 2), "aa");
}

/// Z18: a response that breaks off is a failure, though its head was good.
#[test]
fn a_body_that_breaks_off_puts_the_server_out() {
    let cut = App::with_log(|scgi, log| {
        let (request, _) = scgi.all();
        log(&request);
        scgi.send("Status: 200\r\nContent-Length: 10\r\n\r\nhalf");
    });
    let b = named("b");
    let servers = group(&[(&cut, "fail_timeout=1h"), (&b, "backup")]);
    let gate = gate(servers, &[]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.try_response("GET").is_err());
    status::wait_idle(&gate);
    assert_eq!(names(&gate, 3), "bbb");
    assert_eq!(asked(&cut), 1);
}

/// Failures of an implicit group are known as well, and its one server is tried all the same.
#[test]
fn an_address_in_pass_is_a_group_too() {
    let (a, ill) = moody("a");
    let addr = a.addr();
    let args = ["--location", "/", "--pass", &addr]
        .into_iter()
        .chain(STATUS);
    let gate = Gate::start(args);
    gate.get("/").is(502);
    let all = status::wait_idle(&gate);
    assert_eq!((all.len(), all[0].fails), (1, 1), "{all:?}");
    heal(&ill);
    assert_eq!(names(&gate, 2), "aa");
}
