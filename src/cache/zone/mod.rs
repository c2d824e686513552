//! One zone: what is known of a `--cache-path`, shared by the front, the workers and the keeper.
//!
//! Its state is behind one Mutex that is never held during I/O. What happens to the file of a key (rename, remove) happens
//! under one of the zone's file locks, which the front never takes; the state is looked at again under it. So the order in
//! which files change is the order in which the index does, and a purge is never undone by a response that began before it.

mod filling;
mod keeping;
mod purging;

pub use filling::{Leased, Standing, Ticket, Verdict, Waiter};
pub use keeping::Unsaved;

use std::collections::{HashMap, VecDeque};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use super::index::OPEN_FILES;
use super::index::{Index, Node, Removed};
use super::key::Hash;
use super::view::ZoneCounts;
use super::{CacheStatus, Entry};
use crate::config;
use filling::{Begun, Lease};
pub use purging::Rule;

/// Locks for what happens to files: more than threads that meet.
const FILE_LOCKS: usize = 16;

/// See the module's text.
pub struct Zone {
    pub settings: &'static config::cache::Zone,
    began: Instant,
    state: Mutex<State>,
    /// Rung when the keeper has something to do before its time.
    work: Condvar,
    files: [Mutex<()>; FILE_LOCKS],
    wake: OnceLock<Wake>,
    /// Redirects inside the gateway lead to what is stored here.
    led_to: AtomicBool,
}

/// Wakes a request that waits in the front.
pub type Wake = Box<dyn Fn(Waiter) + Send + Sync>;

struct State {
    index: Index,
    leases: HashMap<Hash, Lease>,
    /// Keys that tickets are out for.
    begun: HashMap<Hash, Begun>,
    /// Numbers leases.
    serial: u64,
    /// Purges by wildcard that files on the disk may not know of yet.
    rules: Vec<Rule>,
    /// Those that the files know of, while responses may be under way that were asked for before.
    past_rules: Vec<Rule>,
    /// The last stamp that was given.
    stamp: u64,
    /// The greatest that an entry of the disk had: beyond the last one given, where the clock was ahead when it was stored.
    seen: u64,
    /// Entries to be written to the disk, in the order in which they came; each key at most once while it is in the index.
    dirty: VecDeque<(Hash, Instant)>,
    /// Files to be removed, unless something new is stored there.
    removals: Vec<Hash>,
    /// Bytes that fills are about to write.
    reserved: u64,
    /// The index does not know all files yet.
    loading: bool,
    /// Something for the keeper came, or the program ends.
    rung: bool,
    counts: ZoneCounts,
}

/// The state, locked. What the index lets go of meanwhile is dropped after the lock, for that may close files.
struct Locked<'a> {
    state: MutexGuard<'a, State>,
    released: Vec<Arc<Entry>>,
}

/// What is known of a key.
#[derive(Debug)]
pub struct Visit {
    pub known: Known,
    /// Requests for the key, this one included (C16).
    pub uses: u32,
    /// To be given back with what follows from this visit.
    pub version: u32,
    /// An error that is remembered (C36).
    pub error: Option<u16>,
    /// Nobody has asked for it in this second before.
    pub first: bool,
}

/// Where a stored response is.
#[derive(Debug)]
pub enum Known {
    /// Nowhere.
    Nothing,
    /// On the disk; or, while the index is being loaded, perhaps.
    File,
    Held(Arc<Entry>),
}

impl Zone {
    /// A zone whose index is empty and has to be loaded. `now`: about the present.
    pub fn new(settings: &'static config::cache::Zone, now: Instant) -> Zone {
        Zone {
            settings,
            began: now,
            state: Mutex::new(State {
                index: Index::new(settings.size),
                leases: HashMap::new(),
                serial: 0,
                begun: HashMap::new(),
                rules: Vec::new(),
                past_rules: Vec::new(),
                stamp: 0,
                seen: 0,
                dirty: VecDeque::new(),
                removals: Vec::new(),
                reserved: 0,
                loading: true,
                rung: false,
                counts: ZoneCounts::default(),
            }),
            work: Condvar::new(),
            files: Default::default(),
            wake: OnceLock::new(),
            led_to: AtomicBool::new(false),
        }
    }

    /// Once, before any request: how the front is told that a waiter may go on.
    pub fn set_wake(&self, wake: Wake) {
        // A second one would be of the same front.
        let _ = self.wake.set(wake);
    }

    fn lock(&self) -> Locked<'_> {
        Locked {
            state: self.state.lock().unwrap_or_else(PoisonError::into_inner),
            released: Vec::new(),
        }
    }

    /// Seconds since the zone began.
    fn seconds(&self, now: Instant) -> u32 {
        let seconds = now.saturating_duration_since(self.began).as_secs();
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    /// The second after which something that lasts for `time` from `now` is over.
    fn until(&self, now: Instant, time: Duration) -> u32 {
        let end = now.saturating_duration_since(self.began);
        let end = end.saturating_add(time);
        // What is set must last for a moment, whatever part of a second it is given.
        u32::try_from(end.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
    }

    /// Workers and keeper: whoever renames or removes the file of this key holds this meanwhile, and looks at the state again.
    pub fn file_lock(&self, hash: &Hash) -> MutexGuard<'_, ()> {
        let place = usize::from(hash[15]) % FILE_LOCKS;
        self.files[place]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A request asks for a key: counts it, and keeps the entry from being removed as unused (C87). `None`: there is no memory for
    /// one more key, and the request passes by (Z47).
    pub fn visit(&self, hash: &Hash, now: Instant) -> Option<Visit> {
        let seen = self.seconds(now);
        let mut state = self.lock();
        // Not left to the caller: when it looked the rule might be over, and what is held gone.
        self.drop_purged(&mut state, hash);
        let loading = state.loading;
        let mut evicted = Vec::new();
        let before = state.index.get(hash).map(|node| node.seen);
        let node = state.index.touch(hash, seen, &mut evicted);
        let visit = node.map(|node| {
            node.uses = node.uses.saturating_add(1);
            let known = match node.held() {
                Some(entry) => Known::Held(Arc::clone(entry)),
                None if node.is_on_disk() || (loading && node.uses == 1) => Known::File,
                None => Known::Nothing,
            };
            Visit {
                known,
                uses: node.uses,
                version: node.version(),
                error: (node.error != 0 && seen < node.error_until).then_some(node.error),
                first: before != Some(seen),
            }
        });
        self.removed(state, evicted);
        visit
    }

    /// An entry that `visit` found on the disk has been read. Gives what is held from now on: this, or what was quicker; `None`
    /// where it was purged meanwhile.
    pub fn warm(
        &self,
        hash: &Hash,
        version: u32,
        entry: &Arc<Entry>,
        size: u64,
    ) -> Option<Arc<Entry>> {
        let mut state = self.lock();
        self.drop_purged(&mut state, hash);
        state.seen = state.seen.max(entry.stamp);
        if state.is_purged(&entry.key, entry.stamp) {
            drop(state);
            // C80: it was marked only.
            self.lost(hash, version, true);
            return None;
        }
        let node = state.index.get(hash)?;
        if node.version() != version {
            return None;
        }
        if let Some(held) = node.held() {
            return Some(Arc::clone(held));
        }
        if !node.is_on_disk() {
            state.index.set_size(hash, size);
        }
        // Where there is no room it serves this request alone.
        state.index.hold(hash, entry, false);
        Some(Arc::clone(entry))
    }

    /// The file that `visit` spoke of is not there, or is worth nothing: `remove` has the keeper remove it.
    pub fn lost(&self, hash: &Hash, version: u32, remove: bool) {
        let mut state = self.lock();
        let fits = |node: &&Node| node.version() == version && node.held().is_none();
        let Some(node) = state.index.get(hash).filter(fits) else {
            return;
        };
        // A file that was known may have come between the visit and now: then it goes, for nobody would find it any more.
        let remove = remove || node.is_on_disk();
        state.index.set_size(hash, 0);
        if remove {
            self.remove_later(&mut state, *hash);
        }
    }

    /// The file of an entry that `visit` found held is not whole any more: nobody shall find it again.
    pub fn broken(&self, hash: &Hash, version: u32) {
        let mut state = self.lock();
        let node = state.index.get(hash);
        if node.is_some_and(|node| node.version() == version) {
            state.index.empty(hash);
            self.remove_later(&mut state, *hash);
        }
    }

    /// Counts how a request was answered.
    pub fn count(&self, status: CacheStatus) {
        let counts = &mut self.lock().counts;
        let count = match status {
            CacheStatus::Miss => &mut counts.miss,
            CacheStatus::Bypass => &mut counts.bypass,
            CacheStatus::Expired => &mut counts.expired,
            CacheStatus::Stale => &mut counts.stale,
            CacheStatus::Updating => &mut counts.updating,
            CacheStatus::Revalidated => &mut counts.revalidated,
            CacheStatus::Hit => &mut counts.hit,
        };
        *count += 1;
    }

    /// A stamp for a request that is about to be sent: later than every purge so far, and than every other stamp.
    pub fn stamp(&self, wall: SystemTime) -> u64 {
        self.lock().next_stamp(wall)
    }

    fn remove_later(&self, state: &mut State, hash: Hash) {
        state.removals.push(hash);
        self.ring(state);
    }

    fn ring(&self, state: &mut State) {
        if !state.rung {
            state.rung = true;
            self.work.notify_all();
        }
    }

    /// What the index gave up goes from the disk, too.
    fn removed(&self, mut state: Locked<'_>, removed: Vec<Removed>) {
        state.counts.evictions += removed.len() as u64;
        for gone in removed.into_iter().filter(|gone| gone.on_disk) {
            self.remove_later(&mut state, gone.hash);
        }
    }
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // The fields follow in their order: first the lock, then these.
        self.released = self.state.index.take_released();
    }
}

impl State {
    fn next_stamp(&mut self, wall: SystemTime) -> u64 {
        let micros = wall.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros());
        let micros = u64::try_from(micros).unwrap_or(u64::MAX - 1);
        self.stamp = micros.max(self.stamp.saturating_add(1));
        self.stamp
    }
}

#[cfg(test)]
mod tests;
