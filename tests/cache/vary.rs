//! Variants of one key (C51 to C56, Z44).

use super::{Cached, Origin};

const VALID: [&str; 2] = ["--cache-valid", "200 10m"];

/// C54: all variants live at the same time.
#[test]
fn each_variant_is_kept() {
    let origin = Origin::new();
    origin.says("/a", "Vary: X-Kind\r\n", "{n}");
    let cached = Cached::start(&origin, &VALID);
    let kinds = ["one", "two", "three", ""];
    for (n, kind) in kinds.iter().enumerate() {
        let got = cached.get_with("/a", &format!("X-Kind: {kind}\r\n"));
        got.is("MISS", &(n + 1).to_string());
    }
    for (n, kind) in kinds.iter().enumerate() {
        let got = cached.get_with("/a", &format!("X-Kind: {kind}\r\n"));
        let got = got.is("HIT", &(n + 1).to_string());
        assert_eq!(got.field("vary"), Some("X-Kind"));
    }
    assert_eq!(origin.asked("/a"), 4);
    cached.wait_files(4);
}

/// C53, C56: only the listed fields count, and names have no case.
#[test]
fn other_fields_of_the_request_do_not_matter() {
    let origin = Origin::new();
    origin.says("/a", "Vary: x-KIND\r\n", "{n}");
    let cached = Cached::start(&origin, &VALID);
    cached
        .get_with("/a", "X-Kind: a\r\nX-Other: 1\r\n")
        .is("MISS", "1");
    cached
        .get_with("/a", "x-kind: a\r\nX-Other: 2\r\n")
        .is("HIT", "1");
    cached.get("/a").is("MISS", "2");
    cached.get_with("/a", "X-Other: 3\r\n").is("HIT", "2");
}

/// C53, Z44: how a list is spelled makes no variant.
#[test]
fn lists_are_compared_by_their_members() {
    let origin = Origin::new();
    origin.says("/a", "Vary: Accept-Encoding, Accept-Language\r\n", "{n}");
    let cached = Cached::start(&origin, &VALID);
    let first = "Accept-Encoding: gzip, br\r\nAccept-Language: en, de\r\n";
    cached.get_with("/a", first).is("MISS", "1");
    let other = "Accept-Encoding: gzip,br\r\nAccept-Language: en,  de\r\n";
    cached.get_with("/a", other).is("HIT", "1");
    let split = "Accept-Encoding: gzip\r\nAccept-Encoding: br\r\nAccept-Language: en, de\r\n";
    cached.get_with("/a", split).is("HIT", "1");
    let fewer = "Accept-Encoding: gzip\r\nAccept-Language: en, de\r\n";
    cached.get_with("/a", fewer).is("MISS", "2");
}

/// C52: several fields are one list.
#[test]
fn several_vary_fields_are_one_list() {
    let origin = Origin::new();
    origin.says("/a", "Vary: X-One\r\nVary: X-Two\r\n", "{n}");
    let cached = Cached::start(&origin, &VALID);
    cached
        .get_with("/a", "X-One: 1\r\nX-Two: 1\r\n")
        .is("MISS", "1");
    cached
        .get_with("/a", "X-One: 1\r\nX-Two: 2\r\n")
        .is("MISS", "2");
    cached
        .get_with("/a", "X-One: 2\r\nX-Two: 1\r\n")
        .is("MISS", "3");
    cached
        .get_with("/a", "X-One: 1\r\nX-Two: 1\r\n")
        .is("HIT", "1");
}

/// C51, Z44: `*` anywhere in the list means that no request is like another.
#[test]
fn a_star_anywhere_forbids_storing() {
    let origin = Origin::new();
    let lists = ["*", "*, X-Kind", "X-Kind, *", "X-Kind ,*,X-Other"];
    for (n, list) in lists.iter().enumerate() {
        origin.says(&format!("/{n}"), &format!("Vary: {list}\r\n"), "{n}");
    }
    origin.says("/two", "Vary: X-Kind\r\nVary: *\r\n", "{n}");
    let cached = Cached::start(&origin, &VALID);
    for target in ["/0", "/1", "/2", "/3", "/two"] {
        cached.get(target).is("MISS", "1");
        cached.get(target).is("MISS", "2");
    }
}

/// C55: a refreshed response may depend on another field than its predecessor.
#[test]
fn a_refresh_may_change_what_it_depends_on() {
    let origin = Origin::new();
    origin.says("/a", "Vary: X-One\r\nX-Accel-Expires: @1\r\n", "{n}");
    let cached = Cached::start(&origin, &[]);
    cached.get_with("/a", "X-One: 1\r\n").is("MISS", "1");
    origin.says("/a", "Vary: X-Two\r\nX-Accel-Expires: 100\r\n", "{n}");
    cached
        .get_with("/a", "X-One: 1\r\nX-Two: 1\r\n")
        .is("EXPIRED", "2");
    cached
        .get_with("/a", "X-One: 1\r\nX-Two: 1\r\n")
        .is("HIT", "2");
    cached
        .get_with("/a", "X-One: 9\r\nX-Two: 1\r\n")
        .is("HIT", "2");
    assert_eq!(cached.get_with("/a", "X-One: 1\r\nX-Two: 2\r\n").body, "3");
}

/// One variant may be refreshed without the others.
#[test]
fn variants_expire_each_by_itself() {
    let origin = Origin::new();
    origin.says("/a", "Vary: X-Kind\r\nX-Accel-Expires: 100\r\n", "{n}");
    let cached = Cached::start(&origin, &[]);
    cached.get_with("/a", "X-Kind: good\r\n").is("MISS", "1");
    origin.says("/a", "Vary: X-Kind\r\nX-Accel-Expires: @1\r\n", "{n}");
    cached.get_with("/a", "X-Kind: stale\r\n").is("MISS", "2");
    cached
        .get_with("/a", "X-Kind: stale\r\n")
        .is("EXPIRED", "3");
    cached.get_with("/a", "X-Kind: good\r\n").is("HIT", "1");
}

/// Variants outlive the process.
#[test]
fn variants_survive_a_restart() {
    let origin = Origin::new();
    origin.says("/a", "Vary: X-Kind\r\n", "{n}");
    let cached = Cached::start(&origin, &VALID);
    for kind in ["1", "2", "3"] {
        let fields = format!("X-Kind: {kind}\r\n");
        cached.get_with("/a", &fields).is("MISS", kind);
    }
    cached.wait_files(3);
    let cached = cached.again(&origin, "", &VALID);
    for kind in ["3", "1", "2"] {
        let fields = format!("X-Kind: {kind}\r\n");
        cached.get_with("/a", &fields).is("HIT", kind);
    }
    assert_eq!(origin.asked("/a"), 3);
}
