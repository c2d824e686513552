//! Conditions of the client, answered from the cache and while it is filled (C67 to C71, Z49, Z50).

use super::{Cached, Origin, date};

const DAY: i64 = 86_400;
const VALID: [&str; 2] = ["--cache-valid", "any 10m"];

/// An origin whose `/a` has both validators, and the date of one.
fn origin() -> (Origin, String) {
    let origin = Origin::new();
    let modified = date(-DAY);
    let fields =
        format!("ETag: \"v1\"\r\nLast-Modified: {modified}\r\nContent-Type: text/plain\r\n");
    origin.says("/a", &fields, "the body");
    (origin, modified)
}

/// C68, C69, Z49: the standard's order (RFC 9110 13.2.2), If-Modified-Since by its exact date.
#[test]
fn conditions_are_answered_from_the_cache() {
    let (origin, modified) = origin();
    let cached = Cached::start(&origin, &VALID);
    cached.get("/a").is("MISS", "the body");
    let (before, after) = (date(-2 * DAY), date(-1000));
    let table = [
        ("If-None-Match: \"v1\"\r\n".to_owned(), 304),
        ("If-None-Match: W/\"v1\"\r\n".into(), 304),
        ("If-None-Match: \"v0\", \"v1\"\r\n".into(), 304),
        ("If-None-Match: *\r\n".into(), 304),
        ("If-None-Match: \"v2\"\r\n".into(), 200),
        (format!("If-Modified-Since: {modified}\r\n"), 304),
        (format!("If-Modified-Since: {before}\r\n"), 200),
        ("If-Modified-Since: yesterday\r\n".into(), 200),
        // Z49: with If-None-Match the date is not looked at.
        (
            format!("If-None-Match: \"v2\"\r\nIf-Modified-Since: {modified}\r\n"),
            200,
        ),
        (
            format!("If-None-Match: \"v1\"\r\nIf-Modified-Since: {before}\r\n"),
            304,
        ),
        ("If-Match: \"v1\"\r\n".into(), 200),
        ("If-Match: *\r\n".into(), 200),
        ("If-Match: \"v2\"\r\n".into(), 412),
        (format!("If-Unmodified-Since: {after}\r\n"), 200),
        (format!("If-Unmodified-Since: {before}\r\n"), 412),
    ];
    for (fields, status) in table {
        let got = cached.get_with("/a", &fields);
        assert_eq!(
            (got.status, got.cache.as_str()),
            (status, "HIT"),
            "{fields:?}"
        );
    }
    assert_eq!(origin.asked("/a"), 1);
}

/// C70: what a 304 has and what it has not.
#[test]
fn a_304_keeps_the_fields_that_are_not_about_the_body() {
    let (origin, modified) = origin();
    let cached = Cached::start(&origin, &VALID);
    cached.get("/a").is("MISS", "the body");
    let got = cached.get_with("/a", "If-None-Match: \"v1\"\r\n");
    let got = got.with(304, "HIT", "");
    assert_eq!(got.field("etag"), Some("\"v1\""));
    assert_eq!(got.field("last-modified"), Some(modified.as_str()));
    for name in [
        "content-type",
        "content-length",
        "content-encoding",
        "accept-ranges",
    ] {
        assert_eq!(got.field(name), None, "{name}");
    }
}

/// C67, C70, C77: the application sees no condition, and the whole response is stored.
#[test]
fn a_condition_that_fills_the_cache_is_answered_here() {
    let (origin, modified) = origin();
    let cached = Cached::start(&origin, &VALID);
    let fields = format!("If-None-Match: \"v1\"\r\nIf-Modified-Since: {modified}\r\n");
    cached.get_with("/a", &fields).with(304, "MISS", "");
    let request = origin.last("/a");
    for name in ["HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"] {
        assert_eq!(request.param(name), None, "{name}");
    }
    cached.get("/a").is("HIT", "the body");
    assert_eq!(origin.asked("/a"), 1);
}

/// A condition that fails ends the response; like nginx, the cache need not keep what it was about.
#[test]
fn a_failed_condition_that_fills_the_cache_gives_412() {
    let (origin, _) = origin();
    let cached = Cached::start(&origin, &VALID);
    assert_eq!(cached.get_with("/a", "If-Match: \"v2\"\r\n").status, 412);
    assert_eq!(origin.last("/a").param("HTTP_IF_MATCH"), None);
    assert_eq!(cached.get("/a").body, "the body");
    cached.get("/a").is("HIT", "the body");
}

/// C67: other statuses than 200 know no conditions.
#[test]
fn conditions_are_for_200_alone() {
    let origin = Origin::new();
    origin.says("/gone", "Status: 404\r\nETag: \"v1\"\r\n", "gone");
    let cached = Cached::start(&origin, &VALID);
    let fields = "If-None-Match: \"v1\"\r\n";
    cached.get_with("/gone", fields).with(404, "MISS", "gone");
    cached.get_with("/gone", fields).with(404, "HIT", "gone");
}

/// C71, Z50: a condition of a POST is none.
#[test]
fn a_conditional_post_gets_the_whole_response() {
    let (origin, _) = origin();
    let flags = [
        "--cache-methods",
        "GET HEAD POST",
        "--cache-valid",
        "200 10m",
    ];
    let cached = Cached::start(&origin, &flags);
    for cache in ["MISS", "HIT"] {
        let fields = "If-None-Match: \"v1\"\r\nContent-Length: 0\r\n";
        cached.ask("POST", "/a", fields).is(cache, "the body");
    }
}

/// A HEAD knows conditions as GET does.
#[test]
fn a_conditional_head_is_answered_from_the_cache() {
    let (origin, _) = origin();
    let cached = Cached::start(&origin, &VALID);
    cached.get("/a").is("MISS", "the body");
    let got = cached.ask("HEAD", "/a", "If-None-Match: \"v1\"\r\n");
    got.with(304, "HIT", "");
}

/// C26, C67: what the cache has no part in is between client and application.
#[test]
fn conditions_pass_where_nothing_is_to_be_stored() {
    let (origin, _) = origin();
    let flags = [
        "--cache-methods",
        "GET HEAD",
        "--cache-valid",
        "200 10m",
        "--cache-min-uses",
        "5",
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get_with("/a", "If-None-Match: \"v1\"\r\n");
    let seen = origin.last("/a").param("HTTP_IF_NONE_MATCH");
    assert_eq!(seen.as_deref(), Some("\"v1\""));
}
