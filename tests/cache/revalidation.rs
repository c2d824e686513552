//! Expired entries asked for by condition (C57 to C62, Z43).

use super::{Cached, Health, Origin, ask, date, take};
use crate::common::until;

const ON: [&str; 2] = ["--cache-revalidate", "on"];
/// Stale from the start (C47), with a validator.
const STALE: &str = "X-Accel-Expires: @1\r\nETag: \"v1\"\r\n";

/// C20, C57, C58: the stored response is given, and the condition is by what is stored.
#[test]
fn a_304_gives_the_stored_response() {
    let origin = Origin::new();
    let modified = date(-86_400);
    let fields = format!("{STALE}Last-Modified: {modified}\r\n");
    origin.says("/a", &fields, "the body");
    let cached = Cached::start(&origin, &ON);
    cached.get("/a").is("MISS", "the body");
    let first = origin.last("/a");
    assert_eq!(first.param("HTTP_IF_NONE_MATCH"), None);
    origin.says("/a", "Status: 304\r\n", "");
    cached.get("/a").is("REVALIDATED", "the body");
    let request = origin.last("/a");
    assert_eq!(request.get("HTTP_IF_NONE_MATCH"), "\"v1\"");
    assert_eq!(request.get("HTTP_IF_MODIFIED_SINCE"), modified);
}

/// C58: the 304 may say how long the response is good.
#[test]
fn a_304_makes_the_entry_fresh() {
    let origin = Origin::new();
    origin.says("/a", STALE, "the body");
    let cached = Cached::start(&origin, &ON);
    cached.get("/a").is("MISS", "the body");
    origin.says("/a", "Status: 304\r\nX-Accel-Expires: 100\r\n", "");
    cached.get("/a").is("REVALIDATED", "the body");
    cached.get("/a").is("HIT", "the body");
    assert_eq!(origin.asked("/a"), 2);
}

/// C58: where the 304 says nothing, the settings for the stored status hold.
#[test]
fn a_304_without_a_time_takes_the_one_of_the_settings() {
    let origin = Origin::new();
    origin.says("/a", STALE, "the body");
    let flags = [
        "--cache-revalidate",
        "on",
        "--cache-valid",
        "200 10m",
        "--ignore-headers",
        "Cache-Control",
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "the body");
    origin.says("/a", "Status: 304\r\nX-Accel-Expires: 100\r\n", "");
    cached.get("/a").is("REVALIDATED", "the body");
    cached.get("/a").is("HIT", "the body");
}

/// Z43: fields of the 304 take the place of the stored ones (RFC 9111 3.2), for this response and the next.
#[test]
fn a_304_brings_its_fields() {
    let origin = Origin::new();
    origin.says(
        "/a",
        &format!("{STALE}X-Old: 1\r\nX-Both: 1\r\n"),
        "the body",
    );
    let cached = Cached::start(&origin, &ON);
    cached.get("/a").is("MISS", "the body");
    let fields = "Status: 304\r\nX-Accel-Expires: 100\r\nX-Both: 2\r\nX-New: 2\r\n";
    origin.says("/a", fields, "");
    for cache in ["REVALIDATED", "HIT"] {
        let got = cached.get("/a").is(cache, "the body");
        assert_eq!(got.field("x-old"), Some("1"), "{cache}");
        assert_eq!(got.field("x-both"), Some("2"), "{cache}");
        assert_eq!(got.field("x-new"), Some("2"), "{cache}");
        assert_eq!(got.field("content-length"), Some("8"));
    }
}

/// Z43: the merged response is the one on the disk.
#[test]
fn what_a_304_brought_survives_a_restart() {
    let origin = Origin::new();
    origin.says("/a", STALE, "the body");
    let cached = Cached::start(&origin, &ON);
    cached.get("/a").is("MISS", "the body");
    cached.wait_files(1);
    origin.says(
        "/a",
        "Status: 304\r\nX-Accel-Expires: 1000\r\nX-New: 2\r\n",
        "",
    );
    cached.get("/a").is("REVALIDATED", "the body");
    let cached = cached.again(&origin, "", &ON);
    let got = cached.get("/a").is("HIT", "the body");
    assert_eq!(got.field("x-new"), Some("2"));
    assert_eq!(origin.asked("/a"), 2);
}

/// Z43 (C59): a 304 with no-store gives the stored response once more and drops it.
#[test]
fn a_304_with_no_store_drops_the_entry() {
    let origin = Origin::new();
    origin.says("/a", STALE, "the body");
    let cached = Cached::start(&origin, &ON);
    cached.get("/a").is("MISS", "the body");
    origin.says("/a", "Status: 304\r\nCache-Control: no-store\r\n", "");
    assert_eq!(cached.get("/a").body, "the body");
    origin.says("/a", "Cache-Control: no-store\r\n", "another");
    cached.get("/a").is("MISS", "another");
    assert_eq!(origin.last("/a").param("HTTP_IF_NONE_MATCH"), None);
}

/// C59: a Set-Cookie of a 304 is for the client that asked, and never stored.
#[test]
fn a_cookie_of_a_304_is_not_stored() {
    let origin = Origin::new();
    origin.says("/a", STALE, "the body");
    let cached = Cached::start(&origin, &ON);
    cached.get("/a").is("MISS", "the body");
    origin.says(
        "/a",
        "Status: 304\r\nX-Accel-Expires: 100\r\nSet-Cookie: a=b\r\n",
        "",
    );
    assert_eq!(cached.get("/a").body, "the body");
    let got = cached.get("/a");
    assert_eq!(got.field("set-cookie"), None);
}

/// C57: without the flag nothing is asked by condition.
#[test]
fn without_the_flag_the_whole_response_is_asked_for() {
    let origin = Origin::new();
    origin.says("/a", STALE, "{n}");
    let cached = Cached::start(&origin, &[]);
    cached.get("/a").is("MISS", "1");
    cached.get("/a").is("EXPIRED", "2");
    assert_eq!(origin.last("/a").param("HTTP_IF_NONE_MATCH"), None);
}

/// C61: a 200 replaces the entry, and its validator goes on from there.
#[test]
fn a_200_replaces_the_entry() {
    let origin = Origin::new();
    origin.says("/a", "X-Accel-Expires: @1\r\nETag: \"v{n}\"\r\n", "{n}");
    let cached = Cached::start(&origin, &ON);
    cached.get("/a").is("MISS", "1");
    cached.get("/a").is("EXPIRED", "2");
    cached.get("/a").is("EXPIRED", "3");
    assert_eq!(origin.last("/a").get("HTTP_IF_NONE_MATCH"), "\"v2\"");
}

/// C61: a response that is not stored leaves the entry.
#[test]
fn an_error_leaves_the_entry() {
    let origin = Origin::new();
    origin.says("/a", STALE, "the body");
    let cached = Cached::start(&origin, &ON);
    cached.get("/a").is("MISS", "the body");
    origin.is(Health::Says(500));
    cached.get("/a").with(500, "EXPIRED", "trouble");
    origin.is(Health::Well);
    origin.says("/a", "Status: 304\r\n", "");
    cached.get("/a").is("REVALIDATED", "the body");
    assert_eq!(origin.last("/a").get("HTTP_IF_NONE_MATCH"), "\"v1\"");
}

/// C62: the client's condition is about the response that it gets, and never goes on to the application.
#[test]
fn the_clients_own_condition_is_answered_here() {
    let origin = Origin::new();
    origin.says("/a", STALE, "the body");
    let cached = Cached::start(&origin, &ON);
    cached.get("/a").is("MISS", "the body");
    origin.says("/a", "Status: 304\r\nX-Accel-Expires: @1\r\n", "");
    let other = cached.get_with("/a", "If-None-Match: \"v0\"\r\n");
    other.is("REVALIDATED", "the body");
    assert_eq!(origin.last("/a").get("HTTP_IF_NONE_MATCH"), "\"v1\"");
    let same = cached.get_with("/a", "If-None-Match: \"v1\"\r\n");
    same.with(304, "REVALIDATED", "");
    let range = cached.get_with("/a", "Range: bytes=0-2\r\n");
    range.with(206, "REVALIDATED", "the");
}

/// A 304 that nobody asked for by a condition of the cache is the application's own matter: it is not stored over anything.
#[test]
fn a_304_out_of_the_blue_is_not_stored() {
    let origin = Origin::new();
    origin.says("/a", "Status: 304\r\nX-Accel-Expires: 100\r\n", "");
    let cached = Cached::start(&origin, &ON);
    assert_ne!(cached.get("/a").cache, "HIT");
    origin.says("/a", "X-Accel-Expires: 100\r\n", "the body");
    cached.get("/a").is("MISS", "the body");
}

/// RFC 9110 13.1.2: a POST with If-None-Match is another question, which a careful application answers with 412.
#[test]
fn a_post_is_never_sent_with_a_condition() {
    let origin = Origin::new();
    origin.says("/a", STALE, "{n}");
    let flags = ["--cache-revalidate", "on", "--cache-methods", "POST"];
    let cached = Cached::start(&origin, &flags);
    cached.post("/a", "x").is("MISS", "1");
    cached.post("/a", "x").is("EXPIRED", "2");
    assert_eq!(origin.last("/a").param("HTTP_IF_NONE_MATCH"), None);
}

/// C15, C61: a request whose response is not to be kept takes nothing from the others.
#[test]
fn a_304_that_is_not_to_be_kept_leaves_the_entry() {
    let origin = Origin::new();
    origin.says("/a", STALE, "the body");
    let flags = ["--cache-revalidate", "on", "--no-cache", "$http_x_private"];
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "the body");
    origin.says("/a", "Status: 304\r\nX-Accel-Expires: 100\r\n", "");
    let got = cached.get_with("/a", "X-Private: 1\r\n");
    got.is("REVALIDATED", "the body");
    cached.get("/a").is("REVALIDATED", "the body");
    cached.get("/a").is("HIT", "the body");
}

/// C55: of a 304 that names other fields in Vary nobody knows what they were when the response was stored.
#[test]
fn a_304_with_another_vary_drops_the_entry() {
    for (vary, cache) in [("X-Kind", "HIT"), ("X-Kind, X-Other", "MISS")] {
        let origin = Origin::new();
        origin.says("/a", &format!("{STALE}Vary: X-Kind\r\n"), "the body");
        let cached = Cached::start(&origin, &ON);
        let fields = "X-Kind: 1\r\n";
        cached.get_with("/a", fields).is("MISS", "the body");
        let news = format!("Status: 304\r\nVary: {vary}\r\nX-Accel-Expires: 100\r\n");
        origin.says("/a", &news, "");
        cached.get_with("/a", fields).is("REVALIDATED", "the body");
        origin.says("/a", "Vary: X-Kind, X-Other\r\n", "the body");
        let got = cached.get_with("/a", &format!("{fields}X-Other: 1\r\n"));
        got.is(cache, "the body");
    }
}

/// C60: by the time of a 304 another response may have come that was asked for later: that one stays, wherever it is by then.
#[test]
fn a_304_that_comes_late_leaves_alone_what_is_newer() {
    let long = "newer".repeat(4000);
    let (good, drops) = ("X-Accel-Expires: 100", "Cache-Control: no-store");
    for (rules, body, saved, word) in [
        ("nginx", "newer", false, good),
        ("nginx", "newer", true, drops),
        ("rfc9111", "newer", true, good),
        ("rfc9111", &*long, true, good),
    ] {
        let origin = Origin::new();
        origin.says("/a", STALE, "older");
        let flags = [&ON[..], &["--cache-rules", rules]].concat();
        let cached = Cached::start(&origin, &flags);
        cached.get("/a").is("MISS", "older");
        cached.wait_files(1);
        origin.says("/a", &format!("Status: 304\r\n{word}\r\n"), "");
        let latch = origin.holds("/a");
        let mut client = cached.client();
        ask(&mut client, "GET", "/a", "");
        origin.wait_asked("/a", 2);
        origin.holds_no_more("/a");
        origin.says("/a", "X-Accel-Expires: 100\r\nETag: \"v2\"\r\n", body);
        cached.get("/a").is("EXPIRED", body);
        cached.get("/a").is("HIT", body);
        let path = cached.cache_dir().join(&cached.files()[0]);
        let is_saved = || {
            let bytes = std::fs::read(&path).unwrap_or_default();
            String::from_utf8_lossy(&bytes).contains("newer")
        };
        if saved {
            until("the newer one to be on the disk", is_saved);
        }
        latch.open();
        take(&mut client, "GET").is("REVALIDATED", "older");
        cached.get("/a").is("HIT", body);
        let cached = cached.again(&origin, "", &flags);
        cached.get("/a").is("HIT", body);
    }
}

/// The same for a whole response.
#[test]
fn a_response_that_comes_late_leaves_alone_what_is_newer() {
    let long = "older".repeat(4000);
    for body in ["older", &long] {
        let origin = Origin::new();
        origin.says("/a", "X-Accel-Expires: 100\r\n", body);
        let cached = Cached::start(&origin, &[]);
        let latch = origin.holds("/a");
        let mut client = cached.client();
        ask(&mut client, "GET", "/a", "");
        origin.wait_asked("/a", 1);
        origin.holds_no_more("/a");
        origin.says("/a", "X-Accel-Expires: 100\r\n", "newer");
        cached.get("/a").is("MISS", "newer");
        latch.open();
        take(&mut client, "GET").is("MISS", body);
        cached.get("/a").is("HIT", "newer");
    }
}
