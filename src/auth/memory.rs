//! What checks came to, for a while: so that a browser's next request costs no hash, nor a wrong one that is tried again.

use std::time::{Duration, Instant};

/// So many are remembered at most.
const PLACES: usize = 1024;
/// How long. A wrong one only outlasts the requests that one page makes at once.
const RIGHT: Duration = Duration::from_secs(60);
const WRONG: Duration = Duration::from_secs(5);

/// One check.
struct Check {
    /// Of the file, the name and the password.
    digest: u128,
    file: usize,
    right: bool,
    until: Instant,
}

/// Sorted by digest.
#[derive(Default)]
pub struct Memory {
    checks: Vec<Check>,
}

impl Memory {
    fn place(&self, digest: u128) -> Result<usize, usize> {
        self.checks
            .binary_search_by_key(&digest, |check| check.digest)
    }

    /// What a check came to; `None`: not known, or not any more.
    pub fn find(&self, digest: u128, now: Instant) -> Option<bool> {
        let check = self.checks.get(self.place(digest).ok()?)?;
        (check.until > now).then_some(check.right)
    }

    /// Whether this was right when it was checked last, be it long ago.
    pub fn was_right(&self, digest: u128) -> bool {
        let check = self.place(digest).ok().and_then(|at| self.checks.get(at));
        check.is_some_and(|check| check.right)
    }

    /// Remembers a check. Where there is no room the one that would be forgotten soonest makes it: most often a wrong one.
    pub fn put(&mut self, digest: u128, file: usize, right: bool, now: Instant) {
        if self.checks.len() >= PLACES {
            self.checks.retain(|check| check.until > now);
        }
        if self.checks.len() >= PLACES
            && let Some(soonest) = self.checks.iter().map(|check| check.until).min()
            && let Some(at) = self.checks.iter().position(|check| check.until == soonest)
        {
            self.checks.remove(at);
        }
        let check = Check {
            digest,
            file,
            right,
            until: now + if right { RIGHT } else { WRONG },
        };
        match self.place(digest) {
            Ok(at) => {
                if let Some(known) = self.checks.get_mut(at) {
                    *known = check;
                }
            }
            Err(at) => self.checks.insert(at, check),
        }
    }

    /// Nothing that came of this file is known any more.
    pub fn forget(&mut self, file: usize) {
        self.checks.retain(|check| check.file != file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_known_for_its_time() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        memory.put(7, 0, true, start);
        memory.put(5, 0, false, start);
        let at = |digest, seconds| memory.find(digest, start + Duration::from_secs(seconds));
        assert_eq!(
            (at(7, 0), at(7, 59), at(7, 60)),
            (Some(true), Some(true), None)
        );
        assert_eq!(
            (at(5, 0), at(5, 4), at(5, 5)),
            (Some(false), Some(false), None)
        );
        assert_eq!(at(6, 0), None);
        // It was right all the same.
        let was = [7, 5, 6].map(|digest| memory.was_right(digest));
        assert_eq!(was, [true, false, false]);
    }

    #[test]
    fn the_last_word_holds() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        for right in [true, false, true] {
            memory.put(7, 0, right, now);
            assert_eq!(memory.find(7, now), Some(right));
            assert_eq!(memory.checks.len(), 1);
        }
    }

    #[test]
    fn a_file_is_forgotten_by_itself() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        memory.put(1, 0, true, now);
        memory.put(2, 1, true, now);
        memory.forget(0);
        assert_eq!(
            (memory.find(1, now), memory.find(2, now)),
            (None, Some(true))
        );
    }

    #[test]
    fn wrong_ones_do_not_drive_out_right_ones() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        memory.put(u128::MAX, 0, true, now);
        for digest in 0..3 * PLACES as u128 {
            memory.put(digest, 0, false, now);
        }
        assert_eq!(memory.checks.len(), PLACES);
        assert_eq!(memory.find(u128::MAX, now), Some(true));
        assert_eq!(memory.find(3 * PLACES as u128 - 1, now), Some(false));
        assert!(memory.checks.is_sorted_by_key(|check| check.digest));
        // Those whose time is over go first.
        memory.put(9, 0, false, now + WRONG);
        assert_eq!(memory.checks.len(), 2);
    }
}
