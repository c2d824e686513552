//! Keeps a zone within its limits (C87 to C92).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::cache::disk;
use crate::cache::key::Hash;
use crate::cache::zone::Zone;
use crate::sys;

/// The longest time between two looks at what has become inactive, and at the room that is left (C90).
pub const PAUSE: Duration = Duration::from_secs(10);
/// Entries that are taken out of the index at once: their files are to go soon after.
const BATCH: usize = 64;

/// What is to be removed.
#[derive(Debug)]
pub struct Manager {
    zone: &'static Zone,
    /// Files of keys that are not in the index any more.
    gone: VecDeque<Hash>,
    /// The file system can not be asked, which was logged.
    blind: bool,
}

impl Manager {
    pub fn new(zone: &'static Zone) -> Manager {
        Manager {
            zone,
            gone: VecDeque::new(),
            blind: false,
        }
    }

    /// Removes one file. `looks`: not only of those that others have found, but of what is inactive or too much.
    /// False: there is nothing to do.
    pub fn step(&mut self, looks: bool, now: Instant) -> bool {
        if self.gone.is_empty() {
            self.gone.extend(self.zone.take_removals());
        }
        if looks {
            self.take(|zone| zone.expire(now, BATCH));
            self.take(|zone| zone.shrink(false, BATCH));
            // One at a time, for their sizes say little of what their removal frees.
            if self.gone.is_empty() && self.is_full() {
                self.take(|zone| zone.shrink(true, 1));
            }
        }
        match self.gone.pop_front() {
            Some(hash) => disk::remove(self.zone, &hash),
            None => return false,
        }
        true
    }

    /// Has the index give up entries, until there is one among them that has a file.
    fn take(&mut self, evict: impl Fn(&Zone) -> Vec<Hash>) {
        while self.gone.is_empty() {
            let before = self.zone.evictions();
            self.gone.extend(evict(self.zone));
            if self.zone.evictions() == before {
                return;
            }
        }
    }

    /// Fewer bytes are free than `min_free` says.
    fn is_full(&mut self) -> bool {
        let settings = self.zone.settings;
        if settings.min_free == 0 {
            return false;
        }
        match sys::free_space(&settings.path) {
            Ok(free) => {
                self.blind = false;
                free <= settings.min_free
            }
            Err(e) => {
                if !std::mem::replace(&mut self.blind, true) {
                    log::error!("cache: {}: free space: {e}", settings.path.display());
                }
                false
            }
        }
    }
}
