//! What is found after a fill, and what is left after one that failed.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::*;
use crate::cache::disk::renew;
use crate::cache::disk::tests::{
    HEAD, Scratch, body_of, draft, files, found, long_body, place, store, store_short, ticket, zone,
};
use crate::cache::keeper::tests::saver;
use crate::cache::zone::Known;
use crate::cache::{format, key};

const NOTHING: [PathBuf; 0] = [];

fn held(zone: &'static Zone, key: &[u8]) -> Option<Arc<Entry>> {
    match zone.visit(&key::hash(key), Instant::now()).unwrap().known {
        Known::Held(entry) => Some(entry),
        Known::File | Known::Nothing => None,
    }
}

#[test]
fn short_responses_are_written_later() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    store(zone, b"a", b"body");
    assert_eq!(files(scratch.path()), NOTHING);
    assert_eq!(body_of(&held(zone, b"a").unwrap()), b"body");
    assert!(saver(zone).step(Instant::now()));
    assert!(!saver(zone).step(Instant::now()));
    assert_eq!(body_of(&found(zone, b"a").unwrap()), b"body");
    assert_eq!(zone.view().size, 4096);
}

#[test]
fn long_responses_keep_their_descriptor() {
    let scratch = Scratch::new();
    for use_temp_path in [true, false] {
        let mut settings = place(&scratch);
        settings.use_temp_path = use_temp_path;
        settings.max_size = Some(10 << 20);
        let zone = zone(settings);
        let ticket = ticket(zone, b"a");
        let mut fill = Fill::begin(&ticket, draft(zone, b"a"), None);
        let body = long_body();
        for piece in body.chunks(1000) {
            fill.write(piece).unwrap();
        }
        assert_eq!(files(scratch.path()).len(), 1);
        assert!(found(zone, b"a").is_err());
        assert!(fill.commit(Instant::now()).unwrap());
        let entry = held(zone, b"a").unwrap();
        assert!(matches!(entry.body, Body::File(..)));
        assert_eq!(body_of(&entry), body);
        assert_eq!(body_of(&found(zone, b"a").unwrap()), body);
        assert_eq!(zone.view().open_files, 1);
        // What was reserved is free again: all of the rest fits.
        let rest = (10 << 20) - zone.view().size;
        assert_eq!(zone.reserve(rest).unwrap(), [] as [key::Hash; 0]);
        fs::remove_file(key::file_path(zone.settings, &key::hash(b"a"))).unwrap();
    }
}

#[test]
fn a_fill_that_is_dropped_leaves_nothing() {
    let scratch = Scratch::new();
    let mut settings = place(&scratch);
    settings.max_size = Some(1 << 20);
    let zone = zone(settings);
    for body in [long_body(), b"short".to_vec()] {
        let ticket = ticket(zone, b"a");
        let mut fill = Fill::begin(&ticket, draft(zone, b"a"), None);
        fill.write(&body).unwrap();
        drop(fill);
        assert!(held(zone, b"a").is_none());
        assert_eq!(files(scratch.path()), NOTHING);
        assert!(zone.reserve(1 << 20).is_some());
        zone.unreserve(1 << 20);
    }
}

#[test]
fn what_was_purged_meanwhile_is_not_stored() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    let by_key = |zone: &'static Zone| {
        disk::purge(zone, &key::hash(b"a")).unwrap();
    };
    let by_prefix = |zone: &'static Zone| {
        zone.purge_prefix(b"", SystemTime::now());
    };
    // The purge is over before the response is.
    let and_forgotten = |zone: &'static Zone| {
        let rule = zone.purge_prefix(b"a", SystemTime::now());
        zone.drop_rules(&[rule]);
    };
    let purges: [&dyn Fn(&'static Zone); 3] = [&by_key, &and_forgotten, &by_prefix];
    for purge in purges {
        for body in [long_body(), b"short".to_vec()] {
            let ticket = ticket(zone, b"a");
            let mut fill = Fill::begin(&ticket, draft(zone, b"a"), None);
            fill.write(&body).unwrap();
            purge(zone);
            assert!(!fill.commit(Instant::now()).unwrap());
            assert_eq!(files(scratch.path()), NOTHING);
        }
    }
    // What is asked for after it is.
    store(zone, b"a", &long_body());
}

#[test]
fn what_is_purged_before_it_was_written_stays_so() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    let ticket = store(zone, b"a", b"one");
    zone.purge_prefix(b"a", SystemTime::now());
    assert!(saver(zone).step(Instant::now()));
    assert!(held(zone, b"a").is_none());
    drop(ticket);
    store(zone, b"a", b"two");
    disk::purge(zone, &key::hash(b"a")).unwrap();
    assert!(!saver(zone).step(Instant::now()));
    assert_eq!(files(scratch.path()), NOTHING);
}

#[test]
fn what_is_held_does_not_outlive_the_rule_that_purged_it() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    store_short(zone, b"a", b"body");
    store_short(zone, b"b", b"body");
    let rule = zone.purge_prefix(b"a", SystemTime::now());
    zone.drop_rules(&[rule]);
    assert!(held(zone, b"a").is_none());
    assert!(held(zone, b"b").is_some());
}

#[test]
fn a_body_longer_than_max_size_is_refused_and_evicts_nothing() {
    let scratch = Scratch::new();
    let mut settings = place(&scratch);
    settings.max_size = Some(40 << 10);
    let zone = zone(settings);
    store_short(zone, b"a", b"body");
    let ticket = ticket(zone, b"b");
    let mut fill = Fill::begin(&ticket, draft(zone, b"b"), Some(40 << 10));
    assert!(fill.write(b"x").is_err());
    let mut fill = Fill::begin(&ticket, draft(zone, b"b"), None);
    let body = vec![0; 64 << 10];
    let error = fill.write(&body).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    // It has a hole now.
    assert!(fill.commit(Instant::now()).is_err());
    assert!(found(zone, b"a").is_ok());
    assert_eq!((zone.view().counts.evictions, zone.view().size), (0, 4096));
}

#[test]
fn room_is_made_by_removing_what_is_used_least() {
    let scratch = Scratch::new();
    let mut settings = place(&scratch);
    settings.max_size = Some(60 << 10);
    let zone = zone(settings);
    drop(store(zone, b"a", &long_body()));
    drop(store(zone, b"b", &long_body()));
    drop(store(zone, b"c", &long_body()));
    assert!(zone.view().size <= 60 << 10);
    assert!(found(zone, b"a").is_err() && found(zone, b"c").is_ok());
    assert_eq!(files(scratch.path()).len() as u64, zone.view().entries);
}

#[test]
fn without_memory_short_responses_go_to_the_disk() {
    let scratch = Scratch::new();
    let mut settings = place(&scratch);
    settings.size = 8 << 10;
    let zone = zone(settings);
    store(zone, b"a", &[7; HELD_MAX]);
    assert_eq!(body_of(&found(zone, b"a").unwrap()), [7; HELD_MAX]);
}

#[test]
fn a_disk_that_takes_nothing_is_an_error_of_the_fill_alone() {
    let scratch = Scratch::new();
    let mut settings = place(&scratch);
    // A file where directories should be made, which stops even root.
    fs::remove_dir(&settings.path).unwrap();
    fs::write(&settings.path, "").unwrap();
    settings.levels = vec![1];
    let zone = zone(settings);
    let long = ticket(zone, b"a");
    let mut fill = Fill::begin(&long, draft(zone, b"a"), None);
    assert!(fill.write(&long_body()).is_err());
    drop(fill);
    store(zone, b"b", b"short");
    assert!(saver(zone).step(Instant::now()));
    // It is found as long as it is held.
    assert!(held(zone, b"b").is_some());
    assert!(!saver(zone).step(Instant::now()));
}

/// What was replaced is older than what could not be written, and would be found again once that is let go of.
#[test]
fn what_was_replaced_does_not_come_back_when_the_disk_is_full() {
    let scratch = Scratch::new();
    let mut settings = place(&scratch);
    settings.use_temp_path = false;
    let zone = zone(settings);
    drop(store(zone, b"a", b"old"));
    assert!(saver(zone).step(Instant::now()));
    drop(store(zone, b"a", b"new"));
    let moved = scratch.path().join("moved");
    fs::rename(&zone.settings.path, &moved).unwrap();
    fs::write(&zone.settings.path, "").unwrap();
    assert!(saver(zone).step(Instant::now()));
    fs::remove_file(&zone.settings.path).unwrap();
    fs::rename(&moved, &zone.settings.path).unwrap();
    assert_eq!(body_of(&held(zone, b"a").unwrap()), b"new");
    for hash in zone.take_removals() {
        crate::cache::disk::remove(zone, &hash);
    }
    zone.trim();
    assert!(held(zone, b"a").is_none());
    assert_eq!(files(scratch.path()), NOTHING);
}

/// A stranger can make up keys faster than the keeper removes their files.
#[test]
fn files_of_keys_without_a_node_do_not_pile_up() {
    let scratch = Scratch::new();
    let mut settings = place(&scratch);
    settings.size = 32 << 10;
    let zone = zone(settings);
    for n in 0..2000_u32 {
        drop(store(zone, &n.to_le_bytes(), &[7; HELD_MAX]));
    }
    assert!(zone.view().counts.evictions > 1000);
    let known = zone.view().entries as usize;
    let found = files(scratch.path()).len();
    assert!(found <= known + 32, "{found} files, {known} known");
}

#[test]
fn a_directory_in_the_way_is_an_error() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    fs::create_dir(key::file_path(zone.settings, &key::hash(b"a"))).unwrap();
    let ticket = ticket(zone, b"a");
    let mut fill = Fill::begin(&ticket, draft(zone, b"a"), None);
    fill.write(&long_body()).unwrap();
    let error = fill.commit(Instant::now()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IsADirectory);
    assert_eq!(files(scratch.path()), NOTHING);
}

#[test]
fn a_head_that_can_not_be_stored_is_an_error_of_the_fill() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    let ticket = ticket(zone, b"a");
    let mut long = draft(zone, b"a");
    long.head = vec![b'x'; format::START_MAX];
    let mut fill = Fill::begin(&ticket, long, None);
    assert!(fill.write(b"x").is_err());
    assert!(fill.commit(Instant::now()).is_err());
    let mut odd = draft(zone, b"a");
    odd.head = b"no head".to_vec();
    let mut fill = Fill::begin(&ticket, odd, None);
    fill.write(&long_body()).unwrap();
    assert!(fill.commit(Instant::now()).is_err());
    assert_eq!(zone.view().counts.fills_failed, 2);
    assert_eq!(files(scratch.path()), NOTHING);
}

/// The same entry with other fields, as after a 304.
fn renewed(zone: &'static Zone, old: &Entry, head: &[u8]) -> Arc<Entry> {
    let mut draft = draft(zone, &old.key);
    draft.meta.received = 1500;
    draft.head = head.to_vec();
    let parsed = parse_head(head).unwrap();
    Arc::new(draft.entry(parsed, old.len, old.body.clone()))
}

fn inode(zone: &Zone, key: &[u8]) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(key::file_path(zone.settings, &key::hash(key)))
        .unwrap()
        .ino()
}

#[test]
fn a_304_rewrites_the_start_in_place_where_it_fits() {
    let scratch = Scratch::new();
    for (key, body) in [(&b"short"[..], b"body".to_vec()), (b"long", long_body())] {
        let zone = zone(place(&scratch));
        store(zone, key, &body);
        while saver(zone).step(Instant::now()) {}
        let ticket = ticket(zone, key);
        for (extra, in_place) in [(0, true), (200, true), (6000, false)] {
            let before = inode(zone, key);
            let old = held(zone, key).unwrap();
            let mut head = HEAD[..HEAD.len() - 2].to_vec();
            head.extend_from_slice(b"X: ");
            head.resize(head.len() + extra, b'x');
            head.extend_from_slice(b"\r\n\r\n");
            let new = renewed(zone, &old, &head);
            renew(&ticket, &old, &new, &head).unwrap();
            let entry = found(zone, key).unwrap();
            assert_eq!((entry.meta.received, entry.stamp), (1500, new.stamp));
            assert_eq!(
                (entry.head.bytes(), body_of(&entry)),
                (&*head, body.clone())
            );
            assert_eq!(inode(zone, key) == before, in_place, "{extra}");
            let now = held(zone, key).unwrap();
            assert_eq!((now.stamp, body_of(&now)), (new.stamp, body.clone()));
            // Whoever still sends the old one is not disturbed.
            assert_eq!(body_of(&old), body);
            assert_eq!(files(scratch.path()).len(), 1);
        }
        disk::purge(zone, &key::hash(key)).unwrap();
    }
}

#[test]
fn a_304_for_what_is_not_on_the_disk_yet_is_written_with_it() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    let ticket = store(zone, b"a", b"body");
    let old = held(zone, b"a").unwrap();
    let new = renewed(zone, &old, HEAD);
    renew(&ticket, &old, &new, HEAD).unwrap();
    assert_eq!(files(scratch.path()), NOTHING);
    while saver(zone).step(Instant::now()) {}
    assert_eq!(found(zone, b"a").unwrap().stamp, new.stamp);
}

#[test]
fn a_304_for_what_was_purged_changes_nothing() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    let ticket = store(zone, b"a", &long_body());
    let old = held(zone, b"a").unwrap();
    let new = renewed(zone, &old, HEAD);
    disk::purge(zone, &key::hash(b"a")).unwrap();
    renew(&ticket, &old, &new, HEAD).unwrap();
    assert!(held(zone, b"a").is_none());
    assert_eq!(files(scratch.path()), NOTHING);
}

#[test]
fn a_304_does_not_touch_another_responses_file() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    let ticket = store(zone, b"a", &long_body());
    let old = held(zone, b"a").unwrap();
    // Somebody copied a file there.
    let path = key::file_path(zone.settings, &key::hash(b"a"));
    fs::write(&path, b"foreign").unwrap();
    let before = inode(zone, b"a");
    let kept = fs::File::open(&path).unwrap();
    let new = renewed(zone, &old, HEAD);
    // The descriptor of the old entry was of this file, and has lost its body with it.
    assert!(renew(&ticket, &old, &new, HEAD).is_err());
    assert_eq!(inode(zone, b"a"), before);
    assert_eq!(kept.metadata().unwrap().len(), 7);
}

#[test]
fn a_304_makes_good_for_one_that_the_disk_had_no_room_for() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    let ticket = store(zone, b"a", &long_body());
    let old = held(zone, b"a").unwrap();
    let unwritten = renewed(zone, &old, HEAD);
    assert!(zone.renewed(&ticket, &old, &unwritten, None));
    let new = renewed(zone, &unwritten, HEAD);
    renew(&ticket, &unwritten, &new, HEAD).unwrap();
    assert_eq!(held(zone, b"a").unwrap().stamp, new.stamp);
    let on_disk = disk::whose(zone.settings, &key::hash(b"a")).unwrap();
    assert_eq!(on_disk.1, new.stamp);
    assert_eq!(body_of(&held(zone, b"a").unwrap()), long_body());
}

#[test]
fn a_304_that_comes_late_leaves_alone_what_is_newer() {
    let scratch = Scratch::new();
    let long = long_body();
    let mut longer_head = HEAD[..HEAD.len() - 2].to_vec();
    longer_head.extend_from_slice(&[b"X: ".to_vec(), vec![b'x'; 6000]].concat());
    longer_head.extend_from_slice(b"\r\n\r\n");
    for (key, body, saves) in [
        (&b"unsaved"[..], &b"newer"[..], false),
        (b"saved", b"newer", true),
        (b"long", &long, false),
    ] {
        for head in [HEAD, &longer_head] {
            let zone = zone(place(&scratch));
            let ticket = store(zone, key, b"older");
            while saver(zone).step(Instant::now()) {}
            let old = held(zone, key).unwrap();
            let new = renewed(zone, &old, head);
            store(zone, key, body);
            while saves && saver(zone).step(Instant::now()) {}
            let is_newer = || held(zone, key).is_some_and(|entry| body_of(&entry) == body);
            renew(&ticket, &old, &new, head).unwrap();
            assert!(is_newer());
            disk::forget(&ticket, &old).unwrap();
            assert!(is_newer());
            // Where nothing is held the file tells.
            while saver(zone).step(Instant::now()) {}
            for _ in 0..2 {
                zone.trim();
            }
            renew(&ticket, &old, &new, head).unwrap();
            disk::forget(&ticket, &old).unwrap();
            let newer = found(zone, key).unwrap();
            assert_eq!(body_of(&newer), body);
            disk::forget(&ticket, &newer).unwrap();
            assert!(held(zone, key).is_none());
            assert_eq!(files(scratch.path()), NOTHING);
        }
    }
}
