//! Writes what is held in memory alone to the disk, a little later (`fill`).

use std::io;
use std::time::{Duration, Instant};

use crate::cache::fill::{Room, whole};
use crate::cache::zone::{Unsaved, Zone};

/// How long an entry waits: what is replaced or purged at once need not wear out flash.
pub const DELAY: Duration = Duration::from_secs(1);

/// The entries of one zone that wait.
#[derive(Debug)]
pub struct Saver {
    zone: &'static Zone,
    /// The last one could not be written, which was logged.
    failing: bool,
}

impl Saver {
    pub fn new(zone: &'static Zone) -> Saver {
        Saver {
            zone,
            failing: false,
        }
    }

    /// Writes one that has waited since `before`. False: there is none.
    pub fn step(&mut self, before: Instant) -> bool {
        let Some(unsaved) = self.zone.next_unsaved(before) else {
            return false;
        };
        match self.save(&unsaved) {
            Ok(()) => self.failing = false,
            Err(error) => {
                self.zone.save_failed(&unsaved);
                // A full disk would be reported for every response.
                if !std::mem::replace(&mut self.failing, true) {
                    log::error!("cache: {error}; until this is over, responses are kept in memory");
                }
            }
        }
        true
    }

    fn save(&self, unsaved: &Unsaved) -> io::Result<()> {
        let (zone, hash, entry) = (self.zone, &unsaved.hash, &unsaved.entry);
        if zone.is_purged(&entry.key, entry.stamp) {
            // Nobody finds it any more; a rule that is over must not bring it back.
            return match zone.is_unsaved(unsaved) {
                true => crate::cache::disk::purge(zone, hash).map(drop),
                false => Ok(()),
            };
        }
        let mut room = Room::new(zone);
        let (temp, size) = whole(zone, hash, entry, &mut room)?;
        let _lock = zone.file_lock(hash);
        if zone.is_unsaved(unsaved) {
            temp.place(zone.settings, hash)?;
            zone.saved(unsaved, size);
        }
        Ok(())
    }
}
