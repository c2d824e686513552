//! By a key, spread over the weights (N41). Every change of the group moves most keys; [`super::ring`] does not.

use super::{MISSES, Turn, at_weight, crc32, total};

/// Where a request is: the key is hashed again for each closed server, and the hashes add up.
#[derive(Debug)]
pub struct Place {
    key: Box<[u8]>,
    sum: u32,
    round: u32,
}

impl Place {
    pub fn new(key: &[u8]) -> Place {
        Place {
            key: key.into(),
            sum: 0,
            round: 0,
        }
    }

    /// The server of the key; a closed one hands over to the one of the next round. `None` after too many.
    pub fn pick(&mut self, turns: &[Turn], misses: &mut u32) -> Option<usize> {
        let total = total(turns);
        while *misses <= MISSES && total > 0 {
            let mut sum = crc32::START;
            if self.round > 0 {
                sum = crc32::update(sum, self.round.to_string().as_bytes());
            }
            sum = !crc32::update(sum, &self.key);
            self.sum = self.sum.wrapping_add((sum >> 16) & 0x7fff);
            self.round += 1;
            let index = at_weight(turns, u64::from(self.sum) % total)?;
            if turns.get(index)?.open {
                return Some(index);
            }
            *misses += 1;
        }
        None
    }
}
