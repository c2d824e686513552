//! Removing entries by request (C79 to C81).

use super::{Cached, Origin, ask, take};
use crate::common::until;

const FLAGS: [&str; 4] = ["--cache-purge", "$http_x_purge", "--cache-valid", "200 10m"];
const PURGE: &str = "X-Purge: 1\r\n";

#[track_caller]
fn purge(cached: &Cached, target: &str) -> u16 {
    let got = cached.get_with(target, PURGE);
    assert!(!got.body.starts_with('/'), "went to the application");
    got.status
}

/// C79.
#[test]
fn a_purge_removes_its_own_key() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &FLAGS);
    cached.get("/a").is("MISS", "/a 1");
    cached.get("/b").is("MISS", "/b 1");
    cached.wait_files(2);
    assert_eq!(purge(&cached, "/a"), 204);
    cached.wait_files(1);
    assert_eq!(purge(&cached, "/a"), 404);
    assert_eq!(purge(&cached, "/never"), 404);
    assert_eq!(cached.get_with("/b", "X-Purge: 0\r\n").cache, "HIT");
    cached.get("/a").is("MISS", "/a 2");
    cached.get("/b").is("HIT", "/b 1");
    assert_eq!(origin.asked_at_all(), 3);
}

/// C79: a response that never saw the disk goes as well, and does not appear there later.
#[test]
fn a_purge_of_what_is_in_memory_leaves_no_file() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &FLAGS);
    cached.get("/a").is("MISS", "/a 1");
    assert_eq!(purge(&cached, "/a"), 204);
    assert_eq!(purge(&cached, "/a"), 404);
    cached.get("/b").is("MISS", "/b 1");
    cached.wait_files(1);
    let cached = cached.again(&origin, "", &FLAGS);
    cached.get("/a").is("MISS", "/a 2");
}

/// Any method may purge: nginx's recipes use PURGE.
#[test]
fn the_method_may_be_purge() {
    let origin = Origin::new();
    let flags = [
        "--map",
        "$request_method $purges PURGE 1",
        "--cache-purge",
        "$purges",
        "--cache-valid",
        "200 10m",
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "/a 1");
    assert_eq!(cached.ask("PURGE", "/a", "").status, 204);
    assert_eq!(cached.ask("PURGE", "/a", "").status, 404);
    cached.get("/a").is("MISS", "/a 2");
}

/// C80: all keys with a prefix.
#[test]
fn a_star_removes_all_that_begin_alike() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &FLAGS);
    for target in ["/a/1", "/a/2", "/ab", "/b"] {
        assert_eq!(cached.get(target).cache, "MISS");
    }
    assert_eq!(purge(&cached, "/a/*"), 204);
    for (target, cache) in [
        ("/a/1", "MISS"),
        ("/a/2", "MISS"),
        ("/ab", "HIT"),
        ("/b", "HIT"),
    ] {
        assert_eq!(cached.get(target).cache, cache, "{target}");
    }
    for target in ["/a/1", "/a/2", "/ab", "/b"] {
        assert_eq!(cached.get(target).cache, "HIT", "{target}");
    }
}

/// C81: the purger removes the files without being asked for them.
#[test]
fn the_purger_removes_the_files() {
    let origin = Origin::new();
    let cached = Cached::zoned(&origin, "purger=on levels=1:2", &FLAGS);
    for n in 0..30 {
        assert_eq!(cached.get(&format!("/a/{n}")).cache, "MISS");
    }
    cached.get("/b").is("MISS", "/b 1");
    cached.wait_files(31);
    assert_eq!(purge(&cached, "/a/*"), 204);
    cached.wait_files(1);
    cached.get("/b").is("HIT", "/b 1");
}

/// A purge holds after a restart, in order or not.
#[test]
fn a_purge_survives_a_restart() {
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        for star in [false, true] {
            let origin = Origin::new();
            let cached = Cached::start(&origin, &FLAGS);
            for target in ["/a/1", "/a/2", "/b"] {
                assert_eq!(cached.get(target).cache, "MISS");
            }
            cached.wait_files(3);
            match star {
                true => assert_eq!(purge(&cached, "/a/*"), 204),
                false => {
                    assert_eq!(purge(&cached, "/a/1"), 204);
                    assert_eq!(purge(&cached, "/a/2"), 204);
                }
            }
            let dir = cached.end_by(signal);
            let cached = Cached::within(dir, &origin, "", &FLAGS);
            for (target, cache) in [("/a/1", "MISS"), ("/a/2", "MISS"), ("/b", "HIT")] {
                let got = cached.get(target).cache;
                assert_eq!(got, cache, "{target}, signal {signal}, star {star}");
            }
        }
    }
}

/// All variants of a key go together.
#[test]
fn a_purge_removes_all_variants() {
    let origin = Origin::new();
    origin.says("/a", "Vary: X-Kind\r\n", "{n}");
    let cached = Cached::start(&origin, &FLAGS);
    for kind in ["1", "2", "3"] {
        let fields = format!("X-Kind: {kind}\r\n");
        cached.get_with("/a", &fields).is("MISS", kind);
    }
    let fields = format!("{PURGE}X-Kind: 2\r\n");
    assert_eq!(cached.get_with("/a", &fields).status, 204);
    for kind in ["1", "2", "3"] {
        let got = cached.get_with("/a", &format!("X-Kind: {kind}\r\n"));
        assert_eq!(got.cache, "MISS", "{kind}");
    }
}

/// What was asked for before the purge does not come back after it.
#[test]
fn a_purge_is_for_what_is_on_its_way_too() {
    for target in ["/a", "/*"] {
        let origin = Origin::new();
        let cached = Cached::start(&origin, &FLAGS);
        let latch = origin.holds("/a");
        let mut client = cached.client();
        ask(&mut client, "GET", "/a", "");
        origin.wait_asked("/a", 1);
        purge(&cached, target);
        latch.open();
        take(&mut client, "GET").is("MISS", "/a 1");
        cached.get("/a").is("MISS", "/a 2");
    }
}

/// A reader is not disturbed (C98).
#[test]
fn a_purge_does_not_disturb_who_is_served() {
    let body = crate::common::Pattern::new().bytes(20_000_000);
    let origin = Origin::new();
    origin.says("/a", "", &body);
    let cached = Cached::start(&origin, &FLAGS);
    let mut client = cached.client();
    ask(&mut client, "GET", "/a", "");
    assert!(client.response().body == body);
    ask(&mut client, "GET", "/a", "");
    let head = client.head();
    assert_eq!(cached.get_with("/a", PURGE).status, 204);
    until("the file to go", || cached.files().is_empty());
    let mut got = Vec::new();
    client.body(&head, &mut |piece| got.extend_from_slice(piece));
    assert!(got == body);
}

/// C80: without the purger a file goes when somebody asks for it, also if nothing takes its place.
#[test]
fn a_marked_file_goes_when_it_is_asked_for() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &FLAGS);
    cached.get("/a").is("MISS", "/a 1");
    cached.wait_files(1);
    let cached = cached.again(&origin, "", &FLAGS);
    assert_eq!(purge(&cached, "/*"), 204);
    origin.says("/a", "Cache-Control: no-store\r\n", "another");
    cached.get("/a").is("MISS", "another");
    cached.wait_files(0);
}

/// A purge is for what redirects inside the gateway have led to as well, in this process or an earlier one.
#[test]
fn a_purge_reaches_what_a_redirect_led_to() {
    for internal in [true, false] {
        for star in ["", "*"] {
            let origin = Origin::new();
            let addr = origin.addr();
            for path in ["/a", "/ab"] {
                origin.says(path, "X-Accel-Redirect: /in/a\r\n", "");
            }
            origin.says("/in/a", "", "{n}");
            let inside = ["--location", "/in/", "--pass", &addr, "--internal"];
            let inside = &inside[..if internal { 5 } else { 4 }];
            let flags = [&FLAGS[..], inside].concat();
            let mut cached = Cached::start(&origin, &flags);
            cached.get("/a").is("MISS", "1");
            cached.get("/ab").is("MISS", "2");
            if internal {
                cached = cached.again(&origin, "", &flags);
            }
            assert_eq!(purge(&cached, &format!("/a{star}")), 204);
            cached = cached.again(&origin, "", &flags);
            cached.get("/a").is("MISS", "3");
            let (cache, body) = if star.is_empty() {
                ("HIT", "2")
            } else {
                ("MISS", "4")
            };
            cached.get("/ab").is(cache, body);
        }
    }
}

/// The same where the request to purge goes the way itself.
#[test]
fn a_purge_may_be_led_there_itself() {
    let tree = crate::common::Temp::new();
    let root = tree.file("");
    let origin = Origin::new();
    let addr = origin.addr();
    let mut flags = vec![
        "--location",
        "/",
        "--root",
        &root,
        "--error-page",
        "404 = @app",
    ];
    flags.extend(["--location", "@app", "--pass", &addr]);
    flags.extend(FLAGS);
    let cached = Cached::start(&origin, &flags);
    for (target, gone) in [("/a", true), ("/*", true), ("/b", false)] {
        cached.get("/a");
        assert_eq!(cached.get("/a").cache, "HIT");
        assert_eq!(purge(&cached, target), 204);
        assert_eq!(cached.get("/a").cache == "MISS", gone, "{target}");
    }
}
