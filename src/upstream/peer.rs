//! A peer: one address of one server of one group, with what is counted of it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::health::{Began, Health, Standing, Table};
use super::leaving::{DOWN, IN, Membership};
use super::lock;
use super::verdict::Verdict;
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
    /// Where the group is checked (`--health`): what came of it.
    pub checked: Option<Mutex<Verdict>>,
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
    /// Its group has a `--health`.
    pub checked: bool,
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
            checked: group.health.is_some(),
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
            checked: false,
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
            checked: setting.checked.then(Mutex::default),
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

    /// How it stands: what exchanges have shown of the address, and checks of this server of this group.
    pub fn standing(&self, now: Instant) -> Standing {
        let known = self.health.standing(self.rule, now);
        let verdict = self.checked.as_ref();
        match verdict.and_then(|verdict| lock(verdict).unhealthy_since()) {
            None => known,
            Some(since) => Standing::Unhealthy(match known {
                Standing::Well => since,
                Standing::Failed(at)
                | Standing::Probed(at)
                | Standing::Due(at)
                | Standing::Unhealthy(at) => since.max(at),
            }),
        }
    }

    /// When it last came back, by an exchange or by checks.
    pub fn recovered_at(&self) -> Option<Instant> {
        let verdict = self.checked.as_ref();
        let checked = verdict.and_then(|verdict| lock(verdict).recovered_at());
        self.health.recovered_at(self.rule).max(checked)
    }

    /// Checks have shown that it is well, and no exchange has failed since the mark of its health was this. Whether that ended
    /// what the log has called disabled.
    pub fn proved(&self, mark: u32, now: Instant) -> bool {
        let began = Began {
            mark,
            probe: 0,
            trial: false,
        };
        self.health.succeed(began, now)
    }

    /// Forgets its failures, by order. Whether it was out for them.
    pub fn revive(&self, now: Instant) -> bool {
        let verdict = self.checked.as_ref();
        let unhealthy = verdict.is_some_and(|verdict| lock(verdict).revive());
        self.health.revive(now) || unhealthy
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
