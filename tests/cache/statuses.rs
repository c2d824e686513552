//! What `$upstream_cache_status` says (C20), and the flags that decide whether the cache is asked and filled.

use super::{Cached, Health, Origin};

/// A response that is stale from the start (C47).
const STALE: &str = "X-Accel-Expires: @1\r\n";
const GOOD: &str = "X-Accel-Expires: 100\r\n";

/// C20: MISS, HIT.
#[test]
fn the_first_request_misses_and_the_second_hits() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &["--cache-valid", "200 10m"]);
    cached.get("/a").is("MISS", "/a 1");
    cached.get("/a").is("HIT", "/a 1");
    cached.get("/a").is("HIT", "/a 1");
    assert_eq!(origin.asked("/a"), 1);
}

/// C20, C47: EXPIRED is taken from the application, and replaces what was there.
#[test]
fn an_expired_entry_is_replaced() {
    let origin = Origin::new();
    origin.says("/a", STALE, "{n}");
    let cached = Cached::start(&origin, &[]);
    cached.get("/a").is("MISS", "1");
    cached.get("/a").is("EXPIRED", "2");
    origin.says("/a", GOOD, "{n}");
    cached.get("/a").is("EXPIRED", "3");
    cached.get("/a").is("HIT", "3");
}

/// C20, C21: time passes for a fresh entry as well.
#[test]
fn a_fresh_entry_expires() {
    let origin = Origin::new();
    origin.says("/a", "X-Accel-Expires: 1\r\n", "{n}");
    let cached = Cached::start(&origin, &[]);
    cached.get("/a").is("MISS", "1");
    let mut last = cached.get("/a");
    crate::common::until("the entry to expire", || {
        last = cached.get("/a");
        last.cache != "HIT"
    });
    last.is("EXPIRED", "2");
}

/// C20, C13: BYPASS does not look, but may store. Neither empty nor `0` means yes, in any of several.
#[test]
fn a_bypass_does_not_look_but_stores() {
    let origin = Origin::new();
    let flags = [
        "--cache-valid",
        "200 10m",
        "--cache-bypass",
        "$http_x_fresh",
        "--cache-bypass",
        "$http_pragma",
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get_with("/a", "X-Fresh: 1\r\n").is("BYPASS", "/a 1");
    cached.get("/a").is("HIT", "/a 1");
    cached.get_with("/a", "X-Fresh: 1\r\n").is("BYPASS", "/a 2");
    cached.get_with("/a", "X-Fresh: 0\r\n").is("HIT", "/a 2");
    cached
        .get_with("/a", "X-Fresh: 0\r\nPragma: no-cache\r\n")
        .is("BYPASS", "/a 3");
    cached
        .get_with("/a", "X-Fresh: 00\r\n")
        .is("BYPASS", "/a 4");
    cached.get("/a").is("HIT", "/a 4");
}

/// C14: `--no-cache` looks but does not store, and may go by the response.
#[test]
fn no_cache_looks_but_does_not_store() {
    let origin = Origin::new();
    origin.says("/private", "X-Private: yes\r\n", "{n}");
    let flags = [
        "--cache-valid",
        "200 10m",
        "--no-cache",
        "$http_x_private",
        "--no-cache",
        "$upstream_http_x_private",
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get_with("/a", "X-Private: 1\r\n").is("MISS", "/a 1");
    cached.get_with("/a", "X-Private: 0\r\n").is("MISS", "/a 2");
    cached.get_with("/a", "X-Private: 1\r\n").is("HIT", "/a 2");
    cached.get("/private").is("MISS", "1");
    cached.get("/private").is("MISS", "2");
    assert_eq!(cached.wait_files(1).len(), 1);
}

/// C13 and C14 together: nothing is read and nothing written.
#[test]
fn bypass_and_no_cache_together_leave_the_cache_out() {
    let origin = Origin::new();
    let flags = [
        "--cache-valid",
        "200 10m",
        "--cache-bypass",
        "$http_x_out",
        "--no-cache",
        "$http_x_out",
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "/a 1");
    cached.get_with("/a", "X-Out: 1\r\n").is("BYPASS", "/a 2");
    cached.get("/a").is("HIT", "/a 1");
}

/// C16: the n-th request of a key is the first whose response is stored.
#[test]
fn an_entry_has_to_be_asked_for_often_enough() {
    let origin = Origin::new();
    let flags = ["--cache-valid", "200 10m", "--cache-min-uses", "3"];
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "/a 1");
    cached.get("/b").is("MISS", "/b 1");
    cached.get("/a").is("MISS", "/a 2");
    cached.get("/a").is("MISS", "/a 3");
    cached.get("/a").is("HIT", "/a 3");
    cached.get("/b").is("MISS", "/b 2");
    cached.get("/b").is("MISS", "/b 3");
    cached.get("/b").is("HIT", "/b 3");
}

/// C38, C40: without a time from anywhere nothing is stored; without codes a time is for 200, 301 and 302.
#[test]
fn the_codes_of_cache_valid_decide_what_is_stored() {
    let codes = [200, 201, 203, 301, 302, 303, 307, 403, 404, 410, 500, 503];
    let table: [(&[&str], &[u16]); 5] = [
        (&[], &[]),
        (&["--cache-valid", "10m"], &[200, 301, 302]),
        (&["--cache-valid", "404 410 10m"], &[404, 410]),
        (&["--cache-valid", "any 10m"], &codes),
        (
            &["--cache-valid", "200 0", "--cache-valid", "any 10m"],
            &codes[1..],
        ),
    ];
    let origin = Origin::new();
    for code in codes {
        origin.says(&format!("/{code}"), &format!("Status: {code}\r\n"), "{n}");
    }
    for (flags, stored) in table {
        let cached = Cached::start(&origin, flags);
        for code in codes {
            let target = format!("/{code}");
            assert_eq!(cached.get(&target).cache, "MISS", "{code} with {flags:?}");
            let again = cached.get(&target);
            let right = if stored.contains(&code) {
                "HIT"
            } else {
                "MISS"
            };
            let got = (again.status, again.cache.as_str());
            assert_eq!(got, (code, right), "with {flags:?}");
        }
    }
}

/// Z39: a code goes before `any`, wherever they stand; nginx looks no further than `any`.
#[test]
fn a_code_goes_before_any() {
    let origin = Origin::new();
    origin.says("/404", "Status: 404\r\n", "{n}");
    for flags in [
        ["--cache-valid", "any 10m", "--cache-valid", "404 0"],
        ["--cache-valid", "404 0", "--cache-valid", "any 10m"],
    ] {
        let cached = Cached::start(&origin, &flags);
        for _ in 0..2 {
            assert_eq!(cached.get("/404").cache, "MISS", "{flags:?}");
        }
    }
}

/// C39, Z50: what the application made of somebody's range is not for everybody.
#[test]
fn a_206_of_the_application_is_never_stored() {
    let origin = Origin::new();
    origin.says("/a", "Status: 206\r\nContent-Range: bytes 0-0/9\r\n", "x");
    let cached = Cached::start(&origin, &["--cache-valid", "any 10m"]);
    cached.get("/a").with(206, "MISS", "x");
    cached.get("/a").with(206, "MISS", "x");
    assert_eq!(origin.asked("/a"), 2);
}

/// C34: a stale entry is for requests that looked for one.
#[test]
fn a_bypass_is_never_served_stale() {
    let origin = Origin::new();
    origin.says("/a", STALE, "{n}");
    let flags = [
        "--cache-use-stale",
        "error",
        "--cache-bypass",
        "$http_x_fresh",
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "1");
    origin.is(Health::Closes);
    cached.get("/a").is("STALE", "1");
    let got = cached.get_with("/a", "X-Fresh: 1\r\n");
    assert_eq!((got.status, got.cache.as_str()), (502, "BYPASS"));
}

/// A location without `--cache` has no part in it.
#[test]
fn a_location_may_do_without() {
    let origin = Origin::new();
    let addr = origin.addr();
    let flags = [
        "--cache-valid",
        "200 10m",
        "--location",
        "/live",
        "--pass",
        &addr,
        "--cache",
        "off",
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get("/live").is("", "/live 1");
    cached.get("/live").is("", "/live 2");
    cached.get("/a").is("MISS", "/a 1");
    cached.get("/a").is("HIT", "/a 1");
}
