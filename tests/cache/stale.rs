//! Expired entries in place of what the application fails to give (C29 to C34, Z40, Z41).

use super::{Cached, Health, Origin, seconds_from_now};
use crate::common::until;

/// Stale from the start (C47).
const STALE: &str = "X-Accel-Expires: @1\r\n";

/// The second request for an expired entry, by an application that fails in this way.
#[track_caller]
fn second(flags: &[&str], fields: &str, health: Health) -> (u16, String) {
    let origin = Origin::new();
    origin.says("/a", fields, "the body");
    let short = ["--read-timeout", "200ms"];
    let more = match health {
        Health::Hangs => &short[..],
        _ => &[],
    };
    let flags = flags.iter().chain(more).copied();
    let flags: Vec<&str> = flags.chain(["--next-upstream", "off"]).collect();
    let cached = Cached::start(&origin, &flags);
    // On a machine that is slow enough this answer is late, too.
    let mut first = cached.get("/a");
    until("an answer in time", || {
        let late = first.status == 504;
        if late {
            first = cached.get("/a");
        }
        !late
    });
    first.is("MISS", "the body");
    origin.is(health);
    let got = cached.get("/a");
    if got.cache == "STALE" {
        assert_eq!(got.body, "the body");
    }
    (got.status, got.cache)
}

const TROUBLES: [(&str, Health, u16); 8] = [
    ("error", Health::Closes, 502),
    ("invalid_header", Health::Babbles, 502),
    ("timeout", Health::Hangs, 504),
    ("http_500", Health::Says(500), 500),
    ("http_503", Health::Says(503), 503),
    ("http_403", Health::Says(403), 403),
    ("http_404", Health::Says(404), 404),
    ("http_429", Health::Says(429), 429),
];

/// C29, C31, C32: each condition allows what it names.
#[test]
fn each_condition_allows_stale_use() {
    for (name, health, _) in TROUBLES {
        // An application that closes before its head is complete is an invalid header to nginx, an error to others.
        let names = match health {
            Health::Closes => "error invalid_header",
            _ => name,
        };
        let got = second(&["--cache-use-stale", names], STALE, health);
        assert_eq!(got, (200, "STALE".into()), "{name}");
    }
}

/// C29: and nothing else.
#[test]
fn no_condition_allows_another() {
    for (name, health, status) in TROUBLES {
        let others: Vec<&str> = TROUBLES
            .iter()
            .map(|(other, ..)| *other)
            .filter(|other| *other != name)
            .filter(|other| !(health == Health::Closes && *other == "invalid_header"))
            .collect();
        let got = second(&["--cache-use-stale", &others.join(" ")], STALE, health);
        assert_eq!(got, (status, "EXPIRED".into()), "{name}");
        let got = second(&[], STALE, health);
        assert_eq!(got, (status, "EXPIRED".into()), "{name}");
    }
}

/// C31: the response may allow it itself, for a time.
#[test]
fn stale_if_error_allows_stale_use_in_its_time() {
    let expired = |seconds: i64, window: u32| {
        let at = seconds_from_now(-seconds);
        format!("X-Accel-Expires: @{at}\r\nCache-Control: stale-if-error={window}\r\n")
    };
    for health in [Health::Closes, Health::Babbles, Health::Hangs] {
        let (status, cache) = second(&[], &expired(100, 1000), health);
        assert_eq!((status, cache.as_str()), (200, "STALE"));
        let (status, cache) = second(&[], &expired(1000, 100), health);
        assert_eq!((status >= 500, cache.as_str()), (true, "EXPIRED"));
    }
}

/// Z41 (C32): errors that the application tells are errors as well; what is wrong with the request is not.
#[test]
fn stale_if_error_is_for_the_applications_own_errors_too() {
    let at = seconds_from_now(-100);
    let fields = format!("X-Accel-Expires: @{at}\r\nCache-Control: stale-if-error=1000\r\n");
    for status in [500, 502, 503, 504] {
        let got = second(&[], &fields, Health::Says(status));
        assert_eq!(got, (200, "STALE".into()), "{status}");
    }
    for status in [403, 404, 429, 501] {
        let got = second(&[], &fields, Health::Says(status));
        assert_eq!(got, (status, "EXPIRED".into()), "{status}");
    }
}

/// C33: stale-while-revalidate sets both windows, a stale-if-error beside it its own.
#[test]
fn stale_while_revalidate_is_for_errors_too() {
    let at = seconds_from_now(-100);
    let with = |directives: &str| {
        let fields = format!("X-Accel-Expires: @{at}\r\nCache-Control: {directives}\r\n");
        // The window for updates would serve the entry before the application was asked.
        second(&["--cache-bypass", "$http_x"], &fields, Health::Closes)
    };
    let got = with("stale-while-revalidate=1000");
    assert_eq!(got, (200, "STALE".into()));
    let got = with("stale-while-revalidate=1, stale-if-error=1000");
    assert_eq!(got, (200, "STALE".into()));
    assert_eq!(with("stale-while-revalidate=1000, stale-if-error=1").0, 502);
}

/// Z40 (C33): must-revalidate forbids every stale use, whatever the settings say.
#[test]
fn must_revalidate_forbids_stale_use() {
    let at = seconds_from_now(-100);
    for word in ["must-revalidate", "proxy-revalidate"] {
        let fields =
            format!("X-Accel-Expires: @{at}\r\nCache-Control: {word}, stale-if-error=1000\r\n");
        let flags = ["--cache-use-stale", "error invalid_header"];
        let (status, _) = second(&flags, &fields, Health::Closes);
        assert_eq!(status, 502, "{word}");
    }
}

/// C29: `error` is also the want of a server.
#[test]
fn a_dead_application_is_an_error() {
    let origin = Origin::new();
    origin.says("/a", STALE, "the body");
    let flags = ["--cache-use-stale", "error"];
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "the body");
    drop(origin);
    cached.get("/a").is("STALE", "the body");
    cached.get("/a").is("STALE", "the body");
    assert_eq!(cached.get("/b").status, 502);
}

/// The entry that served in need is still there, and gives way when the application is well again.
#[test]
fn the_application_is_asked_each_time() {
    let origin = Origin::new();
    origin.says("/a", STALE, "{n}");
    let cached = Cached::start(&origin, &["--cache-use-stale", "http_500"]);
    cached.get("/a").is("MISS", "1");
    origin.is(Health::Says(500));
    for n in 2..5 {
        cached.get("/a").is("STALE", "1");
        assert_eq!(origin.asked("/a"), n);
    }
    origin.is(Health::Well);
    cached.get("/a").is("EXPIRED", "5");
}

/// Conditions and ranges of the client are answered by what is served (C67).
#[test]
fn a_stale_entry_knows_conditions_and_ranges() {
    let origin = Origin::new();
    origin.says(
        "/a",
        &format!("{STALE}ETag: \"v1\"\r\nAccept-Ranges: bytes\r\n"),
        "the body",
    );
    let cached = Cached::start(&origin, &["--cache-use-stale", "http_500"]);
    cached.get("/a").is("MISS", "the body");
    origin.is(Health::Says(500));
    let got = cached.get_with("/a", "If-None-Match: \"v1\"\r\n");
    got.with(304, "STALE", "");
    let got = cached.get_with("/a", "Range: bytes=0-2\r\n");
    got.with(206, "STALE", "the");
    let got = cached.ask("HEAD", "/a", "");
    got.with(200, "STALE", "");
}
