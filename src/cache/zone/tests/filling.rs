//! Who fills, who waits, and how that ends.

use super::*;

#[test]
fn one_fills_and_the_others_wait() {
    let zone = zone();
    let woken = listen(zone);
    let ticket = granted(zone, 1, zone.began);
    assert!(ticket.lease.is_some());
    match lease(zone, 1, zone.began + Duration::from_secs(1)) {
        Leased::Held(since) => assert_eq!(since, zone.began),
        other => panic!("{other:?}"),
    }
    for slot in [1, 2, 3, 2] {
        assert!(zone.wait(&hash(1), waiter(slot)));
    }
    zone.leave(&hash(1), waiter(3));
    zone.leave(&hash(1), waiter(9));
    zone.leave(&hash(9), waiter(1));
    assert_eq!((zone.view().waiters, zone.view().filling), (2, 1));
    assert_eq!(take(&woken), []);
    ticket.end(Verdict::Stored);
    assert_eq!(take(&woken), [1, 2], "once each");
    assert!(!zone.wait(&hash(1), waiter(1)));
    assert_eq!((zone.view().waiters, zone.view().filling), (0, 0));
}

#[test]
fn whoever_gives_up_wakes_the_next() {
    let zone = zone();
    let woken = listen(zone);
    let ticket = granted(zone, 1, zone.began);
    assert!(zone.wait(&hash(1), waiter(1)) && zone.wait(&hash(1), waiter(2)));
    drop(ticket);
    assert_eq!(take(&woken), [1, 2]);
    let _next = granted(zone, 1, zone.began);
    assert!(matches!(lease(zone, 1, zone.began), Leased::Held(_)));
}

#[test]
fn a_lease_of_some_age_is_taken_over_with_those_who_wait() {
    let zone = zone();
    let woken = listen(zone);
    let slow = granted(zone, 1, zone.began);
    assert!(zone.wait(&hash(1), waiter(1)));
    let moment = Duration::from_millis(1);
    let before = lease(zone, 1, zone.began + AGE - moment);
    assert!(matches!(before, Leased::Held(_)));
    let quick = granted(zone, 1, zone.began + AGE);
    assert!(zone.wait(&hash(1), waiter(2)));
    slow.end(Verdict::Abandoned);
    assert_eq!(take(&woken), [], "another is at it");
    quick.end(Verdict::Stored);
    assert_eq!(take(&woken), [1, 2]);
}

#[test]
fn what_the_first_has_stored_is_not_waited_for_any_more() {
    for verdict in [Verdict::Stored, Verdict::Unstorable] {
        let zone = zone();
        let woken = listen(zone);
        let slow = granted(zone, 1, zone.began);
        let quick = granted(zone, 1, zone.began + AGE);
        assert!(zone.wait(&hash(1), waiter(1)));
        slow.end(verdict);
        assert_eq!(take(&woken), [1]);
        assert!(zone.wait(&hash(1), waiter(2)));
        quick.end(verdict);
        assert_eq!(take(&woken), [2]);
        assert_eq!(zone.view().filling, 0);
    }
}

#[test]
fn a_ticket_without_a_lease_wakes_nobody_but_with_a_response() {
    let zone = zone();
    let woken = listen(zone);
    let _lease = granted(zone, 1, zone.began);
    assert!(zone.wait(&hash(1), waiter(1)));
    drop(ticket(zone, 1));
    ticket(zone, 1).end(Verdict::Abandoned);
    ticket(zone, 1).end(Verdict::Unstorable);
    assert_eq!(take(&woken), []);
    assert!(matches!(lease(zone, 1, zone.began), Leased::Held(_)));
    ticket(zone, 1).end(Verdict::Stored);
    assert_eq!(take(&woken), [1]);
}

#[test]
fn after_what_can_not_be_stored_nobody_waits_for_a_while() {
    let zone = zone();
    granted(zone, 1, zone.began).end(Verdict::Unstorable);
    // The first takes the lease all the same: its response may be another.
    let first = granted(zone, 1, Instant::now());
    match lease(zone, 1, Instant::now()) {
        Leased::Open(ticket) => assert!(ticket.lease.is_none()),
        other => panic!("{other:?}"),
    }
    let later = Instant::now() + Duration::from_secs(31);
    let version = visit(zone, 1).version;
    let lease = |age| zone.lease(&hash(1), version, later, age);
    assert!(matches!(lease(AGE * 9), Leased::Held(_)));
    zone.filed(&first, &fresh(zone, b"key"), 1);
    let now = Instant::now();
    let stored = zone.lease(&hash(1), version, now, AGE);
    assert!(matches!(stored, Leased::Held(_)));
}

#[test]
fn a_verdict_from_before_a_purge_says_nothing() {
    let zone = zone();
    let old = granted(zone, 1, zone.began);
    zone.purge(&hash(1));
    old.end(Verdict::Unstorable);
    let _first = granted(zone, 1, Instant::now());
    assert!(matches!(lease(zone, 1, Instant::now()), Leased::Held(_)));
}

#[test]
fn nobody_waits_for_a_fill_that_was_purged() {
    let zone = zone();
    let woken = listen(zone);
    let doomed = granted(zone, 1, zone.began);
    let version = doomed.version;
    assert!(zone.wait(&hash(1), waiter(1)));
    zone.purge(&hash(1));
    let good = granted(zone, 1, zone.began);
    // Who asked before the purge takes nothing from who asked after it.
    let late = zone.lease(&hash(1), version, zone.began, AGE);
    assert!(matches!(late, Leased::Held(_)));
    drop(doomed);
    assert_eq!(take(&woken), []);
    good.end(Verdict::Stored);
    assert_eq!(take(&woken), [1]);
}

#[test]
fn a_ticket_keeps_its_key_and_no_other_ticket_ends_that() {
    let zone = zone();
    let version = visit(zone, 1).version;
    let first = zone.ticket(&hash(1), version);
    let second = zone.ticket(&hash(1), version);
    drop(first);
    zone.shrink(true, 1);
    assert!(zone.lock().is_current(&hash(1), version));
    drop(second);
    zone.shrink(true, 1);
    assert!(!zone.lock().is_current(&hash(1), version));
    // One that was given when there was no node does not end what a later one keeps.
    let early = zone.ticket(&hash(1), version);
    let version = visit(zone, 1).version;
    let late = zone.ticket(&hash(1), version);
    drop(early);
    zone.shrink(true, 1);
    assert!(zone.lock().is_current(&hash(1), late.version));
}

#[test]
fn what_was_purged_meanwhile_is_not_stored() {
    let zone = zone();
    let (old, entry) = (ticket(zone, 1), fresh(zone, b"key"));
    zone.purge(&hash(1));
    assert!(!zone.hold_new(&old, &entry, zone.began));
    assert!(!zone.renewed(&old, &entry, &entry, None));
    // The file was there before the purge was seen.
    zone.filed(&old, &entry, 100);
    assert!(is_nothing(zone, 1) && !zone.has_file(&hash(1)));
    assert_eq!(zone.take_removals(), [hash(1)]);
    let new = ticket(zone, 1);
    assert!(zone.hold_new(&new, &entry, zone.began) && is_held(zone, 1));
    zone.purge_prefix(b"ke", SystemTime::now());
    assert!(!zone.hold_new(&new, &entry, zone.began));
    assert!(!zone.renewed(&new, &entry, &entry, Some(1)));
    zone.filed(&new, &entry, 100);
    assert!(is_nothing(zone, 1));
    assert_eq!(zone.view().counts.fills, 1);
}

#[test]
fn what_is_validated_keeps_its_place_among_those_to_be_written() {
    let zone = zone();
    let ticket = ticket(zone, 1);
    let entries: Vec<Arc<Entry>> = (0..4).map(|_| fresh(zone, b"key")).collect();
    zone.filed(&ticket, &entries[0], 100);
    // On the disk, but for its fields.
    assert!(zone.renewed(&ticket, &entries[0], &entries[1], None));
    assert!(zone.next_unsaved(Instant::now()).is_none());
    // Not on the disk, although an older file is.
    assert!(zone.hold_new(&ticket, &entries[2], zone.began));
    assert!(zone.renewed(&ticket, &entries[2], &entries[3], None));
    let unsaved = zone.next_unsaved(Instant::now()).unwrap();
    assert!(Arc::ptr_eq(&unsaved.entry, &entries[3]));
    zone.saved(&unsaved, 100);
    // Written by whoever validated it.
    let newer = fresh(zone, b"key");
    assert!(zone.hold_new(&ticket, &newer, zone.began));
    let entry = fresh(zone, b"key");
    assert!(zone.renewed(&ticket, &newer, &entry, Some(9000)));
    assert!(zone.next_unsaved(Instant::now()).is_none());
    assert_eq!((zone.view().size, zone.view().entries), (3 * 4096, 1));
}

#[test]
fn what_was_asked_for_later_keeps_its_place() {
    let zone = zone();
    let ticket = ticket(zone, 1);
    let [old, early, late] = [(); 3].map(|()| fresh(zone, b"key"));
    let is = |entry: &Arc<Entry>| matches!(visit(zone, 1).known, Known::Held(held) if Arc::ptr_eq(&held, entry));
    zone.filed(&ticket, &old, 100);
    assert_eq!(zone.standing(&hash(1), old.stamp), Standing::Saved);
    assert!(zone.hold_new(&ticket, &late, zone.began));
    assert_eq!(zone.standing(&hash(1), old.stamp), Standing::Gone);
    assert_eq!(zone.standing(&hash(1), late.stamp), Standing::Unsaved);
    // Its predecessor was validated, or fetched once more, but by a request that is older.
    for size in [None, Some(100)] {
        assert!(!zone.renewed(&ticket, &old, &early, size) && is(&late));
    }
    assert!(!ticket.may_fill(b"key", early.stamp));
    assert!(!zone.hold_new(&ticket, &early, zone.began) && is(&late));
    zone.filed(&ticket, &early, 100);
    assert!(is(&late));
    let unsaved = zone.next_unsaved(Instant::now()).unwrap();
    assert!(Arc::ptr_eq(&unsaved.entry, &late));
    let later = fresh(zone, b"key");
    assert!(zone.hold_new(&ticket, &later, zone.began) && is(&later));
}

/// An entry of a time when the clock was ahead must not stay for as long.
#[test]
fn what_has_a_stamp_of_the_future_is_replaced() {
    let zone = zone();
    let stamp = zone.stamp(SystemTime::now()) + (1 << 40);
    let entry = entry_of(b"key", stamp, Body::Memory(Arc::default()));
    assert!(zone.load(&hash(1), 1, zone.began));
    let version = visit(zone, 1).version;
    assert!(zone.warm(&hash(1), version, &entry, 1).is_some());
    let ticket = ticket(zone, 1);
    assert!(zone.hold_new(&ticket, &fresh(zone, b"key"), zone.began));
}
