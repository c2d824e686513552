//! `--health`: whose turn it is to be checked, and the threads that do it.
//!
//! One list of all peers of all groups that are checked, each with the time of its next check. A thread named `health` waits for the
//! first of them; when it takes it, another thread takes its place, so that a server that hangs holds up nobody. There are
//! never more than [`THREADS_MAX`], whatever hangs: then a check waits for one of theirs to run out, which `check` bounds. Two
//! are left when all is well. They end with the process; nobody waits for them.
//!
//! First checks are spread over the interval, and so are those that follow, for each begins one interval after that before it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::check;
use super::groups::{Group, Upstreams};
use super::leaving::{DOWN, REMOVED};
use super::lock;
use super::peer::Peer;

const THREADS_MAX: usize = 8;

/// Stack of a thread, in bytes; only what is touched costs memory.
const STACK: usize = 64 * 1024;

/// A pause before anything is looked at again where there is nothing to wait for.
const LONG: Duration = Duration::from_secs(3600);

/// Who is checked.
#[derive(Debug, Default)]
pub struct Checks {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    list: Vec<Entry>,
    threads: usize,
    /// A thread waits for the first check that is due.
    watched: bool,
    /// Threads that wait to take its place.
    idle: usize,
    /// Peers there have been.
    serial: u32,
}

#[derive(Debug)]
struct Entry {
    /// Its index.
    group: usize,
    peer: Arc<Peer>,
    /// `None`: it is being checked.
    due: Option<Instant>,
}

impl Checks {
    /// Starts a thread, if there is a group that is checked.
    pub fn start(&'static self, upstreams: &'static Upstreams) {
        let groups = upstreams.groups();
        for index in 0..groups.len() {
            self.follow(groups, index, Instant::now());
        }
        if groups.iter().any(|group| group.config.health.is_some()) {
            self.spawn(&mut lock(&self.state), upstreams);
        }
    }

    /// Checks those from now on that are in the group now, and no others of it.
    pub fn follow(&self, groups: &[Group], index: usize, now: Instant) {
        let Some((group, health)) = groups
            .get(index)
            .and_then(|group| Some((group, group.config.health.as_ref()?)))
        else {
            return;
        };
        let set = group.set();
        let mut state = lock(&self.state);
        let state = &mut *state;
        let stays = |peer: &Arc<Peer>| set.peers.iter().any(|other| Arc::ptr_eq(other, peer));
        state
            .list
            .retain(|entry| entry.group != index || stays(&entry.peer));
        for peer in &set.peers {
            if !state
                .list
                .iter()
                .any(|entry| Arc::ptr_eq(&entry.peer, peer))
            {
                state.list.push(Entry {
                    group: index,
                    peer: Arc::clone(peer),
                    due: Some(now + phase(health.interval, state.serial)),
                });
                state.serial = state.serial.wrapping_add(1);
            }
        }
        self.changed.notify_all();
    }

    fn spawn(&'static self, state: &mut State, upstreams: &'static Upstreams) {
        let builder = thread::Builder::new()
            .name("health".into())
            .stack_size(STACK);
        match builder.spawn(move || self.run(upstreams)) {
            Ok(_) => state.threads += 1,
            // Without any there are no checks; without another they may be late.
            Err(error) if state.threads == 0 => {
                log::error!("--health: can not start a thread: {error}");
            }
            Err(_) => {}
        }
    }

    /// A thread.
    fn run(&'static self, upstreams: &'static Upstreams) {
        while let Some((group, peer)) = self.take(upstreams) {
            let begun = Instant::now();
            let Some(group) = upstreams.groups().get(group) else {
                continue;
            };
            let interval = group.config.health.as_ref().map_or(LONG, |h| h.interval);
            check(group, &peer);
            let now = Instant::now();
            let next = begun + interval;
            let mut state = lock(&self.state);
            let list = &mut state.list;
            // It may have left meanwhile.
            if let Some(entry) = list.iter_mut().find(|e| Arc::ptr_eq(&e.peer, &peer)) {
                entry.due = Some(if next > now { next } else { now + interval });
                self.changed.notify_all();
            }
        }
    }

    /// Waits for the next check that is due. `None`: there are threads enough without this one.
    fn take(&'static self, upstreams: &'static Upstreams) -> Option<(usize, Arc<Peer>)> {
        let mut state = lock(&self.state);
        while state.watched {
            if state.idle > 0 {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
        state.watched = true;
        loop {
            let now = Instant::now();
            let due = state.list.iter_mut().filter(|entry| entry.due.is_some());
            let pause = match due.min_by_key(|entry| entry.due) {
                Some(entry) => match entry.due.map(|due| due.saturating_duration_since(now)) {
                    Some(Duration::ZERO) | None => {
                        entry.due = None;
                        let taken = (entry.group, Arc::clone(&entry.peer));
                        self.pass_on(&mut state, upstreams);
                        return Some(taken);
                    }
                    Some(pause) => pause,
                },
                None => LONG,
            };
            let waited = self.changed.wait_timeout(state, pause);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets another thread wait for what is due next.
    fn pass_on(&'static self, state: &mut State, upstreams: &'static Upstreams) {
        state.watched = false;
        if state.idle > 0 {
            self.changed.notify_one();
        } else if state.threads < THREADS_MAX.min(state.list.len()) {
            self.spawn(state, upstreams);
        }
    }
}

/// When in its interval a peer is checked: steps of the golden ratio keep any number of them apart.
fn phase(interval: Duration, serial: u32) -> Duration {
    interval / 65_536 * (serial.wrapping_mul(40_503) % 65_536)
}

/// Checks a peer, and tells what has changed.
fn check(group: &Group, peer: &Peer) {
    let (Some(health), Some(verdict)) = (&group.config.health, &peer.checked) else {
        return;
    };
    let is_out = || matches!(peer.membership.level(), DOWN | REMOVED);
    if is_out() {
        return;
    }
    let mark = peer.health.mark();
    let result = check::ask(&peer.address, health);
    if is_out() {
        return;
    }
    let now = Instant::now();
    let what = format_args!("group {}: server {}", group.config.name, peer.address);
    match result {
        // Said once: there may be many servers, and no descriptor for a long time.
        Err(why) => {
            if lock(verdict).unasked() {
                log::warn!("{what} can not be checked: {why}");
            }
        }
        Ok(Ok(status)) => {
            let text = format!("status {status}");
            let pass = lock(verdict).pass(health.passes, mark, &text, now);
            let rested = pass.proves && peer.proved(mark, now);
            if pass.recovered || rested {
                log::info!("{what} is back (checks passed: {})", health.passes);
            }
        }
        Ok(Err(why)) => {
            if lock(verdict).fail(health.fails, &why, now) {
                let fails = health.fails;
                log::warn!("{what} is unhealthy (checks failed: {fails}; the last: {why})");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many there are, no two are checked at the same time, and all within one interval.
    #[test]
    fn checks_are_spread_over_the_interval() {
        let interval = Duration::from_secs(1);
        for count in 2..=100 {
            let mut phases: Vec<Duration> = (0..count).map(|n| phase(interval, n)).collect();
            phases.sort_unstable();
            let ends = phases.iter().skip(1).chain([&interval]);
            let gaps = phases.iter().zip(ends).map(|(from, to)| *to - *from);
            let least = gaps.min().unwrap_or_default();
            assert!(least > interval / (3 * count), "{count}: {least:?}");
        }
        assert_eq!(phase(interval, 0), Duration::ZERO, "the first at once");
        assert!(phase(interval, u32::MAX) < interval);
    }
}
