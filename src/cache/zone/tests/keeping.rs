//! What is loaded, written, removed and counted.

use super::*;

#[test]
fn entries_are_written_in_the_order_in_which_they_came() {
    let zone = zone();
    let tickets: Vec<Ticket> = (1..4).map(|n| ticket(zone, n)).collect();
    let at = |n: u64| zone.began + Duration::from_secs(n);
    assert_eq!(zone.unsaved_since(), None);
    for (n, ticket) in (1..).zip(&tickets) {
        assert!(zone.hold_new(ticket, &fresh(zone, b"key"), at(n)));
    }
    assert_eq!(zone.unsaved_since(), Some(at(1)));
    assert!(zone.next_unsaved(at(0)).is_none());
    let first = zone.next_unsaved(at(2)).unwrap();
    assert_eq!(first.hash, hash(1));
    assert!(zone.is_unsaved(&first));
    zone.saved(&first, 100);
    assert!(!zone.is_unsaved(&first) && zone.has_file(&hash(1)));
    // Purged ones are not written, nor what has left.
    zone.purge(&hash(2));
    assert!(zone.next_unsaved(at(2)).is_none());
    let third = zone.next_unsaved(at(3)).unwrap();
    assert_eq!(third.hash, hash(3));
    assert_eq!(zone.unsaved_since(), None);
    zone.save_failed(&third);
    assert!(!zone.is_unsaved(&third) && is_held(zone, 3));
}

#[test]
fn what_changes_while_it_waits_or_is_written_is_written_as_it_is_then() {
    let zone = zone();
    let ticket = ticket(zone, 1);
    let [one, two, three] = [(); 3].map(|()| fresh(zone, b"key"));
    assert!(zone.hold_new(&ticket, &one, zone.began));
    assert!(zone.hold_new(&ticket, &two, zone.began));
    assert_eq!(zone.lock().dirty.len(), 1, "it waits once");
    let unsaved = zone.next_unsaved(Instant::now()).unwrap();
    assert!(Arc::ptr_eq(&unsaved.entry, &two));
    // While it is being written.
    assert!(zone.hold_new(&ticket, &three, zone.began));
    assert!(!zone.is_unsaved(&unsaved));
    let unsaved = zone.next_unsaved(Instant::now()).unwrap();
    assert!(Arc::ptr_eq(&unsaved.entry, &three));
    zone.saved(&unsaved, 1);
    assert!(zone.next_unsaved(Instant::now()).is_none());
}

#[test]
fn what_comes_between_the_last_look_and_the_end_of_writing_is_written_too() {
    let zone = zone();
    let ticket = ticket(zone, 1);
    let [one, two, three] = [(); 3].map(|()| fresh(zone, b"key"));
    assert!(zone.hold_new(&ticket, &one, zone.began));
    let unsaved = zone.next_unsaved(zone.began).unwrap();
    assert!(zone.is_unsaved(&unsaved));
    assert!(zone.hold_new(&ticket, &two, zone.began));
    zone.saved(&unsaved, 100);
    let unsaved = zone.next_unsaved(zone.began).unwrap();
    assert!(Arc::ptr_eq(&unsaved.entry, &two));
    // The same when it fails.
    assert!(zone.hold_new(&ticket, &three, zone.began));
    zone.save_failed(&unsaved);
    let unsaved = zone.next_unsaved(zone.began).unwrap();
    assert!(Arc::ptr_eq(&unsaved.entry, &three));
    zone.saved(&unsaved, 5000);
    assert!(zone.next_unsaved(zone.began).is_none());
    assert_eq!(zone.view().size, 2 * 4096);
}

#[test]
fn what_can_not_be_written_leaves_nothing_older_behind() {
    let zone = zone();
    file(zone, 1);
    let newer = fresh(zone, b"key");
    assert!(zone.hold_new(&ticket(zone, 1), &newer, zone.began));
    let unsaved = zone.next_unsaved(zone.began).unwrap();
    zone.save_failed(&unsaved);
    assert!(is_held(zone, 1) && !zone.has_file(&hash(1)));
    assert_eq!(zone.take_removals(), [hash(1)]);
    zone.trim();
    assert!(matches!(visit(zone, 1).known, Known::Nothing));
    assert_eq!((zone.view().entries, zone.view().size), (0, 0));
}

#[test]
fn only_so_much_waits_to_be_written() {
    let zone = zone_of(settings(64 << 10));
    let hold = |n| {
        let is_held = zone.hold_new(&ticket(zone, n), &fresh(zone, b"key"), zone.began);
        // Its place in the queue is left behind.
        zone.purge(&hash(n));
        is_held
    };
    let count = (0..9999).take_while(|n| hold(*n)).count();
    assert_eq!(count, 128);
    assert!(zone.next_unsaved(Instant::now()).is_none());
    assert!(hold(0));
}

#[test]
fn loaded_files_count_as_used_once_and_before_all_others() {
    let zone = zone();
    visit(zone, 1);
    for n in 2..4 {
        assert!(zone.load(&hash(n), 5000, zone.began));
    }
    assert_eq!((zone.view().size, zone.view().entries), (4 * 4096, 2));
    assert_eq!(zone.shrink(true, 1), [hash(3)]);
    assert_eq!(visit(zone, 2).uses, 2);
    assert_eq!(
        zone.shrink(true, 1),
        NOTHING,
        "the first one, without a file"
    );
    assert_eq!(zone.shrink(true, 1), [hash(2)]);
    assert_eq!(zone.shrink(true, 1), NOTHING);
}

#[test]
fn a_file_is_known_even_if_a_request_was_quicker_than_the_loader() {
    let zone = zone();
    let ticket = ticket(zone, 1);
    assert!(zone.hold_new(&ticket, &fresh(zone, b"key"), zone.began));
    assert!(zone.load(&hash(1), 100, zone.began));
    assert!(is_held(zone, 1));
    // An older one, which must go with the key.
    assert!(zone.purge(&hash(1)).look);
    file(zone, 1);
    assert!(zone.load(&hash(1), 9000, zone.began));
    assert_eq!(zone.view().size, 4096);
}

#[test]
fn what_the_memory_can_not_hold_is_not_loaded() {
    let zone = zone_of(settings(64 << 10));
    let count = (0..9999).take_while(|n| zone.load(&hash(*n), 1, zone.began));
    let count = count.count();
    assert!((500..1000).contains(&count));
    assert_eq!(zone.view().entries, count as u64);
    assert_eq!(zone.take_removals(), NOTHING);
    // But a request gets what was used least.
    assert!(zone.visit(&hash(20_000), zone.began).is_some());
    assert_eq!(zone.take_removals().len(), 1);
    assert_eq!(zone.view().counts.evictions, 1);
}

#[test]
fn room_is_reserved_before_it_is_written() {
    let zone = zone_of(Settings {
        max_size: Some(5 * 4096),
        ..settings(1 << 20)
    });
    (1..5).for_each(|n| drop(file(zone, n)));
    assert_eq!(zone.reserve(4096), Some(Vec::new()));
    assert_eq!(zone.reserve(1), Some(vec![hash(1)]));
    zone.unreserve(1);
    zone.unreserve(4096);
    assert_eq!(zone.reserve(2 * 4096), Some(Vec::new()));
    assert_eq!(zone.view().counts.evictions, 1);
    // More than there can be takes nobody's place.
    assert_eq!(zone.reserve(u64::MAX), None);
    assert_eq!(zone.reserve(3 * 4096 + 1), None);
    assert_eq!((zone.take_removals(), zone.view().entries), (vec![], 3));
    // More than there is: what had to go for that is gone all the same.
    let kept = ticket(zone, 2);
    assert_eq!(zone.reserve(3 * 4096), None);
    assert_eq!(zone.take_removals(), [hash(3), hash(4)]);
    drop(kept);
    zone.unreserve(u64::MAX);
    assert_eq!(zone.reserve(5 * 4096), Some(vec![hash(2)]));
}

#[test]
fn room_is_made_although_many_keys_have_no_file() {
    let zone = zone_of(Settings {
        max_size: Some(2 * 4096),
        ..settings(1 << 20)
    });
    (0..1000).for_each(|n| drop(visit(zone, n)));
    file(zone, 2000);
    file(zone, 2001);
    assert_eq!(zone.reserve(1), Some(vec![hash(2000)]));
    assert_eq!(zone.view().counts.evictions, 1001);
}

#[test]
fn what_nobody_asked_for_expires() {
    let zone = zone();
    let at = |n| zone.began + Duration::from_secs(n);
    (1..6).for_each(|n| drop(file(zone, n)));
    zone.visit(&hash(2), at(100));
    let kept = ticket(zone, 1);
    assert_eq!(zone.expire(at(600), 9), NOTHING);
    assert_eq!(zone.expire(at(601), 2), [hash(3), hash(4)]);
    assert_eq!(zone.expire(at(601), 9), [hash(5)]);
    assert!(zone.has_file(&hash(1)), "in use");
    assert_eq!(zone.expire(at(701), 9), [hash(2)]);
    drop(kept);
    assert_eq!(zone.expire(at(701), 9), [hash(1)]);
    assert_eq!(zone.view().counts.evictions, 5);
}

#[test]
fn what_is_over_the_limit_goes_by_last_use() {
    let zone = zone_of(Settings {
        max_size: Some(3 * 4096),
        ..settings(1 << 20)
    });
    (1..7).for_each(|n| drop(file(zone, n)));
    visit(zone, 1);
    assert_eq!(zone.shrink(false, 2), [hash(2), hash(3)]);
    assert_eq!(zone.shrink(false, 9), [hash(4)]);
    assert_eq!(zone.shrink(false, 9), NOTHING);
    assert_eq!(zone.shrink(true, 9), [hash(5)]);
    zone.forget_file(&hash(6));
    assert_eq!(zone.view().size, 4096);
}

#[test]
fn the_keeper_is_called_once_for_what_came_meanwhile() {
    let zone = zone();
    zone.call_keeper();
    zone.call_keeper();
    // Returns at once, or this test takes as long as it may.
    zone.rest(Duration::from_secs(3600));
    zone.rest(Duration::ZERO);
    assert!(zone.hold_new(&ticket(zone, 1), &fresh(zone, b"key"), zone.began));
    zone.rest(Duration::from_secs(3600));
}

#[test]
fn what_was_replaced_does_not_come_back() {
    let zone = zone();
    let ticket = ticket(zone, 1);
    file(zone, 1);
    assert!(zone.has_file(&hash(1)));
    zone.take_removals();
    assert!(zone.hold_new(&ticket, &fresh(zone, b"key"), zone.began));
    let unsaved = zone.next_unsaved(Instant::now()).unwrap();
    // What has come meanwhile has nothing to do with it.
    let newer = fresh(zone, b"key");
    assert!(zone.hold_new(&ticket, &newer, zone.began));
    zone.save_failed(&unsaved);
    assert!(zone.has_file(&hash(1)));
    assert_eq!(zone.take_removals(), NOTHING);
    let unsaved = zone.next_unsaved(Instant::now()).unwrap();
    zone.save_failed(&unsaved);
    assert!(!zone.has_file(&hash(1)) && is_held(zone, 1));
    assert_eq!(zone.take_removals(), [hash(1)]);
}
