//! Health: what is known of an address, whoever found it out. One [`Table`] for the process: all workers, all groups and the
//! addresses that templates give share it (Z29, Z35).
//!
//! The facts are the address's: when it failed, and whether it is being probed. How they are judged is each server's: a [`Rule`] is a
//! pair of `max_fails` and `fail_timeout`, and every distinct pair among the servers of an address has its own verdict.
//!
//! - `max_fails` failures within `fail_timeout` (a window that slides) disable the address by that rule.
//! - It stays disabled for `fail_timeout` after the failure that did it. Late failures of exchanges that had begun before
//!   do not make this longer.
//! - Then one exchange probes it. A probe that ends without a verdict, or that has none after another `fail_timeout`
//!   (a long download, an application that hangs), makes room for another.
//! - A failure of the probe disables it again. A success of an exchange that began after the last failure (the probe, or one that
//!   was sent there because no server was left, or by another rule), forgets all failures for all rules. One that began before
//!   does not, be it a probe that was given up: what has been found out since is newer.
//!
//! Time is an argument everywhere; nothing here reads a clock.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::lock;
use crate::config::address::Address;

/// Addresses of templates that are remembered though nothing uses them now.
const UNUSED_MAX: usize = 256;

/// Failures that are counted for the status page, where no `max_fails` asks for more.
const STAMPS_MIN: usize = 64;

/// Bytes of the description of a failure that are kept.
const WHY_MAX: usize = 200;

/// All addresses that anything is known of, the least recently asked for first.
#[derive(Debug, Default)]
pub struct Table {
    list: Mutex<Vec<Arc<Health>>>,
}

impl Table {
    /// The health of an address. Beyond [`UNUSED_MAX`] of them, unused addresses are forgotten, the oldest first.
    pub fn get(&self, address: &Address) -> Arc<Health> {
        let mut list = lock(&self.list);
        let found = match list.iter().position(|health| health.address == *address) {
            Some(at) => list.remove(at),
            None => {
                let unused = |health: &Arc<Health>| Arc::strong_count(health) == 1;
                if list.iter().filter(|health| unused(health)).count() >= UNUSED_MAX
                    && let Some(oldest) = list.iter().position(unused)
                {
                    list.remove(oldest);
                }
                Arc::new(Health::new(address))
            }
        };
        list.push(Arc::clone(&found));
        found
    }
}

/// The health of one address.
#[derive(Debug)]
pub struct Health {
    address: Address,
    /// 0: no failure is on record, and nobody needs the lock. Else the number of the last failure.
    mark: AtomicU32,
    state: Mutex<State>,
}

/// Numbers of failures and probes are never 0.
#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    /// When it failed, oldest first: as many as the strictest rule must see.
    stamps: VecDeque<Instant>,
    serial: u32,
    /// The probe that is under way, and since when.
    probe: Option<(u32, Instant)>,
    last: Option<(String, Instant)>,
}

/// One way to judge the failures of an address.
#[derive(Debug)]
struct Rule {
    /// 0: never disabled.
    max_fails: u32,
    fail_timeout: Duration,
    /// The failure that disabled it, until a success.
    failed_at: Option<Instant>,
    recovered_at: Option<Instant>,
    /// A group of several servers goes by it, so that it matters whether the address is disabled.
    matters: bool,
    /// The log says that it is disabled.
    told: bool,
}

/// The verdict of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Well,
    /// Disabled; since when.
    Failed(Instant),
    /// The time is over, and it is being probed.
    Probed(Instant),
    /// The time is over; the next exchange is the probe.
    Due(Instant),
    /// Checks have failed (`--health`); since when, or when an exchange failed after that. No rule says this, but
    /// [`super::peer::Peer::standing`].
    Unhealthy(Instant),
}

/// Whether an exchange may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Yes,
    /// As the probe of this number.
    Probe(u32),
    No,
}

/// How an exchange began: what its end means depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Began {
    /// [`Health::mark`] at that time.
    pub mark: u32,
    /// The number of the probe that it is, or 0.
    pub probe: u32,
    /// The address was disabled then.
    pub trial: bool,
}

/// What a failure has led to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fall {
    /// The address is disabled now by the rule of the exchange.
    pub disabled: bool,
    /// It was not before, by a rule that matters: to be logged. Failures, and within and for how long.
    pub news: Option<(u32, Duration)>,
}

impl Health {
    fn new(address: &Address) -> Health {
        Health {
            address: address.clone(),
            mark: AtomicU32::new(0),
            state: Mutex::default(),
        }
    }

    /// The number of a rule.
    pub fn rule(&self, max_fails: u32, fail_timeout: Duration) -> usize {
        let mut state = lock(&self.state);
        let same = |rule: &Rule| rule.max_fails == max_fails && rule.fail_timeout == fail_timeout;
        state.rules.iter().position(same).unwrap_or_else(|| {
            state.rules.push(Rule {
                max_fails,
                fail_timeout,
                failed_at: None,
                recovered_at: None,
                matters: false,
                told: false,
            });
            state.rules.len() - 1
        })
    }

    /// A set of several peers goes by the rule from now on.
    pub fn matters(&self, rule: usize) {
        if let Some(rule) = lock(&self.state).rules.get_mut(rule) {
            rule.matters = true;
        }
    }

    /// 0, or the number of the last failure.
    pub fn mark(&self) -> u32 {
        // A hint alone; what it stands for is read under the lock.
        self.mark.load(Ordering::Relaxed)
    }

    /// How the address stands by a rule.
    pub fn standing(&self, rule: usize, now: Instant) -> Standing {
        if self.mark() == 0 {
            return Standing::Well;
        }
        let mut state = lock(&self.state);
        if state.is_past(now) {
            state.forget(now);
            self.mark.store(0, Ordering::Relaxed);
        }
        state.judge(rule, now)
    }

    /// Asks to begin an exchange; claims the probe if one is due.
    pub fn admit(&self, rule: usize, now: Instant) -> Admission {
        if self.mark() == 0 {
            return Admission::Yes;
        }
        let mut state = lock(&self.state);
        match state.judge(rule, now) {
            Standing::Well => Admission::Yes,
            Standing::Failed(_) | Standing::Probed(_) | Standing::Unhealthy(_) => Admission::No,
            Standing::Due(_) => {
                let number = state.number();
                state.probe = Some((number, now));
                Admission::Probe(number)
            }
        }
    }

    /// An exchange has failed there.
    pub fn fail(&self, rule: usize, began: Began, why: &str, now: Instant) -> Fall {
        let mut state = lock(&self.state);
        let mark = state.number();
        self.mark.store(mark, Ordering::Relaxed);
        state.end_probe(began.probe);
        let why = why.char_indices().take_while(|(at, _)| *at < WHY_MAX);
        state.last = Some((why.map(|(_, c)| c).collect(), now));
        state.stamp(now);
        let State { rules, stamps, .. } = &mut *state;
        let mut fall = Fall::default();
        for (index, each) in rules.iter_mut().enumerate() {
            let news = each.fail(stamps, began.trial, now);
            fall.news = fall.news.or(news);
            fall.disabled |= index == rule && each.failed_at.is_some();
        }
        fall
    }

    /// An exchange has succeeded there. Whether that ended what the log has called disabled.
    pub fn succeed(&self, began: Began, now: Instant) -> bool {
        if self.mark() == 0 {
            return false;
        }
        let mut state = lock(&self.state);
        state.end_probe(began.probe);
        let proves = began.mark == self.mark();
        let disabled = state.rules.iter().any(|rule| rule.failed_at.is_some());
        if !(proves && disabled || state.is_past(now)) {
            return false;
        }
        self.mark.store(0, Ordering::Relaxed);
        state.forget(now)
    }

    /// An exchange has ended; if it was the probe, another may be it.
    pub fn release(&self, probe: u32) {
        if probe != 0 {
            lock(&self.state).end_probe(probe);
        }
    }

    /// Forgets all failures, by order. Whether the address was disabled by any rule.
    pub fn revive(&self, now: Instant) -> bool {
        let mut state = lock(&self.state);
        let disabled = state.rules.iter().any(|rule| rule.failed_at.is_some());
        state.forget(now);
        self.mark.store(0, Ordering::Relaxed);
        disabled
    }

    /// When a success last ended what a rule had disabled.
    pub fn recovered_at(&self, rule: usize) -> Option<Instant> {
        let state = lock(&self.state);
        state.rules.get(rule).and_then(|rule| rule.recovered_at)
    }

    /// Failures within `time`, as far as they are kept, and what failed last and when.
    pub fn recent(&self, time: Duration, now: Instant) -> (u32, Option<(String, Instant)>) {
        let state = lock(&self.state);
        (within(&state.stamps, time, now), state.last.clone())
    }
}

impl State {
    /// The next number of a failure or a probe.
    fn number(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1).max(1);
        self.serial
    }

    fn judge(&self, rule: usize, now: Instant) -> Standing {
        let Some(rule) = self.rules.get(rule) else {
            return Standing::Well;
        };
        let Some(at) = rule.failed_at else {
            return Standing::Well;
        };
        let time = rule.fail_timeout;
        match self.probe {
            _ if now < at + time => Standing::Failed(at),
            Some((_, since)) if now < since + time => Standing::Probed(at),
            _ => Standing::Due(at),
        }
    }

    /// Keeps the time of a failure, and no more of them than any rule counts.
    fn stamp(&mut self, now: Instant) {
        let wanted = self.rules.iter().map(|rule| rule.max_fails as usize).max();
        while self.stamps.len() >= wanted.unwrap_or(0).max(STAMPS_MIN) {
            self.stamps.pop_front();
        }
        self.stamps.push_back(now);
    }

    /// Whether no rule has disabled the address, and all its failures are too old to count.
    fn is_past(&self, now: Instant) -> bool {
        let old = |rule: &Rule| within(&self.stamps, rule.fail_timeout, now) == 0;
        self.rules
            .iter()
            .all(|rule| rule.failed_at.is_none() && old(rule))
    }

    /// Forgets the failures. Whether the log has called the address disabled.
    fn forget(&mut self, now: Instant) -> bool {
        self.stamps.clear();
        self.probe = None;
        let mut told = false;
        for rule in &mut self.rules {
            if rule.failed_at.take().is_some() {
                rule.recovered_at = Some(now);
            }
            told |= std::mem::take(&mut rule.told);
        }
        told
    }

    fn end_probe(&mut self, number: u32) {
        if self.probe.is_some_and(|(probe, _)| probe == number) {
            self.probe = None;
        }
    }
}

impl Rule {
    /// Takes note of a failure whose stamp is the last one. What there is to log.
    fn fail(
        &mut self,
        stamps: &VecDeque<Instant>,
        trial: bool,
        now: Instant,
    ) -> Option<(u32, Duration)> {
        let fails = within(stamps, self.fail_timeout, now);
        let disables = match self.failed_at {
            Some(at) => trial || now >= at + self.fail_timeout,
            None => self.max_fails > 0 && fails >= self.max_fails,
        };
        if !disables {
            return None;
        }
        self.failed_at = Some(now);
        if !self.matters || std::mem::replace(&mut self.told, true) {
            return None;
        }
        Some((fails, self.fail_timeout))
    }
}

/// How many stamps are at most `time` old.
fn within(stamps: &VecDeque<Instant>, time: Duration, now: Instant) -> u32 {
    let old = |stamp: &Instant| now.saturating_duration_since(*stamp) > time;
    // Threads read the clock before they take the lock, so the stamps are in order but for a hair.
    let count = stamps.iter().rev().take_while(|stamp| !old(stamp)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
