//! At random by weight, or the less busy of two (N44).

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use super::least_conn::load;
use super::{MISSES, Turn, at_weight, total};

/// SplitMix64: small, and good enough to spread requests; nothing secret hangs on it.
#[derive(Debug)]
pub struct Rng(u64);

impl Rng {
    /// Seeded from the system.
    pub fn new() -> Rng {
        Rng(RandomState::new().build_hasher().finish())
    }

    /// Gives always the same numbers: for tests, and where none will be asked for.
    pub const fn fixed() -> Rng {
        Rng(1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A draw by weight; with `two` the less busy for its weight of two different ones. `None` after too many closed ones.
pub fn pick(turns: &[Turn], two: bool, rng: &mut Rng, misses: &mut u32) -> Option<usize> {
    let total = total(turns);
    let mut first: Option<(usize, &Turn)> = None;
    while *misses <= MISSES && total > 0 {
        let index = at_weight(turns, rng.next() % total)?;
        let drawn = turns.get(index)?;
        match first {
            _ if !drawn.open => *misses += 1,
            Some((other, _)) if other == index => *misses += 1,
            Some((other, before)) => {
                let busier = load(drawn, before) > load(before, drawn);
                return Some(if busier { other } else { index });
            }
            None if two => first = Some((index, drawn)),
            None => return Some(index),
        }
    }
    None
}
