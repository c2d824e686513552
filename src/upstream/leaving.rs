//! `--connection-drop`: exchanges with an address that leaves its group are ended after a time (N60).
//!
//! One list for all groups. What is due is called by a thread named `sever`, which is started when an address leaves while exchanges
//! with it are watched, and ends when none of these is left. So neither the thread that gives the order nor a slow lookup of
//! names delays it, and without `--connection-drop` it never runs.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::lock;

/// Stack of the thread, in bytes; it calls `shutdown` and writes log lines.
const STACK: usize = 64 * 1024;

/// Whether an address takes part in its group: a level, which only an order or a lookup changes.
#[derive(Debug, Default)]
pub struct Membership(AtomicU8);

/// Takes part.
pub const IN: u8 = 0;
/// Takes requests of clients that are bound to it.
pub const DRAINING: u8 = 1;
/// Takes none.
pub const DOWN: u8 = 2;
/// Its name stands for it no longer.
pub const REMOVED: u8 = 3;

impl Membership {
    pub fn new(level: u8) -> Membership {
        Membership(AtomicU8::new(level))
    }

    pub fn level(&self) -> u8 {
        self.0.load(Ordering::SeqCst)
    }

    pub fn set(&self, level: u8) {
        self.0.store(level, Ordering::SeqCst);
    }
}

/// The exchanges that are watched.
#[derive(Default)]
pub struct Leaving {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// In the order of their numbers.
    list: Vec<Entry>,
    number: u32,
    running: bool,
}

struct Entry {
    number: u32,
    membership: Arc<Membership>,
    /// The level when the exchange began: what it knew then does not end it.
    level: u8,
    after: Duration,
    sever: Arc<dyn Fn() + Send + Sync>,
    due: Option<Instant>,
}

/// See [`super::groups::Picked::watch`]. Once its drop has returned, `sever` is not running and will not run.
pub struct Watch {
    leaving: Arc<Leaving>,
    number: u32,
}

impl Leaving {
    /// Watches an exchange with an address.
    pub fn watch(
        self: &Arc<Self>,
        membership: &Arc<Membership>,
        level: u8,
        after: Duration,
        sever: Arc<dyn Fn() + Send + Sync>,
        now: Instant,
    ) -> Watch {
        let number = {
            let mut state = lock(&self.state);
            state.number = state.number.wrapping_add(1);
            let number = state.number;
            state.list.push(Entry {
                number,
                membership: Arc::clone(membership),
                level,
                after,
                sever,
                due: None,
            });
            number
        };
        // It may have left between the choice and the entry.
        if membership.level() > level {
            self.left(membership, now);
        }
        Watch {
            leaving: Arc::clone(self),
            number,
        }
    }

    /// The address has left: its level has been raised.
    pub fn left(self: &Arc<Self>, membership: &Arc<Membership>, now: Instant) {
        let level = membership.level();
        let mut state = lock(&self.state);
        let mut any = false;
        for entry in &mut state.list {
            if Arc::ptr_eq(&entry.membership, membership) && entry.level < level {
                entry.due.get_or_insert(now + entry.after);
                any = true;
            }
        }
        if any && !state.running {
            state.running = self.start();
        }
        self.changed.notify_all();
    }

    /// The address is back: what has not been ended goes on.
    pub fn returned(&self, membership: &Arc<Membership>) {
        let mut state = lock(&self.state);
        for entry in &mut state.list {
            if Arc::ptr_eq(&entry.membership, membership) {
                entry.due = None;
            }
        }
        self.changed.notify_all();
    }

    fn start(self: &Arc<Self>) -> bool {
        let leaving = Arc::clone(self);
        let builder = thread::Builder::new()
            .name("sever".into())
            .stack_size(STACK);
        match builder.spawn(move || leaving.run()) {
            Ok(_) => true,
            Err(error) => {
                log::error!("--connection-drop: can not start a thread: {error}");
                false
            }
        }
    }

    fn run(&self) {
        let mut state = lock(&self.state);
        while let Some(wait) = state.sever_due(Instant::now()) {
            state = self
                .changed
                .wait_timeout(state, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.running = false;
    }
}

impl State {
    /// Ends what is due. How long until there is more; `None`: nothing waits.
    ///
    /// The lock is held on purpose: a [`Watch`] that has been dropped must not be called any more, since the descriptor that
    /// `sever` shuts down may be another's by then. So `sever` may neither wait nor drop or make a `Watch`.
    fn sever_due(&mut self, now: Instant) -> Option<Duration> {
        let is_due = |entry: &Entry| entry.due.is_some_and(|due| due <= now);
        while let Some(at) = self.list.iter().position(is_due) {
            (self.list.remove(at).sever)();
        }
        let next = self.list.iter().filter_map(|entry| entry.due).min()?;
        Some(next.saturating_duration_since(now))
    }
}

impl Watch {
    /// `sever` has been called: what went wrong since is the leaving's doing.
    pub fn has_severed(&self) -> bool {
        let state = lock(&self.leaving.state);
        !state.list.iter().any(|entry| entry.number == self.number)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut state = lock(&self.leaving.state);
        let found = |entry: &Entry| entry.number == self.number;
        if let Some(at) = state.list.iter().position(found) {
            state.list.remove(at);
        }
    }
}
