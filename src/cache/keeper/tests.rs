//! The keeper's work, step by step, and the thread itself.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::SystemTime;

use super::*;
use crate::cache::disk::tests::{
    Scratch, files, found, long_body, place, settings, store, store_short, zone,
};
use crate::cache::key;
use crate::cache::zone::Known;

const NOTHING: [PathBuf; 0] = [];
/// Longer than any machine should take.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn saver(zone: &'static Zone) -> Saver {
    Saver::new(zone)
}

fn load(zone: &'static Zone) {
    let mut loader = Loader::new(zone);
    while loader.step(Instant::now()) {}
}

fn manage(zone: &'static Zone, now: Instant) {
    let mut manager = Manager::new(zone);
    while manager.step(true, now) {}
}

#[test]
fn a_new_process_knows_all_files_by_name_and_size() {
    let scratch = Scratch::new();
    for levels in [vec![], vec![1], vec![2, 1, 2]] {
        let mut first = place(&scratch);
        first.levels = levels.clone();
        let first = zone(first);
        for n in 0..20_u8 {
            store_short(first, &[n], b"body");
        }
        store(first, b"long", &long_body());
        let mut second = place(&scratch);
        second.levels = levels;
        let second = zone(second);
        assert!(second.view().loading);
        load(second);
        assert!(!second.view().loading);
        let (old, new) = (first.view(), second.view());
        assert_eq!((new.entries, new.size), (old.entries, old.size));
        let visit = second.visit(&key::hash(&[3]), Instant::now()).unwrap();
        assert!(matches!(visit.known, Known::File) && visit.uses == 2);
        fs::remove_dir_all(&second.settings.path).unwrap();
    }
}

#[test]
fn the_loader_removes_what_is_ours_and_half_done_and_nothing_else() {
    let scratch = Scratch::new();
    let mut first = place(&scratch);
    first.levels = vec![1];
    let first = zone(first);
    store_short(first, b"a", b"body");
    let good = key::file_path(first.settings, &key::hash(b"a"));
    let short = key::file_path(first.settings, &key::hash(b"short"));
    fs::create_dir_all(short.parent().unwrap()).unwrap();
    fs::write(&short, [0; 103]).unwrap();
    let orphan = good.with_extension("4294967290");
    fs::write(&orphan, "").unwrap();
    let mut kept = vec![good.clone()];
    let misplaced = scratch.at("cache").join(short.file_name().unwrap());
    for path in [
        misplaced,
        scratch.at("cache/notes"),
        scratch.at("cache/purged"),
    ] {
        fs::write(&path, "x").unwrap();
        kept.push(path);
    }
    // Links lead nowhere: neither to files nor to directories.
    let outside = scratch.dir("outside");
    let name = short.file_name().unwrap();
    fs::write(outside.join(name), "x").unwrap();
    let link = scratch.at("cache/x");
    symlink(&outside, &link).unwrap();
    kept.extend([outside.join(name), link]);
    load(first);
    kept.sort();
    assert_eq!(files(scratch.path()), kept);
    assert!(disk::open(first, &key::hash(b"a"), b"a").is_ok());
    assert_eq!(first.view().entries, 1);
}

#[test]
fn a_directory_that_is_missing_is_loaded_as_empty() {
    let scratch = Scratch::new();
    let zone = zone(settings(&scratch.at("gone")));
    load(zone);
    assert!(!zone.view().loading);
}

#[test]
fn what_nobody_asks_for_goes() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    drop(store(zone, b"a", &long_body()));
    let began = Instant::now();
    manage(zone, began + Duration::from_secs(599));
    assert!(found(zone, b"a").is_ok());
    // Keys that were only asked for go with it.
    for n in 0..200_u8 {
        zone.visit(&[n; 16], began);
    }
    manage(zone, began + Duration::from_secs(603));
    assert_eq!(files(scratch.path()), NOTHING);
    assert_eq!(zone.view().size, 0);
}

#[test]
fn what_is_in_use_stays() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    let ticket = store(zone, b"a", &long_body());
    let late = Instant::now() + Duration::from_secs(603);
    manage(zone, late);
    assert!(found(zone, b"a").is_ok());
    drop(ticket);
    manage(zone, late);
    assert_eq!(files(scratch.path()), NOTHING);
}

#[test]
fn what_is_over_max_size_after_loading_goes() {
    let scratch = Scratch::new();
    let first = zone(place(&scratch));
    for n in 0..10_u8 {
        store_short(first, &[n], b"body");
    }
    let mut second = place(&scratch);
    second.max_size = Some(3 * 4096);
    let second = zone(second);
    load(second);
    manage(second, Instant::now());
    assert_eq!((second.view().size, second.view().entries), (3 * 4096, 3));
    assert_eq!(files(scratch.path()).len(), 3);
}

#[test]
fn a_file_system_without_room_empties_the_cache() {
    let scratch = Scratch::new();
    let mut settings = place(&scratch);
    settings.min_free = u64::MAX;
    let zone = zone(settings);
    drop(store(zone, b"a", &long_body()));
    zone.visit(&[1; 16], Instant::now());
    drop(store(zone, b"b", &long_body()));
    manage(zone, Instant::now());
    assert_eq!(files(scratch.path()), NOTHING);
}

#[test]
fn what_was_found_damaged_is_removed() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    let hash = key::hash(b"a");
    let path = key::file_path(zone.settings, &hash);
    fs::write(&path, [b'x'; 200]).unwrap();
    load(zone);
    let visit = zone.visit(&hash, Instant::now()).unwrap();
    zone.lost(&hash, visit.version, true);
    let mut manager = Manager::new(zone);
    assert!(manager.step(false, Instant::now()));
    assert!(!manager.step(false, Instant::now()));
    assert!(!path.exists());
}

#[test]
fn purges_by_wildcard_are_carried_out_and_forgotten() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    for key in [&b"http://a/1"[..], b"http://a/2", b"http://b/1"] {
        store_short(zone, key, b"body");
    }
    assert!(Purger::begin(zone, Instant::now()).is_none());
    zone.purge_prefix(b"http://a/", SystemTime::now());
    purged::save(zone).unwrap();
    store_short(zone, b"http://a/2", b"new");
    assert_eq!(files(scratch.path()).len(), 4);
    let mut purger = Purger::begin(zone, Instant::now()).unwrap();
    // A rule that came later is not over with this walk.
    let later = zone.purge_prefix(b"x", SystemTime::now());
    while purger.step() {}
    assert_eq!(purger.finish(), End::Done);
    assert_eq!(purged::load(zone.settings).unwrap(), zone.rules());
    assert_eq!(zone.rules(), [later]);
    assert_eq!(files(scratch.path()).len(), 3);
    assert!(found(zone, b"http://a/1").is_err());
    assert!(found(zone, b"http://a/2").is_ok() && found(zone, b"http://b/1").is_ok());
    let mut purger = Purger::begin(zone, Instant::now()).unwrap();
    while purger.step() {}
    assert_eq!(purger.finish(), End::Done);
    assert_eq!(files(scratch.path()).len(), 2);
}

#[test]
fn a_purge_is_not_over_while_what_it_hits_waits_to_be_written() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    store(zone, b"a", b"body");
    zone.purge_prefix(b"", SystemTime::now());
    let mut purger = Purger::begin(zone, Instant::now()).unwrap();
    while purger.step() {}
    assert_eq!(purger.finish(), End::Waits);
    while saver(zone).step(Instant::now()) {}
    assert_eq!(purger.finish(), End::Done);
    let visit = zone.visit(&key::hash(b"a"), Instant::now()).unwrap();
    assert!(!matches!(visit.known, Known::Held(_)));
}

#[test]
fn stretches_end_by_number_and_by_time() {
    let pace = |files, threshold| Pace {
        files,
        threshold: Duration::from_secs(threshold),
        sleep: Duration::from_secs(1),
    };
    let mut count = 0;
    let mut step = || {
        count += 1;
        true
    };
    assert!(stretch(&pace(7, 1000), &mut step).is_some());
    assert!(stretch(&pace(7, 0), &mut step).is_some());
    assert_eq!(count, 8);
    assert_eq!(stretch(&pace(7, 1000), || false), None);
}

/// Something else than the zone's directory is at its place, which is as good as one that can not be opened.
fn without_directory(zone: &Zone, scratch: &Scratch, act: impl FnOnce()) {
    let aside = scratch.at("aside");
    fs::rename(&zone.settings.path, &aside).unwrap();
    fs::write(&zone.settings.path, "").unwrap();
    act();
    fs::remove_file(&zone.settings.path).unwrap();
    fs::rename(&aside, &zone.settings.path).unwrap();
}

#[test]
fn a_walk_that_can_not_look_at_everything_does_not_end_the_rules() {
    let scratch = Scratch::new();
    let mut settings = place(&scratch);
    settings.purger = Some(settings.manager);
    let zone = zone(settings);
    store_short(zone, b"a", b"body");
    let rule = zone.purge_prefix(b"", SystemTime::now());
    let mut ward = Ward::new(zone, Instant::now());
    ward.loader = None;
    without_directory(zone, &scratch, || {
        while ward.purger.is_some() || ward.purge_due <= Instant::now() {
            ward.purge(Instant::now());
        }
    });
    assert_eq!(zone.rules(), [rule]);
    // The next walk is not for at once.
    assert!(ward.purge(Instant::now()).is_some() && ward.purger.is_none());
    while !zone.rules().is_empty() {
        ward.purge(Instant::now() + AGAIN);
    }
    assert_eq!(files(scratch.path()), NOTHING);
}

#[test]
fn what_can_not_be_loaded_is_loaded_later() {
    let scratch = Scratch::new();
    store_short(zone(place(&scratch)), b"a", b"body");
    let zone = zone(place(&scratch));
    let mut ward = Ward::new(zone, Instant::now());
    without_directory(zone, &scratch, || {
        while ward.load_due <= Instant::now() {
            ward.load(Instant::now());
        }
    });
    assert!(zone.view().loading);
    while ward.load(Instant::now() + AGAIN).is_some() {}
    let view = zone.view();
    assert_eq!((view.loading, view.entries), (false, 1));
}

#[test]
fn the_end_of_the_process_waits_for_what_is_not_written() {
    let scratch = Scratch::new();
    let mut one = place(&scratch);
    one.manager.files = 1;
    let two = settings(&scratch.dir("two"));
    let settings: &'static [_] = Box::leak(Box::new([one, two]));
    let zones = crate::cache::open(settings);
    let keeper = Keeper::start(zones).unwrap().unwrap();
    for zone in zones {
        for n in 0..50_u8 {
            store(zone, &[n], b"body");
        }
    }
    keeper.finish(PATIENCE);
    for zone in zones {
        assert_eq!(files(&zone.settings.path).len(), 50);
        assert!(found(zone, &[7]).is_ok());
    }
}

#[test]
fn what_is_too_much_goes_as_soon_as_all_is_loaded() {
    let scratch = Scratch::new();
    let first = zone(place(&scratch));
    for n in 0..20_u8 {
        store_short(first, &[n], b"body");
    }
    let mut second = place(&scratch);
    second.max_size = Some(3 * 4096);
    second.loader.files = 2;
    second.loader.sleep = Duration::ZERO;
    let second = zone(second);
    let mut ward = Ward::new(second, Instant::now());
    for _ in 0..40 {
        ward.tend(Instant::now());
    }
    assert_eq!(files(scratch.path()).len(), 3);
}

#[test]
fn without_zones_there_is_no_keeper() {
    assert!(Keeper::start(&[]).unwrap().is_none());
}

#[test]
fn a_directory_that_can_not_be_used_ends_the_start() {
    let scratch = Scratch::new();
    let zones: &'static [_] = Box::leak(Box::new([settings(&scratch.at("gone"))]));
    let error = Keeper::start(crate::cache::open(zones)).unwrap_err();
    assert!(error.to_string().contains("gone"));
}
