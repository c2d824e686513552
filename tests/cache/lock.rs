//! One request at a time fills an entry (C24 to C28, Z45).

use std::sync::Arc;

use super::{Cached, Health, Origin, ask, take};
use crate::common::{Client, Latch, until};

const GOOD: &str = "X-Accel-Expires: 100\r\n";
/// Longer than any test: a waiter that goes on does so for another reason.
const LOCK: [&str; 6] = [
    "--cache-lock",
    "on",
    "--cache-lock-age",
    "600s",
    "--cache-lock-timeout",
    "600s",
];

/// Clients that ask for `/a` and do not wait.
fn waiters(cached: &Cached, n: usize) -> Vec<Client> {
    (0..n)
        .map(|_| {
            let mut client = cached.client();
            ask(&mut client, "GET", "/a", "");
            client
        })
        .collect()
}

/// A request for `/a` is with the application, which answers so when the latch is opened.
fn one_at_work(
    fields: &str,
    body: &str,
    flags: &[&str],
) -> (Origin, Arc<Latch>, Cached, Vec<Client>) {
    let origin = Origin::new();
    origin.says("/a", fields, body);
    let latch = origin.holds("/a");
    let cached = Cached::start(&origin, flags);
    let first = waiters(&cached, 1);
    origin.wait_asked("/a", 1);
    (origin, latch, cached, first)
}

/// C24: one asks, the others wait and get what it got.
#[test]
fn one_request_asks_for_all() {
    let (origin, latch, cached, mut first) = one_at_work(GOOD, "{n}", &LOCK);
    let mut others = waiters(&cached, 10);
    cached.gate().has_read_everything();
    assert_eq!(origin.asked("/a"), 1);
    latch.open();
    take(&mut first[0], "GET").is("MISS", "1");
    for client in &mut others {
        take(client, "GET").is("HIT", "1");
    }
    assert_eq!(origin.asked("/a"), 1);
}

/// C24: without the lock everybody asks.
#[test]
fn without_the_lock_everybody_asks() {
    let origin = Origin::new();
    origin.says("/a", GOOD, "the body");
    let latch = origin.holds("/a");
    let cached = Cached::start(&origin, &[]);
    let mut clients = waiters(&cached, 5);
    origin.wait_asked("/a", 5);
    latch.open();
    for client in &mut clients {
        take(client, "GET").is("MISS", "the body");
    }
}

/// Z45 (C22): nginx does not lock refreshes.
#[test]
fn a_refresh_is_locked_too() {
    let origin = Origin::new();
    origin.says("/a", "X-Accel-Expires: @1\r\n", "{n}");
    let cached = Cached::start(&origin, &LOCK);
    cached.get("/a").is("MISS", "1");
    origin.says("/a", GOOD, "{n}");
    let latch = origin.holds("/a");
    let mut first = waiters(&cached, 1);
    origin.wait_asked("/a", 2);
    let mut others = waiters(&cached, 10);
    cached.gate().has_read_everything();
    assert_eq!(origin.asked("/a"), 2);
    latch.open();
    take(&mut first[0], "GET").is("EXPIRED", "2");
    for client in &mut others {
        let got = take(client, "GET");
        assert_eq!((got.status, got.body.as_str()), (200, "2"));
    }
    assert_eq!(origin.asked("/a"), 2);
}

/// Z45 (C27): once it shows that nothing can be stored, all others go together, now and for a while.
#[test]
fn an_uncacheable_response_lets_all_go_together() {
    let (origin, latch, cached, mut clients) =
        one_at_work("Cache-Control: no-store\r\n", "the body", &LOCK);
    clients.extend(waiters(&cached, 10));
    cached.gate().has_read_everything();
    assert_eq!(origin.asked("/a"), 1);
    // The first is answered; nobody else is, until all are there.
    let second = origin.holds("/a");
    latch.open();
    origin.wait_asked("/a", 11);
    clients.extend(waiters(&cached, 10));
    origin.wait_asked("/a", 21);
    second.open();
    for client in &mut clients {
        take(client, "GET").is("MISS", "the body");
    }
}

/// As above, with other reasons why nobody can use what the first one got.
#[track_caller]
fn goes_together(origin: &Origin, cached: &Cached) -> Vec<Client> {
    let latch = origin.holds("/a");
    let mut clients = waiters(cached, 1);
    origin.wait_asked("/a", 1);
    clients.extend(waiters(cached, 10));
    cached.gate().has_read_everything();
    assert_eq!(origin.asked("/a"), 1);
    let second = origin.holds("/a");
    latch.open();
    origin.wait_asked("/a", 11);
    second.open();
    clients
}

/// Z45: what does not fit into the cache can not be stored either.
#[test]
fn what_does_not_fit_lets_all_go_together() {
    let origin = Origin::new();
    origin.says("/a", GOOD, vec![b'a'; 200_000]);
    let cached = Cached::zoned(&origin, "max_size=100k", &LOCK);
    for client in &mut goes_together(&origin, &cached) {
        let got = take(client, "GET");
        assert_eq!((got.status, got.cache.as_str()), (200, "MISS"));
        assert_eq!(got.body.len(), 200_000);
    }
}

/// Z45: an intercepted error without a time is not remembered.
#[test]
fn an_intercepted_error_lets_all_go_together() {
    let origin = Origin::new();
    origin.says("/a", "Status: 404\r\n", "");
    let more = ["--intercept-errors", "on", "--error-page", "404 /page"];
    let flags = [&LOCK[..], &more].concat();
    let cached = Cached::start(&origin, &flags);
    for client in &mut goes_together(&origin, &cached) {
        let got = take(client, "GET");
        assert_eq!((got.status, &got.body[..5]), (404, "/page"));
    }
}

/// Z45: what is stored and must be validated each time is validated by all at the same time.
#[test]
fn what_must_always_be_validated_lets_all_go_together() {
    for fields in [
        "Cache-Control: no-cache\r\n",
        "Cache-Control: max-age=0\r\n",
    ] {
        let origin = Origin::new();
        origin.says("/a", &format!("{fields}ETag: \"v1\"\r\n"), "the body");
        let flags = [&LOCK[..], &["--cache-rules", "rfc9111"]].concat();
        let cached = Cached::start(&origin, &flags);
        for client in &mut goes_together(&origin, &cached) {
            let got = take(client, "GET");
            assert_eq!((got.status, got.body.as_str()), (200, "the body"));
        }
    }
}

/// Z45: who does not ask for all says nothing of what all others get.
#[test]
fn special_requests_do_not_let_all_go() {
    let ways = [
        ("GET", "X-Fresh: 1\r\n", "nginx"),
        ("GET", "X-Fresh: 1\r\n", "rfc9111"),
        ("HEAD", "", "rfc9111"),
    ];
    for (method, fields, rules) in ways {
        let origin = Origin::new();
        origin.says("/a", GOOD, "{n}");
        let latch = origin.holds("/a");
        let more = [
            "--cache-bypass",
            "$http_x_fresh",
            "--no-cache",
            "$http_x_fresh",
            "--cache-rules",
            rules,
        ];
        let flags = [&LOCK[..], &more].concat();
        let cached = Cached::start(&origin, &flags);
        let mut clients = waiters(&cached, 1);
        origin.wait_asked("/a", 1);
        clients.extend(waiters(&cached, 5));
        cached.gate().has_read_everything();
        origin.holds_no_more("/a");
        assert_eq!(cached.ask(method, "/a", fields).status, 200);
        clients.extend(waiters(&cached, 5));
        cached.gate().has_read_everything();
        latch.open();
        for client in &mut clients {
            assert_eq!(take(client, "GET").body, "1", "{method} {fields}{rules}");
        }
        assert_eq!(origin.asked("/a"), 2, "{method} {fields}{rules}");
    }
}

/// C25: where the holder's own condition or range refuses it the response, another takes over.
#[test]
fn a_refused_condition_hands_over() {
    for (fields, status) in [
        ("Range: bytes=1000-\r\n", 416),
        ("If-Match: \"other\"\r\n", 412),
    ] {
        let origin = Origin::new();
        origin.says("/a", GOOD, "{n}");
        let latch = origin.holds("/a");
        let cached = Cached::start(&origin, &LOCK);
        let mut first = cached.client();
        ask(&mut first, "GET", "/a", fields);
        origin.wait_asked("/a", 1);
        let mut others = waiters(&cached, 5);
        cached.gate().has_read_everything();
        origin.holds_no_more("/a");
        latch.open();
        assert_eq!(take(&mut first, "GET").status, status);
        for client in &mut others {
            assert_eq!(take(client, "GET").body, "2");
        }
        assert_eq!(origin.asked("/a"), 2);
    }
}

/// Z45: so they do when the head alone shows it, while its body is still on its way.
#[test]
fn the_head_of_an_uncacheable_response_is_enough() {
    let origin = Origin::new();
    origin.says("/a", "Cache-Control: no-store\r\n", "the body");
    let latch = origin.holds_half("/a");
    let cached = Cached::start(&origin, &LOCK);
    let mut clients = waiters(&cached, 10);
    origin.wait_asked("/a", 10);
    latch.open();
    for client in &mut clients {
        take(client, "GET").is("MISS", "the body");
    }
}

/// Z45: a key that can be stored again is locked again.
#[test]
fn a_key_that_becomes_cacheable_is_stored() {
    let origin = Origin::new();
    origin.says("/a", "Cache-Control: no-store\r\n", "{n}");
    let cached = Cached::start(&origin, &LOCK);
    cached.get("/a").is("MISS", "1");
    origin.says("/a", GOOD, "{n}");
    cached.get("/a").is("MISS", "2");
    cached.get("/a").is("HIT", "2");
}

/// C25: a holder that fails frees the lock, and another takes it.
#[test]
fn the_holders_death_frees_the_lock() {
    for health in [Health::Closes, Health::Babbles] {
        let origin = Origin::new();
        origin.says("/a", GOOD, "{n}");
        let latch = origin.holds("/a");
        let cached = Cached::start(&origin, &LOCK);
        origin.is(health);
        let mut first = waiters(&cached, 1);
        origin.wait_asked("/a", 1);
        let mut others = waiters(&cached, 5);
        cached.gate().has_read_everything();
        // What was asked already fails; what comes next does not.
        origin.is(Health::Well);
        origin.holds_no_more("/a");
        latch.open();
        assert_eq!(take(&mut first[0], "GET").status, 502);
        for client in &mut others {
            let got = take(client, "GET");
            assert_eq!((got.status, got.body.as_str()), (200, "2"));
        }
        assert_eq!(origin.asked("/a"), 2);
    }
}

/// C25: the holder's client may leave: what is under way is for the others.
#[test]
fn the_holders_client_may_leave() {
    let (origin, latch, cached, mut clients) = one_at_work(GOOD, "{n}", &LOCK);
    let first = clients.pop().expect("a client");
    let mut others = waiters(&cached, 3);
    cached.gate().sees_off(first);
    latch.open();
    for client in &mut others {
        let got = take(client, "GET");
        assert_eq!((got.status, got.body.as_str()), (200, "1"));
    }
    assert_eq!(origin.asked("/a"), 1);
}

/// C28: nginx does not notice that a waiter has left.
#[test]
fn a_lost_waiter_is_noticed() {
    let origin = Origin::new();
    let latch = origin.holds("/a");
    let log = [
        "--log-format",
        "own $status $http_x_mine",
        "--access-log",
        "- own",
    ];
    let flags = [&LOCK[..], &log[..]].concat();
    let cached = Cached::start(&origin, &flags);
    let mut first = waiters(&cached, 1);
    origin.wait_asked("/a", 1);
    let mut waiter = cached.client();
    ask(&mut waiter, "GET", "/a", "X-Mine: waiter\r\n");
    cached.gate().has_read_everything();
    cached.gate().sees_off(waiter);
    until("the log line of the waiter", || {
        let log = cached.gate().stdout();
        log.lines().any(|line| line == "499 waiter")
    });
    assert_eq!(origin.asked("/a"), 1);
    latch.open();
    assert_eq!(take(&mut first[0], "GET").status, 200);
}

/// C25, C26: who has waited long enough goes by itself, and its response is not stored.
#[test]
fn a_waiter_goes_by_itself_after_its_time() {
    for time in ["0", "50ms"] {
        let origin = Origin::new();
        origin.says("/a", GOOD, "{n}");
        let latch = origin.holds("/a");
        let flags = [
            "--cache-lock",
            "on",
            "--cache-lock-timeout",
            time,
            "--cache-lock-age",
            "600s",
        ];
        let cached = Cached::start(&origin, &flags);
        let mut first = waiters(&cached, 1);
        origin.wait_asked("/a", 1);
        origin.holds_no_more("/a");
        let fields = "If-None-Match: \"mine\"\r\n";
        cached.get_with("/a", fields).is("MISS", "2");
        let seen = origin.last("/a").param("HTTP_IF_NONE_MATCH");
        assert_eq!(seen.as_deref(), Some("\"mine\""), "C26");
        latch.open();
        take(&mut first[0], "GET").is("MISS", "1");
        cached.get("/a").is("HIT", "1");
    }
}

/// C25: a holder that takes too long loses the lock to one of the waiters, whose response is stored.
#[test]
fn a_slow_holder_loses_the_lock() {
    let flags = [
        "--cache-lock",
        "on",
        "--cache-lock-timeout",
        "600s",
        "--cache-lock-age",
        "50ms",
    ];
    let (origin, latch, cached, mut first) = one_at_work(GOOD, "{n}", &flags);
    origin.holds_no_more("/a");
    cached.get("/a").is("MISS", "2");
    cached.get("/a").is("HIT", "2");
    latch.open();
    take(&mut first[0], "GET").is("MISS", "1");
}

/// Waiting takes no worker: many waiters leave room for other requests.
#[test]
fn waiters_take_no_worker() {
    let flags = [&LOCK[..], &["--workers", "2"]].concat();
    let (origin, latch, cached, mut clients) = one_at_work(GOOD, "{n}", &flags);
    clients.extend(waiters(&cached, 50));
    cached.gate().has_read_everything();
    cached.get("/b").with(200, "MISS", "/b 1");
    latch.open();
    for client in &mut clients {
        assert_eq!(take(client, "GET").body, "1");
    }
    assert_eq!(origin.asked("/a"), 1);
}

/// Nor does a hit: there may be none left.
#[test]
fn a_hit_takes_no_worker() {
    let origin = Origin::new();
    // A queue of one: the worker may still have a line to log when the first response is there.
    let flags = ["--cache-valid", "200 10m", "--workers", "1", "--queue", "1"];
    let cached = Cached::start(&origin, &flags);
    cached.get("/hit").is("MISS", "/hit 1");
    let latch = origin.holds("/a");
    let mut busy = waiters(&cached, 1);
    origin.wait_asked("/a", 1);
    for method in ["GET", "HEAD"] {
        assert_eq!(cached.ask(method, "/hit", "").cache, "HIT");
    }
    cached.get("/hit").is("HIT", "/hit 1");
    latch.open();
    take(&mut busy[0], "GET").is("MISS", "/a 1");
}

/// Waiters with conditions and ranges are answered by what was stored for all.
#[test]
fn waiters_have_their_own_conditions() {
    let (origin, latch, cached, mut first) =
        one_at_work(&format!("{GOOD}ETag: \"v1\"\r\n"), "the body", &LOCK);
    let asks = |method: &str, fields: &str| {
        let mut client = cached.client();
        ask(&mut client, method, "/a", fields);
        client
    };
    let mut condition = asks("GET", "If-None-Match: \"v1\"\r\n");
    let mut range = asks("GET", "Range: bytes=0-2\r\n");
    let mut head = asks("HEAD", "");
    cached.gate().has_read_everything();
    latch.open();
    take(&mut first[0], "GET").is("MISS", "the body");
    take(&mut condition, "GET").with(304, "HIT", "");
    take(&mut range, "GET").with(206, "HIT", "the");
    take(&mut head, "HEAD").with(200, "HIT", "");
    assert_eq!(origin.asked("/a"), 1);
}

/// The end of the gateway does not wait for those who wait for the lock for ever.
#[test]
fn the_gateway_ends_with_waiters() {
    let (_origin, latch, cached, mut clients) = one_at_work(GOOD, "{n}", &LOCK);
    clients.extend(waiters(&cached, 3));
    cached.gate().has_read_everything();
    cached.gate().signal(libc::SIGTERM);
    latch.open();
    for client in &mut clients {
        assert_eq!(take(client, "GET").body, "1");
    }
    cached.stop();
}

/// A client that wants none of the response says nothing of whether it can be stored: the next one fills.
#[test]
fn a_failed_condition_hands_the_lock_over() {
    let origin = Origin::new();
    origin.says("/a", GOOD, "{n}");
    let latch = origin.holds("/a");
    let cached = Cached::start(&origin, &LOCK);
    let mut first = cached.client();
    ask(&mut first, "GET", "/a", "If-Match: \"x\"\r\n");
    origin.wait_asked("/a", 1);
    let mut others = waiters(&cached, 5);
    cached.gate().has_read_everything();
    latch.open();
    assert_eq!(take(&mut first, "GET").status, 412);
    for client in &mut others {
        assert_eq!(take(client, "GET").body, "2");
    }
    assert_eq!(origin.asked("/a"), 2);
}

/// Nor does a request that can not be sent.
#[test]
fn a_request_that_is_not_sent_hands_the_lock_over() {
    let origin = Origin::new();
    origin.says("/a", GOOD, "{n}");
    let slow = origin.holds("/slow");
    let latch = origin.holds("/a");
    let mut flags = LOCK.to_vec();
    flags.extend(["--workers", "1", "--params-max", "4k"]);
    let cached = Cached::start(&origin, &flags);
    let mut busy = cached.client();
    ask(&mut busy, "GET", "/slow", "");
    origin.wait_asked("/slow", 1);
    // The holder of the lock waits for the worker.
    let mut holder = cached.client();
    let long = format!("X-Long: {}\r\n", "a".repeat(5000));
    ask(&mut holder, "GET", "/a", &long);
    cached.gate().has_read_everything();
    let mut others = waiters(&cached, 5);
    cached.gate().has_read_everything();
    slow.open();
    take(&mut busy, "GET").is("MISS", "/slow 1");
    assert_eq!(take(&mut holder, "GET").status, 431);
    origin.wait_asked("/a", 1);
    latch.open();
    for client in &mut others {
        assert_eq!(take(client, "GET").body, "1");
    }
    assert_eq!(origin.asked("/a"), 1);
}

/// Z45, Z53: what is longer than the cache may be lets all go together, too.
#[test]
fn a_response_that_never_fits_lets_all_go_together() {
    let origin = Origin::new();
    let body = "a".repeat(100_000);
    origin.says("/a", GOOD, &body);
    let latch = origin.holds("/a");
    let cached = Cached::zoned(&origin, "max_size=64k", &LOCK);
    let mut clients = waiters(&cached, 1);
    origin.wait_asked("/a", 1);
    clients.extend(waiters(&cached, 10));
    cached.gate().has_read_everything();
    let second = origin.holds("/a");
    latch.open();
    origin.wait_asked("/a", 11);
    second.open();
    for client in &mut clients {
        take(client, "GET").is("MISS", &body);
    }
}
