//! The files: where they are, and what becomes of those that are damaged, foreign or left over (C2, C5, C94, C96, Z51).

use std::fs;
use std::path::PathBuf;

use super::{Cached, Origin, all_files, ask, peer};
use crate::common::{Temp, process, until};

const VALID: [&str; 2] = ["--cache-valid", "200 10m"];

/// C2: names and directories are nginx's, so that what is written for its files works here.
#[test]
fn names_and_directories_are_those_of_nginx() {
    if process::find_program(&["nginx"]).is_none() {
        return crate::common::left_out("names_and_directories", "there is no nginx");
    }
    let origin = Origin::new();
    for levels in [
        "",
        "levels=1",
        "levels=2",
        "levels=1:2",
        "levels=2:1",
        "levels=2:2:1",
        "levels=1:1:1",
    ] {
        let cached = Cached::zoned(&origin, levels, &VALID);
        let dir = Temp::new();
        let nginx = peer::start(&dir, &origin.addr(), levels, &VALID);
        for target in ["/a", "/b?c=d", "/%7Ee"] {
            assert_eq!(cached.get(target).status, 200);
            assert_eq!(nginx.client().get(target).status, 200);
        }
        let theirs = || super::entries(&dir.path().join("cache"));
        until("nginx's files", || theirs().len() == 3);
        assert_eq!(cached.wait_files(3), theirs(), "{levels:?}");
    }
}

/// C96: nobody else may read what is stored.
#[test]
fn files_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let origin = Origin::new();
    let cached = Cached::zoned(&origin, "levels=1:2", &VALID);
    cached.get("/a").is("MISS", "/a 1");
    let file = cached.cache_dir().join(&cached.wait_files(1)[0]);
    let mut path = file;
    let mut wanted = 0o600;
    while path != cached.cache_dir() {
        let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, wanted, "{}", path.display());
        path.pop();
        wanted = 0o700;
    }
}

/// Stores `/a` and `/b`, ends, lets `change` do what it likes to the file of `/a` (it gets that of `/b` as well), and starts
/// again.
#[track_caller]
fn changed(change: impl FnOnce(&PathBuf, &PathBuf)) -> (Origin, Cached, PathBuf) {
    let origin = Origin::new();
    origin.says("/a", "ETag: \"v1\"\r\n", "the first body");
    let cached = Cached::zoned(&origin, "levels=1:2", &VALID);
    cached.get("/a").is("MISS", "the first body");
    cached.get("/b").is("MISS", "/b 1");
    let dir = cached.stop();
    // An orderly end has written both.
    let place = dir.path().join("cache");
    let paths: Vec<PathBuf> = super::entries(&place)
        .iter()
        .map(|name| place.join(name))
        .collect();
    let is_first = |path: &&PathBuf| {
        let bytes = fs::read(path).expect("a file");
        crate::common::http::find(&bytes, b"the first body").is_some()
    };
    let first = paths.iter().find(is_first).expect("of /a").clone();
    let second = paths.iter().find(|path| **path != first).expect("of /b");
    change(&first, second);
    origin.says("/a", "", "the second body");
    let cached = Cached::within(dir, &origin, "levels=1:2", &VALID);
    (origin, cached, first)
}

/// The file is no entry: a miss that is told, and replaced.
#[track_caller]
fn is_a_miss(what: &str, change: impl FnOnce(&PathBuf, &PathBuf)) {
    let (origin, cached, file) = changed(change);
    let got = cached.get("/a");
    let seen = (got.status, got.cache.as_str(), got.body.as_str());
    assert_eq!(seen, (200, "MISS", "the second body"), "{what}");
    cached.get("/a").is("HIT", "the second body");
    cached.get("/b").is("HIT", "/b 1");
    let name = file.file_name().and_then(|n| n.to_str()).expect("a name");
    let told = || cached.gate().stderr().contains(name);
    until(&format!("a word about {what}"), told);
    until("the file to be replaced", || {
        fs::read(&file)
            .is_ok_and(|bytes| crate::common::http::find(&bytes, b"second body").is_some())
    });
    assert_eq!(origin.asked_at_all(), 3, "{what}");
}

/// The control: what is left alone is a hit.
#[test]
fn a_file_that_is_left_alone_is_a_hit() {
    let (origin, cached, _) = changed(|_, _| {});
    let got = cached.get("/a").is("HIT", "the first body");
    assert_eq!(got.field("etag"), Some("\"v1\""));
    assert_eq!(origin.asked("/a"), 1);
}

/// C5, C94.
#[test]
fn a_short_file_is_a_miss() {
    for len in [1, 20, 60, 100, 0] {
        is_a_miss(&format!("{len} bytes"), |file, _| {
            let handle = fs::OpenOptions::new().write(true).open(file).expect("open");
            handle.set_len(len).expect("truncate");
        });
    }
}

/// Z51: the body has to be whole.
#[test]
fn a_file_that_lacks_a_byte_or_has_one_more_is_a_miss() {
    is_a_miss("a byte less", |file, _| {
        let len = fs::metadata(file).expect("there").len();
        let handle = fs::OpenOptions::new().write(true).open(file).expect("open");
        handle.set_len(len - 1).expect("truncate");
    });
    is_a_miss("a byte more", |file, _| {
        let mut bytes = fs::read(file).expect("read");
        bytes.push(b'x');
        fs::write(file, bytes).expect("write");
    });
}

/// C5: each byte of the prefix counts for something, or does no harm; none leads to a wrong body or to an end.
#[test]
fn a_damaged_prefix_never_gives_a_wrong_body() {
    const BYTES: usize = 200;
    let origin = Origin::new();
    let says = |which: &str| {
        for n in 0..BYTES {
            origin.says(&format!("/{n}"), "", format!("the {which} body of {n}."));
        }
    };
    let cached = Cached::start(&origin, &VALID);
    says("first");
    for n in 0..BYTES {
        assert_eq!(cached.get(&format!("/{n}")).cache, "MISS");
    }
    cached.wait_files(BYTES);
    let dir = cached.stop();
    for name in super::entries(&dir.path().join("cache")) {
        let file = dir.path().join("cache").join(name);
        let mut bytes = fs::read(&file).expect("read");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let number = text
            .rsplit("body of ")
            .next()
            .and_then(|n| n.strip_suffix('.'));
        let at: usize = number.and_then(|n| n.parse().ok()).expect("a number");
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 0x55;
        }
        fs::write(&file, bytes).expect("write");
    }
    says("second");
    let cached = Cached::within(dir, &origin, "", &VALID);
    for n in 0..BYTES {
        let got = cached.get(&format!("/{n}"));
        let right = ["first", "second"].map(|which| format!("the {which} body of {n}."));
        assert!(
            got.status == 200 && right.contains(&got.body),
            "byte {n}: {got:?}"
        );
    }
}

/// C5: what is no entry at all, or one of another version or program.
#[test]
fn a_foreign_file_is_a_miss() {
    is_a_miss("text", |file, _| {
        fs::write(file, "nothing of ours\n".repeat(50)).expect("write")
    });
    is_a_miss("zeros", |file, _| {
        fs::write(file, vec![0; 5000]).expect("write")
    });
    is_a_miss("ones", |file, _| {
        fs::write(file, vec![0xff; 5000]).expect("write")
    });
}

/// C5: an entry of another key, as after a collision of hashes.
#[test]
fn an_entry_under_a_wrong_name_is_a_miss() {
    is_a_miss("another key", |file, other| {
        fs::copy(other, file).expect("copy");
    });
}

/// A directory or a FIFO where a file should be harms nobody.
#[test]
fn what_is_no_file_harms_nobody() {
    let (origin, cached, _) = changed(|file, _| {
        fs::remove_file(file).expect("remove");
        process::fifo(file.to_str().expect("a path"));
    });
    assert_eq!(cached.get("/a").body, "the second body");
    assert_eq!(cached.get("/a").body, "the second body");
    drop((origin, cached));
    let (origin, cached, _) = changed(|file, _| {
        fs::remove_file(file).expect("remove");
        fs::create_dir(file).expect("make");
    });
    assert_eq!(cached.get("/a").body, "the second body");
    cached.get("/b").is("HIT", "/b 1");
    drop(origin);
}

/// A file that goes away while the program runs is a miss, or still open.
#[test]
fn a_file_that_was_taken_away_is_a_miss() {
    let body = crate::common::Pattern::new().bytes(1_000_000);
    let origin = Origin::new();
    origin.says("/a", "", &body);
    let cached = Cached::start(&origin, &VALID);
    assert!(cached.client().get("/a").body == body);
    let file = cached.cache_dir().join(&cached.wait_files(1)[0]);
    fs::remove_file(file).expect("remove");
    for _ in 0..3 {
        assert!(cached.client().get("/a").is(200).body == body);
    }
    let cached = cached.again(&origin, "", &VALID);
    assert!(cached.client().get("/a").is(200).body == body);
}

/// The same for one that is cut while it is held: responses of the same second may suffer, not all until it expires.
#[test]
fn a_file_that_is_cut_while_it_is_held_is_a_miss() {
    let body = crate::common::Pattern::new().bytes(1_000_000);
    let origin = Origin::new();
    origin.says("/a", "", &body);
    let cached = Cached::start(&origin, &VALID);
    assert!(cached.client().get("/a").body == body);
    let file = cached.cache_dir().join(&cached.wait_files(1)[0]);
    let file = fs::File::options().write(true).open(file).expect("open");
    file.set_len(500_000).expect("cut");
    until("the cut file to be noticed", || {
        let mut client = cached.client();
        ask(&mut client, "GET", "/a", "");
        let Ok(response) = client.try_response("GET") else {
            return false;
        };
        assert!(response.body == body);
        response.field("x-cache") == Some("MISS")
    });
    let response = cached.client().get("/a").is(200);
    assert_eq!(response.field("x-cache"), Some("HIT"));
    assert!(response.body == body);
}

/// Z51: what an earlier run left half done is swept away; what is not ours stays.
#[test]
fn orphans_are_swept_away() {
    for temp in ["use_temp_path=on", "use_temp_path=off"] {
        let origin = Origin::new();
        let zone = format!("levels=1:2 {temp}");
        let cached = Cached::zoned(&origin, &zone, &VALID);
        cached.get("/a").is("MISS", "/a 1");
        cached.wait_files(1);
        let latch = origin.holds_half("/big");
        origin.says("/big", "", vec![b'x'; 3_000_000]);
        let mut client = cached.client();
        super::ask(&mut client, "GET", "/big", "");
        let head = client.head();
        let dir = cached.end_by(libc::SIGKILL);
        drop(head);
        latch.open();
        // As nginx and older runs name them (C86).
        let file = &super::entries(&dir.path().join("cache"))[0];
        let orphan = dir.path().join("cache").join(format!("{file}.0000000123"));
        fs::write(&orphan, "half").expect("write");
        fs::write(dir.path().join("cache/README"), "mine").expect("write");
        let cached = Cached::within(dir, &origin, &zone, &VALID);
        let left = || {
            let below: Vec<_> = ["cache", "temp"]
                .iter()
                .flat_map(|d| all_files(&cached.dir.path().join(d)))
                .filter(|f| !f.ends_with("README") && f != file)
                .filter(|f| !f.starts_with('.') && !f.contains("/."))
                .collect();
            below
        };
        until("the orphans to go", || left().is_empty());
        cached.get("/a").is("HIT", "/a 1");
    }
}
