//! Errors of the gateway that are remembered (C36).

use super::{Cached, Health, Origin};

/// C36: for the time of their code, `any` included, without a file.
#[test]
fn a_502_is_remembered_for_its_time() {
    for valid in ["502 10m", "any 10m"] {
        let origin = Origin::new();
        let cached = Cached::start(&origin, &["--cache-valid", valid]);
        origin.is(Health::Closes);
        let first = cached.get("/a");
        assert_eq!(
            (first.status, first.cache.as_str()),
            (502, "MISS"),
            "{valid}"
        );
        origin.is(Health::Well);
        let second = cached.get("/a");
        assert_eq!(
            (second.status, second.cache.as_str()),
            (502, "HIT"),
            "{valid}"
        );
        assert_eq!(origin.asked("/a"), 1);
        assert_eq!(cached.files(), [""; 0]);
    }
}

/// C36.
#[test]
fn a_504_is_remembered_for_its_time() {
    let origin = Origin::new();
    let flags = ["--cache-valid", "504 10m", "--read-timeout", "200ms"];
    let cached = Cached::start(&origin, &flags);
    origin.is(Health::Hangs);
    assert_eq!(cached.get("/a").status, 504);
    origin.is(Health::Well);
    let second = cached.get("/a");
    assert_eq!((second.status, second.cache.as_str()), (504, "HIT"));
    assert_eq!(origin.asked("/a"), 1);
}

/// C36: without a time for the code nothing is remembered; nor under other keys.
#[test]
fn an_error_without_a_time_is_forgotten() {
    let origin = Origin::new();
    let flags = ["--cache-valid", "200 10m", "--cache-valid", "504 10m"];
    let cached = Cached::start(&origin, &flags);
    origin.is(Health::Closes);
    assert_eq!(cached.get("/a").status, 502);
    origin.is(Health::Well);
    cached.get("/a").is("MISS", "/a 2");
    let cached = Cached::start(&origin, &["--cache-valid", "any 10m"]);
    origin.is(Health::Closes);
    assert_eq!(cached.get("/a").status, 502);
    origin.is(Health::Well);
    cached.get("/b").is("MISS", "/b 1");
}

/// C36: who goes past the cache finds out that the application is well, and so does everybody after.
#[test]
fn a_bypass_replaces_a_remembered_error() {
    let origin = Origin::new();
    let flags = [
        "--cache-valid",
        "any 10m",
        "--cache-bypass",
        "$http_x_fresh",
    ];
    let cached = Cached::start(&origin, &flags);
    origin.is(Health::Closes);
    assert_eq!(cached.get("/a").status, 502);
    origin.is(Health::Well);
    assert_eq!(cached.get("/a").status, 502);
    cached.get_with("/a", "X-Fresh: 1\r\n").is("BYPASS", "/a 2");
    cached.get("/a").is("HIT", "/a 2");
}

/// C36: an error of who went past a fresh entry is not for those who need not.
#[test]
fn a_fresh_entry_goes_before_a_remembered_error() {
    let origin = Origin::new();
    let flags = [
        "--cache-valid",
        "any 10m",
        "--cache-bypass",
        "$http_x_fresh",
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "/a 1");
    origin.is(Health::Closes);
    assert_eq!(cached.get_with("/a", "X-Fresh: 1\r\n").status, 502);
    cached.get("/a").is("HIT", "/a 1");
}

/// C36, C54: an error is remembered of its own variant alone.
#[test]
fn an_error_is_of_its_own_variant() {
    let origin = Origin::new();
    origin.says("/a", "Vary: X-Kind\r\n", "{n}");
    let cached = Cached::start(&origin, &["--cache-valid", "any 10m"]);
    let get = |kind| cached.get_with("/a", &format!("X-Kind: {kind}\r\n"));
    get(1).is("MISS", "1");
    origin.is(Health::Closes);
    assert_eq!(get(2).status, 502);
    origin.is(Health::Well);
    get(1).is("HIT", "1");
    let second = get(2);
    assert_eq!((second.status, second.cache.as_str()), (502, "HIT"));
    get(3).is("MISS", "3");
}

/// C29, C36: a stale entry goes before an error that would be remembered.
#[test]
fn a_stale_entry_goes_before_a_remembered_error() {
    let origin = Origin::new();
    origin.says("/a", "X-Accel-Expires: @1\r\n", "the body");
    let flags = [
        "--cache-valid",
        "502 10m",
        "--cache-use-stale",
        "error invalid_header",
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "the body");
    origin.is(Health::Closes);
    cached.get("/a").is("STALE", "the body");
    cached.get("/a").is("STALE", "the body");
}

/// An application's own 502 is a response like any other.
#[test]
fn a_502_of_the_application_is_stored_with_its_body() {
    let origin = Origin::new();
    origin.says("/a", "Status: 502\r\n", "my own trouble");
    let cached = Cached::start(&origin, &["--cache-valid", "502 10m"]);
    cached.get("/a").with(502, "MISS", "my own trouble");
    cached.get("/a").with(502, "HIT", "my own trouble");
}

/// C36: an error that one client has met, who went past the cache, is not for those who can have what is stored.
#[test]
fn what_is_fresh_goes_before_a_remembered_error() {
    let origin = Origin::new();
    let flags = [
        "--cache-valid",
        "any 10m",
        "--cache-bypass",
        "$http_x_fresh",
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "/a 1");
    origin.is(Health::Closes);
    assert_eq!(cached.get_with("/a", "X-Fresh: 1\r\n").status, 502);
    cached.get("/a").is("HIT", "/a 1");
}

/// C36: what may not be stored is not remembered either, and what says for how long it is good is, for that long.
#[test]
fn an_intercepted_error_is_remembered_if_it_may_be_stored() {
    let rows = [
        ("any 10m", "", 1),
        ("any 10m", "Cache-Control: no-store\r\n", 2),
        ("any 10m", "Cache-Control: private\r\n", 2),
        ("any 10m", "Set-Cookie: a=b\r\n", 2),
        ("any 10m", "Vary: Cookie\r\n", 2),
        ("any 10m", "X-Accel-Expires: 0\r\n", 2),
        ("200 10m", "Cache-Control: max-age=100\r\n", 1),
        ("200 10m", "", 2),
    ];
    for (valid, fields, asked) in rows {
        let origin = Origin::new();
        origin.says("/a", &format!("Status: 403\r\n{fields}"), "never seen");
        let flags = [
            "--intercept-errors",
            "on",
            "--error-page",
            "403 /page",
            "--cache-valid",
            valid,
        ];
        let cached = Cached::start(&origin, &flags);
        for _ in 0..2 {
            assert_eq!(cached.get("/a").status, 403, "{fields}");
        }
        assert_eq!(origin.asked("/a"), asked, "{valid} {fields}");
    }
}

/// RFC 9111 5.2.1.1, 5.2.1.4: who wants to know how things are now is not told what they were, and then everybody knows.
#[test]
fn a_request_for_news_passes_a_remembered_error_by() {
    for wish in [
        "Cache-Control: no-cache",
        "Cache-Control: max-age=0",
        "Pragma: no-cache",
    ] {
        for rules in ["rfc9111", "nginx"] {
            let origin = Origin::new();
            let flags = ["--cache-rules", rules, "--cache-valid", "any 10m"];
            let cached = Cached::start(&origin, &flags);
            origin.is(Health::Closes);
            assert_eq!(cached.get("/a").status, 502);
            origin.is(Health::Well);
            assert_eq!(cached.get("/a").status, 502);
            let got = cached.get_with("/a", &format!("{wish}\r\n"));
            // C48: nginx's rules do not hear it.
            match rules {
                "nginx" => assert_eq!((got.status, origin.asked("/a")), (502, 1)),
                _ => drop(got.is("MISS", "/a 2")),
            }
        }
    }
}

/// C29: a stale response that may answer in place of an error does so in place of a remembered one, too: that may come of one who
/// went past the cache.
#[test]
fn what_may_be_stale_goes_before_a_remembered_error() {
    for (use_stale, health, served) in [
        ("error", Health::Closes, true),
        ("invalid_header", Health::Babbles, true),
        ("http_503", Health::Closes, false),
        ("off", Health::Closes, false),
    ] {
        let origin = Origin::new();
        origin.says("/a", "X-Accel-Expires: @1\r\n", "the body");
        let flags = [
            "--cache-valid",
            "any 10m",
            "--cache-bypass",
            "$http_x_fresh",
            "--cache-use-stale",
            use_stale,
        ];
        let cached = Cached::start(&origin, &flags);
        cached.get("/a").is("MISS", "the body");
        origin.is(health);
        assert_eq!(cached.get_with("/a", "X-Fresh: 1\r\n").status, 502);
        let got = cached.get("/a");
        match served {
            true => drop(got.is("STALE", "the body")),
            false => assert_eq!((got.status, got.cache.as_str()), (502, "HIT")),
        }
        assert_eq!(origin.asked("/a"), 2);
    }
}
