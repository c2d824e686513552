//! Fields that are not for everybody: cookies, and what belongs to one connection (C41, Z50).

use super::{Cached, Origin};

/// C41: a response with a cookie is for one client.
#[test]
fn a_cookie_forbids_storing() {
    let origin = Origin::new();
    origin.says(
        "/a",
        "Set-Cookie: id={n}\r\nCache-Control: max-age=100\r\n",
        "{n}",
    );
    let cached = Cached::start(&origin, &["--cache-valid", "200 10m"]);
    for n in ["1", "2"] {
        let got = cached.get("/a").is("MISS", n);
        assert_eq!(got.field("set-cookie"), Some(format!("id={n}").as_str()));
    }
}

/// Z50: ignored, it does not; but it is still for one client alone.
#[test]
fn an_ignored_cookie_is_not_stored() {
    let origin = Origin::new();
    let fields =
        "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Mine: 1\r\nCache-Control: max-age=100\r\n";
    origin.says("/a", fields, "a");
    let flags = ["--ignore-headers", "Set-Cookie"];
    let cached = Cached::start(&origin, &flags);
    let got = cached.get("/a").is("MISS", "a");
    assert_eq!(got.head.all("set-cookie"), ["a=1", "b=2"]);
    for _ in 0..2 {
        let got = cached.get("/a").is("HIT", "a");
        assert_eq!(got.head.all("set-cookie"), [""; 0]);
        assert_eq!(got.field("x-mine"), Some("1"));
    }
    cached.wait_files(1);
    let cached = cached.again(&origin, "", &flags);
    let got = cached.get("/a").is("HIT", "a");
    assert_eq!(got.head.all("set-cookie"), [""; 0]);
}

/// A cookie of the client makes no difference to the entry, and none goes out with an update of somebody else.
#[test]
fn cookies_of_clients_are_their_own() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &["--cache-valid", "200 10m"]);
    cached.get_with("/a", "Cookie: a=1\r\n").is("MISS", "/a 1");
    cached.get_with("/a", "Cookie: a=2\r\n").is("HIT", "/a 1");
}

/// R26: what belongs to one connection is not stored.
#[test]
fn fields_of_the_connection_are_not_stored() {
    let origin = Origin::new();
    let fields = "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nX-Mine: 1\r\n";
    origin.says("/a", fields, "a");
    let cached = Cached::start(&origin, &["--cache-valid", "200 10m"]);
    for cache in ["MISS", "HIT"] {
        let got = cached.get("/a").is(cache, "a");
        for name in ["connection", "keep-alive"] {
            assert_eq!(got.field(name), None, "{cache}: {name}");
        }
        assert_eq!(got.field("x-mine"), Some("1"));
    }
}

/// C4: what steers the gateway is not for clients, and does not steer twice.
#[test]
fn accel_fields_do_not_come_out() {
    let origin = Origin::new();
    let fields = "X-Accel-Expires: 100\r\nX-Accel-Limit-Rate: 0\r\nX-Accel-Charset: utf-8\r\n";
    origin.says("/a", &format!("{fields}Content-Type: text/html\r\n"), "a");
    let cached = Cached::start(&origin, &[]);
    let mut kinds = Vec::new();
    for cache in ["MISS", "HIT"] {
        let got = cached.get("/a").is(cache, "a");
        let ours = got
            .head
            .fields
            .iter()
            .any(|(n, _)| n.to_lowercase().starts_with("x-accel"));
        assert!(!ours, "{:?}", got.head.fields);
        kinds.push(got.field("content-type").map(str::to_owned));
    }
    assert_eq!(kinds[0], kinds[1]);
}

/// `--add-header` is about each response, not about the stored one.
#[test]
fn added_fields_are_made_anew() {
    let origin = Origin::new();
    let flags = [
        "--cache-valid",
        "200 10m",
        "--add-header",
        "X-Echo $http_x_mine",
    ];
    let cached = Cached::start(&origin, &flags);
    for (n, cache) in [(1, "MISS"), (2, "HIT"), (3, "HIT")] {
        let got = cached.get_with("/a", &format!("X-Mine: {n}\r\n"));
        assert_eq!(got.cache, cache);
        assert_eq!(got.field("x-echo"), Some(n.to_string().as_str()));
    }
}

/// The access log knows what the cache did.
#[test]
fn the_log_tells_the_status() {
    let origin = Origin::new();
    let log = [
        "--log-format",
        "own $uri $upstream_cache_status $status",
        "--access-log",
        "- own",
    ];
    let flags = [&["--cache-valid", "200 10m"][..], &log[..]].concat();
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "/a 1");
    cached.get("/a").is("HIT", "/a 1");
    cached
        .get_with("/a", "Range: bytes=0-0\r\n")
        .with(206, "HIT", "/");
    // Who answers may be quicker than who writes the line before.
    let wanted = ["/a HIT 200", "/a HIT 206", "/a MISS 200"];
    crate::common::until("the log lines", || {
        let log = cached.gate().stdout();
        let mut lines: Vec<_> = log.lines().collect();
        lines.sort_unstable();
        lines == wanted
    });
}
