//! Redirects inside the gateway and the cache (C19), and other things that keep a response out of it.

use super::{Cached, Origin};

const GOOD: &str = "Cache-Control: max-age=100\r\n";

/// C19: the redirecting response is not stored; what it leads to is, under the key of the place it has there.
#[test]
fn a_redirect_leads_into_a_cached_location() {
    let origin = Origin::new();
    let addr = origin.addr();
    origin.says(
        "/a",
        "X-Accel-Redirect: /in/b\r\nCache-Control: max-age=100\r\n",
        "never seen",
    );
    origin.says("/in/b", GOOD, "inside {n}");
    let flags = [
        "--location",
        "/in/",
        "--internal",
        "--cache-key",
        "$uri",
        "--pass",
        &addr,
    ];
    let cached = Cached::start(&origin, &flags);
    let first = cached.get("/a");
    assert_eq!((first.status, first.body.as_str()), (200, "inside 1"));
    for n in 2..4 {
        let got = cached.get("/a");
        assert_eq!(
            (got.status, got.body.as_str(), got.cache.as_str()),
            (200, "inside 1", "HIT")
        );
        assert_eq!(origin.asked("/a"), n);
        assert_eq!(origin.asked("/in/b"), 1);
    }
    assert_eq!(cached.get("/in/b").status, 404);
}

/// C63: nothing is refreshed beside a redirect, so the request does it, lest what is only reached by redirects stay stale.
#[test]
fn what_a_redirect_leads_to_does_not_stay_stale() {
    let origin = Origin::new();
    let addr = origin.addr();
    origin.says("/a", "X-Accel-Redirect: /in/b\r\n", "");
    origin.says("/in/b", "X-Accel-Expires: @1\r\n", "{n}");
    let flags = [
        "--location",
        "/in/",
        "--internal",
        "--cache-background-update",
        "on",
        "--cache-use-stale",
        "updating",
        "--pass",
        &addr,
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "1");
    cached.get("/a").is("EXPIRED", "2");
    origin.says("/in/b", GOOD, "{n}");
    cached.get("/a").is("EXPIRED", "3");
    cached.get("/a").is("HIT", "3");
}

/// The place that is redirected to need not be the application's.
#[test]
fn a_redirect_to_a_file_is_not_stored() {
    let tree = crate::common::Temp::new();
    let root = tree.file("");
    tree.write("b.txt", "the file");
    let origin = Origin::new();
    origin.says(
        "/a",
        "X-Accel-Redirect: /in/b.txt\r\nCache-Control: max-age=100\r\n",
        "",
    );
    let flags = ["--location", "/in/", "--internal", "--alias", root.as_str()];
    let cached = Cached::start(&origin, &flags);
    for n in 1..4 {
        assert_eq!(cached.get("/a").body, "the file");
        assert_eq!(origin.asked("/a"), n);
    }
    tree.write("b.txt", "another file");
    assert_eq!(cached.get("/a").body, "another file");
}

/// C19: a response that is not to be buffered is not stored.
#[test]
fn what_is_not_buffered_is_not_stored() {
    let origin = Origin::new();
    origin.says("/a", &format!("{GOOD}X-Accel-Buffering: no\r\n"), "{n}");
    let cached = Cached::start(&origin, &[]);
    cached.get("/a").is("MISS", "1");
    cached.get("/a").is("MISS", "2");
    origin.says("/b", GOOD, "{n}");
    let cached = Cached::start(&origin, &["--buffering", "off"]);
    cached.get("/b").is("MISS", "1");
    cached.get("/b").is("MISS", "2");
}

/// S26, C15: errors that are intercepted are shown by their page, from the cache or not, and the page keeps their status.
#[test]
fn an_intercepted_error_has_its_page() {
    let origin = Origin::new();
    origin.says(
        "/a",
        "Status: 404\r\nCache-Control: max-age=100\r\n",
        "of the application",
    );
    origin.says("/page", GOOD, "the page {n}");
    let flags = ["--intercept-errors", "on", "--error-page", "404 /page"];
    let cached = Cached::start(&origin, &flags);
    for _ in 0..3 {
        let got = cached.get("/a");
        assert_eq!(got.status, 404);
        assert!(got.body.starts_with("the page"), "{}", got.body);
    }
    let got = cached.get("/page");
    assert_eq!((got.status, got.body.starts_with("the page")), (200, true));
}

/// Z37: by the default key, too, the place that a redirect led to does not answer for the place that it came from, where the
/// application may say something else the next time.
#[test]
fn a_redirect_does_not_answer_for_where_it_came_from() {
    let origin = Origin::new();
    let addr = origin.addr();
    origin.says("/a", "X-Accel-Redirect: /in/b\r\n", "");
    origin.says("/in/b", GOOD, "inside {n}");
    let flags = ["--location", "/in/", "--internal", "--pass", &addr];
    let cached = Cached::start(&origin, &flags);
    assert_eq!(cached.get("/a").body, "inside 1");
    origin.says("/a", "Status: 403\r\n", "not for you");
    let got = cached.get("/a");
    assert_eq!((got.status, got.body.as_str()), (403, "not for you"));
    assert_eq!(origin.asked("/a"), 2);
}

/// RFC 9211: what a cache had to do with a response that came to nothing is not said of another, which has no cache.
#[test]
fn the_cache_status_field_is_about_the_response_that_is_sent() {
    let origin = Origin::new();
    let addr = origin.addr();
    let broken =
        "Status: 200\r\nCache-Control: max-age=100\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    origin.sends("/a", broken);
    let instead = ["--error-page", "502 =200 /plain", "--location", "/plain"];
    let flags = [
        &["--cache-status", "gate"][..],
        &instead,
        &["--cache", "off", "--pass", &addr],
    ]
    .concat();
    let cached = Cached::start(&origin, &flags);
    let got = cached.get("/a");
    assert_eq!((got.status, got.body.as_str()), (200, "/plain 1"));
    assert_eq!(got.field("cache-status"), None);
    assert!(cached.get("/b").field("cache-status").is_some());
}

/// Z37: what a named location answers depends on the path that led there, which an earlier redirect may have chosen by what is in
/// no key.
#[test]
fn a_named_location_keeps_paths_apart() {
    let tree = crate::common::Temp::new();
    let root = tree.file("");
    let origin = Origin::new();
    let addr = origin.addr();
    origin.says("/doc", "X-Accel-Redirect: /files/alice\r\n", "");
    origin.says("/files/alice", GOOD, "of alice");
    origin.says("/files/bob", GOOD, "of bob");
    let flags = [
        "--location",
        "/files/",
        "--internal",
        "--root",
        root.as_str(),
        "--error-page",
        "404 = @app",
        "--location",
        "@app",
        "--pass",
        &addr,
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get("/doc").is("MISS", "of alice");
    cached.get("/doc").is("HIT", "of alice");
    origin.says("/doc", "X-Accel-Redirect: /files/bob\r\n", "");
    cached.get("/doc").is("MISS", "of bob");
}

/// Z37: nor does what a named location says take the place of the page, where the key has the path: both have the same one.
#[test]
fn a_named_location_does_not_answer_for_the_page() {
    let sorry = Origin::new();
    sorry.says("/a", GOOD, "sorry");
    let origin = Origin::new();
    origin.says("/a", "Status: 503\r\n", "");
    let addr = sorry.addr();
    let flags = [
        "--cache-key",
        "$host$uri",
        "--intercept-errors",
        "on",
        "--error-page",
        "503 @sorry",
        "--location",
        "@sorry",
        "--pass",
        &addr,
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").with(503, "MISS", "sorry");
    // The key decides what else tells pages apart.
    cached.get("/a?x=1").with(503, "HIT", "sorry");
    origin.says("/a", GOOD, "the page");
    cached.get("/a").is("MISS", "the page");
    cached.get("/a").is("HIT", "the page");
}
