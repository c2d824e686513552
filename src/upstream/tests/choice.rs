//! Who may be chosen at all: once for each request, primaries first, only where there is room and the family fits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::*;

#[test]
fn each_server_is_tried_once() {
    let (upstreams, t) = (
        one(Balance::RoundRobin, servers(["a", "b", "c"])),
        Instant::now(),
    );
    for _ in 0..5 {
        let mut run = upstreams.g().begin(b"", None);
        let mut order: Vec<char> = run.rest(None, t).chars().collect();
        order.sort_unstable();
        assert_eq!(order, ['a', 'b', 'c']);
        assert!(run.next(None, t).is_none());
    }
}

#[test]
fn two_servers_of_one_address_count_as_one_in_a_run() {
    let upstreams = one(Balance::RoundRobin, servers(["a", "b", "a"]));
    let t = Instant::now();
    assert_eq!(upstreams.g().begin(b"", None).rest(None, t), "ab");
    // Both get turns all the same.
    assert_eq!(upstreams.firsts(6, t).matches('a').count(), 4);
}

#[test]
fn groups_of_more_than_64_addresses_keep_count() {
    let names: Vec<GroupServer> = (1..=200)
        .map(|n| server(&format!("127.0.0.1:{n}")))
        .collect();
    let (upstreams, t) = (one(Balance::LeastConn, names), Instant::now());
    let mut run = upstreams.g().begin(b"", None);
    let mut seen = std::collections::BTreeSet::new();
    while let Some(picked) = run.next(None, t) {
        assert!(seen.insert(picked.address().to_string()));
    }
    assert_eq!(seen.len(), 200);
}

#[test]
fn backups_get_requests_only_when_no_primary_can() {
    let mut servers = servers(["a", "x", "b", "y"]);
    servers[1].backup = true;
    servers[3].backup = true;
    let (upstreams, t) = (one(Balance::RoundRobin, servers), Instant::now());
    assert_eq!(upstreams.firsts(4, t), "abab");
    assert_eq!(upstreams.g().begin(b"", None).rest(None, t), "abxy");
    upstreams.fail("unix:/a", t);
    upstreams.fail("unix:/b", t + secs(1));
    let order = upstreams.firsts(4, t + secs(1));
    assert_eq!(
        (order.matches('x').count(), order.matches('y').count()),
        (2, 2)
    );
    upstreams.succeed("unix:/a", t + secs(10));
    assert_eq!(upstreams.firsts(2, t + secs(10)), "aa");
}

#[test]
fn full_primaries_send_requests_to_the_backups() {
    let mut servers = servers(["a", "x"]);
    servers[0].max_conns = 1;
    servers[1].backup = true;
    let (upstreams, t) = (one(Balance::RoundRobin, servers), Instant::now());
    let held = upstreams.first(t).unwrap();
    assert_eq!(upstreams.firsts(2, t), "xx");
    drop(held);
    assert_eq!(upstreams.firsts(2, t), "aa");
}

#[test]
fn max_conns_is_never_passed_whatever_the_number_of_threads() {
    for names in [vec!["a"], vec!["a", "b"]] {
        let mut servers: Vec<GroupServer> = names
            .iter()
            .map(|name| server(&format!("unix:/{name}")))
            .collect();
        servers.iter_mut().for_each(|server| server.max_conns = 3);
        let (upstreams, t) = (one(Balance::LeastConn, servers), Instant::now());
        let running = [AtomicU32::new(0), AtomicU32::new(0)];
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let Some(picked) = upstreams.first(t) else {
                            continue;
                        };
                        let mine = &running[usize::from(short(&picked) == "b")];
                        assert!(mine.fetch_add(1, Ordering::SeqCst) < 3);
                        thread::yield_now();
                        mine.fetch_sub(1, Ordering::SeqCst);
                        drop(picked);
                    }
                });
            }
        });
        // All places are free again.
        let held: Vec<_> = (0..10).map_while(|_| upstreams.first(t)).collect();
        assert_eq!(held.len(), 3 * names.len());
        assert_eq!(upstreams.server("unix:/a", t).running, 3);
    }
}

#[test]
fn addresses_of_another_family_than_the_bind_address_are_as_if_not_there() {
    let servers = vec![server("127.0.0.1:1"), server("[::1]:2"), server("unix:/3")];
    let (upstreams, t) = (one(Balance::RoundRobin, servers), Instant::now());
    let order = |bind: Option<&str>| {
        let bind = bind.map(|text| text.parse().unwrap());
        let mut order: Vec<char> = upstreams
            .g()
            .begin(b"", None)
            .rest(bind, t)
            .chars()
            .collect();
        order.sort_unstable();
        String::from_iter(order)
    };
    assert_eq!(order(Some("10.0.0.1")), "13");
    assert_eq!(order(Some("2001:db8::1")), "23");
    assert_eq!(order(None), "123");
    // Nor is a failed one of the wrong family a last resort.
    upstreams.fail("127.0.0.1:1", t);
    assert_eq!(order(Some("2001:db8::1")), "23");
}

#[test]
fn whether_any_address_fits_is_known_before_the_first_try() {
    let upstreams = one(Balance::RoundRobin, vec![server("[::1]:2")]);
    let mut run = upstreams.g().begin(b"", None);
    let v4 = Some("10.0.0.1".parse().unwrap());
    assert!(!run.fits_any(v4) && run.fits_any(None));
    assert!(run.next(v4, Instant::now()).is_none());
}

#[test]
fn an_empty_group_has_none() {
    let upstreams = one(Balance::RoundRobin, vec![named("none.test:1", &[])]);
    let mut run = upstreams.g().begin(b"", None);
    assert!(run.next(None, Instant::now()).is_none());
    assert!(!run.fits_any(None));
}

#[test]
fn every_method_finds_every_server_of_a_run() {
    let key = Arc::from(b"key".as_slice());
    let methods = [
        Balance::RoundRobin,
        Balance::LeastConn,
        Balance::IpHash,
        hash(false),
        hash(true),
        Balance::Random { two: false },
        Balance::Random { two: true },
        Balance::ByRequests,
        Balance::ByTraffic,
        Balance::ByBusyness,
    ];
    for method in methods {
        let text = format!("{method:?}");
        let key: &Arc<[u8]> = &key;
        let mut servers = servers(["a", "b", "c", "d"]);
        servers[0].weight = 100;
        servers[3].down = true;
        let (upstreams, t) = (one(method, servers), Instant::now());
        let mut order: Vec<char> = upstreams
            .g()
            .begin(key, None)
            .rest(None, t)
            .chars()
            .collect();
        order.sort_unstable();
        assert_eq!(order, ['a', 'b', 'c'], "{text}");
    }
}

#[test]
fn a_hash_places_all_requests_of_a_key_on_one_server_until_it_fails() {
    for consistent in [false, true] {
        let upstreams = one(hash(consistent), servers(["a", "b", "c"]));
        let t = Instant::now();
        let place = |key: &str| {
            let picked = upstreams.g().begin(key.as_bytes(), None).next(None, t);
            picked.unwrap().address().to_string()
        };
        let home = place("key");
        assert!((0..20).all(|_| place("key") == home));
        let picked = upstreams.g().begin(b"key", None).next(None, t).unwrap();
        picked.failed("for the test", t);
        let away = place("key");
        assert_ne!(away, home);
        assert!((0..20).all(|_| place("key") == away));
    }
}

#[test]
fn an_empty_key_is_balanced_in_turn() {
    for consistent in [false, true] {
        let upstreams = one(hash(consistent), servers(["a", "b", "c"]));
        assert_eq!(upstreams.firsts(6, Instant::now()), "abcabc");
    }
}

#[test]
fn bytraffic_goes_by_what_is_accounted() {
    let (upstreams, t) = (one(Balance::ByTraffic, servers(["a", "b"])), Instant::now());
    let mut order = String::new();
    for bytes in [100, 30, 30, 50, 1] {
        let picked = upstreams.first(t).unwrap();
        picked.account(200, bytes / 2, bytes - bytes / 2, secs(0));
        order += &short(&picked);
    }
    // a: 100; b: 30, 60, 110; then a again.
    assert_eq!(order, "abbba");
}

#[test]
fn least_conn_counts_what_runs() {
    let mut servers = servers(["a", "b"]);
    servers[0].weight = 2;
    let (upstreams, t) = (one(Balance::LeastConn, servers), Instant::now());
    let held: Vec<Picked> = (0..6).map(|_| upstreams.first(t).unwrap()).collect();
    let a = held.iter().filter(|picked| short(picked) == "a").count();
    assert_eq!(a, 4);
    drop(held);
    assert_eq!(upstreams.server("unix:/a", t).running, 0);
}
