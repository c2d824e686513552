//! What a zone promises to the front, the workers and the keeper.

mod filling;
mod keeping;
mod purging;
mod stress;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use super::{Known, Leased, Standing, Ticket, Verdict, Visit, Waiter, Zone};
use crate::cache::index::tests::{entry_of, hash};
use crate::cache::key::Hash;
use crate::cache::{Body, CacheStatus, Entry};
use crate::config::cache::{Pace, Zone as Settings};

const NOTHING: [Hash; 0] = [];
/// How long a lease is good, in these tests.
const AGE: Duration = Duration::from_secs(5);

fn settings(size: usize) -> Settings {
    let pace = Pace {
        files: 1,
        threshold: Duration::ZERO,
        sleep: Duration::ZERO,
    };
    Settings {
        name: "a".into(),
        path: PathBuf::from("/nowhere"),
        levels: Vec::new(),
        use_temp_path: false,
        temp: PathBuf::from("/nowhere"),
        size,
        inactive: Duration::from_secs(600),
        max_size: None,
        min_free: 0,
        manager: pace,
        loader: pace,
        purger: None,
    }
}

fn zone_of(settings: Settings) -> &'static Zone {
    let zone = Zone::new(Box::leak(Box::new(settings)), Instant::now());
    let zone: &'static Zone = Box::leak(Box::new(zone));
    zone.loaded();
    zone
}

fn zone() -> &'static Zone {
    zone_of(settings(1 << 20))
}

/// Asks for a key that has this number.
fn visit(zone: &Zone, n: u32) -> Visit {
    zone.visit(&hash(n), zone.began).unwrap()
}

fn ticket(zone: &'static Zone, n: u32) -> Ticket {
    let version = visit(zone, n).version;
    zone.ticket(&hash(n), version)
}

fn lease(zone: &'static Zone, n: u32, now: Instant) -> Leased {
    let version = visit(zone, n).version;
    zone.lease(&hash(n), version, now, AGE)
}

/// The lease of a key that nobody fills.
fn granted(zone: &'static Zone, n: u32, now: Instant) -> Ticket {
    match lease(zone, n, now) {
        Leased::Granted(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

/// A response of now to a request for `key`.
fn fresh(zone: &Zone, key: &[u8]) -> Arc<Entry> {
    let body = Body::Memory(b"body".as_slice().into());
    entry_of(key, zone.stamp(SystemTime::now()), body)
}

/// Stores a response as a file of one unit.
fn file(zone: &'static Zone, n: u32) -> Arc<Entry> {
    let entry = fresh(zone, b"key");
    zone.filed(&ticket(zone, n), &entry, 100);
    entry
}

fn is_held(zone: &Zone, n: u32) -> bool {
    matches!(visit(zone, n).known, Known::Held(_))
}

fn is_nothing(zone: &Zone, n: u32) -> bool {
    matches!(visit(zone, n).known, Known::Nothing)
}

fn waiter(slot: usize) -> Waiter {
    Waiter { slot, serial: 1 }
}

/// Who was woken, by slot.
type Woken = Arc<Mutex<Vec<usize>>>;

fn listen(zone: &Zone) -> Woken {
    let woken = Woken::default();
    let to = Arc::clone(&woken);
    zone.set_wake(Box::new(move |waiter| {
        to.lock().unwrap().push(waiter.slot);
    }));
    woken
}

/// In order of the slots, for the order of waking is not a promise.
fn take(woken: &Woken) -> Vec<usize> {
    let mut slots = std::mem::take(&mut *woken.lock().unwrap());
    slots.sort_unstable();
    slots
}

#[test]
fn a_visit_counts_and_says_what_there_is() {
    let zone = zone();
    for uses in 1..4 {
        let visit = visit(zone, 1);
        assert!(matches!(visit.known, Known::Nothing));
        assert_eq!((visit.uses, visit.error), (uses, None));
    }
    let entry = file(zone, 1);
    match visit(zone, 1).known {
        Known::Held(held) => assert!(Arc::ptr_eq(&held, &entry)),
        other => panic!("{other:?}"),
    }
    while zone.view().held > 0 {
        zone.trim();
    }
    assert!(matches!(visit(zone, 1).known, Known::File));
    assert_eq!((zone.view().entries, zone.view().size), (1, 4096));
}

#[test]
fn while_files_are_not_known_the_first_visit_tries_the_disk() {
    let zone = zone();
    zone.lock().loading = true;
    assert!(matches!(visit(zone, 1).known, Known::File));
    assert!(is_nothing(zone, 1));
    zone.loaded();
    assert!(is_nothing(zone, 2));
}

#[test]
fn what_was_read_from_the_disk_is_held_unless_it_was_purged() {
    let zone = zone();
    let (first, second) = (fresh(zone, b"key"), fresh(zone, b"key"));
    assert!(zone.load(&hash(1), 100, zone.began));
    let version = visit(zone, 1).version;
    let warm = |entry| zone.warm(&hash(1), version, entry, 100);
    assert!(Arc::ptr_eq(&warm(&first).unwrap(), &first));
    assert!(Arc::ptr_eq(&warm(&second).unwrap(), &first), "was quicker");
    zone.purge(&hash(1));
    assert!(warm(&first).is_none() && is_nothing(zone, 1));
    let version = visit(zone, 1).version;
    zone.purge_prefix(b"k", SystemTime::now());
    assert!(zone.warm(&hash(1), version, &first, 100).is_none());
    assert!(zone.warm(&hash(9), 0, &first, 100).is_none(), "no node");
}

#[test]
fn what_was_read_before_its_node_went_and_was_purged_is_not_held() {
    let zone = zone();
    let entry = fresh(zone, b"key");
    let version = visit(zone, 1).version;
    let gone = |zone: &Zone| zone.shrink(true, 1);
    gone(zone);
    zone.purge(&hash(1));
    visit(zone, 1);
    assert!(zone.warm(&hash(1), version, &entry, 100).is_none());
    assert!(!zone.lock().is_current(&hash(1), version));
}

#[test]
fn a_file_that_is_lost_is_not_known_any_more() {
    let zone = zone();
    assert!(zone.load(&hash(1), 100, zone.began));
    let version = visit(zone, 1).version;
    zone.lost(&hash(1), version.wrapping_add(1), true);
    assert!(matches!(visit(zone, 1).known, Known::File));
    zone.lost(&hash(1), version, false);
    assert!(is_nothing(zone, 1));
    // It may have come a moment ago, and then nobody else would remove it.
    assert_eq!(zone.take_removals(), [hash(1)]);
    zone.lost(&hash(1), version, false);
    assert_eq!(zone.take_removals(), NOTHING);
    zone.lost(&hash(1), version, true);
    assert_eq!(zone.take_removals(), [hash(1)]);
    file(zone, 1);
    zone.lost(&hash(1), version, true);
    assert!(is_held(zone, 1), "there is a new one");
    assert_eq!(zone.take_removals(), NOTHING);
}

#[test]
fn what_is_let_go_of_is_dropped_after_the_lock() {
    let zone = zone();
    let (old, new) = (fresh(zone, b"key"), fresh(zone, b"key"));
    assert!(zone.hold_new(&ticket(zone, 1), &old, zone.began));
    let mut state = zone.lock();
    assert!(state.index.hold(&hash(1), &new, false));
    assert_eq!(Arc::strong_count(&old), 2);
    drop(state);
    assert_eq!(Arc::strong_count(&old), 1);
}

#[test]
fn an_error_is_remembered_for_its_time() {
    let zone = zone();
    let at = |seconds| zone.began + Duration::from_millis(seconds);
    let first = ticket(zone, 1);
    zone.remember(&first, 502, Duration::from_secs(2), at(500));
    let error = |ms| zone.visit(&hash(1), at(ms)).unwrap().error;
    assert_eq!(
        (error(600), error(2499), error(3000)),
        (Some(502), Some(502), None)
    );
    zone.remember(&first, 504, Duration::MAX, at(500));
    assert_eq!(error(1 << 40), Some(504));
    zone.purge(&hash(1));
    assert_eq!(error(600), None);
    zone.remember(&first, 502, AGE, at(500));
    assert_eq!(error(600), None, "asked before the purge");
    let second = ticket(zone, 1);
    zone.remember(&second, 502, AGE, at(500));
    let entry = file(zone, 1);
    assert_eq!(error(600), None, "there is a response");
    zone.remember(&ticket(zone, 1), 502, Duration::from_secs(9), at(500));
    assert_eq!(error(600), Some(502));
    let renewed = fresh(zone, b"key");
    assert!(zone.renewed(&ticket(zone, 1), &entry, &renewed, None));
    assert_eq!(error(600), None, "it is good again");
}

#[test]
fn where_there_is_no_memory_a_request_passes_by() {
    let zone = zone_of(settings(64 << 10));
    let tickets: Vec<Ticket> = (0..10_000)
        .map_while(|n| {
            let visit = zone.visit(&hash(n), zone.began)?;
            Some(zone.ticket(&hash(n), visit.version))
        })
        .collect();
    assert!((500..1000).contains(&tickets.len()), "{}", tickets.len());
    assert!(zone.view().memory_used <= 64 << 10);
    drop(tickets);
    assert!(zone.visit(&hash(20_000), zone.began).is_some());
    assert_eq!(zone.lock().begun.len(), 0);
}

#[test]
fn each_answer_is_counted_as_what_it_was() {
    let zone = zone();
    for status in [CacheStatus::Hit, CacheStatus::Hit, CacheStatus::Updating] {
        zone.count(status);
    }
    let counts = zone.view().counts;
    assert_eq!((counts.hit, counts.updating, counts.miss), (2, 1, 0));
}
