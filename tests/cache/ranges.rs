//! Ranges, from the cache and while it is filled (C17, C72 to C78, Z48).

use super::{Cached, Origin, date};

const VALID: [&str; 2] = ["--cache-valid", "200 10m"];
const BODY: &str = "0123456789abcdef";

/// An origin whose `/a` says nothing of ranges.
fn origin(fields: &str) -> Origin {
    let origin = Origin::new();
    origin.says("/a", fields, BODY);
    origin
}

/// C72, Z48: any complete response in the cache can be had in parts, whatever the application says of it.
#[test]
fn a_hit_serves_ranges() {
    let origin = origin("Content-Type: text/plain\r\n");
    let cached = Cached::start(&origin, &VALID);
    cached.get("/a").is("MISS", BODY);
    for (range, body, place) in [
        ("bytes=0-3", "0123", "bytes 0-3/16"),
        ("bytes=4-4", "4", "bytes 4-4/16"),
        ("bytes=10-", "abcdef", "bytes 10-15/16"),
        ("bytes=-2", "ef", "bytes 14-15/16"),
        ("bytes=12-99", "cdef", "bytes 12-15/16"),
    ] {
        let got = cached.get_with("/a", &format!("Range: {range}\r\n"));
        let got = got.with(206, "HIT", body);
        assert_eq!(got.field("content-range"), Some(place));
    }
    for range in ["bytes=16-", "bytes=-0"] {
        let got = cached.get_with("/a", &format!("Range: {range}\r\n"));
        assert_eq!(got.status, 416, "{range}");
        assert_eq!(got.field("content-range"), Some("bytes */16"));
    }
    cached
        .get_with("/a", "Range: lines=0-3\r\n")
        .is("HIT", BODY);
    assert_eq!(origin.asked("/a"), 1);
}

/// C73, C78.
#[test]
fn a_hit_serves_several_ranges() {
    let origin = origin("Content-Type: text/plain\r\n");
    let cached = Cached::start(&origin, &VALID);
    cached.get("/a").is("MISS", BODY);
    let got = cached.get_with("/a", "Range: bytes=0-1,4-5\r\n");
    assert_eq!((got.status, got.cache.as_str()), (206, "HIT"));
    let kind = got.field("content-type").expect("a type");
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .expect("a boundary");
    let part = |place: &str, body: &str| {
        format!(
            "--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes {place}/16\r\n\r\n{body}\r\n"
        )
    };
    let whole = format!(
        "{}{}--{boundary}--\r\n",
        part("0-1", "01"),
        part("4-5", "45")
    );
    assert_eq!(got.body.trim_start_matches("\r\n"), whole);
}

/// C76.
#[test]
fn if_range_is_answered_by_what_is_stored() {
    let modified = date(-86_400);
    let origin = origin(&format!("ETag: \"v1\"\r\nLast-Modified: {modified}\r\n"));
    let cached = Cached::start(&origin, &VALID);
    cached.get("/a").is("MISS", BODY);
    for (value, status) in [
        ("\"v1\"", 206),
        ("\"v2\"", 200),
        (modified.as_str(), 206),
        (date(-1000).as_str(), 200),
    ] {
        let fields = format!("Range: bytes=0-3\r\nIf-Range: {value}\r\n");
        assert_eq!(cached.get_with("/a", &fields).status, status, "{value}");
    }
}

/// C77: the application is asked for everything, and everything is stored.
#[test]
fn a_range_is_cut_out_while_the_cache_is_filled() {
    let origin = origin("Accept-Ranges: bytes\r\nETag: \"v1\"\r\n");
    let cached = Cached::start(&origin, &VALID);
    let fields = "Range: bytes=4-7\r\nIf-Range: \"v1\"\r\n";
    cached.get_with("/a", fields).with(206, "MISS", "4567");
    let request = origin.last("/a");
    assert_eq!(request.param("HTTP_RANGE"), None);
    assert_eq!(request.param("HTTP_IF_RANGE"), None);
    cached.get("/a").is("HIT", BODY);
    cached
        .get_with("/a", "Range: bytes=0-0\r\n")
        .with(206, "HIT", "0");
    assert_eq!(origin.asked("/a"), 1);
}

/// C73: several at once are not cut out of what is on its way.
#[test]
fn several_ranges_while_the_cache_is_filled_give_everything() {
    let origin = origin("Accept-Ranges: bytes\r\n");
    let cached = Cached::start(&origin, &VALID);
    let got = cached.get_with("/a", "Range: bytes=0-1,4-5\r\n");
    got.is("MISS", BODY);
    cached.get("/a").is("HIT", BODY);
}

/// C74, C77: a range that cannot be had is answered here; like nginx, the cache need not keep what it was about.
#[test]
fn an_impossible_range_is_answered_while_the_cache_is_filled() {
    let origin = origin("Accept-Ranges: bytes\r\n");
    let cached = Cached::start(&origin, &VALID);
    let got = cached.get_with("/a", "Range: bytes=99-\r\n");
    assert_eq!(
        (got.status, got.field("content-range")),
        (416, Some("bytes */16"))
    );
    assert_eq!(origin.last("/a").param("HTTP_RANGE"), None);
    assert_eq!(cached.get("/a").body, BODY);
    cached.get("/a").is("HIT", BODY);
}

/// A length that the application did not give is known once all is stored.
#[test]
fn what_came_without_a_length_has_ranges_later() {
    let origin = Origin::new();
    origin.sends("/a", format!("Status: 200 OK\r\n\r\n{BODY}"));
    let cached = Cached::start(&origin, &VALID);
    cached
        .get_with("/a", "Range: bytes=0-3\r\n")
        .is("MISS", BODY);
    assert_eq!(origin.last("/a").param("HTTP_RANGE"), None);
    let got = cached.get_with("/a", "Range: bytes=0-3\r\n");
    got.with(206, "HIT", "0123");
}

/// C17: far ranges pass by, unless what is there can serve them.
#[test]
fn a_range_beyond_the_offset_passes_by() {
    let origin = origin("Accept-Ranges: bytes\r\n");
    let flags = ["--cache-valid", "200 10m", "--cache-max-range-offset", "8"];
    let cached = Cached::start(&origin, &flags);
    for range in ["bytes=8-9", "bytes=-2"] {
        cached.get_with("/a", &format!("Range: {range}\r\n"));
        let seen = origin.last("/a").param("HTTP_RANGE");
        assert_eq!(seen.as_deref(), Some(range));
    }
    let got = cached.get_with("/a", "Range: bytes=7-9\r\n");
    got.with(206, "MISS", "789");
    assert_eq!(origin.last("/a").param("HTTP_RANGE"), None);
    cached
        .get_with("/a", "Range: bytes=8-9\r\n")
        .with(206, "HIT", "89");
    assert_eq!(origin.asked("/a"), 3);
}

/// Ranges of a large body are read from the right place.
#[test]
fn a_range_of_a_large_body_is_the_right_one() {
    let pattern = crate::common::Pattern::new();
    let body = pattern.bytes(3_000_000);
    let origin = Origin::new();
    origin.says("/a", "", &body);
    let cached = Cached::start(&origin, &VALID);
    let get = |range: &str| {
        let mut client = cached.client();
        super::ask(&mut client, "GET", "/a", range);
        client.response()
    };
    assert!(get("").body == body);
    let got = get("Range: bytes=1234567-2345678\r\n").is(206);
    assert!(got.body == body[1_234_567..=2_345_678]);
    let got = get("Range: bytes=-1000\r\n").is(206);
    assert!(got.body == body[2_999_000..]);
}

/// C17: what has expired is not usable, and stays for an error or a validation.
#[test]
fn a_range_beyond_the_offset_passes_by_what_has_expired() {
    let origin = origin("X-Accel-Expires: @1\r\n");
    let cached = Cached::start(&origin, &["--cache-max-range-offset", "8"]);
    cached.get("/a").is("MISS", BODY);
    let got = cached.get_with("/a", "Range: bytes=8-9\r\n");
    assert_eq!(got.cache, "EXPIRED");
    let seen = origin.last("/a").param("HTTP_RANGE");
    assert_eq!(seen.as_deref(), Some("bytes=8-9"));
    cached
        .get_with("/a", "Range: bytes=7-9\r\n")
        .with(206, "EXPIRED", "789");
    assert_eq!(origin.last("/a").param("HTTP_RANGE"), None);
}
