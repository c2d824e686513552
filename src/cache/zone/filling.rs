//! Who fills an entry, and who waits for that (C22 to C28, Z45, Z46).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{State, Zone};
use crate::cache::Entry;
use crate::cache::index::Node;
use crate::cache::key::Hash;

/// How long after a response that could not be stored the requests for its key do not wait for each other.
const OPEN: Duration = Duration::from_secs(30);

/// Bytes of the zone for each entry that may wait to be written: places in the queue are not counted as memory.
const SIZE_FOR_ONE_UNSAVED: usize = 512;

/// A request that waits in the front: which connection to look at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Waiter {
    pub slot: usize,
    pub serial: u32,
}

/// One request is filling an entry.
#[derive(Debug)]
pub(super) struct Lease {
    number: u64,
    since: Instant,
    /// The key's version for whoever has it.
    version: u32,
    pub(super) waiters: HashSet<Waiter>,
}

/// Somebody may store something under a key.
#[derive(Debug)]
pub(super) struct Begun {
    /// How many tickets are out.
    tickets: u32,
    /// The last stamp when the first of them was given: all that is on its way has a later one.
    pub(super) stamp: u64,
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
    /// No word of it, or there was no response: whoever waits takes over.
    Abandoned,
    /// The entry is there, or is good again.
    Stored,
    /// The response was not one to be stored.
    Unstorable,
}

/// The right to store something under a key, and with `lease` the duty to let those who wait know how it ends. Whoever drops it
/// has ended.
#[derive(Debug)]
pub struct Ticket {
    zone: &'static Zone,
    pub hash: Hash,
    /// The key's version when the request began.
    pub version: u32,
    pub(super) lease: Option<u64>,
    /// It keeps its node in the index. If not, there was none when it was given, and nothing can be stored.
    pins: bool,
    verdict: Verdict,
}

/// What has become of an entry that somebody has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is held, and not on the disk.
    Unsaved,
    /// It is held, and on the disk.
    Saved,
    /// It is not held any more; the file may be its own.
    Unheld,
    /// Another has taken its place, or none.
    Gone,
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
        let is_current = state.is_current(hash, version);
        // Nobody waits for what was purged already: it will not be stored.
        let lease = state.leases.get(hash);
        let lease = lease.filter(|lease| lease.version == version || !is_current);
        let held = lease.map(|lease| lease.since);
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
            version,
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
        let stamp = state.stamp;
        let node = state.index.get_mut(hash);
        let pins = node.map(|node| node.pins += 1).is_some();
        // Without a node nothing says what was purged since: no node will have this version, whoever goes on with it.
        let version = if pins {
            version
        } else {
            version.wrapping_sub(1)
        };
        if pins {
            let begun = Begun { tickets: 0, stamp };
            state.begun.entry(*hash).or_insert(begun).tickets += 1;
        }
        Ticket {
            zone: self,
            hash: *hash,
            version,
            lease,
            pins,
            verdict: Verdict::Abandoned,
        }
    }

    /// Front: waits for whoever fills the entry. False: nobody does any more.
    pub fn wait(&self, hash: &Hash, waiter: Waiter) -> bool {
        let mut state = self.lock();
        let Some(lease) = state.leases.get_mut(hash) else {
            return false;
        };
        lease.waiters.insert(waiter);
        true
    }

    /// Front: a waiter has left, or goes on by itself.
    pub fn leave(&self, hash: &Hash, waiter: Waiter) {
        if let Some(lease) = self.lock().leases.get_mut(hash) {
            lease.waiters.remove(&waiter);
        }
    }

    /// Holds a new entry in memory, to be written to the disk later. False: it may not be stored any more, or there is no room, or
    /// too much waits already.
    pub fn hold_new(&self, ticket: &Ticket, entry: &Arc<Entry>, now: Instant) -> bool {
        let mut state = self.lock();
        let may_wait = state.dirty.len() < self.settings.size / SIZE_FOR_ONE_UNSAVED;
        if !may_wait || !state.may_fill(ticket, &entry.key, entry.stamp) {
            return false;
        }
        if !state.index.hold(&ticket.hash, entry, true) {
            return false;
        }
        state.stored(&ticket.hash);
        self.save_later(&mut state, &ticket.hash, now);
        true
    }

    fn save_later(&self, state: &mut State, hash: &Hash, now: Instant) {
        let Some(node) = state.index.get_mut(hash) else {
            return;
        };
        // Where it waits already the newer one is written in place of the older.
        if !std::mem::replace(&mut node.queued, true) {
            state.dirty.push_back((*hash, now));
            if state.dirty.len() == 1 {
                self.ring(state);
            }
        }
    }

    /// A worker, with the file lock: the file of a new entry has its name now, and this size. If it was purged since the worker
    /// looked, the file goes again.
    pub fn filed(&self, ticket: &Ticket, entry: &Arc<Entry>, size: u64) {
        let mut state = self.lock();
        if !state.may_store(ticket, &entry.key, entry.stamp) {
            state.index.empty(&ticket.hash);
            self.remove_later(&mut state, ticket.hash);
            return;
        }
        state.index.set_size(&ticket.hash, size);
        if state.is_superseded(&ticket.hash, entry.stamp) {
            // It came since the worker looked, so it is not saved yet, and takes the file's place when it is.
            return;
        }
        state.index.hold(&ticket.hash, entry, false);
        state.stored(&ticket.hash);
    }

    /// What has become of the entry with this stamp.
    pub fn standing(&self, hash: &Hash, stamp: u64) -> Standing {
        let state = self.lock();
        let Some(node) = state.index.get(hash) else {
            return Standing::Gone;
        };
        match node.held() {
            Some(held) if held.stamp != stamp => Standing::Gone,
            Some(_) if node.is_dirty() || !node.is_on_disk() => Standing::Unsaved,
            Some(_) => Standing::Saved,
            None if node.is_on_disk() => Standing::Unheld,
            None => Standing::Gone,
        }
    }

    /// An entry that was validated goes on with other fields and times. What is on the disk is its old head, or, where
    /// `size` says so, already the new one. False: it is not held, for it was purged, for another has taken its place, or for want
    /// of room.
    pub fn renewed(
        &self,
        ticket: &Ticket,
        old: &Entry,
        entry: &Arc<Entry>,
        size: Option<u64>,
    ) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        let node = state.index.get(&ticket.hash);
        let held = node.and_then(Node::held).map(|held| held.stamp);
        // Where nothing is held only the file tells whether it is still the same response.
        let is_same = held.map_or(size.is_some(), |stamp| stamp == old.stamp);
        if !is_same || !state.may_store(ticket, &entry.key, entry.stamp) {
            return false;
        }
        // What was not on the disk yet is to be written all the same.
        let is_safe = |node: &Node| node.is_on_disk() && !node.is_dirty();
        let dirty = size.is_none() && !state.index.get(&ticket.hash).is_some_and(is_safe);
        if let Some(size) = size {
            state.index.set_size(&ticket.hash, size);
        }
        let is_held = state.index.hold(&ticket.hash, entry, dirty);
        state.is_good(&ticket.hash);
        if is_held && dirty {
            self.save_later(&mut state, &ticket.hash, now);
        }
        is_held
    }

    /// Remembers an error in place of a response (C36).
    pub fn remember(&self, ticket: &Ticket, status: u16, time: Duration, now: Instant) {
        let until = self.until(now, time);
        let mut state = self.lock();
        if let Some(node) = state.index.get_mut(&ticket.hash)
            && node.version() == ticket.version
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
    pub(super) fn is_current(&self, hash: &Hash, version: u32) -> bool {
        let node = self.index.get(hash);
        node.is_some_and(|node| node.version() == version)
    }

    /// No purge since the ticket was given, nor one by wildcard since the request was sent, takes this away.
    fn may_store(&self, ticket: &Ticket, key: &[u8], stamp: u64) -> bool {
        self.is_current(&ticket.hash, ticket.version) && !self.is_purged(key, stamp)
    }

    /// The same for a new response: none that was asked for later is there already.
    fn may_fill(&self, ticket: &Ticket, key: &[u8], stamp: u64) -> bool {
        self.may_store(ticket, key, stamp) && !self.is_superseded(&ticket.hash, stamp)
    }

    /// What is held was asked for later. A stamp that is beyond all that were given says nothing: it is of a time when the clock was
    /// ahead.
    fn is_superseded(&self, hash: &Hash, stamp: u64) -> bool {
        let held = self.index.get(hash).and_then(Node::held);
        held.is_some_and(|held| stamp < held.stamp && held.stamp <= self.stamp)
    }

    /// A ticket that kept a node in the index is no more.
    fn unpin(&mut self, hash: &Hash) {
        if let Some(node) = self.index.get_mut(hash) {
            node.pins = node.pins.saturating_sub(1);
        }
        if let Some(begun) = self.begun.get_mut(hash) {
            begun.tickets = begun.tickets.saturating_sub(1);
            if begun.tickets == 0 {
                self.begun.remove(hash);
            }
        }
    }

    fn stored(&mut self, hash: &Hash) {
        self.counts.fills += 1;
        self.is_good(hash);
    }

    /// What is found under a key is good: no error is remembered in its place, and who asks for it waits for whoever fills it.
    fn is_good(&mut self, hash: &Hash) {
        if let Some(node) = self.index.get_mut(hash) {
            node.error = 0;
            node.open_until = 0;
        }
    }
}

impl Ticket {
    /// With the file lock, before a file gets its place: whether what was begun with this ticket, of this key and stamp, may still be
    /// stored.
    pub fn may_store(&self, key: &[u8], stamp: u64) -> bool {
        self.zone.lock().may_store(self, key, stamp)
    }

    /// The same for a new response, which must not take the place of one that was asked for later.
    pub fn may_fill(&self, key: &[u8], stamp: u64) -> bool {
        self.zone.lock().may_fill(self, key, stamp)
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
            // Who nobody waits for is perhaps a special case: one that goes past the cache, or a HEAD.
            Verdict::Unstorable if self.lease.is_some() => Some(zone.until(now, OPEN)),
            Verdict::Abandoned | Verdict::Stored | Verdict::Unstorable => None,
        };
        let mut state = zone.lock();
        if self.pins {
            state.unpin(&self.hash);
        }
        if let Some(until) = open
            && let Some(node) = state.index.get_mut(&self.hash)
            // What came of a request from before a purge says nothing of those after it.
            && node.version() == self.version
        {
            node.open_until = until;
        }
        let waiters = match state.leases.get_mut(&self.hash) {
            Some(lease) if Some(lease.number) == self.lease => {
                state.leases.remove(&self.hash).map(|lease| lease.waiters)
            }
            // Somebody has taken over, but what they all wait for is there, or is known never to be.
            Some(lease) if self.verdict == Verdict::Stored || open.is_some() => {
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
