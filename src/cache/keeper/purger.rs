//! Removes the files that purges by wildcard have marked (`purger=on`, C81), so that the purges can be forgotten.

use std::time::Instant;

use super::walk::{Item, Walk};
use crate::cache::zone::{Rule, Zone};
use crate::cache::{disk, purged};

/// A walk on behalf of the rules that there were when it began.
#[derive(Debug)]
pub struct Purger {
    zone: &'static Zone,
    walk: Walk,
    rules: Vec<Rule>,
    began: Instant,
}

impl Purger {
    /// A walk, if there is a reason for one.
    pub fn begin(zone: &'static Zone, now: Instant) -> Option<Purger> {
        let rules = zone.rules();
        if rules.is_empty() {
            return None;
        }
        Some(Purger {
            zone,
            walk: Walk::new(zone.settings),
            rules,
            began: now,
        })
    }

    /// One file. False: that was all.
    pub fn step(&mut self) -> bool {
        match self.walk.step() {
            Some(Item::Entry(hash, _)) => {
                let marked = |(key, stamp): (Box<[u8]>, u64)| {
                    self.rules.iter().any(|rule| rule.hits(&key, stamp))
                };
                // What can not be read is found out by whoever asks for it.
                if disk::whose(self.zone.settings, &hash).is_ok_and(marked)
                    && let Err(error) = disk::purge(self.zone, &hash)
                {
                    log::error!("cache file {error}: not purged");
                }
                true
            }
            Some(_) => true,
            None => false,
        }
    }

    /// After the walk: its rules are over. False: what was held when it began, and had no file for it to find, is to be written or
    /// purged first.
    pub fn finish(&self) -> bool {
        let unsaved = self.zone.unsaved_since();
        if unsaved.is_some_and(|since| since <= self.began) {
            return false;
        }
        self.zone.drop_rules(&self.rules);
        if let Err(error) = purged::save(self.zone) {
            log::error!("cache: {error}");
        }
        true
    }
}
