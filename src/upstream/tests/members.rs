//! Members that come and go: names that are looked up again, and what becomes of requests that are under way.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use super::super::leaving::Watch;
use super::orders::bell;
use super::*;

type Answer = Result<Vec<SocketAddr>, LookupError>;

/// A resolver that the test can change.
#[derive(Clone, Default)]
struct Zone(Arc<Mutex<BTreeMap<String, Answer>>>);

impl Zone {
    fn set(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|a| a.parse().unwrap()).collect();
        self.0.lock().unwrap().insert(name.into(), Ok(addresses));
    }

    fn fail(&self, name: &str, error: LookupError) {
        self.0.lock().unwrap().insert(name.into(), Err(error));
    }

    fn world(&self, groups: Vec<group::Group>) -> Upstreams {
        let zone = self.clone();
        world_with(groups, move |name, _| zone.0.lock().unwrap()[name].clone())
    }
}

/// A server marked `resolve`.
fn resolving(text: &str, addresses: &[&str]) -> GroupServer {
    GroupServer {
        resolve: true,
        ..named(text, addresses)
    }
}

fn addresses(upstreams: &Upstreams) -> Vec<String> {
    let servers = upstreams.view(Instant::now()).remove(0).servers;
    servers.into_iter().map(|server| server.address).collect()
}

const TWO: [&str; 2] = ["10.0.0.1:7", "10.0.0.2:7"];

fn two(balance: Balance) -> (Upstreams, Zone) {
    let zone = Zone::default();
    let servers = vec![server("unix:/a"), resolving("app.test:7", &TWO)];
    (zone.world(vec![group("g", balance, servers)]), zone)
}

#[test]
fn an_address_that_stays_keeps_its_state() {
    let (upstreams, zone) = two(Balance::RoundRobin);
    let t = Instant::now();
    upstreams.at("10.0.0.2:7", t, |picked| picked.account(200, 1, 2, secs(1)));
    upstreams.fail("10.0.0.2:7", t);
    let running = std::iter::repeat_with(|| upstreams.first(t).unwrap());
    let running = running
        .take(9)
        .find(|p| p.address().to_string() == TWO[0])
        .unwrap();
    zone.set("app.test", &["10.0.0.3:7", "10.0.0.2:7", "10.0.0.1:7"]);
    upstreams.names().round(&upstreams, false);
    // The resolver's order does not matter to those that were there.
    let now = ["unix:/a", "10.0.0.1:7", "10.0.0.2:7", "10.0.0.3:7"];
    assert_eq!(addresses(&upstreams), now);
    let view = upstreams.server("10.0.0.2:7", t);
    assert_eq!(
        (view.state, view.requests, view.bytes_received),
        (State::Failed, 2, 2)
    );
    assert_eq!(upstreams.server("10.0.0.1:7", t).running, 1);
    drop(running);
    assert_eq!(upstreams.server("10.0.0.1:7", t).running, 0);
    assert_eq!(upstreams.state("10.0.0.3:7", t), State::Up);
}

#[test]
fn turns_go_on_where_they_were() {
    let (upstreams, zone) = two(Balance::RoundRobin);
    let t = Instant::now();
    assert_eq!(short(&upstreams.first(t).unwrap()), "a");
    zone.set("app.test", &["10.0.0.1:7"]);
    upstreams.names().round(&upstreams, false);
    assert_eq!(upstreams.first(t).unwrap().address(), &inet("10.0.0.1:7"));
}

#[test]
fn a_run_keeps_the_set_that_it_began_with() {
    let (upstreams, zone) = two(Balance::RoundRobin);
    let t = Instant::now();
    let mut run = upstreams.g().begin(b"", None);
    let first = run.next(None, t).unwrap();
    zone.set("app.test", &["10.0.0.9:7"]);
    upstreams.names().round(&upstreams, false);
    let rest: Vec<String> = std::iter::from_fn(|| run.next(None, t))
        .map(|picked| picked.address().to_string())
        .collect();
    assert_eq!(rest, TWO);
    assert_eq!(addresses(&upstreams), ["unix:/a", "10.0.0.9:7"]);
    drop(first);
}

#[test]
fn an_address_that_has_left_is_told_apart() {
    let (upstreams, zone) = two(Balance::RoundRobin);
    let t = Instant::now();
    let mut run = upstreams.g().begin(b"", None);
    let picked: Vec<Picked> = std::iter::from_fn(|| run.next(None, t)).collect();
    zone.set("app.test", &["10.0.0.2:7"]);
    upstreams.names().round(&upstreams, false);
    let (bells, watches): (Vec<_>, Vec<_>) = picked
        .iter()
        .map(|picked| {
            let (sever, cut) = bell();
            (cut, picked.watch(Duration::ZERO, sever))
        })
        .unzip();
    bells[1].recv_timeout(LIMIT).unwrap();
    let left: Vec<bool> = watches.iter().map(Watch::has_severed).collect();
    assert_eq!(left, [false, true, false]);
}

#[test]
fn a_server_down_or_drained_stays_so_for_runs_that_knew_it() {
    use super::super::view::Order;
    let (upstreams, zone) = two(Balance::RoundRobin);
    let mut run = upstreams.g().begin(b"", None);
    upstreams.order("g", TWO[0], Order::Drain).unwrap();
    zone.set("app.test", &["10.0.0.9:7"]);
    upstreams.names().round(&upstreams, false);
    assert_eq!(run.rest(None, Instant::now()).len(), 2);
}

#[test]
fn no_such_name_empties_a_server_marked_resolve_and_no_other() {
    let zone = Zone::default();
    let servers = vec![
        resolving("a.test:7", &TWO),
        named("b.test:7", &["10.0.0.3:7"]),
    ];
    let upstreams = zone.world(vec![group("g", Balance::RoundRobin, servers)]);
    zone.fail("a.test", LookupError::NoSuchName);
    zone.fail("b.test", LookupError::NoSuchName);
    upstreams.names().round(&upstreams, true);
    assert_eq!(addresses(&upstreams), ["10.0.0.3:7"]);
    zone.set("a.test", &["10.0.0.4:7"]);
    upstreams.names().round(&upstreams, true);
    assert_eq!(addresses(&upstreams), ["10.0.0.4:7", "10.0.0.3:7"]);
}

#[test]
fn any_other_error_keeps_the_old_set() {
    let (upstreams, zone) = two(Balance::RoundRobin);
    zone.fail("app.test", LookupError::Other("try again".into()));
    upstreams.names().round(&upstreams, true);
    assert_eq!(addresses(&upstreams), ["unix:/a", TWO[0], TWO[1]]);
}

#[test]
fn only_hup_looks_at_names_that_are_not_marked_resolve() {
    let zone = Zone::default();
    let servers = vec![named("b.test:7", &["10.0.0.3:7"])];
    let upstreams = zone.world(vec![group("g", Balance::RoundRobin, servers)]);
    zone.set("b.test", &["10.0.0.4:7"]);
    upstreams.names().round(&upstreams, false);
    assert_eq!(addresses(&upstreams), ["10.0.0.3:7"]);
    upstreams.names().round(&upstreams, true);
    assert_eq!(addresses(&upstreams), ["10.0.0.4:7"]);
}

#[test]
fn a_name_of_several_servers_is_looked_up_once_a_round() {
    let count = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&count);
    let servers = vec![resolving("a.test:7", &[]), resolving("a.test:7", &[])];
    let mut other = vec![resolving("a.test:8", &[])];
    other[0].backup = true;
    let groups = vec![
        group("g", Balance::RoundRobin, servers),
        group("h", Balance::RoundRobin, other),
    ];
    let upstreams = world_with(groups, move |_, port| {
        *counted.lock().unwrap() += 1;
        Ok(vec![SocketAddr::from(([10, 0, 0, 1], port))])
    });
    upstreams.names().round(&upstreams, false);
    assert_eq!(*count.lock().unwrap(), 2, "two ports");
    assert_eq!(addresses(&upstreams), ["10.0.0.1:7", "10.0.0.1:7"]);
    assert_eq!(
        upstreams.view(Instant::now())[1].servers[0].address,
        "10.0.0.1:8"
    );
}

#[test]
fn re_resolution_moves_no_key_of_other_servers_on_the_ring() {
    let (upstreams, zone) = two(hash(true));
    let t = Instant::now();
    let place = |key: u32| {
        let mut run = upstreams.g().begin(format!("k{key}").as_bytes(), None);
        short(&run.next(None, t).unwrap()) == "a"
    };
    let before: Vec<bool> = (0..100).map(place).collect();
    zone.set("app.test", &["10.9.9.9:7"]);
    upstreams.names().round(&upstreams, false);
    assert_eq!(before, (0..100).map(place).collect::<Vec<bool>>());
    assert!(before.contains(&true) && before.contains(&false));
}

#[test]
fn a_new_address_starts_slowly_if_it_shall() {
    let zone = Zone::default();
    let mut servers = vec![resolving("app.test:7", &TWO[..1])];
    servers[0].slow_start = secs(1000);
    let upstreams = zone.world(vec![group("g", Balance::RoundRobin, servers)]);
    zone.set("app.test", &TWO);
    let before = Instant::now();
    upstreams.names().round(&upstreams, false);
    assert_eq!(upstreams.state(TWO[0], before), State::Up);
    assert_eq!(upstreams.state(TWO[1], before), State::Starting);
    let firsts = upstreams.firsts(50, before);
    assert!(firsts.len() == 50);
    let count = upstreams.server(TWO[1], before).requests;
    assert!(count <= 1, "one percent: {count}");
    let grown = Instant::now() + secs(1000);
    assert_eq!(upstreams.state(TWO[1], grown), State::Up);
}

/// With `bytraffic` it would else get all requests until it has had as many bytes as the others since the start.
#[test]
fn a_new_address_has_no_traffic_to_make_up_for() {
    let (upstreams, zone) = two(Balance::ByTraffic);
    let t = Instant::now();
    for address in ["unix:/a", TWO[0], TWO[1]] {
        upstreams.at(address, t, |picked| picked.account(200, 0, 1000, secs(0)));
    }
    zone.set("app.test", &[TWO[0], TWO[1], "10.0.0.3:7"]);
    upstreams.names().round(&upstreams, false);
    let next = || {
        let picked = upstreams.first(t).unwrap();
        picked.account(200, 0, 10, secs(0));
        picked.address().to_string()
    };
    let four: Vec<String> = std::iter::repeat_with(next).take(4).collect();
    assert_eq!(four, ["unix:/a", TWO[0], TWO[1], "10.0.0.3:7"]);
}

#[test]
fn addresses_that_a_server_has_twice_are_one() {
    let twice = named("app.test:7", &["10.0.0.1:7", "10.0.0.1:7"]);
    let upstreams = one(Balance::RoundRobin, vec![twice]);
    assert_eq!(addresses(&upstreams), ["10.0.0.1:7"]);
}

/// A program whose resolver waits until the test lets it go on, and says what it is asked for.
fn slow_resolver(server: GroupServer) -> (&'static Upstreams, Receiver<String>, Sender<Answer>) {
    let (asked, asks) = channel();
    let (answer, answers) = channel::<Answer>();
    let ends = Mutex::new((asked, answers));
    let groups = vec![group("g", Balance::RoundRobin, vec![server])];
    let upstreams = world_with(groups, move |name, _| {
        let ends = ends.lock().unwrap();
        let _ = ends.0.send(name.to_owned());
        ends.1.recv().unwrap_or(Err(LookupError::NoSuchName))
    });
    (Box::leak(Box::new(upstreams)), asks, answer)
}

fn wait_for(upstreams: &Upstreams, wanted: &str) {
    let start = Instant::now();
    while addresses(upstreams) != [wanted] {
        assert!(start.elapsed() < LIMIT, "waited in vain for {wanted}");
        std::thread::yield_now();
    }
}

#[test]
fn a_slow_resolver_keeps_nobody_waiting() {
    let (upstreams, asks, answer) = slow_resolver(named("a.test:7", &["10.0.0.1:7"]));
    upstreams.start();
    upstreams.refresh();
    assert_eq!(asks.recv_timeout(LIMIT).unwrap(), "a.test");
    // It is being asked now, and still:
    assert!(upstreams.first(Instant::now()).is_some());
    upstreams.refresh();
    assert_eq!(addresses(upstreams), ["10.0.0.1:7"]);
    answer
        .send(Ok(vec!["10.0.0.2:7".parse().unwrap()]))
        .unwrap();
    // The second order came while the first was carried out: it is not lost.
    assert_eq!(asks.recv_timeout(LIMIT).unwrap(), "a.test");
    answer
        .send(Ok(vec!["10.0.0.3:7".parse().unwrap()]))
        .unwrap();
    wait_for(upstreams, "10.0.0.3:7");
    // The thread has ended or is about to; a third order starts another or keeps it.
    upstreams.refresh();
    assert_eq!(asks.recv_timeout(LIMIT).unwrap(), "a.test");
    answer
        .send(Ok(vec!["10.0.0.4:7".parse().unwrap()]))
        .unwrap();
    wait_for(upstreams, "10.0.0.4:7");
}

#[test]
fn servers_marked_resolve_are_looked_up_again_and_again() {
    let server = resolving("a.test:7", &[]);
    let groups = vec![group("g", Balance::RoundRobin, vec![server])];
    let (asked, asks) = channel();
    let asked = Mutex::new((asked, 0));
    let lookup = move |_: &str, port| {
        let mut asked = asked.lock().unwrap();
        asked.1 += 1;
        let _ = asked.0.send(());
        Ok(vec![SocketAddr::from(([10, 0, 0, asked.1.min(3)], port))])
    };
    // As often as possible.
    let upstreams = Upstreams::with(Box::leak(groups.into()), Duration::ZERO, Box::new(lookup));
    let upstreams: &'static Upstreams = Box::leak(Box::new(upstreams));
    upstreams.start();
    upstreams.start();
    for _ in 0..3 {
        asks.recv_timeout(LIMIT).unwrap();
    }
    wait_for(upstreams, "10.0.0.3:7");
}

#[test]
fn a_server_without_an_address_at_the_start_is_looked_up_at_once() {
    let groups = vec![group(
        "g",
        Balance::RoundRobin,
        vec![resolving("a.test:7", &[])],
    )];
    let lookup = |_: &str, port| Ok(vec![SocketAddr::from(([10, 0, 0, 1], port))]);
    let upstreams = Upstreams::with(Box::leak(groups.into()), secs(100_000), Box::new(lookup));
    let upstreams: &'static Upstreams = Box::leak(Box::new(upstreams));
    assert!(upstreams.first(Instant::now()).is_none());
    upstreams.start();
    wait_for(upstreams, "10.0.0.1:7");
}
