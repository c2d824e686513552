//! Tests of the room as a whole: groups made as the command line would, time as an argument, names looked up by a closure.

mod captured;
mod checked;
mod choice;
mod failures;
mod members;
mod nginx;
mod orders;
mod sharing;
mod sticky;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::groups::{Group, Picked, Run, Upstreams};
use super::view::{ServerView, State};
use crate::config::address::{Address, Destination, destination};
use crate::config::group::{self, Balance, GroupServer};
use crate::sys::LookupError;
use crate::template::Template;

/// How long a test waits for another thread.
const LIMIT: Duration = Duration::from_secs(30);

/// A server with the defaults: `weight=1 max_fails=1 fail_timeout=10s`.
fn server(text: &str) -> GroupServer {
    let destination = destination(text).unwrap();
    let addresses = match &destination {
        Destination::Fixed(address) => vec![address.clone()],
        Destination::Name(..) => Vec::new(),
    };
    GroupServer {
        text: text.into(),
        destination,
        addresses,
        weight: 1,
        max_conns: 0,
        max_fails: 1,
        fail_timeout: secs(10),
        slow_start: Duration::ZERO,
        backup: false,
        down: false,
        resolve: false,
        route: None,
    }
}

/// Servers `unix:/a`, `unix:/b` … as many as there are names.
fn servers<const N: usize>(names: [&str; N]) -> Vec<GroupServer> {
    names.map(|name| server(&format!("unix:/{name}"))).into()
}

/// A server whose name had these addresses at the start.
fn named(text: &str, addresses: &[&str]) -> GroupServer {
    GroupServer {
        addresses: addresses.iter().map(|a| inet(a)).collect(),
        ..server(text)
    }
}

fn inet(text: &str) -> Address {
    Address::Inet(text.parse().unwrap())
}

fn group(name: &str, balance: Balance, servers: Vec<GroupServer>) -> group::Group {
    group::Group {
        name: name.into(),
        implicit: false,
        servers,
        balance,
        sticky: None,
        health: None,
    }
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn hash(consistent: bool) -> Balance {
    let key = Template::text(b"the test gives the key");
    Balance::Hash { key, consistent }
}

/// The groups of a program that looks nothing up.
fn world(groups: Vec<group::Group>) -> Upstreams {
    world_with(groups, |name, _| panic!("{name} was looked up"))
}

fn world_with(
    groups: Vec<group::Group>,
    lookup: impl Fn(&str, u16) -> Result<Vec<SocketAddr>, LookupError> + Send + Sync + 'static,
) -> Upstreams {
    Upstreams::with(Box::leak(groups.into()), secs(30), Box::new(lookup))
}

/// The one group of a program.
fn one(balance: Balance, servers: Vec<GroupServer>) -> Upstreams {
    world(vec![group("g", balance, servers)])
}

impl Upstreams {
    fn g(&self) -> &Group {
        self.group(0).unwrap()
    }

    /// The first choice of a new request.
    fn first(&self, now: Instant) -> Option<Picked> {
        self.g().begin(b"", None).next(None, now)
    }

    /// The first choices of so many requests that end at once without a verdict.
    fn firsts(&self, count: usize, now: Instant) -> String {
        let name = |_| self.first(now).map_or("-".into(), |picked| short(&picked));
        (0..count).map(name).collect()
    }

    fn server(&self, address: &str, now: Instant) -> ServerView {
        let servers = self.view(now).remove(0).servers;
        let mut found = servers.into_iter().filter(|s| s.address == address);
        found.next().unwrap_or_else(|| panic!("no {address}"))
    }

    fn state(&self, address: &str, now: Instant) -> State {
        self.server(address, now).state
    }

    /// Lets the next request fail on this address, and no other.
    fn fail(&self, address: &str, now: Instant) {
        self.at(address, now, |picked| picked.failed("for the test", now));
    }

    fn succeed(&self, address: &str, now: Instant) {
        self.at(address, now, |picked| picked.succeeded(now));
    }

    /// A request that comes to this address; those that come to others go by without a verdict.
    fn at(&self, address: &str, now: Instant, end: impl FnOnce(&Picked)) {
        let mut run = self.g().begin(b"", None);
        let mut others = Vec::new();
        while let Some(picked) = run.next(None, now) {
            if picked.address().to_string() == address {
                return end(&picked);
            }
            others.push(picked);
        }
        panic!("{address} can not be tried");
    }
}

impl Run {
    /// All tries that are left, each of which ends without a verdict before the next.
    fn rest(&mut self, bind: Option<IpAddr>, now: Instant) -> String {
        let mut order = String::new();
        while let Some(picked) = self.next(bind, now) {
            order += &short(&picked);
        }
        order
    }
}

/// The last letter of the path of `unix:/a`, or of any other address.
fn short(picked: &Picked) -> String {
    let text = picked.address().to_string();
    text.chars().next_back().map(String::from).unwrap()
}
