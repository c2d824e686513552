//! Purges, of one key and of all that begin alike.

use std::time::UNIX_EPOCH;

use super::*;
use crate::cache::zone::Rule;

fn purge(zone: &Zone, prefix: &str) -> Rule {
    zone.purge_prefix(prefix.as_bytes(), SystemTime::now())
}

fn prefixes(zone: &Zone) -> Vec<String> {
    let text = |rule: Rule| String::from_utf8(rule.prefix.into()).unwrap();
    zone.rules().into_iter().map(text).collect()
}

#[test]
fn a_purge_tells_what_there_was() {
    let zone = zone();
    let tell = |n| {
        let purged = zone.purge(&hash(n));
        (purged.stored, purged.look)
    };
    assert_eq!(tell(1), (false, false));
    visit(zone, 1);
    assert_eq!(tell(1), (false, false));
    file(zone, 1);
    assert_eq!((tell(1), tell(1)), ((true, true), (false, false)));
    assert!(zone.hold_new(&ticket(zone, 1), &fresh(zone, b"key"), zone.began));
    assert_eq!(tell(1), (true, false));
    zone.lock().loading = true;
    assert_eq!((tell(1), tell(9)), ((false, true), (false, true)));
    assert_eq!(zone.view().counts.purges, 2);
    assert_eq!((zone.view().entries, zone.view().size), (0, 0));
}

#[test]
fn stamps_go_up_whatever_the_clock_does() {
    let zone = zone();
    let early = UNIX_EPOCH + Duration::from_secs(9);
    let walls = [SystemTime::now(), early, UNIX_EPOCH - AGE, early];
    let mut last = 0;
    for wall in walls {
        let stamp = zone.stamp(wall);
        let rule = zone.purge_prefix(b"x", wall);
        assert!(last < stamp && stamp < rule.stamp);
        last = rule.stamp;
    }
    let rule = Rule {
        stamp: u64::MAX,
        prefix: Box::default(),
    };
    zone.set_rules(vec![rule], early);
    assert_eq!(zone.stamp(early), u64::MAX);
}

#[test]
fn what_begins_alike_and_was_asked_for_before_is_purged() {
    let zone = zone();
    let before = zone.stamp(SystemTime::now());
    let rule = purge(zone, "http://a/");
    let after = zone.stamp(SystemTime::now());
    assert!(zone.is_purged(b"http://a/b", before) && zone.is_purged(b"http://a/", before));
    assert!(!zone.is_purged(b"http://a", before) && !zone.is_purged(b"http://a/b", after));
    let rules = zone.rules();
    assert_eq!(rules, [rule]);
    zone.drop_rules(&rules);
    assert_eq!(zone.rules(), []);
    assert!(!zone.is_purged(b"http://a/b", before));
}

#[test]
fn a_rule_that_a_later_one_covers_goes() {
    let zone = zone();
    for prefix in ["ab", "b", "abc", "a"] {
        purge(zone, prefix);
    }
    assert_eq!(prefixes(zone), ["b", "a"]);
    let rules = zone.rules();
    purge(zone, "");
    // A walk on behalf of the earlier ones says nothing of it.
    zone.drop_rules(&rules);
    assert_eq!(prefixes(zone), [""]);
}

#[test]
fn rules_of_an_earlier_process_hold() {
    let (first, second) = (zone(), zone());
    for prefix in ["b", "a"] {
        purge(first, prefix);
    }
    second.set_rules(first.rules(), UNIX_EPOCH);
    assert_eq!(second.rules(), first.rules());
    assert!(second.stamp(UNIX_EPOCH) > first.rules()[1].stamp);
}

#[test]
fn many_rules_become_fewer_that_take_away_at_least_as_much() {
    let zone = zone();
    let keys: Vec<String> = (0..2000_u32)
        .map(|n| format!("http://{}/{}", n % 97, n.wrapping_mul(2_654_435_761)))
        .collect();
    let other = zone.stamp(SystemTime::now());
    let stamps: Vec<u64> = keys
        .iter()
        .map(|key| {
            let stamp = zone.stamp(SystemTime::now());
            purge(zone, key);
            stamp
        })
        .collect();
    assert!(zone.rules().len() <= 256);
    for (key, stamp) in keys.iter().zip(&stamps) {
        assert!(zone.is_purged(key.as_bytes(), *stamp), "{key}");
    }
    assert!(
        !zone.is_purged(b"ftp://a", other),
        "least is lost by merging what is alike"
    );
    assert!(!zone.is_purged(b"http://1/", zone.stamp(SystemTime::now())));
    second_process(zone);
}

fn second_process(first: &Zone) {
    let second = zone();
    let mut rules = first.rules();
    let more = (0..300).map(|n| Rule {
        stamp: n,
        prefix: format!("z{n}").into_bytes().into(),
    });
    rules.extend(more);
    second.set_rules(rules, UNIX_EPOCH);
    assert!(second.rules().len() <= 256);
    assert!(second.is_purged(b"z299", 298));
}

#[test]
fn whoever_asks_for_what_is_purged_has_it_removed() {
    let zone = zone();
    file(zone, 1);
    assert!(zone.hold_new(&ticket(zone, 2), &fresh(zone, b"key"), zone.began));
    assert_eq!(zone.view().entries, 2);
    purge(zone, "k");
    assert!(is_nothing(zone, 1) && is_nothing(zone, 2));
    assert_eq!(zone.take_removals(), [hash(1)]);
    assert_eq!((zone.view().entries, zone.view().size), (0, 0));
}

#[test]
fn a_rule_that_is_over_still_holds_for_what_was_under_way() {
    let zone = zone();
    let (slow, stamp) = (ticket(zone, 1), fresh(zone, b"key").stamp);
    let entry = entry_of(b"key", stamp, Body::Memory(Arc::default()));
    zone.drop_rules(&[purge(zone, "k")]);
    assert_eq!(zone.rules(), []);
    // As long as a ticket for its key is out, if not always the same.
    let fill = zone.ticket(&hash(1), slow.version);
    drop(slow);
    zone.drop_rules(&[purge(zone, "other")]);
    assert!(zone.is_purged(b"key", stamp));
    assert!(!zone.hold_new(&fill, &entry, zone.began));
    assert!(zone.hold_new(&fill, &fresh(zone, b"key"), zone.began));
    drop(fill);
    zone.drop_rules(&[]);
    assert_eq!(zone.lock().past_rules.len(), 0);
    assert_eq!(zone.lock().begun.len(), 0);
}

#[test]
fn what_is_held_does_not_outlive_the_rule_that_purged_it() {
    let zone = zone();
    for n in 0..300 {
        let key = if n % 2 == 0 { b"even" } else { b"odd_" };
        let entry = fresh(zone, key);
        match n % 3 {
            0 => zone.filed(&ticket(zone, n), &entry, 100),
            _ => assert!(zone.hold_new(&ticket(zone, n), &entry, zone.began)),
        }
    }
    zone.drop_rules(&[purge(zone, "even")]);
    assert!((0..300).all(|n| is_held(zone, n) == (n % 2 == 1)));
    // Those that have a file which the keeper could not read.
    assert_eq!(zone.take_removals().len(), 50);
    assert_eq!(zone.view().entries, 150);
}

#[test]
fn what_is_read_gives_way_to_nothing_that_is_purged() {
    let zone = zone();
    let old = file(zone, 1);
    let version = visit(zone, 1).version;
    zone.purge_prefix(b"", SystemTime::now());
    // Neither what was read nor what is held.
    assert!(zone.warm(&hash(1), version, &old, 100).is_none());
    file(zone, 1);
    let version = visit(zone, 1).version;
    zone.purge_prefix(b"", SystemTime::now());
    let new = fresh(zone, b"key");
    let given = zone.warm(&hash(1), version, &new, 100);
    assert!(given.is_some_and(|entry| Arc::ptr_eq(&entry, &new)));
}

#[test]
fn a_purge_by_wildcard_forgets_errors() {
    let zone = zone();
    for n in 0..300 {
        zone.remember(&ticket(zone, n), 502, AGE, zone.began);
    }
    assert_eq!(visit(zone, 299).error, Some(502));
    purge(zone, "http://a/");
    assert!((0..300).all(|n| visit(zone, n).error.is_none()));
}

#[test]
fn many_rules_about_one_key_each_leave_the_others_alone() {
    let zone = zone();
    let before = zone.stamp(SystemTime::now());
    purge(zone, "http://a/b");
    for n in 0..1000 {
        zone.purge_led_to(format!("http://a/{n}").as_bytes(), SystemTime::now());
        assert!(zone.rules().len() <= 256);
    }
    let is_purged = |key: &[u8]| zone.is_purged(key, before);
    for n in 0..1000 {
        assert!(is_purged(format!("http://a/{n}\0/c").as_bytes()));
        assert!(!is_purged(format!("http://a/{n}").as_bytes()));
    }
    assert!(is_purged(b"http://a/b") && !is_purged(b"http://a/c"));
    let after = zone.stamp(SystemTime::now());
    assert!(!zone.is_purged(b"http://a/1\0/c", after));
}

/// Nobody knows whether it was stored before the purge, so it goes.
#[test]
fn what_was_stored_while_the_clock_was_ahead_is_purged() {
    let zone = zone();
    let now = SystemTime::now();
    let stamp = zone.stamp(now) + (1 << 50);
    let ahead = |key: &[u8], n| {
        let entry = entry_of(key, stamp, Body::Memory(Arc::default()));
        assert!(zone.load(&hash(n), 1, zone.began));
        let version = visit(zone, n).version;
        zone.warm(&hash(n), version, &entry, 1).is_some()
    };
    assert!(ahead(b"a1", 1) && is_held(zone, 1));
    let rule = purge(zone, "a");
    assert!(is_nothing(zone, 1));
    assert!(!ahead(b"a2", 2) && ahead(b"b", 3));
    assert!(zone.is_hit(&[rule], b"a3", stamp));
    // Nor when the clock has caught up.
    assert!(zone.stamp(now + Duration::from_micros(1 << 51)) > stamp);
    assert!(zone.is_purged(b"a1", stamp));
    // Nor does it come back with a later start.
    let later = zone_of(settings(1 << 20));
    later.set_rules(zone.rules(), now);
    assert!(later.is_purged(b"a3", stamp) && !later.is_purged(b"b", stamp));
    let stored = later.stamp(now);
    assert!(!later.is_purged(b"a3", stored));
    // What is of an earlier process is no such thing by itself.
    let third = zone_of(settings(1 << 20));
    purge(third, "a");
    let stored = third.stamp(now);
    let fourth = zone_of(settings(1 << 20));
    fourth.set_rules(third.rules(), SystemTime::now() + Duration::from_secs(1));
    assert!(!fourth.is_purged(b"a3", stored));
}
