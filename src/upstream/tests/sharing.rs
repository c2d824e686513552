//! Health belongs to the address: all groups and the addresses of templates share it.

use super::super::health::{Admission, Began, Health, Standing, Table};
use super::*;

fn two_groups(second: impl FnOnce(&mut GroupServer)) -> Upstreams {
    let mut other = servers(["a", "c"]);
    second(&mut other[0]);
    world(vec![
        group("g", Balance::RoundRobin, servers(["a", "b"])),
        group("h", Balance::RoundRobin, other),
    ])
}

fn firsts_of_h(upstreams: &Upstreams, now: Instant) -> String {
    let group = upstreams.named("H").unwrap();
    let first = |_| short(&group.begin(b"", None).next(None, now).unwrap());
    (0..4).map(first).collect()
}

#[test]
fn a_failure_in_one_group_counts_in_all() {
    let (upstreams, t) = (two_groups(|_| {}), Instant::now());
    upstreams.fail("unix:/a", t);
    assert_eq!(firsts_of_h(&upstreams, t), "cccc");
    // Counters are each group's own.
    let view = upstreams.view(t);
    assert_eq!(view[1].servers[0].fails, 0);
    assert_eq!(view[1].servers[0].state, State::Failed);
    assert_eq!(
        view[1].servers[0].last_error.as_ref().unwrap().0,
        "for the test"
    );
}

#[test]
fn a_recovery_in_one_group_is_one_in_all() {
    let (upstreams, t) = (two_groups(|_| {}), Instant::now());
    upstreams.fail("unix:/a", t);
    upstreams.succeed("unix:/a", t + secs(10));
    assert!(firsts_of_h(&upstreams, t + secs(10)).contains('a'));
}

#[test]
fn an_address_is_probed_by_one_of_all_groups() {
    let (upstreams, t) = (two_groups(|_| {}), Instant::now());
    upstreams.fail("unix:/a", t);
    let now = t + secs(10);
    let probes: Vec<Picked> = (0..3).map(|_| upstreams.first(now).unwrap()).collect();
    assert!(probes.iter().any(|picked| short(picked) == "a"));
    assert_eq!(firsts_of_h(&upstreams, now), "cccc");
}

#[test]
fn each_server_judges_the_failures_by_its_own_rule() {
    let (upstreams, t) = (two_groups(|server| server.max_fails = 2), Instant::now());
    upstreams.fail("unix:/a", t);
    assert_eq!(upstreams.state("unix:/a", t), State::Failed);
    assert!(firsts_of_h(&upstreams, t).contains('a'), "one of two");
    // And there it proves that it lives.
    let h = upstreams.named("h").unwrap();
    let picked = std::iter::repeat_with(|| h.begin(b"", None).next(None, t).unwrap());
    let picked = picked.take(4).find(|picked| short(picked) == "a").unwrap();
    picked.succeeded(t + secs(1));
    assert_eq!(upstreams.state("unix:/a", t + secs(1)), State::Up);
}

#[test]
fn template_addresses_have_health_and_are_used_in_turn() {
    let found: Vec<SocketAddr> = ["10.0.0.1:7", "10.0.0.2:7"]
        .map(|a| a.parse().unwrap())
        .into();
    let upstreams = world_with(Vec::new(), move |name, port| {
        assert_eq!((name, port), ("app.test", 7));
        Ok(found.clone())
    });
    let t = Instant::now();
    let first = |now| {
        upstreams
            .resolve("app.test:7")
            .unwrap()
            .next(None, now)
            .unwrap()
    };
    let text = |picked: &Picked| picked.address().to_string();
    assert_eq!(text(&first(t)), "10.0.0.1:7");
    assert_eq!(text(&first(t)), "10.0.0.2:7");
    let picked = first(t);
    assert_eq!(text(&picked), "10.0.0.1:7");
    picked.failed("for the test", t);
    drop(picked);
    assert!((0..4).all(|_| text(&first(t + secs(9))) == "10.0.0.2:7"));
    assert!(
        (0..2).any(|_| text(&first(t + secs(10))) == "10.0.0.1:7"),
        "probed"
    );
    let mut run = upstreams.resolve("app.test:7").unwrap();
    let tries: Vec<Picked> = std::iter::from_fn(|| run.next(None, t + secs(1))).collect();
    assert_eq!(tries.len(), 2, "the failed one is the last resort");
}

#[test]
fn template_addresses_share_health_with_groups() {
    let servers = vec![server("10.0.0.1:7"), server("10.0.0.2:7")];
    let (upstreams, t) = (one(Balance::RoundRobin, servers), Instant::now());
    let mut run = upstreams.resolve("10.0.0.2:7").unwrap();
    run.next(None, t).unwrap().failed("for the test", t);
    assert_eq!(upstreams.state("10.0.0.2:7", t), State::Failed);
}

#[test]
fn templates_that_give_no_address_are_faults() {
    let upstreams = world_with(Vec::new(), |name, _| match name {
        "none.test" => Err(LookupError::NoSuchName),
        _ => Err(LookupError::Other("try again".into())),
    });
    let wrong = |text: &str| {
        let fault = upstreams.resolve(text).err().unwrap();
        let said = crate::error::Described {
            fault: &fault,
            unix: false,
        };
        said.to_string()
    };
    assert!(wrong("none.test:1").contains("no known name"));
    assert!(wrong("slow.test:1").contains("try again"));
    assert!(wrong("none.test").contains("port"));
    assert!(wrong("").contains("resolve"));
}

#[test]
fn unused_addresses_are_forgotten_beyond_256() {
    let table = Table::default();
    let address = |n: u16| inet(&format!("127.0.0.1:{n}"));
    let mark = |health: &Health| {
        let rule = health.rule(1, secs(10));
        health.fail(rule, BEGAN, "for the test", Instant::now());
    };
    let kept = table.get(&address(1));
    mark(&kept);
    for n in 2..=258 {
        mark(&table.get(&address(n)));
    }
    // 257 unused ones: 2 was the first to go; what is in use stays.
    assert_eq!(table.get(&address(2)).mark(), 0);
    assert_ne!(table.get(&address(1)).mark(), 0);
    // That pushed out 3; 4 was asked for just now and outlives 5.
    assert_ne!(table.get(&address(4)).mark(), 0);
    table.get(&address(300));
    assert_ne!(table.get(&address(4)).mark(), 0);
    assert_eq!(table.get(&address(5)).mark(), 0);
}

const BEGAN: Began = Began {
    mark: 0,
    probe: 0,
    trial: false,
};

#[test]
fn two_servers_that_share_an_address_share_its_failures() {
    let mut servers = vec![
        named("one.test:1", &["10.0.0.1:1", "10.0.0.2:1"]),
        named("two.test:1", &["10.0.0.2:1", "10.0.0.3:1"]),
    ];
    servers.iter_mut().for_each(|server| server.max_fails = 2);
    let (upstreams, t) = (one(Balance::RoundRobin, servers), Instant::now());
    assert_eq!(upstreams.view(t)[0].servers.len(), 4, "both are there");
    upstreams.fail("10.0.0.2:1", t);
    upstreams.fail("10.0.0.2:1", t);
    let states = upstreams.view(t).remove(0).servers;
    let states: Vec<State> = states.iter().map(|server| server.state).collect();
    assert_eq!(states, [State::Up, State::Failed, State::Failed, State::Up]);
}

#[test]
fn the_log_hears_of_a_disabled_address_once_and_of_its_return() {
    let table = Table::default();
    let health = table.get(&inet("127.0.0.1:1"));
    let (rule, t) = (health.rule(2, secs(10)), Instant::now());
    health.matters(rule);
    assert_eq!(health.fail(rule, BEGAN, "x", t).news, None);
    assert_eq!(health.fail(rule, BEGAN, "x", t).news, Some((2, secs(10))));
    assert_eq!(health.fail(rule, BEGAN, "x", t).news, None);
    let Admission::Probe(probe) = health.admit(rule, t + secs(10)) else {
        panic!("it is due");
    };
    let began = Began {
        mark: health.mark(),
        probe,
        trial: true,
    };
    let again = health.fail(rule, began, "x", t + secs(10));
    assert!(again.disabled && again.news.is_none(), "it was not back");
    let Admission::Probe(probe) = health.admit(rule, t + secs(20)) else {
        panic!("it is due again");
    };
    let began = Began {
        mark: health.mark(),
        probe,
        trial: true,
    };
    assert!(health.succeed(began, t + secs(20)));
    assert_eq!(health.standing(rule, t + secs(20)), Standing::Well);
}

#[test]
fn the_log_does_not_hear_of_an_address_that_is_tried_all_the_same() {
    let health = Table::default().get(&inet("127.0.0.1:1"));
    let (rule, t) = (health.rule(1, secs(10)), Instant::now());
    let fall = health.fail(rule, BEGAN, "x", t);
    assert!(fall.disabled && fall.news.is_none());
    let began = Began {
        mark: health.mark(),
        ..BEGAN
    };
    assert!(!health.succeed(began, t));
    assert_eq!(health.mark(), 0);
}

#[test]
fn old_failures_cost_nothing_after_their_time() {
    let health = Table::default().get(&inet("127.0.0.1:1"));
    let (rule, t) = (health.rule(2, secs(10)), Instant::now());
    health.fail(rule, BEGAN, "x", t);
    health.standing(rule, t + secs(10));
    assert_ne!(health.mark(), 0, "it counts still");
    health.standing(rule, t + secs(11));
    assert_eq!(health.mark(), 0);
}
