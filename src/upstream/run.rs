//! A run: the way of one request through the servers of its group, and what becomes of each try.
//!
//! The order of the choice, for every try:
//! 1. the server that the client is bound to (`--sticky`), if it is open; a draining one is open for its clients (N49);
//! 2. the balancing method among the open primaries, then in turn among the open backups (N34);
//! 3. where all that could be tried have failed before, the one that failed longest ago. To refuse every request until some
//!    `fail_timeout` is over helps nobody: the worst that can become of the try is the refusal. Each such try is a probe in all
//!    but name, so that a group comes back with the first of its servers that does.
//!
//! Open is what is not down or drained, has room (`max_conns`), is well or due for its probe and not unhealthy (`--health`), fits the bind address (Z30) and has not
//! been tried in this run; two servers with one address count as one there (N9). The only address of a group is always tried
//! (N26): only `down` and `max_conns` keep a request from it.
//!
//! A group of one address takes no lock here. Others hold the lock of their set for one choice.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::balance::{self, Cursor, Turn};
use super::health::{Admission, Began, Standing};
use super::leaving::{DRAINING, IN, REMOVED, Watch};
use super::lock;
use super::peer::Peer;
use super::set::Set;
use crate::config::address::Address;
use crate::config::group::Balance;

/// The servers that one request may be sent to: fixed when it begins, whatever becomes of the group meanwhile (Z36).
pub struct Run {
    set: Arc<Set>,
    cursor: Cursor,
    /// The peer that the client is bound to, or the first of several with one id.
    bound: Option<usize>,
    tried: Tried,
}

/// A server that was chosen for one try. Its drop ends the try, as neither a success nor a failure.
pub struct Picked {
    set: Arc<Set>,
    /// Always that of a peer of the set.
    index: usize,
    began: Began,
    /// The level of the address in its group when it was chosen.
    level: u8,
    accounted: AtomicBool,
    released: AtomicBool,
}

/// Which peers were tried. Only sets of more than 64 need the vector.
#[derive(Default)]
struct Tried {
    first: u64,
    more: Vec<u64>,
}

impl Tried {
    fn has(&self, index: usize) -> bool {
        let word = match (index / 64).checked_sub(1) {
            None => self.first,
            Some(at) => self.more.get(at).copied().unwrap_or(0),
        };
        word & (1 << (index % 64)) != 0
    }

    fn add(&mut self, index: usize) {
        let word = match (index / 64).checked_sub(1) {
            None => &mut self.first,
            Some(at) => {
                if self.more.len() <= at {
                    self.more.resize(at + 1, 0);
                }
                &mut self.more[at]
            }
        };
        *word |= 1 << (index % 64);
    }
}

impl Run {
    /// See [`super::groups::Group::begin`].
    pub(super) fn new(set: Arc<Set>, key: &[u8], bound: Option<usize>) -> Run {
        Run {
            cursor: Cursor::new(set.method, &set.ring, key),
            set,
            bound,
            tried: Tried::default(),
        }
    }

    /// Chooses the server of the next try; `None`: there is none (left). `bind` is the source address: only servers of its
    /// family can be reached from it (Z30).
    pub fn next(&mut self, bind: Option<IpAddr>, now: Instant) -> Option<Picked> {
        let set = Arc::clone(&self.set);
        if let [peer] = set.peers.as_slice() {
            return self.only(peer, bind);
        }
        let mut turns = lock(&set.turns);
        let turns = &mut *turns;
        let end = set.peers.len();
        let backups = set.primaries.min(end);
        // A choice can fail only where another thread was faster by this much; then what is open is looked at again.
        for _ in 0..=end {
            let Some(index) = self
                .choose(&set, turns, 0..backups, bind, now)
                .or_else(|| self.choose(&set, turns, backups..end, bind, now))
            else {
                break;
            };
            if let Some(picked) = self.take(index, false, now) {
                return Some(picked);
            }
        }
        for _ in 0..=end {
            let index = self.longest_failed(bind, now)?;
            if let Some(picked) = self.take(index, true, now) {
                return Some(picked);
            }
        }
        None
    }

    /// Whether there is but one address, so that no other can be tried.
    pub fn is_single(&self) -> bool {
        self.set.peers.len() < 2
    }

    /// Whether the group has an address at all that can be reached from `bind`.
    pub fn fits_any(&self, bind: Option<IpAddr>) -> bool {
        let mut peers = self.set.peers.iter();
        peers.any(|peer| fits(&peer.address, bind))
    }

    /// The choice of a group of one address.
    fn only(&mut self, peer: &Peer, bind: Option<IpAddr>) -> Option<Picked> {
        if self.tried.has(0) || !fits(&peer.address, bind) {
            return None;
        }
        let level = self.level_for(peer)?;
        peer.acquire().then(|| self.picked(0, level, 0, false))
    }

    /// Chooses among the open peers of a tier; opens and closes their turns first.
    fn choose(
        &mut self,
        set: &Set,
        turns: &mut super::set::Turns,
        tier: Range<usize>,
        bind: Option<IpAddr>,
        now: Instant,
    ) -> Option<usize> {
        let first = tier.start;
        let peers = set.peers.get(tier.clone())?;
        let list = turns.list.get_mut(tier)?;
        let mut any = false;
        for (i, (peer, turn)) in peers.iter().zip(&mut *list).enumerate() {
            turn.open = self.is_open(peer, first + i, bind, now);
            any |= turn.open;
            Set::refresh(peer, turn, now);
        }
        if !any {
            return None;
        }
        let chosen = match self.choose_bound(peers, list, set.method) {
            None if first == 0 => self.cursor.pick(list, &mut set.means(&mut turns.rng)),
            None => balance::in_turn(list, set.method),
            found => found,
        };
        chosen.map(|index| first + index)
    }

    /// The open peer that the client is bound to; of several with its id the least busy.
    fn choose_bound(
        &self,
        peers: &[Arc<Peer>],
        turns: &mut [Turn],
        method: &Balance,
    ) -> Option<usize> {
        self.bound?;
        let open = peers.iter().zip(&*turns).enumerate();
        let open = open.filter(|(_, (peer, turn))| turn.open && self.is_bound_to(peer));
        let (index, _) = open.min_by(|(_, (_, a)), (_, (_, b))| a.running.cmp(&b.running))?;
        if matches!(method, Balance::RoundRobin) {
            balance::charge(turns, index);
        }
        Some(index)
    }

    fn is_bound_to(&self, peer: &Peer) -> bool {
        let bound = self.bound.and_then(|index| self.set.peers.get(index));
        bound.is_some_and(|bound| bound.id == peer.id)
    }

    /// The level of a peer in its group, if that allows this request. One that was removed takes part still in the runs that
    /// began with it (Z36); no other has it.
    fn level_for(&self, peer: &Peer) -> Option<u8> {
        let level = peer.membership.level();
        let takes = match level {
            IN | REMOVED => true,
            DRAINING => self.is_bound_to(peer),
            _ => false,
        };
        takes.then_some(level)
    }

    /// Whether a peer could be tried as far as its health does not matter.
    fn could(&self, peer: &Peer, index: usize, bind: Option<IpAddr>) -> bool {
        !self.tried.has(index)
            && fits(&peer.address, bind)
            && self.level_for(peer).is_some()
            && peer.has_room()
    }

    fn is_open(&self, peer: &Peer, index: usize, bind: Option<IpAddr>, now: Instant) -> bool {
        let well = || matches!(peer.standing(now), Standing::Well | Standing::Due(_));
        self.could(peer, index, bind) && well()
    }

    /// Of those that nothing but their failures keeps closed the one that failed longest ago.
    fn longest_failed(&self, bind: Option<IpAddr>, now: Instant) -> Option<usize> {
        let peers = self.set.peers.iter().enumerate();
        let failed = peers.filter(|(index, peer)| self.could(peer, *index, bind));
        let since = failed.map(|(index, peer)| {
            let since = match peer.standing(now) {
                Standing::Failed(at)
                | Standing::Probed(at)
                | Standing::Due(at)
                | Standing::Unhealthy(at) => Some(at),
                // It has just recovered, which is better than any.
                Standing::Well => None,
            };
            (since, index)
        });
        since.min().map(|(_, index)| index)
    }

    /// Begins a try with a peer, whatever its health if it is the `last` resort. `None`: another thread was faster.
    fn take(&mut self, index: usize, last: bool, now: Instant) -> Option<Picked> {
        let peer = self.set.peers.get(index)?;
        let level = self.level_for(peer)?;
        if !peer.acquire() {
            return None;
        }
        let admission = match last {
            true => Admission::Yes,
            false => peer.health.admit(peer.rule, now),
        };
        match admission {
            Admission::Yes => Some(self.picked(index, level, 0, last)),
            Admission::Probe(number) => Some(self.picked(index, level, number, true)),
            Admission::No => {
                peer.release();
                None
            }
        }
    }

    /// The try with a peer that has been acquired. `index` is that of a peer of the set.
    fn picked(&mut self, index: usize, level: u8, probe: u32, trial: bool) -> Picked {
        let peer = &self.set.peers[index];
        self.tried.add(index);
        if self.set.doubles {
            for (other, double) in self.set.peers.iter().enumerate() {
                if Arc::ptr_eq(&double.health, &peer.health) {
                    self.tried.add(other);
                }
            }
        }
        Picked {
            began: Began {
                mark: peer.health.mark(),
                probe,
                trial,
            },
            level,
            set: Arc::clone(&self.set),
            index,
            accounted: AtomicBool::new(false),
            released: AtomicBool::new(false),
        }
    }
}

impl Picked {
    fn peer(&self) -> &Peer {
        &self.set.peers[self.index]
    }

    pub fn address(&self) -> &Address {
        &self.peer().address
    }

    /// What `--sticky cookie` calls this server. Empty where a template gave the address.
    pub fn id(&self) -> &str {
        &self.peer().id
    }

    /// The try has ended well (its response was delivered, or the client left).
    pub fn succeeded(&self, now: Instant) {
        let peer = self.peer();
        if peer.health.succeed(self.began, now) {
            log::info!("group {}: server {} is back", self.set.name, peer.address);
        }
    }

    /// The try has failed; `why` is for the log and the status page. Every call counts a failure.
    pub fn failed(&self, why: &str, now: Instant) {
        let peer = self.peer();
        peer.count(|counters| counters.fails += 1);
        let fall = peer.health.fail(peer.rule, self.began, why, now);
        if self.set.peers.len() > 1 {
            self.weaken(peer, fall.disabled, now);
        }
        if let Some((fails, time)) = fall.news {
            log::warn!(
                "group {}: server {} is temporarily disabled for {time:?} (failures within that time: {fails}; the last: {why})",
                self.set.name,
                peer.address
            );
        }
    }

    /// A failure makes the server's turns fewer until it has recovered (N38, N48).
    fn weaken(&self, peer: &Peer, disabled: bool, now: Instant) {
        let setting = &peer.setting;
        if setting.max_fails == 0 {
            return;
        }
        let mut turns = lock(&self.set.turns);
        let Some(turn) = turns.list.get_mut(self.index) else {
            return;
        };
        match (setting.slow_start.is_zero(), disabled) {
            (true, _) => turn.weaken(setting.max_fails),
            (false, true) => turn.growth.stop(),
            (false, false) => turn
                .growth
                .set_back(setting.slow_start, setting.max_fails, now),
        }
    }

    /// What the try came to, for `bytraffic` and the status page: once for each try. `status` is that of the response, or 0
    /// where there was none; `time` goes to the last byte of the response.
    pub fn account(&self, status: u16, sent: u64, received: u64, time: Duration) {
        let first = !self.accounted.load(Ordering::Relaxed);
        self.accounted.store(true, Ordering::Relaxed);
        self.peer().count(|counters| {
            counters.requests += u64::from(first);
            counters.response(status, sent, received, time);
        });
        if matches!(self.set.method, Balance::ByTraffic)
            && let Some(turn) = lock(&self.set.turns).list.get_mut(self.index)
        {
            turn.traffic = turn.traffic.saturating_add(sent.saturating_add(received));
        }
    }

    /// `sever` shall be called when the address has left its group and `after` has passed (`--connection-drop`): once, by a thread
    /// named `sever`. What is returned ends that when dropped. `sever` may neither wait nor drop a [`Watch`], and no lock
    /// that it takes may be held while a [`Watch`] is dropped.
    pub fn watch(&self, after: Duration, sever: Arc<dyn Fn() + Send + Sync>) -> Watch {
        let membership = &self.peer().membership;
        let now = Instant::now();
        self.set
            .leaving
            .watch(membership, self.level, after, sever, now)
    }

    /// Ends the try, as its drop would.
    pub fn release(&self) {
        if self.released.swap(true, Ordering::Relaxed) {
            return;
        }
        let peer = self.peer();
        if !self.accounted.load(Ordering::Relaxed) {
            peer.count(|counters| counters.requests += 1);
        }
        peer.health.release(self.began.probe);
        peer.release();
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.release();
    }
}

/// Whether an address can be reached from a bind address: of IP addresses only those of the same family (Z30). A Unix
/// socket has no source address; `--bind` does not concern it.
pub(super) fn fits(address: &Address, bind: Option<IpAddr>) -> bool {
    match (address, bind) {
        (Address::Inet(to), Some(from)) => to.is_ipv4() == from.is_ipv4(),
        _ => true,
    }
}
