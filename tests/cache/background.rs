//! Expired entries while they are refreshed, beside the request or by another one (C30, C63 to C65, Z46, Z52).

use super::{Cached, Health, Origin, ask, seconds_from_now, take};
use crate::common::until;

const STALE: &str = "X-Accel-Expires: @1\r\n";
const ON: [&str; 4] = [
    "--cache-background-update",
    "on",
    "--cache-use-stale",
    "updating",
];

/// C63, Z52: the client has the old response at once, and its connection is free while the update runs.
#[test]
fn the_old_response_is_served_while_the_update_runs_beside() {
    let origin = Origin::new();
    origin.says("/a", STALE, "{n}");
    let cached = Cached::start(&origin, &ON);
    cached.get("/a").is("MISS", "1");
    origin.says("/a", "X-Accel-Expires: 100\r\n", "{n}");
    let latch = origin.holds("/a");
    let mut client = cached.client();
    ask(&mut client, "GET", "/a", "");
    take(&mut client, "GET").is("STALE", "1");
    origin.wait_asked("/a", 2);
    for target in ["/b", "/c"] {
        ask(&mut client, "GET", target, "");
        take(&mut client, "GET").with(200, "MISS", &format!("{target} 1"));
    }
    // C20: the others know that somebody is at it.
    ask(&mut client, "GET", "/a", "");
    take(&mut client, "GET").is("UPDATING", "1");
    cached.get("/a").is("UPDATING", "1");
    assert_eq!(origin.asked("/a"), 2);
    latch.open();
    until("the update to be stored", || {
        cached.get("/a").cache == "HIT"
    });
    cached.get("/a").is("HIT", "2");
    assert_eq!(origin.asked("/a"), 2);
}

/// C63: an update that nobody waits for is finished although all clients have gone.
#[test]
fn the_update_outlives_the_client() {
    let origin = Origin::new();
    origin.says("/a", STALE, "{n}");
    let cached = Cached::start(&origin, &ON);
    cached.get("/a").is("MISS", "1");
    origin.says("/a", "X-Accel-Expires: 100\r\n", "{n}");
    let latch = origin.holds("/a");
    let mut client = cached.client();
    ask(&mut client, "GET", "/a", "");
    take(&mut client, "GET").is("STALE", "1");
    origin.wait_asked("/a", 2);
    cached.gate().sees_off(client);
    latch.open();
    until("the update to be stored", || {
        cached.get("/a").cache == "HIT"
    });
    assert_eq!(origin.asked("/a"), 2);
}

/// C64: the update has the fields of the request, as a request of its own.
#[test]
fn the_update_asks_as_the_client_did() {
    let origin = Origin::new();
    origin.says("/a", &format!("{STALE}ETag: \"v1\"\r\n"), "{n}");
    let flags = [&ON[..], &["--cache-revalidate", "on"]].concat();
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "1");
    let fields = "X-Mine: 7\r\nIf-None-Match: \"v0\"\r\nRange: bytes=0-0\r\n";
    let got = cached.ask("HEAD", "/a", fields);
    assert_eq!(got.cache, "STALE");
    origin.wait_asked("/a", 2);
    let request = origin.last("/a");
    assert_eq!(request.get("HTTP_X_MINE"), "7");
    assert_eq!(request.method(), "GET");
    assert_eq!(request.get("HTTP_IF_NONE_MATCH"), "\"v1\"");
    assert_eq!(request.param("HTTP_RANGE"), None);
}

/// C65, Z46: an update that fails leaves the entry, and the next request tries again.
#[test]
fn a_failed_update_is_tried_again() {
    let origin = Origin::new();
    origin.says("/a", STALE, "{n}");
    let cached = Cached::start(&origin, &ON);
    cached.get("/a").is("MISS", "1");
    for health in [Health::Closes, Health::Says(500), Health::Babbles] {
        origin.is(health);
        let before = origin.asked("/a");
        until("another update", || {
            let got = cached.get("/a");
            assert!(
                matches!(got.cache.as_str(), "STALE" | "UPDATING"),
                "{}",
                got.cache
            );
            assert_eq!((got.status, got.body.as_str()), (200, "1"));
            origin.asked("/a") >= before + 2
        });
    }
    origin.is(Health::Well);
    origin.says("/a", "X-Accel-Expires: 100\r\n", "new");
    until("an update to be stored", || cached.get("/a").cache == "HIT");
    cached.get("/a").is("HIT", "new");
}

/// Z52: an update that fails needs no error page.
#[test]
fn a_failed_update_asks_for_no_page() {
    let origin = Origin::new();
    origin.says("/a", STALE, "{n}");
    let flags = [&ON[..], &["--error-page", "502 /page"]].concat();
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "1");
    origin.is(Health::Closes);
    until("two updates", || {
        assert_eq!(cached.get("/a").body, "1");
        origin.asked("/a") >= 3
    });
    assert_eq!(origin.asked("/page"), 0);
}

/// C30, C63: the response itself may allow it, in its window.
#[test]
fn stale_while_revalidate_allows_it_in_its_time() {
    let origin = Origin::new();
    let expired = |seconds: i64, window: u32| {
        let at = seconds_from_now(-seconds);
        format!("X-Accel-Expires: @{at}\r\nCache-Control: stale-while-revalidate={window}\r\n")
    };
    origin.says("/in", &expired(100, 1000), "{n}");
    origin.says("/out", &expired(1000, 100), "{n}");
    let cached = Cached::start(&origin, &["--cache-background-update", "on"]);
    cached.get("/in").is("MISS", "1");
    cached.get("/in").is("STALE", "1");
    origin.wait_asked("/in", 2);
    cached.get("/out").is("MISS", "1");
    cached.get("/out").is("EXPIRED", "2");
}

/// C22, C30: without updates beside the request the first one waits for the application, and the others need not.
#[test]
fn the_others_are_served_while_one_updates() {
    let origin = Origin::new();
    origin.says("/a", STALE, "{n}");
    let cached = Cached::start(&origin, &["--cache-use-stale", "updating"]);
    cached.get("/a").is("MISS", "1");
    let latch = origin.holds("/a");
    let mut first = cached.client();
    ask(&mut first, "GET", "/a", "");
    origin.wait_asked("/a", 2);
    for _ in 0..3 {
        cached.get("/a").is("UPDATING", "1");
    }
    latch.open();
    take(&mut first, "GET").is("EXPIRED", "2");
    assert_eq!(origin.asked("/a"), 2);
}

/// C30: an updater whose client leaves does not leave the mark behind.
#[test]
fn the_mark_goes_with_its_owner() {
    let origin = Origin::new();
    origin.says("/a", STALE, "{n}");
    let cached = Cached::start(&origin, &["--cache-use-stale", "updating"]);
    cached.get("/a").is("MISS", "1");
    origin.is(Health::Closes);
    let got = cached.get("/a");
    assert_eq!((got.status, got.cache.as_str()), (502, "EXPIRED"));
    origin.is(Health::Well);
    cached.get("/a").is("EXPIRED", "3");
}

/// C64, C77: the update fetches and stores the whole response, whatever the client wanted of the old one.
#[test]
fn the_update_knows_no_condition() {
    for (fields, status) in [
        ("Range: bytes=99-\r\n", 416),
        ("If-Match: \"v0\"\r\n", 412),
        ("If-None-Match: \"v1\"\r\n", 304),
        ("Range: bytes=0-1\r\n", 206),
    ] {
        let origin = Origin::new();
        origin.says("/a", &format!("{STALE}ETag: \"v1\"\r\n"), "the body");
        let cached = Cached::start(&origin, &ON);
        cached.get("/a").is("MISS", "the body");
        let news = "X-Accel-Expires: 100\r\nETag: \"v1\"\r\n";
        origin.says("/a", news, "the body");
        assert_eq!(cached.get_with("/a", fields).status, status);
        origin.wait_asked("/a", 2);
        until("the update to be stored", || {
            let got = cached.get("/a");
            assert_eq!(origin.asked("/a"), 2, "{fields}");
            got.cache == "HIT"
        });
    }
}
