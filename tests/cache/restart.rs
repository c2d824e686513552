//! What an earlier run has stored (C4, C93, C95, C99).

use super::{Cached, Origin};

const VALID: [&str; 2] = ["--cache-valid", "200 10m"];

/// C99: entries outlive the process; orderly or killed, once they are on the disk.
#[test]
fn entries_survive_a_restart() {
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        let origin = Origin::new();
        let large = crate::common::Pattern::new().bytes(500_000);
        origin.says("/large", "X-Mine: 1\r\nContent-Type: text/mine\r\n", &large);
        origin.says(
            "/gone",
            "Status: 404\r\nX-Accel-Expires: 100\r\n",
            "not here",
        );
        let cached = Cached::zoned(&origin, "levels=1:2", &VALID);
        for n in 0..20 {
            assert_eq!(cached.get(&format!("/{n}")).cache, "MISS");
        }
        assert!(cached.client().get("/large").body == large);
        cached.get("/gone").with(404, "MISS", "not here");
        cached.wait_files(22);
        let dir = cached.end_by(signal);
        let cached = Cached::within(dir, &origin, "levels=1:2", &VALID);
        for n in 0..20 {
            cached.get(&format!("/{n}")).is("HIT", &format!("/{n} 1"));
        }
        let got = cached.client().get("/large");
        assert!(got.body == large);
        assert_eq!(got.field("x-mine"), Some("1"));
        assert_eq!(got.field("content-type"), Some("text/mine"));
        assert_eq!(got.field("x-cache"), Some("HIT"));
        cached.get("/gone").with(404, "HIT", "not here");
        assert_eq!(origin.asked_at_all(), 22);
    }
}

/// An orderly end waits for nothing, and loses nothing: what was in memory alone is written.
#[test]
fn an_orderly_end_writes_what_was_in_memory() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &VALID);
    for n in 0..20 {
        assert_eq!(cached.get(&format!("/{n}")).cache, "MISS");
    }
    let cached = cached.again(&origin, "", &VALID);
    for n in 0..20 {
        cached.get(&format!("/{n}")).is("HIT", &format!("/{n} 1"));
    }
}

/// C93: an entry can be had before the files have all been looked at.
#[test]
fn entries_are_served_before_all_are_found() {
    let origin = Origin::new();
    let cached = Cached::zoned(&origin, "levels=1:2", &VALID);
    for n in 0..40 {
        assert_eq!(cached.get(&format!("/{n}")).cache, "MISS");
    }
    cached.wait_files(40);
    let slow = "levels=1:2 loader_files=1 loader_sleep=600s";
    let cached = cached.again(&origin, slow, &VALID);
    for n in (0..40).rev() {
        cached.get(&format!("/{n}")).is("HIT", &format!("/{n} 1"));
    }
    assert_eq!(origin.asked_at_all(), 40);
    // Neither does its end wait for the loader.
    cached.stop();
}

/// C93: nor do they have to be asked for as often as new ones.
#[test]
fn found_entries_count_as_used() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &VALID);
    cached.get("/a").is("MISS", "/a 1");
    cached.wait_files(1);
    let flags = [&VALID[..], &["--cache-min-uses", "5"]].concat();
    let cached = cached.again(&origin, "", &flags);
    cached.get("/a").is("HIT", "/a 1");
}

/// C4: fields are hidden by the configuration of today.
#[test]
fn a_hit_follows_the_configuration_of_today() {
    let origin = Origin::new();
    origin.says("/a", "X-Mine: 1\r\nX-Yours: 1\r\n", "a");
    let flags = [&VALID[..], &["--hide-header", "X-Yours"]].concat();
    let cached = Cached::start(&origin, &flags);
    let got = cached.get("/a").is("MISS", "a");
    assert_eq!(
        (got.field("x-mine"), got.field("x-yours")),
        (Some("1"), None)
    );
    cached.wait_files(1);
    let flags = [&VALID[..], &["--hide-header", "X-Mine"]].concat();
    let cached = cached.again(&origin, "", &flags);
    let got = cached.get("/a").is("HIT", "a");
    assert_eq!(
        (got.field("x-mine"), got.field("x-yours")),
        (None, Some("1"))
    );
}

/// An expired entry is found expired, validators and all.
#[test]
fn an_expired_entry_is_still_expired() {
    let origin = Origin::new();
    origin.says("/a", "X-Accel-Expires: @1\r\nETag: \"v1\"\r\n", "a");
    let flags = ["--cache-revalidate", "on"];
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "a");
    cached.wait_files(1);
    let cached = cached.again(&origin, "", &flags);
    origin.says("/a", "Status: 304\r\n", "");
    cached.get("/a").is("REVALIDATED", "a");
    assert_eq!(origin.last("/a").get("HTTP_IF_NONE_MATCH"), "\"v1\"");
}

/// The age goes on while nobody runs: it is counted from when the response was received.
#[test]
fn the_age_survives_a_restart() {
    let origin = Origin::new();
    origin.says("/a", "Age: 500\r\nCache-Control: max-age=10000\r\n", "a");
    let cached = Cached::start(&origin, &[]);
    cached.get("/a").is("MISS", "a");
    cached.wait_files(1);
    let cached = cached.again(&origin, "", &[]);
    let got = cached.get("/a").is("HIT", "a");
    let age: u64 = got
        .field("age")
        .and_then(|a| a.parse().ok())
        .expect("an age");
    assert!((500..600).contains(&age), "{age}");
}
