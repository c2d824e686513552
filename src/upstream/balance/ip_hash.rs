//! By the client's network (N40).

use super::{MISSES, Turn, at_weight, total};

/// Where a request is: the hash goes on from try to try.
#[derive(Debug)]
pub struct Place {
    key: [u8; 16],
    len: usize,
    hash: u64,
}

impl Place {
    /// Of IPv4 the first three bytes count, of IPv6 all; other clients are all alike.
    pub fn new(address: &[u8]) -> Place {
        let len = if address.len() == 16 { 16 } else { 3 };
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(address).take(len) {
            *to = *from;
        }
        Place { key, len, hash: 89 }
    }

    /// The server of the network; a closed one hands over to the one of the next hash. `None` after too many.
    pub fn pick(&mut self, turns: &[Turn], misses: &mut u32) -> Option<usize> {
        let total = total(turns);
        while *misses <= MISSES && total > 0 {
            for &byte in self.key.iter().take(self.len) {
                self.hash = (self.hash * 113 + u64::from(byte)) % 6271;
            }
            let index = at_weight(turns, self.hash % total)?;
            if turns.get(index)?.open {
                return Some(index);
            }
            *misses += 1;
        }
        None
    }
}
