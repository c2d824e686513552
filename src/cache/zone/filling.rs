//! Who fills an entry, and who waits for that (C22 to C28, Z45, Z46).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{State, Zone};
use crate::cache::Entry;
use crate::cache::key::Hash;

/// How long after a response that could not be stored the requests for its key do not wait for each other.
const OPEN: Duration = Duration::from_secs(30);
/// The same after a failure: everybody has waited long enough, and the next may go better.
const OPEN_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// A request that waits in the front: which connection to look at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiter {
    pub slot: usize,
    pub serial: u32,
}

/// One request is filling an entry.
#[derive(Debug)]
pub(super) struct Lease {
    number: u64,
    since: Instant,
    pub(super) waiters: Vec<Waiter>,
}

/// What came of asking for the right to fill an entry.
#[derive(Debug)]
pub enum Leased {
    /// Whoever has the ticket fills it.
    Granted(Ticket),
    /// Somebody else does, since then.
    Held(Instant),
    /// Nobody waits for anybody: its responses were not storable a moment ago.
    Open(Ticket),
}

/// How a fill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No word of it: whoever waits takes over.
    Abandoned,
    /// The entry is there, or is good again.
    Stored,
    /// The response was not one to be stored.
    Unstorable,
    /// There was none.
    Failed,
}

/// The right to store something under a key, and with `lease` the duty to let those who wait know how it ends. Whoever drops it
/// has ended.
#[derive(Debug)]
pub struct Ticket {
    zone: &'static Zone,
    pub hash: Hash,
    /// The key's version when the request began.
    pub version: u32,
    lease: Option<u64>,
    verdict: Verdict,
}

impl Zone {
    /// The right to fill the entry of a key that was just visited, unless somebody has it who began less than `age` ago (C25).
    pub fn lease(&'static self, hash: &Hash, version: u32, now: Instant, age: Duration) -> Leased {
        let seen = self.seconds(now);
        let mut state = self.lock();
        let is_open = state
            .index
            .get(hash)
            .is_some_and(|node| seen < node.open_until);
        let held = state.leases.get(hash).map(|lease| lease.since);
        if let Some(since) = held.filter(|since| now.saturating_duration_since(*since) < age) {
            if is_open {
                return Leased::Open(self.issue(&mut state, hash, version, None));
            }
            return Leased::Held(since);
        }
        state.serial += 1;
        let number = state.serial;
        let waiters = state.leases.remove(hash).map(|old| old.waiters);
        let lease = Lease {
            number,
            since: now,
            // They go on waiting, now for this one.
            waiters: waiters.unwrap_or_default(),
        };
        state.leases.insert(*hash, lease);
        Leased::Granted(self.issue(&mut state, hash, version, Some(number)))
    }

    /// The right to store something under a key without being waited for.
    pub fn ticket(&'static self, hash: &Hash, version: u32) -> Ticket {
        self.issue(&mut self.lock(), hash, version, None)
    }

    fn issue(
        &'static self,
        state: &mut State,
        hash: &Hash,
        version: u32,
        lease: Option<u64>,
    ) -> Ticket {
        if let Some(node) = state.index.get_mut(hash) {
            node.pins = node.pins.saturating_add(1);
        }
        Ticket {
            zone: self,
            hash: *hash,
            version,
            lease,
            verdict: Verdict::Abandoned,
        }
    }

    /// Front: waits for whoever fills the entry. False: nobody does any more.
    pub fn wait(&self, hash: &Hash, waiter: Waiter) -> bool {
        let mut state = self.lock();
        let Some(lease) = state.leases.get_mut(hash) else {
            return false;
        };
        if !lease.waiters.contains(&waiter) {
            lease.waiters.push(waiter);
        }
        true
    }

    /// Front: a waiter has left, or goes on by itself.
    pub fn leave(&self, hash: &Hash, waiter: Waiter) {
        if let Some(lease) = self.lock().leases.get_mut(hash) {
            lease.waiters.retain(|other| *other != waiter);
        }
    }

    /// Whether what was begun at this version may still be stored.
    pub fn is_current(&self, hash: &Hash, version: u32) -> bool {
        let state = self.lock();
        state.index.get(hash).is_some_and(|n| n.version == version)
    }

    /// Holds a new entry in memory, to be written to the disk later. False: it may not be stored any more, or there is no room.
    pub fn hold_new(&self, ticket: &Ticket, entry: &Arc<Entry>, now: Instant) -> bool {
        let mut state = self.lock();
        let node = state.index.get(&ticket.hash);
        if node.is_none_or(|node| node.version != ticket.version) {
            return false;
        }
        if !state.index.hold(&ticket.hash, entry, true) {
            return false;
        }
        state.stored(&ticket.hash);
        state.dirty.push_back((ticket.hash, now));
        if state.dirty.len() == 1 {
            self.ring(&mut state);
        }
        true
    }

    /// A worker, with the file lock: the file of a new entry has its name now, and this size.
    pub fn filed(&self, ticket: &Ticket, entry: &Arc<Entry>, size: u64) {
        let mut state = self.lock();
        state.index.set_size(&ticket.hash, size);
        state.index.hold(&ticket.hash, entry, false);
        state.stored(&ticket.hash);
    }

    /// An entry that was validated goes on with other fields and times. What is on the disk is its old head, or, where
    /// `size` says so, already the new one.
    pub fn renewed(&self, ticket: &Ticket, entry: &Arc<Entry>, size: Option<u64>) -> bool {
        let mut state = self.lock();
        let Some(node) = state.index.get(&ticket.hash) else {
            return false;
        };
        if node.version != ticket.version {
            return false;
        }
        // What was not on the disk yet is to be written all the same.
        let dirty = !node.is_on_disk() && size.is_none();
        if let Some(size) = size {
            state.index.set_size(&ticket.hash, size);
        }
        let is_held = state.index.hold(&ticket.hash, entry, dirty);
        if is_held && dirty {
            state.dirty.push_back((ticket.hash, Instant::now()));
            self.ring(&mut state);
        }
        is_held
    }

    /// Remembers an error in place of a response (C36).
    pub fn remember(&self, ticket: &Ticket, status: u16, time: Duration, now: Instant) {
        let until = self.until(now, time);
        let mut state = self.lock();
        if let Some(node) = state.index.get_mut(&ticket.hash)
            && node.version == ticket.version
        {
            node.error = status;
            node.error_until = until;
        }
    }

    /// A fill has failed that was to be one.
    pub fn fill_failed(&self) {
        self.lock().counts.fills_failed += 1;
    }
}

impl State {
    fn stored(&mut self, hash: &Hash) {
        self.counts.fills += 1;
        if let Some(node) = self.index.get_mut(hash) {
            node.error = 0;
            node.open_until = 0;
        }
    }
}

impl Ticket {
    /// Others wait for how it ends.
    pub fn is_leased(&self) -> bool {
        self.lease.is_some()
    }

    /// Ends with a word on how it went.
    pub fn end(mut self, verdict: Verdict) {
        self.verdict = verdict;
    }

    /// The zone it is for.
    pub fn zone(&self) -> &'static Zone {
        self.zone
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let zone = self.zone;
        // The clock is read before the lock is taken.
        let now = Instant::now();
        let open = match self.verdict {
            Verdict::Abandoned | Verdict::Stored => None,
            Verdict::Unstorable => Some(zone.until(now, OPEN)),
            Verdict::Failed => Some(zone.until(now, OPEN_AFTER_FAILURE)),
        };
        let mut state = zone.lock();
        if let Some(node) = state.index.get_mut(&self.hash) {
            node.pins = node.pins.saturating_sub(1);
            node.open_until = open.unwrap_or(node.open_until);
        }
        let waiters = match state.leases.get_mut(&self.hash) {
            Some(lease) if Some(lease.number) == self.lease => {
                state.leases.remove(&self.hash).map(|lease| lease.waiters)
            }
            // Somebody has taken over, but what they all wait for is there.
            Some(lease) if self.verdict == Verdict::Stored => {
                Some(std::mem::take(&mut lease.waiters))
            }
            _ => None,
        };
        drop(state);
        if let (Some(waiters), Some(wake)) = (waiters, zone.wake.get()) {
            waiters.into_iter().for_each(wake);
        }
    }
}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "zone {}", self.settings.name)
    }
}
