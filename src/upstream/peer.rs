//! A peer: one address of one server of one group, with what is counted of it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::health::{Health, Table};
use super::leaving::{DOWN, IN, Membership};
use super::lock;
use super::view::BUCKETS;
use crate::config::address::Address;
use crate::config::group::{Balance, Group, GroupServer};

/// One address of a server. Lives as long as the address belongs to the group, or an exchange with it runs.
#[derive(Debug)]
pub struct Peer {
    pub address: Address,
    /// What `--sticky cookie` calls the server: `route`, or the MD5 of the address in lowercase hex digits (N50). Empty for
    /// an address that a template gave.
    pub id: String,
    /// Which server of the group it belongs to.
    pub server: usize,
    pub setting: Setting,
    pub health: Arc<Health>,
    /// The rule of the health that goes for it.
    pub rule: usize,
    pub membership: Arc<Membership>,
    /// Exchanges now.
    running: AtomicU32,
    counters: Mutex<Counters>,
}

/// What a server's flags say of each of its addresses.
#[derive(Clone, Debug)]
pub struct Setting {
    pub weight: u32,
    pub max_conns: u32,
    pub max_fails: u32,
    pub fail_timeout: Duration,
    /// Zero where the method does not know it (N47).
    pub slow_start: Duration,
    pub backup: bool,
    /// It has a `route`, which `--sticky … route` needs.
    pub routed: bool,
}

/// What the status page shows; see [`super::view::ServerView`].
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Exchanges that have ended.
    pub requests: u64,
    pub fails: u64,
    pub sent: u64,
    pub received: u64,
    pub responses: [u64; 5],
    pub times: [u64; BUCKETS.len() + 1],
    pub time_sum: u64,
}

impl Setting {
    /// Of a server of a group.
    pub fn of(server: &GroupServer, group: &Group) -> Setting {
        let grows = matches!(group.balance, Balance::RoundRobin | Balance::LeastConn);
        Setting {
            weight: server.weight.max(1),
            max_conns: server.max_conns,
            max_fails: server.max_fails,
            fail_timeout: server.fail_timeout,
            slow_start: if grows {
                server.slow_start
            } else {
                Duration::ZERO
            },
            backup: server.backup,
            routed: server.route.is_some(),
        }
    }

    /// Of an address that a template gave: the defaults (N18).
    pub fn of_template() -> Setting {
        Setting {
            weight: 1,
            max_conns: 0,
            max_fails: 1,
            fail_timeout: Duration::from_secs(10),
            slow_start: Duration::ZERO,
            backup: false,
            routed: false,
        }
    }
}

impl Peer {
    /// A peer without a history of its own; what is known of the health of the address is there.
    pub fn new(
        address: Address,
        id: String,
        server: usize,
        setting: Setting,
        level: u8,
        table: &Table,
    ) -> Peer {
        let health = table.get(&address);
        let rule = health.rule(setting.max_fails, setting.fail_timeout);
        Peer {
            address,
            id,
            server,
            setting,
            health,
            rule,
            membership: Arc::new(Membership::new(level)),
            running: AtomicU32::new(0),
            counters: Mutex::default(),
        }
    }

    /// The level at which the addresses of a server begin.
    pub fn first_level(server: &GroupServer) -> u8 {
        if server.down { DOWN } else { IN }
    }

    /// Exchanges now.
    pub fn running(&self) -> u32 {
        self.running.load(Ordering::Relaxed)
    }

    /// Whether `max_conns` allows another exchange just now.
    pub fn has_room(&self) -> bool {
        self.setting.max_conns == 0 || self.running() < self.setting.max_conns
    }

    /// Begins an exchange, unless `max_conns` run already. Exact, however many threads ask at once.
    pub fn acquire(&self) -> bool {
        let max = self.setting.max_conns;
        if max == 0 {
            self.running.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        let more = |running| (running < max).then(|| running + 1);
        let running = &self.running;
        running
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
    }

    /// Ends an exchange.
    pub fn release(&self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts something.
    pub fn count(&self, what: impl FnOnce(&mut Counters)) {
        what(&mut lock(&self.counters));
    }

    pub fn counters(&self) -> Counters {
        lock(&self.counters).clone()
    }
}

impl Counters {
    /// Counts a response; see [`super::groups::Picked::account`].
    pub fn response(&mut self, status: u16, sent: u64, received: u64, time: Duration) {
        self.sent = self.sent.wrapping_add(sent);
        self.received = self.received.wrapping_add(received);
        let class = usize::from(status / 100).wrapping_sub(1);
        let Some(responses) = self.responses.get_mut(class) else {
            return;
        };
        *responses += 1;
        let over = |bound: &&u64| time > Duration::from_millis(**bound);
        let bucket = BUCKETS.iter().take_while(over).count();
        if let Some(times) = self.times.get_mut(bucket) {
            *times += 1;
        }
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.time_sum = self.time_sum.saturating_add(time);
    }
}

/// The id of an address for `--sticky cookie` (N50).
pub fn id(server: &GroupServer, address: &Address) -> String {
    match &server.route {
        Some(route) => route.clone(),
        None => format!("{:x}", md5::compute(address.to_string())),
    }
}
