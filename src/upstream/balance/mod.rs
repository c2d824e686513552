//! Balancing methods: which of the servers that are open gets the next try. One file each.
//!
//! Pure: a method sees a slice of [`Turn`]s, one for each address of a tier (the primaries, or the backups) in the order of the
//! command line, and answers with an index whose `open` is set, or `None`. What is closed keeps its index and its weight, so that keys
//! stay where they are (N33). Who calls has the lock of the set and has filled in `open`, `running` and `share` just before.

mod apache;
mod crc32;
mod hash;
mod ip_hash;
mod least_conn;
mod random;
mod ring;
mod slow;
mod weighted;

#[cfg(test)]
mod tests;

pub use random::Rng;
pub use ring::Ring;
pub use slow::Growth;
pub use weighted::charge;

use crate::config::group::Balance;

/// How often a hash or a draw may meet a closed server before the request is balanced in turn (N40 to N44).
const MISSES: u32 = 20;

/// What a method knows of an address.
#[derive(Clone, Debug)]
pub struct Turn {
    /// At least 1.
    pub weight: u32,
    /// The first server of the group with the same text: the ring names servers, not addresses (N42).
    pub line: usize,
    /// Falls with failures, grows back by one a round (N37, N38). 0 to `weight`.
    pub effective: i64,
    /// The credit of smooth round robin.
    pub current: i64,
    /// Percent of the weight that counts while it grows back (N47): 1 to 100.
    pub share: i64,
    /// Exchanges now.
    pub running: u32,
    /// Bytes both ways; kept for `bytraffic` only.
    pub traffic: u64,
    /// It may be chosen now.
    pub open: bool,
    pub growth: Growth,
}

impl Turn {
    /// An address with no history.
    pub fn new(weight: u32, line: usize) -> Turn {
        Turn {
            weight,
            line,
            effective: i64::from(weight),
            current: 0,
            share: 100,
            running: 0,
            traffic: 0,
            open: false,
            growth: Growth::default(),
        }
    }

    /// A failure takes a part of the effective weight (N38). `max_fails` is not 0.
    pub fn weaken(&mut self, max_fails: u32) {
        let part = self.weight.checked_div(max_fails).unwrap_or(0);
        self.effective = (self.effective - i64::from(part)).max(0);
    }
}

/// What one request remembers of its method between its tries.
#[derive(Debug)]
pub struct Cursor {
    place: Place,
    /// Closed servers met so far.
    misses: u32,
}

#[derive(Debug)]
enum Place {
    /// The method places by no key, or the key is empty.
    Free,
    Ip(ip_hash::Place),
    Hash(hash::Place),
    /// The point of the ring.
    Ring(usize),
}

/// What the methods of a group share besides the turns.
#[derive(Debug)]
pub struct Means<'a> {
    pub method: &'a Balance,
    pub ring: &'a Ring,
    pub rng: &'a mut Rng,
}

impl Cursor {
    /// The cursor of a request. `key` is the rendered key of `hash`, or the client's address in binary for `ip_hash`.
    pub fn new(method: &Balance, ring: &Ring, key: &[u8]) -> Cursor {
        let place = match method {
            Balance::IpHash => Place::Ip(ip_hash::Place::new(key)),
            Balance::Hash { .. } if key.is_empty() => Place::Free,
            Balance::Hash { consistent, .. } => match consistent {
                true => Place::Ring(ring.find(crc32::of(key))),
                false => Place::Hash(hash::Place::new(key)),
            },
            _ => Place::Free,
        };
        Cursor { place, misses: 0 }
    }

    /// The next server among the primaries.
    pub fn pick(&mut self, turns: &mut [Turn], means: &mut Means<'_>) -> Option<usize> {
        let misses = &mut self.misses;
        let placed = match (&mut self.place, means.method) {
            (Place::Ip(place), _) => place.pick(turns, misses),
            (Place::Hash(place), _) => place.pick(turns, misses),
            (Place::Ring(at), _) => means.ring.pick(turns, at, misses),
            (Place::Free, Balance::Random { two }) => random::pick(turns, *two, means.rng, misses),
            (Place::Free, method) => return in_turn(turns, method),
        };
        placed.or_else(|| weighted::pick(turns, &|turn| turn.open))
    }
}

/// The next server by a method that needs no key; also how backups are chosen, which no key reaches (N35).
pub fn in_turn(turns: &mut [Turn], method: &Balance) -> Option<usize> {
    match method {
        Balance::LeastConn => least_conn::pick(turns),
        Balance::ByRequests => apache::by_requests(turns),
        Balance::ByTraffic => apache::by_traffic(turns),
        Balance::ByBusyness => apache::by_busyness(turns),
        Balance::RoundRobin | Balance::IpHash | Balance::Hash { .. } | Balance::Random { .. } => {
            weighted::pick(turns, &|turn| turn.open)
        }
    }
}

/// Weights of all together, the closed ones too.
fn total(turns: &[Turn]) -> u64 {
    turns.iter().map(|turn| u64::from(turn.weight)).sum()
}

/// Whose stretch of the weights, laid side by side, a number below their total falls in.
fn at_weight(turns: &[Turn], mut number: u64) -> Option<usize> {
    turns.iter().position(|turn| {
        let weight = u64::from(turn.weight);
        let inside = number < weight;
        number = number.saturating_sub(weight);
        inside
    })
}
