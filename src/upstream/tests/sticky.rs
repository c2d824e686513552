//! Clients that are bound to a server.

use super::super::view::Order;
use super::*;
use crate::config::group::{Sticky, StickyCookie};

pub fn cookie() -> Sticky {
    Sticky::Cookie(StickyCookie {
        name: "srv".into(),
        expires: None,
        path: None,
        domain: None,
        httponly: false,
        secure: false,
    })
}

pub fn id_of(address: &str) -> String {
    format!("{:x}", md5::compute(address))
}

fn sticky(sticky: Sticky, servers: Vec<GroupServer>) -> Upstreams {
    sticky_by(Balance::RoundRobin, sticky, servers)
}

fn sticky_by(balance: Balance, sticky: Sticky, servers: Vec<GroupServer>) -> Upstreams {
    let mut config = group("g", balance, servers);
    config.sticky = Some(sticky);
    world(vec![config])
}

fn bound(upstreams: &Upstreams, id: &str, now: Instant) -> String {
    upstreams.g().begin(b"", Some(id)).rest(None, now)
}

#[test]
fn an_id_is_the_md5_of_the_address_or_the_route() {
    let mut servers = vec![server("127.0.0.1:9000"), server("unix:/a")];
    servers[1].route = Some("left".into());
    let (upstreams, t) = (sticky(cookie(), servers), Instant::now());
    let mut run = upstreams.g().begin(b"", None);
    let ids = [run.next(None, t).unwrap(), run.next(None, t).unwrap()];
    // md5sum of "127.0.0.1:9000".
    assert_eq!(ids[0].id(), "44fb3a27ed30ae5193ebd879ca2cf039");
    assert_eq!(ids[1].id(), "left");
}

#[test]
fn a_bound_client_gets_its_server_by_every_method() {
    let methods = [
        Balance::RoundRobin,
        Balance::LeastConn,
        Balance::IpHash,
        hash(true),
        Balance::Random { two: true },
        Balance::ByTraffic,
    ];
    for method in methods {
        let upstreams = sticky_by(method, cookie(), servers(["a", "b", "c"]));
        for _ in 0..4 {
            let order = bound(&upstreams, &id_of("unix:/c"), Instant::now());
            assert!(order.starts_with('c') && order.len() == 3, "{order}");
        }
    }
}

#[test]
fn an_unknown_id_is_balanced() {
    let (upstreams, t) = (sticky(cookie(), servers(["a", "b"])), Instant::now());
    let first = |id| upstreams.g().begin(b"", Some(id)).next(None, t).unwrap();
    let order = ["nonsense", "", "nonsense"].map(|id| short(&first(id)));
    assert_eq!(order, ["a", "b", "a"]);
}

#[test]
fn a_bound_server_that_can_not_be_chosen_is_passed_over() {
    let mut list = servers(["a", "b", "c", "d"]);
    list[0].max_conns = 1;
    list[3].down = true;
    let (upstreams, t) = (sticky(cookie(), list), Instant::now());
    let first = |id: &str, now| {
        let mut run = upstreams.g().begin(b"", Some(&id_of(id)));
        run.next(None, now).unwrap()
    };
    let held = first("unix:/a", t);
    assert_eq!(short(&held), "a");
    assert_ne!(short(&first("unix:/a", t)), "a", "full");
    drop(held);
    assert_eq!(short(&first("unix:/a", t)), "a");
    first("unix:/b", t).failed("for the test", t);
    assert_ne!(short(&first("unix:/b", t)), "b", "failed");
    assert_eq!(short(&first("unix:/b", t + secs(10))), "b", "as the probe");
    assert_ne!(short(&first("unix:/d", t)), "d", "down");
}

#[test]
fn a_draining_server_is_there_for_its_clients_only() {
    let (upstreams, t) = (sticky(cookie(), servers(["a", "b"])), Instant::now());
    upstreams.order("g", "unix:/a", Order::Drain).unwrap();
    assert_eq!(upstreams.state("unix:/a", t), State::Draining);
    assert_eq!(upstreams.firsts(3, t), "bbb");
    assert_eq!(bound(&upstreams, &id_of("unix:/a"), t), "ab");
    assert_eq!(bound(&upstreams, &id_of("unix:/b"), t), "b");
    upstreams.order("g", "unix:/a", Order::Down).unwrap();
    assert_eq!(bound(&upstreams, &id_of("unix:/a"), t), "b");
}

#[test]
fn the_only_server_of_a_group_drains_as_well() {
    let (upstreams, t) = (sticky(cookie(), servers(["a"])), Instant::now());
    upstreams.order("g", "unix:/a", Order::Drain).unwrap();
    assert_eq!(bound(&upstreams, &id_of("unix:/a"), t), "a");
    assert_eq!(bound(&upstreams, "other", t), "");
}

#[test]
fn route_matches_servers_that_have_one() {
    let mut list = servers(["a", "b"]);
    list[1].route = Some("r".into());
    let (upstreams, t) = (sticky(Sticky::Route(Vec::new()), list), Instant::now());
    assert_eq!(bound(&upstreams, "r", t), "ba");
    let id = id_of("unix:/a");
    let first = |_| short(&upstreams.g().begin(b"", Some(&id)).next(None, t).unwrap());
    let firsts: String = (0..3).map(first).collect();
    assert!(firsts.contains('b'), "not bound by its address: {firsts}");
}

#[test]
fn several_addresses_with_one_route_share_its_clients() {
    let mut list = vec![
        named("app.test:7", &["10.0.0.1:7", "10.0.0.2:7"]),
        server("unix:/a"),
    ];
    list[0].route = Some("r".into());
    let (upstreams, t) = (sticky(cookie(), list), Instant::now());
    let pick = || upstreams.g().begin(b"", Some("r")).next(None, t).unwrap();
    let (one, two) = (pick(), pick());
    assert_eq!(
        [one.address(), two.address()],
        [&inet("10.0.0.1:7"), &inet("10.0.0.2:7")]
    );
    one.failed("for the test", t);
    let order = bound(&upstreams, "r", t);
    assert_eq!(order.len(), 3, "{order}");
    assert_eq!(pick().address(), &inet("10.0.0.2:7"));
}

#[test]
fn free_clients_are_balanced_against_bound_ones() {
    let (upstreams, t) = (sticky(cookie(), servers(["a", "b"])), Instant::now());
    let id = id_of("unix:/a");
    for _ in 0..50 {
        drop(upstreams.g().begin(b"", Some(&id)).next(None, t));
    }
    // One turn is made good, not fifty.
    assert_eq!(upstreams.firsts(5, t), "babab");
}

#[test]
fn primaries_go_before_the_backup_that_a_client_is_bound_to() {
    let mut list = servers(["a", "x", "y"]);
    list[1].backup = true;
    list[2].backup = true;
    let (upstreams, t) = (sticky(cookie(), list), Instant::now());
    assert_eq!(bound(&upstreams, &id_of("unix:/y"), t), "ayx");
}
