//! The orders of the status page, what it shows, and the exchanges that end when an address leaves.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use super::super::view::Order;
use super::*;

fn two() -> Upstreams {
    one(Balance::RoundRobin, servers(["a", "b"]))
}

#[test]
fn down_keeps_all_requests_away_at_once() {
    let (upstreams, t) = (two(), Instant::now());
    let mut begun = upstreams.g().begin(b"", None);
    upstreams.order("G", "unix:/a", Order::Down).unwrap();
    assert_eq!(upstreams.state("unix:/a", t), State::Down);
    assert_eq!(upstreams.firsts(3, t), "bbb");
    assert_eq!(begun.rest(None, t), "b");
    upstreams.order("g", "unix:/a", Order::Revive).unwrap();
    assert_eq!(upstreams.state("unix:/a", t), State::Up);
    assert!(upstreams.firsts(2, t).contains('a'));
}

#[test]
fn a_server_that_is_down_on_the_command_line_can_be_revived() {
    let mut servers = servers(["a", "b"]);
    servers[0].down = true;
    let (upstreams, t) = (one(Balance::RoundRobin, servers), Instant::now());
    assert_eq!(upstreams.state("unix:/a", t), State::Down);
    assert_eq!(upstreams.firsts(3, t), "bbb");
    upstreams.order("g", "unix:/a", Order::Revive).unwrap();
    assert!(upstreams.firsts(2, t).contains('a'));
}

#[test]
fn the_only_server_of_a_group_can_be_taken_down() {
    let (upstreams, t) = (one(Balance::RoundRobin, servers(["a"])), Instant::now());
    upstreams.order("g", "unix:/a", Order::Drain).unwrap();
    assert!(upstreams.first(t).is_none());
    upstreams.order("g", "unix:/a", Order::Revive).unwrap();
    assert!(upstreams.first(t).is_some());
}

#[test]
fn revive_forgets_failures_and_starts_slowly() {
    let mut servers = servers(["a", "b"]);
    servers[0].slow_start = secs(1000);
    let (upstreams, t) = (one(Balance::RoundRobin, servers), Instant::now());
    upstreams.fail("unix:/a", t);
    assert_eq!(upstreams.state("unix:/a", t), State::Failed);
    upstreams
        .order_at("g", "unix:/a", Order::Revive, t)
        .unwrap();
    let view = upstreams.server("unix:/a", t);
    assert_eq!((view.state, view.recent_fails), (State::Starting, 0));
    assert_eq!(upstreams.state("unix:/a", t + secs(1000)), State::Up);
    // One that is well loses nothing.
    upstreams
        .order_at("g", "unix:/a", Order::Revive, t + secs(1000))
        .unwrap();
    assert_eq!(upstreams.state("unix:/a", t + secs(1000)), State::Up);
    upstreams
        .order_at("g", "unix:/a", Order::Down, t + secs(1000))
        .unwrap();
    upstreams
        .order_at("g", "unix:/a", Order::Revive, t + secs(2000))
        .unwrap();
    assert_eq!(upstreams.state("unix:/a", t + secs(2000)), State::Starting);
}

#[test]
fn a_text_stands_for_all_addresses_those_to_come_as_well() {
    let first = ["10.0.0.1:7", "10.0.0.2:7"];
    let servers = vec![named("app.test:7", &first), server("unix:/a")];
    let upstreams = world_with(vec![group("g", Balance::RoundRobin, servers)], |_, _| {
        Ok(["10.0.0.2:7", "10.0.0.3:7"]
            .map(|a| a.parse().unwrap())
            .into())
    });
    let t = Instant::now();
    upstreams.order("g", "app.test:7", Order::Down).unwrap();
    assert_eq!(upstreams.firsts(2, t), "aa");
    upstreams.names().round(&upstreams, true);
    assert_eq!(upstreams.state("10.0.0.3:7", t), State::Down);
    upstreams.order("g", "10.0.0.3:7", Order::Revive).unwrap();
    assert_eq!(upstreams.state("10.0.0.3:7", t), State::Up);
    assert_eq!(upstreams.state("10.0.0.2:7", t), State::Down);
}

#[test]
fn orders_for_what_is_not_there_are_refused() {
    let upstreams = two();
    let wrong = |group: &str, server: &str| upstreams.order(group, server, Order::Down);
    assert_eq!(wrong("x", "unix:/a"), Err("there is no group x".into()));
    let none = "there is no server unix:/c in group g";
    assert_eq!(wrong("g", "unix:/c"), Err(none.into()));
}

#[test]
fn the_view_shows_what_was_accounted() {
    let (upstreams, t) = (two(), Instant::now());
    let millis = Duration::from_millis;
    for (status, time) in [
        (200, millis(1)),
        (204, millis(2)),
        (404, millis(60)),
        (502, secs(31)),
    ] {
        upstreams.at("unix:/a", t, |picked| picked.account(status, 10, 100, time));
    }
    upstreams.at("unix:/a", t, |picked| picked.account(0, 5, 0, secs(1)));
    upstreams.at("unix:/a", t, |_| {});
    upstreams.at("unix:/a", t, |picked| picked.failed("connect: refused", t));
    let view = upstreams.server("unix:/a", t + secs(3));
    assert_eq!((view.requests, view.running, view.fails), (7, 0, 1));
    assert_eq!((view.bytes_sent, view.bytes_received), (45, 400));
    assert_eq!(view.responses, [0, 2, 0, 1, 1]);
    assert_eq!(view.times, [1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
    assert_eq!(view.time_sum, 31_063_000);
    assert_eq!(view.last_error, Some(("connect: refused".into(), secs(3))));
    assert_eq!((view.weight, view.max_conns, view.backup), (1, 0, false));
    assert_eq!((view.recent_fails, view.state), (1, State::Failed));
}

#[test]
fn a_try_counts_as_a_request_from_its_beginning_and_once() {
    let (upstreams, t) = (two(), Instant::now());
    let requests = || upstreams.server("unix:/a", t).requests;
    let picked = upstreams.first(t).unwrap();
    assert_eq!(requests(), 1);
    picked.account(200, 0, 0, secs(0));
    drop(picked);
    assert_eq!(requests(), 1);
}

#[test]
fn the_view_is_in_the_order_of_the_command_line() {
    let mut list = servers(["a", "b", "c"]);
    list[0].backup = true;
    let upstreams = world(vec![
        group::Group {
            implicit: true,
            ..group("unix:/x", Balance::RoundRobin, servers(["x"]))
        },
        group("g", Balance::Random { two: true }, list),
    ]);
    let view = upstreams.view(Instant::now());
    assert_eq!((view[0].name.as_str(), view[0].implicit), ("unix:/x", true));
    assert_eq!(
        (view[1].balance, view[0].balance),
        ("random two", "round_robin")
    );
    let shown: Vec<(&str, bool)> = view[1]
        .servers
        .iter()
        .map(|server| (server.text.as_str(), server.backup))
        .collect();
    assert_eq!(
        shown,
        [("unix:/a", true), ("unix:/b", false), ("unix:/c", false)]
    );
}

#[test]
fn long_reasons_are_cut() {
    let (upstreams, t) = (two(), Instant::now());
    upstreams.at("unix:/a", t, |picked| picked.failed(&"ä".repeat(1000), t));
    let (why, _) = upstreams.server("unix:/a", t).last_error.unwrap();
    assert_eq!(why, "ä".repeat(100));
}

/// A way to be told of a cut.
pub fn bell() -> (Arc<dyn Fn() + Send + Sync>, Receiver<()>) {
    let (send, receive) = channel();
    let send = std::sync::Mutex::new(send);
    (
        Arc::new(move || send.lock().unwrap().send(()).unwrap()),
        receive,
    )
}

#[test]
fn an_exchange_is_cut_once_when_its_address_leaves() {
    for order in [Order::Drain, Order::Down] {
        let (upstreams, t) = (two(), Instant::now());
        let (picked, other) = (upstreams.first(t).unwrap(), upstreams.first(t).unwrap());
        assert_eq!((short(&picked), short(&other)), ("a".into(), "b".into()));
        let (sever, cut) = bell();
        let (sever_other, cut_other) = bell();
        let watch = picked.watch(Duration::ZERO, sever);
        let watch_other = other.watch(Duration::ZERO, sever_other);
        assert!(!watch.has_severed());
        upstreams.order("g", "unix:/a", order).unwrap();
        cut.recv_timeout(LIMIT).unwrap();
        upstreams.order("g", "unix:/a", Order::Revive).unwrap();
        assert!(watch.has_severed() && !watch_other.has_severed());
        upstreams.order("g", "unix:/a", Order::Down).unwrap();
        upstreams.order("g", "unix:/b", order).unwrap();
        cut_other.recv_timeout(LIMIT).unwrap();
        // The closure was called and dropped: nothing can call it again.
        assert!(cut.recv_timeout(LIMIT).is_err());
    }
}

#[test]
fn what_began_after_the_leaving_was_known_is_cut_by_the_next_level_only() {
    let mut config = group("g", Balance::RoundRobin, servers(["a", "b"]));
    config.sticky = Some(sticky::cookie());
    let (upstreams, t) = (world(vec![config]), Instant::now());
    upstreams.order("g", "unix:/a", Order::Drain).unwrap();
    let id = sticky::id_of("unix:/a");
    let mut run = upstreams.g().begin(b"", Some(&id));
    let picked = run.next(None, t).unwrap();
    assert_eq!(short(&picked), "a");
    let (sever, cut) = bell();
    let watch = picked.watch(Duration::ZERO, sever);
    upstreams.order("g", "unix:/a", Order::Drain).unwrap();
    assert!(!watch.has_severed());
    upstreams.order("g", "unix:/a", Order::Down).unwrap();
    cut.recv_timeout(LIMIT).unwrap();
    assert!(watch.has_severed());
}

#[test]
fn a_watch_that_comes_too_late_is_acted_upon() {
    let (upstreams, t) = (two(), Instant::now());
    let picked = upstreams.first(t).unwrap();
    upstreams.order("g", "unix:/a", Order::Down).unwrap();
    let (sever, cut) = bell();
    let _watch = picked.watch(Duration::ZERO, sever);
    cut.recv_timeout(LIMIT).unwrap();
}

#[test]
fn a_watch_that_was_dropped_is_not_called() {
    let (upstreams, t) = (two(), Instant::now());
    let picked = upstreams.first(t).unwrap();
    let (sever, cut) = bell();
    let (sever_too, cut_too) = bell();
    let watch = picked.watch(Duration::ZERO, sever);
    let _other = picked.watch(Duration::ZERO, sever_too);
    drop(watch);
    upstreams.order("g", "unix:/a", Order::Down).unwrap();
    cut_too.recv_timeout(LIMIT).unwrap();
    assert!(cut.recv_timeout(LIMIT).is_err());
}

#[test]
fn an_address_that_comes_back_in_time_keeps_its_exchanges() {
    let (upstreams, t) = (two(), Instant::now());
    let picked = upstreams.first(t).unwrap();
    let (sever, cut) = bell();
    let watch = picked.watch(secs(3600), sever);
    upstreams.order("g", "unix:/a", Order::Down).unwrap();
    upstreams.order("g", "unix:/a", Order::Revive).unwrap();
    assert!(!watch.has_severed());
    drop(watch);
    assert!(cut.recv_timeout(LIMIT).is_err(), "dropped, not called");
}

#[test]
fn the_time_between_leaving_and_cut_is_kept() {
    use super::super::leaving::{DOWN, IN, Leaving, Membership};
    let (leaving, membership) = (Arc::new(Leaving::default()), Arc::new(Membership::new(IN)));
    let (sever, cut) = bell();
    let after = Duration::from_millis(150);
    let _watch = leaving.watch(&membership, IN, after, sever, Instant::now());
    membership.set(DOWN);
    let before = Instant::now();
    leaving.left(&membership, before);
    leaving.left(&membership, before + secs(3600));
    cut.recv_timeout(LIMIT).unwrap();
    assert!(before.elapsed() >= after);
}
