//! The keeper's part of a zone: what is to be loaded, saved and removed (C87 to C95).

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::{State, Zone};
use crate::cache::Entry;
use crate::cache::index::{Node, Removed};
use crate::cache::key::Hash;
use crate::cache::view::ZoneView;

/// How many keys may be evicted while others wait for the zone.
const EVICTED_AT_ONCE: usize = 64;
/// How many files whoever writes one removes first: more than requests can evict meanwhile.
const REMOVED_BY_WRITER: usize = 16;

/// An entry that is to be written to the disk.
#[derive(Debug)]
pub struct Unsaved {
    pub hash: Hash,
    pub version: u32,
    pub entry: Arc<Entry>,
}

impl Zone {
    /// Keeper: waits until there is something to do, or for this time. Spurious returns do no harm.
    pub fn rest(&self, time: Duration) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = |state: &mut State| !state.rung;
        let result = self.work.wait_timeout_while(state, time, quiet);
        let (mut state, _) = result.unwrap_or_else(PoisonError::into_inner);
        state.rung = false;
    }

    /// Any thread: the keeper shall look at once.
    pub fn call_keeper(&self) {
        self.ring(&mut self.lock());
    }

    /// Loader: there is a file of this name and size. Counts one use and a full time of inactivity (C95), behind all that were used
    /// since the start. False: there is no memory for it.
    pub fn load(&self, hash: &Hash, size: u64, now: Instant) -> bool {
        let seen = self.seconds(now);
        let mut state = self.lock();
        if let Some(node) = state.index.get(hash) {
            // A request was quicker; what it found or stored is what holds. But there is a file, which must go with the rest.
            if !node.is_on_disk() {
                state.index.set_size(hash, size);
            }
            return true;
        }
        let Some(node) = state.index.add_last(hash, seen) else {
            return false;
        };
        node.uses = 1;
        state.index.set_size(hash, size);
        true
    }

    /// Loader: every file is known.
    pub fn loaded(&self) {
        self.lock().loading = false;
    }

    /// Saver: the next entry that has waited since before `before` to be written. It is written and then [`Zone::saved`], or
    /// else [`Zone::save_failed`].
    pub fn next_unsaved(&self, before: Instant) -> Option<Unsaved> {
        let mut state = self.lock();
        while let Some((hash, since)) = state.dirty.front().copied() {
            if since > before {
                return None;
            }
            state.dirty.pop_front();
            let Some(node) = state.index.get_mut(&hash) else {
                continue;
            };
            node.queued = false;
            if let Some(entry) = node.held().filter(|_| node.is_dirty()) {
                return Some(Unsaved {
                    hash,
                    version: node.version(),
                    entry: Arc::clone(entry),
                });
            }
        }
        None
    }

    /// When the next entry began to wait for being written.
    pub fn unsaved_since(&self) -> Option<Instant> {
        self.lock().dirty.front().map(|(_, since)| *since)
    }

    /// Saver, with the file lock: whether the entry is still the one to be written.
    pub fn is_unsaved(&self, unsaved: &Unsaved) -> bool {
        self.lock().is_unsaved(unsaved)
    }

    /// Saver, with the file lock: its file has its name now, and this size. What has come in its place since the saver looked is
    /// still to be written.
    pub fn saved(&self, unsaved: &Unsaved, size: u64) {
        let mut state = self.lock();
        state.index.set_size(&unsaved.hash, size);
        if state.is_unsaved(unsaved) {
            state.index.clean(&unsaved.hash);
        }
    }

    /// Saver: it could not be written. It is held on as if it were on the disk, and gone when it is let go of; so is the file of an
    /// older one, which must not come back then.
    pub fn save_failed(&self, unsaved: &Unsaved) {
        let mut state = self.lock();
        if !state.is_unsaved(unsaved) {
            return;
        }
        state.index.clean(&unsaved.hash);
        let node = state.index.get(&unsaved.hash);
        if node.is_some_and(Node::is_on_disk) {
            state.index.set_size(&unsaved.hash, 0);
            self.remove_later(&mut state, unsaved.hash);
        }
    }

    /// Any thread but the front: room on the disk for this many bytes (Z53). Gives the keys whose files the caller has to remove
    /// before it writes; `None`: there is not so much room, whatever is removed.
    pub fn reserve(&self, bytes: u64) -> Option<Vec<Hash>> {
        let max = self.settings.max_size.unwrap_or(u64::MAX);
        let mut files = Vec::new();
        loop {
            let mut state = self.lock();
            let fits = |state: &State| {
                let taken = state.index.size().saturating_add(state.reserved);
                taken.saturating_add(bytes) <= max
            };
            let mut gone = Vec::new();
            while gone.len() < EVICTED_AT_ONCE && !fits(&state) {
                // What can not fit whatever goes must not take the place of others first.
                let may_fit = state.reserved.saturating_add(bytes) <= max;
                let removed = may_fit.then(|| state.index.evict()).flatten();
                let Some(removed) = removed else {
                    // What was evicted is gone all the same.
                    for hash in files {
                        self.remove_later(&mut state, hash);
                    }
                    self.removed(state, gone);
                    return None;
                };
                gone.push(removed);
            }
            state.counts.evictions += gone.len() as u64;
            files.extend(on_disk(gone));
            if fits(&state) {
                state.reserved = state.reserved.saturating_add(bytes);
                return Some(files);
            }
            // Keys that were only asked for have no file, and there may be very many: others come in between.
        }
    }

    /// What was reserved has been written and counted, or is not needed.
    pub fn unreserve(&self, bytes: u64) {
        let mut state = self.lock();
        state.reserved = state.reserved.saturating_sub(bytes);
    }

    /// Manager: takes entries out of the index that nobody has asked for in the zone's time, at most `max`. Gives those that have a
    /// file.
    pub fn expire(&self, now: Instant, max: usize) -> Vec<Hash> {
        let seconds = u32::try_from(self.settings.inactive.as_secs()).unwrap_or(u32::MAX);
        let before = self.seconds(now).saturating_sub(seconds);
        let mut state = self.lock();
        let mut gone = Vec::new();
        while gone.len() < max
            && let Some(removed) = state.index.evict_unused(before)
        {
            gone.push(removed);
        }
        state.counts.evictions += gone.len() as u64;
        on_disk(gone)
    }

    /// Manager: takes the entries out of the index that were least used: as many as the size is over its limit, or, when `anyway`,
    /// at least one; at most `max`. Gives those that have a file.
    pub fn shrink(&self, anyway: bool, max: usize) -> Vec<Hash> {
        let limit = self.settings.max_size.unwrap_or(u64::MAX);
        let mut state = self.lock();
        let mut gone = Vec::new();
        while gone.len() < max
            && (state.index.size().saturating_add(state.reserved) > limit
                || (anyway && gone.is_empty()))
            && let Some(removed) = state.index.evict()
        {
            gone.push(removed);
        }
        state.counts.evictions += gone.len() as u64;
        on_disk(gone)
    }

    /// Keeper: files that were found to be worth nothing, or whose keys had to make room.
    pub fn take_removals(&self) -> Vec<Hash> {
        std::mem::take(&mut self.lock().removals)
    }

    /// Whoever is about to write a file: some of the files that have to go before. Keys come faster than the keeper's pace where
    /// strangers make them up, and files that are in no index count for no limit.
    pub fn take_some_removals(&self) -> Vec<Hash> {
        let mut state = self.lock();
        let left = state.removals.len().saturating_sub(REMOVED_BY_WRITER);
        state.removals.split_off(left)
    }

    /// With the file lock, before the file of a key is removed that was taken out of the index: whether something has been stored there
    /// since.
    pub fn has_file(&self, hash: &Hash) -> bool {
        let state = self.lock();
        state.index.get(hash).is_some_and(|node| node.is_on_disk())
    }

    /// Makes a test's file one that the index does not know.
    #[cfg(test)]
    pub fn forget_file(&self, hash: &Hash) {
        self.lock().index.set_size(hash, 0);
    }

    /// Front, when nothing has happened for a while: lets go of some memory and descriptors.
    pub fn trim(&self) {
        self.lock().index.trim();
    }

    /// How many keys have been given up so far.
    pub fn evictions(&self) -> u64 {
        self.lock().counts.evictions
    }

    /// How things stand.
    pub fn view(&self) -> ZoneView {
        let state = self.lock();
        let (held, open_files) = state.index.held();
        ZoneView {
            name: self.settings.name.clone(),
            path: self.settings.path.display().to_string(),
            entries: state.index.entries() as u64,
            size: state.index.size(),
            max_size: self.settings.max_size,
            memory_used: state.index.memory() as u64,
            memory_limit: self.settings.size as u64,
            held: held as u64,
            open_files: open_files as u64,
            loading: state.loading,
            waiters: state.leases.values().map(|l| l.waiters.len() as u64).sum(),
            filling: state.leases.len() as u64,
            counts: state.counts,
        }
    }
}

impl State {
    fn is_unsaved(&self, unsaved: &Unsaved) -> bool {
        let is_it = |held: &Arc<Entry>| Arc::ptr_eq(held, &unsaved.entry);
        self.index.get(&unsaved.hash).is_some_and(|node| {
            node.version() == unsaved.version && node.is_dirty() && node.held().is_some_and(is_it)
        })
    }
}

fn on_disk(removed: Vec<Removed>) -> Vec<Hash> {
    let with_file = removed.into_iter().filter(|gone| gone.on_disk);
    with_file.map(|gone| gone.hash).collect()
}
