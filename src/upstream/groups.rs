//! Groups of servers while the program runs: their members, the orders of the status page, and how everything stands.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::balance::Growth;
use super::checks::Checks;
use super::health::{Standing, Table};
use super::leaving::{DOWN, DRAINING, IN, Leaving, REMOVED};
use super::lock;
use super::names::{Lookup, Names};
use super::peer::{self, Peer, Setting};
use super::set::Set;
use super::view::{GroupView, Order, ServerView, State};
use crate::config::Config;
use crate::config::address::{Address, Destination, destination};
use crate::config::group::{self, GroupServer, Sticky};
use crate::error::Fault;
use crate::sys::{self, LookupError};
use std::net::SocketAddr;

pub use super::leaving::Watch;
pub use super::run::{Picked, Run};

/// All groups. Shared by every thread.
pub struct Upstreams {
    groups: Vec<Group>,
    /// For the addresses of templates.
    turn: AtomicUsize,
    health: Table,
    leaving: Arc<Leaving>,
    names: Names,
    checks: Checks,
    resolve_interval: Duration,
    lookup: Box<Lookup>,
}

/// One group and its state.
pub struct Group {
    pub config: &'static group::Group,
    /// The members now. Written by the `names` thread alone.
    set: RwLock<Arc<Set>>,
    /// The level at which new addresses of each server begin. Held while members change and while an order is carried out.
    levels: Mutex<Vec<u8>>,
}

impl Upstreams {
    /// The groups of the configuration.
    pub fn new(config: &'static Config) -> Upstreams {
        let interval = config.process.resolve_interval;
        Upstreams::with(&config.groups, interval, Box::new(sys::lookup))
    }

    /// The same from its parts: names are looked up by `lookup`.
    pub(super) fn with(
        groups: &'static [group::Group],
        resolve_interval: Duration,
        lookup: Box<Lookup>,
    ) -> Upstreams {
        let health = Table::default();
        let leaving = Arc::new(Leaving::default());
        let groups = groups.iter();
        let groups = groups.map(|config| Group::new(config, &health, &leaving));
        Upstreams {
            groups: groups.collect(),
            turn: AtomicUsize::new(0),
            health,
            leaving,
            names: Names::default(),
            checks: Checks::default(),
            resolve_interval,
            lookup,
        }
    }

    /// The group of an index of [`Config::groups`].
    pub fn group(&self, index: usize) -> Option<&Group> {
        self.groups.get(index)
    }

    /// The group of a name that a template gave (K5): compared case-insensitively.
    pub fn named(&self, name: &str) -> Option<&Group> {
        self.groups
            .iter()
            .find(|group| group.config.name.eq_ignore_ascii_case(name))
    }

    /// The servers of an address that a template gave and that is no group. Names are looked up by the system, which may take a while.
    /// All addresses are used in turn, and what is known of their health holds from one call to the next (Z35).
    ///
    /// # Errors
    /// The text is no address, or the name has none.
    pub fn resolve(&self, text: &str) -> Result<Run, Fault> {
        let wrong = |why: String| Fault::Resolve(format!("\"{text}\" {why}"));
        let mut list: Vec<Address> = match destination(text).map_err(wrong)? {
            Destination::Fixed(address) => vec![address],
            Destination::Name(name, port) => match self.look_up(&name, port) {
                Ok(found) => found.into_iter().map(Address::Inet).collect(),
                Err(LookupError::NoSuchName) => return Err(wrong("is no known name".into())),
                Err(LookupError::Other(why)) => {
                    return Err(wrong(format!("does not resolve: {why}")));
                }
            },
        };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let first = turn.checked_rem(list.len()).unwrap_or(0);
        list.rotate_left(first);
        let peer = |address: Address| {
            let (none, setting) = (String::new(), Setting::of_template());
            Arc::new(Peer::new(address, none, 0, setting, IN, &self.health))
        };
        let peers = list.into_iter().map(peer).collect();
        let set = Set::of_template(text, peers, &self.leaving);
        Ok(Run::new(Arc::new(set), b"", None))
    }

    /// Starts the thread that looks names up again, if a server is marked `resolve`, and the one that checks servers, if any are
    /// to be. Called once, by the main thread, when privileges are dropped.
    pub fn start(&'static self) {
        self.checks.start(self);
        self.names.start(self);
    }

    /// HUP: looks all names up again, in a thread of its own. Returns at once.
    pub fn refresh(&'static self) {
        self.names.refresh(self);
    }

    /// How everything stands, for the status page.
    pub fn view(&self, now: Instant) -> Vec<GroupView> {
        self.groups.iter().map(|group| group.view(now)).collect()
    }

    /// Drains, takes down or revives a server. `server` is an address as the view shows it, or the server's text for all its
    /// addresses, those that its name will get as well.
    ///
    /// # Errors
    /// A phrase: there is no such group or server.
    pub fn order(&self, group: &str, server: &str, order: Order) -> Result<(), String> {
        self.order_at(group, server, order, Instant::now())
    }

    pub(super) fn order_at(
        &self,
        group: &str,
        server: &str,
        order: Order,
        now: Instant,
    ) -> Result<(), String> {
        let found = self.named(group);
        let found = found.ok_or_else(|| format!("there is no group {group}"))?;
        match found.order(server, order, &self.leaving, now) {
            true => Ok(()),
            false => Err(format!("there is no server {server} in group {group}")),
        }
    }

    /// A name's new addresses.
    pub(super) fn take_over(
        &self,
        group: &Group,
        server: usize,
        addresses: &[SocketAddr],
        now: Instant,
    ) {
        group.take_over(server, addresses, (&self.health, &self.leaving), now);
        let mut groups = self.groups.iter();
        if let Some(index) = groups.position(|known| std::ptr::eq(known, group)) {
            self.checks.follow(&self.groups, index, now);
        }
    }

    pub(super) fn look_up(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, LookupError> {
        (self.lookup)(name, port)
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    pub(super) fn resolve_interval(&self) -> Duration {
        self.resolve_interval
    }
}

impl Group {
    fn new(config: &'static group::Group, health: &Table, leaving: &Arc<Leaving>) -> Group {
        let levels: Vec<u8> = config.servers.iter().map(Peer::first_level).collect();
        let mut peers = Vec::new();
        for (index, server) in config.servers.iter().enumerate() {
            let level = Peer::first_level(server);
            let mut seen: Vec<&Address> = Vec::new();
            for address in &server.addresses {
                if !seen.contains(&address) {
                    seen.push(address);
                    peers.push(new_peer(config, index, server, address, level, health));
                }
            }
        }
        Group {
            config,
            set: RwLock::new(Arc::new(Set::of_group(config, peers, leaving, None))),
            levels: Mutex::new(levels),
        }
    }

    /// Begins a request. `key` is what the balancing method asks for: the rendered key of `hash`, the client's address in
    /// binary for `ip_hash`, else empty. `sticky` is the id that the client brought.
    pub fn begin(&self, key: &[u8], sticky: Option<&str>) -> Run {
        let set = self.set();
        let bound = sticky.and_then(|id| {
            let routes = matches!(self.config.sticky, Some(Sticky::Route(_)));
            let fits = |peer: &Arc<Peer>| peer.id == id && (peer.setting.routed || !routes);
            set.peers.iter().position(fits)
        });
        Run::new(set, key, bound)
    }

    pub(super) fn set(&self) -> Arc<Set> {
        Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The name of a server stands for these addresses now. Those that stay keep their place and state, the others leave,
    /// new ones come last, so that the order in which a resolver gives them does not move keys.
    fn take_over(
        &self,
        server: usize,
        addresses: &[SocketAddr],
        (health, leaving): (&Table, &Arc<Leaving>),
        now: Instant,
    ) {
        let Some(config) = self.config.servers.get(server) else {
            return;
        };
        let levels = lock(&self.levels);
        let old = self.set();
        let stays = |peer: &Peer| match peer.address {
            Address::Inet(address) => addresses.contains(&address),
            Address::Unix(_) => false,
        };
        let mine = |peer: &&Arc<Peer>| peer.server == server;
        let (kept, gone): (Vec<_>, Vec<_>) =
            old.peers.iter().filter(mine).partition(|peer| stays(peer));
        let mut new: Vec<Address> = Vec::new();
        for address in addresses.iter().copied().map(Address::Inet) {
            if !kept.iter().any(|peer| peer.address == address) && !new.contains(&address) {
                new.push(address);
            }
        }
        if new.is_empty() && gone.is_empty() {
            return;
        }
        let mut peers: Vec<Arc<Peer>> = Vec::new();
        let level = levels.get(server).copied().unwrap_or(IN);
        for index in 0..self.config.servers.len() {
            let stay = old.peers.iter().filter(|peer| peer.server == index);
            let stay = stay.filter(|peer| index != server || stays(peer));
            peers.extend(stay.cloned());
            if index == server {
                peers.extend(
                    new.iter().map(|address| {
                        new_peer(self.config, server, config, address, level, health)
                    }),
                );
            }
        }
        self.say(&config.text, &new, &gone);
        let set = Set::of_group(self.config, peers, leaving, Some((&old, now)));
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        for peer in gone {
            // Whatever kept new requests from it keeps those away that have begun with the old set.
            let level = match peer.membership.level() {
                IN => REMOVED,
                _ => DOWN,
            };
            peer.membership.set(level);
            leaving.left(&peer.membership, now);
        }
    }

    fn say(&self, text: &str, new: &[Address], gone: &[&Arc<Peer>]) {
        for address in new {
            log::info!("group {}: {text}: {address} comes in", self.config.name);
        }
        for peer in gone {
            let address = &peer.address;
            log::info!("group {}: {text}: {address} has left", self.config.name);
        }
    }

    /// Carries out an order; whether there is such a server.
    fn order(&self, server: &str, order: Order, leaving: &Arc<Leaving>, now: Instant) -> bool {
        let mut found = false;
        let level = match order {
            Order::Drain => DRAINING,
            Order::Down => DOWN,
            Order::Revive => IN,
        };
        let mut levels = lock(&self.levels);
        for (config, first) in self.config.servers.iter().zip(&mut *levels) {
            if config.text == server {
                *first = level;
                found = true;
            }
        }
        let set = self.set();
        for (index, peer) in set.peers.iter().enumerate() {
            let text = self.config.servers.get(peer.server).map(|s| &s.text);
            if text.is_none_or(|text| text != server) && peer.address.to_string() != server {
                continue;
            }
            found = true;
            let before = peer.membership.level();
            peer.membership.set(level);
            match order {
                Order::Drain | Order::Down => leaving.left(&peer.membership, now),
                Order::Revive => {
                    leaving.returned(&peer.membership);
                    let failed = peer.revive(now);
                    if (before != IN || failed)
                        && let Some(turn) = lock(&set.turns).list.get_mut(index)
                    {
                        turn.growth.begin(now);
                    }
                }
            }
            log::info!(
                "group {}: server {} is to {}",
                self.config.name,
                peer.address,
                match order {
                    Order::Drain => "drain",
                    Order::Down => "be down",
                    Order::Revive => "be up",
                }
            );
        }
        found
    }

    fn view(&self, now: Instant) -> GroupView {
        let set = self.set();
        let mut servers = Vec::with_capacity(set.peers.len());
        for (index, config) in self.config.servers.iter().enumerate() {
            for (at, peer) in set.peers.iter().enumerate() {
                if peer.server == index {
                    let growth = lock(&set.turns).list.get(at).map(|t| t.growth.clone());
                    servers.push(server_view(config, peer, growth.unwrap_or_default(), now));
                }
            }
        }
        GroupView {
            name: self.config.name.clone(),
            implicit: self.config.implicit,
            balance: self.config.balance.name(),
            servers,
        }
    }
}

fn new_peer(
    group: &'static group::Group,
    index: usize,
    server: &GroupServer,
    address: &Address,
    level: u8,
    health: &Table,
) -> Arc<Peer> {
    let id = peer::id(server, address);
    let setting = Setting::of(server, group);
    let address = address.clone();
    Arc::new(Peer::new(address, id, index, setting, level, health))
}

fn server_view(config: &GroupServer, peer: &Peer, mut growth: Growth, now: Instant) -> ServerView {
    let setting = &peer.setting;
    let counters = peer.counters();
    let running = peer.running();
    let (recent_fails, last) = peer.health.recent(setting.fail_timeout, now);
    growth.recovered(peer.recovered_at());
    let state = match (peer.membership.level(), peer.standing(now)) {
        (DOWN | REMOVED, _) => State::Down,
        (DRAINING, _) => State::Draining,
        (_, Standing::Unhealthy(_)) => State::Unhealthy,
        (_, Standing::Failed(_)) => State::Failed,
        (_, Standing::Probed(_) | Standing::Due(_)) => State::Probing,
        (_, Standing::Well) if growth.share(setting.slow_start, now) < 100 => State::Starting,
        (_, Standing::Well) => State::Up,
    };
    ServerView {
        address: peer.address.to_string(),
        text: config.text.clone(),
        state,
        backup: setting.backup,
        weight: setting.weight,
        max_conns: setting.max_conns,
        running,
        requests: counters.requests + u64::from(running),
        fails: counters.fails,
        recent_fails,
        last_error: last.map(|(why, at)| (why, now.saturating_duration_since(at))),
        bytes_sent: counters.sent,
        bytes_received: counters.received,
        responses: counters.responses,
        times: counters.times,
        time_sum: counters.time_sum,
        check: peer.checked.as_ref().map(|verdict| lock(verdict).view(now)),
    }
}
