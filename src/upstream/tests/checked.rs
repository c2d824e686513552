//! What checks (`--health`) do to the choice. Their results are given here, not asked for.

use super::super::verdict::{Pass, Verdict};
use super::*;
use crate::config::group::{Health, Sticky};

const A: &str = "unix:/a";
const B: &str = "unix:/b";

fn health(fails: u32, passes: u32) -> Health {
    Health {
        interval: secs(5),
        uri: "/".into(),
        fails,
        passes,
        request: Vec::new(),
        block: 0,
        head_max: 4096,
        bind: None,
    }
}

/// A checked group `g`.
fn checked(balance: Balance, servers: Vec<GroupServer>) -> Upstreams {
    world(vec![checked_group("g", balance, servers)])
}

fn checked_group(name: &str, balance: Balance, servers: Vec<GroupServer>) -> group::Group {
    group::Group {
        health: Some(health(1, 1)),
        ..group(name, balance, servers)
    }
}

impl Upstreams {
    /// A check of a server of the first group has failed.
    fn check_fails(&self, address: &str, now: Instant) {
        self.with_peer(address, |peer| {
            let verdict = peer.checked.as_ref().unwrap();
            verdict.lock().unwrap().fail(1, "status 500", now);
        });
    }

    /// A check that began when the mark was this has passed.
    fn check_passes_since(&self, address: &str, mark: u32, now: Instant) {
        self.with_peer(address, |peer| {
            let verdict = peer.checked.as_ref().unwrap();
            let pass = verdict.lock().unwrap().pass(1, mark, "status 200", now);
            if pass.proves {
                peer.proved(mark, now);
            }
        });
    }

    fn check_passes(&self, address: &str, now: Instant) {
        self.check_passes_since(address, self.mark(address), now);
    }

    fn mark(&self, address: &str) -> u32 {
        let mut mark = 0;
        self.with_peer(address, |peer| mark = peer.health.mark());
        mark
    }

    fn with_peer(&self, address: &str, what: impl FnOnce(&super::super::peer::Peer)) {
        let set = self.g().set();
        let found = set.peers.iter().find(|p| p.address.to_string() == address);
        what(found.unwrap());
    }
}

/// Each line: `fails` and `passes`, the results in order, and for each whether the server is healthy after it.
#[test]
fn so_many_in_a_row_change_the_verdict() {
    for (fails, passes, results, states) in [
        (1, 1, "-+-+", ".+.+"),
        (1, 1, "++--", "++.."),
        (2, 1, "-+--+", "+++.+"),
        (3, 1, "--+---", "+++++."),
        (1, 2, "-+-+++-", "....++."),
        (2, 3, "--++-+++--", "+......++."),
        (2, 2, "-", "+"),
        (65_535, 1, "-----", "+++++"),
    ] {
        let (mut verdict, now) = (Verdict::default(), Instant::now());
        let mut found = String::new();
        let mut changes = String::new();
        for result in results.chars() {
            let before = verdict.unhealthy_since().is_none();
            let told = match result {
                '+' => verdict.pass(passes, 0, "status 200", now).recovered,
                _ => verdict.fail(fails, "status 500", now),
            };
            let after = verdict.unhealthy_since().is_none();
            assert_eq!(told, before != after, "{fails} {passes} {results}");
            found.push(if after { '+' } else { '.' });
            changes.push(if told { '!' } else { ' ' });
        }
        assert_eq!(found, states, "{fails} {passes} {results}: {changes}");
    }
}

#[test]
fn checks_are_counted_and_the_last_is_kept() {
    let (mut verdict, t) = (Verdict::default(), Instant::now());
    assert_eq!(verdict.view(t).last, None);
    assert!(verdict.view(t).healthy, "before the first check");
    verdict.fail(2, &"\u{e9}".repeat(300), t);
    verdict.pass(1, 0, "status 204", t + secs(1));
    let view = verdict.view(t + secs(4));
    assert_eq!((view.checks, view.failures, view.healthy), (2, 1, true));
    assert_eq!(view.last, Some((true, "status 204".into(), secs(3))));
    verdict.fail(2, &"\u{e9}".repeat(300), t);
    let (_, text, _) = verdict.view(t).last.unwrap();
    assert_eq!(text, "\u{e9}".repeat(100), "cut, at a character");
}

/// Passes before the failure of an exchange prove nothing of what came after.
#[test]
fn passes_prove_something_when_as_many_began_after_the_last_failure() {
    let (mut verdict, t) = (Verdict::default(), Instant::now());
    let mut pass = |mark| verdict.pass(2, mark, "", t).proves;
    assert_eq!([pass(0), pass(0), pass(0)], [false, true, true]);
    assert_eq!([pass(7), pass(7), pass(7)], [false, true, true]);
    assert_eq!([pass(9), pass(11), pass(11)], [false, false, true]);
    verdict.fail(9, "", t);
    assert_eq!(verdict.pass(2, 11, "", t), Pass::default());
}

#[test]
fn an_unhealthy_server_gets_nothing_until_it_passes() {
    let (upstreams, t) = (
        checked(Balance::RoundRobin, servers(["a", "b"])),
        Instant::now(),
    );
    assert_eq!(upstreams.firsts(4, t), "abab");
    upstreams.check_fails(A, t);
    assert_eq!(upstreams.state(A, t), State::Unhealthy);
    assert_eq!(upstreams.firsts(4, t), "bbbb");
    // Time alone mends nothing.
    let later = t + secs(3600);
    assert_eq!(upstreams.firsts(4, later), "bbbb");
    upstreams.check_passes(A, later);
    assert_eq!(upstreams.state(A, later), State::Up);
    let after = upstreams.firsts(4, later);
    assert_eq!(after.matches('a').count(), 2, "{after}");
}

#[test]
fn every_method_passes_an_unhealthy_server_over() {
    let t = Instant::now();
    for balance in [
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
    ] {
        let name = balance.name();
        let upstreams = checked(balance, servers(["a", "b", "c"]));
        upstreams.check_fails(B, t);
        for key in 0..40_u8 {
            let mut run = upstreams.g().begin(&[key, key, key, key], None);
            let picked = run.next(None, t).map(|picked| short(&picked));
            assert_ne!(picked.as_deref(), Some("b"), "{name}");
            assert!(picked.is_some(), "{name}");
        }
    }
}

#[test]
fn a_client_does_not_keep_to_an_unhealthy_server() {
    let mut list = servers(["a", "b"]);
    for (server, route) in list.iter_mut().zip(["ra", "rb"]) {
        server.route = Some(route.into());
    }
    let t = Instant::now();
    let upstreams = world(vec![group::Group {
        sticky: Some(Sticky::Route(Vec::new())),
        ..checked_group("g", Balance::RoundRobin, list)
    }]);
    let bound = |now| {
        let mut run = upstreams.g().begin(b"", Some("ra"));
        run.next(None, now).map(|picked| short(&picked)).unwrap()
    };
    assert_eq!(bound(t), "a");
    upstreams.check_fails(A, t);
    assert_eq!(bound(t), "b");
    upstreams.check_passes(A, t);
    assert_eq!(bound(t), "a");
}

#[test]
fn backups_serve_while_no_primary_is_healthy() {
    let mut list = servers(["a", "b"]);
    list[1].backup = true;
    let (upstreams, t) = (checked(Balance::RoundRobin, list), Instant::now());
    assert_eq!(upstreams.firsts(3, t), "aaa");
    upstreams.check_fails(A, t);
    assert_eq!(upstreams.firsts(3, t), "bbb");
}

/// As where all have failed by their exchanges: somebody is always tried.
#[test]
fn where_none_is_left_the_one_that_fell_longest_ago_is_tried() {
    let (upstreams, t) = (
        checked(Balance::RoundRobin, servers(["a", "b", "c"])),
        Instant::now(),
    );
    upstreams.check_fails(B, t);
    upstreams.fail("unix:/c", t + secs(1));
    upstreams.check_fails(A, t + secs(2));
    let now = t + secs(3);
    assert_eq!(upstreams.g().begin(b"", None).rest(None, now), "bca");
    // It failed again for a request: now the others go before it.
    upstreams.fail(B, now);
    assert_eq!(upstreams.g().begin(b"", None).rest(None, now), "cab");
    // Not the checks of one that is already out make it the last.
    upstreams.check_fails("unix:/c", now);
    upstreams.check_fails("unix:/c", now + secs(1));
    upstreams.check_fails(A, now + secs(2));
    let now = now + secs(3);
    assert_eq!(upstreams.g().begin(b"", None).rest(None, now), "abc");
}

/// N26.
#[test]
fn the_only_address_is_tried_whatever_checks_say() {
    let (upstreams, t) = (checked(Balance::RoundRobin, servers(["a"])), Instant::now());
    upstreams.check_fails(A, t);
    assert_eq!(upstreams.state(A, t), State::Unhealthy);
    assert_eq!(upstreams.firsts(2, t), "aa");
}

#[test]
fn a_pass_ends_the_rest_of_a_server_that_had_failed() {
    let (upstreams, t) = (
        checked(Balance::RoundRobin, servers(["a", "b"])),
        Instant::now(),
    );
    upstreams.fail(A, t);
    assert_eq!(upstreams.state(A, t), State::Failed);
    // One that had begun before the failure does not.
    upstreams.check_passes_since(A, 0, t + secs(1));
    assert_eq!(upstreams.state(A, t + secs(1)), State::Failed);
    upstreams.check_passes(A, t + secs(1));
    assert_eq!(upstreams.state(A, t + secs(1)), State::Up);
    let after = upstreams.firsts(4, t + secs(1));
    assert!(after.contains('a'), "{after}");
}

/// `max_fails=3`: two failures and a pass are still two failures, as after the success of an exchange.
#[test]
fn a_pass_does_not_empty_the_window() {
    let mut list = servers(["a", "b"]);
    list[0].max_fails = 3;
    let (upstreams, t) = (checked(Balance::RoundRobin, list), Instant::now());
    upstreams.fail(A, t);
    upstreams.fail(A, t);
    upstreams.check_passes(A, t);
    assert_eq!(upstreams.server(A, t).recent_fails, 2);
}

#[test]
fn what_comes_back_starts_slowly() {
    let mut list = servers(["a", "b"]);
    list[0].slow_start = secs(100);
    let (upstreams, t) = (checked(Balance::RoundRobin, list), Instant::now());
    assert_eq!(
        upstreams.state(A, t),
        State::Up,
        "at the start it has all its weight"
    );
    upstreams.check_fails(A, t);
    upstreams.check_passes(A, t + secs(5));
    assert_eq!(upstreams.state(A, t + secs(6)), State::Starting);
    let after = upstreams.firsts(40, t + secs(6));
    assert!(after.matches('a').count() < 5, "{after}");
    assert_eq!(upstreams.state(A, t + secs(106)), State::Up);
}

#[test]
fn an_order_revives_it_until_the_next_check() {
    let (upstreams, t) = (
        checked(Balance::RoundRobin, servers(["a", "b"])),
        Instant::now(),
    );
    upstreams.check_fails(A, t);
    let order = super::super::view::Order::Revive;
    assert_eq!(upstreams.order_at("g", A, order, t), Ok(()));
    assert_eq!(upstreams.state(A, t), State::Up);
    upstreams.check_fails(A, t);
    assert_eq!(upstreams.state(A, t), State::Unhealthy);
}

/// The question may be another one in each group.
#[test]
fn a_group_without_checks_goes_by_its_own_experience() {
    let t = Instant::now();
    let upstreams = world(vec![
        checked_group("g", Balance::RoundRobin, servers(["a", "b"])),
        group("other", Balance::RoundRobin, servers(["a", "b"])),
    ]);
    upstreams.check_fails(A, t);
    let view = upstreams.view(t);
    let state = |group: usize| {
        (
            view[group].servers[0].state,
            view[group].servers[0].check.is_some(),
        )
    };
    assert_eq!(state(0), (State::Unhealthy, true));
    assert_eq!(state(1), (State::Up, false));
}

/// With no descriptor left every check would be a line of the log.
#[test]
fn that_a_peer_can_not_be_checked_is_news_once() {
    let (mut verdict, now) = (Verdict::default(), Instant::now());
    assert!(verdict.unasked());
    assert!(!verdict.unasked());
    verdict.fail(1, "refused", now);
    assert!(verdict.unasked());
    verdict.pass(1, 0, "status 200", now);
    assert!(verdict.unasked() && !verdict.unasked());
}
