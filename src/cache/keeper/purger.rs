//! Removes the files that purges by wildcard have marked (`purger=on`, C81), so that the purges can be forgotten.

use std::io;
use std::time::Instant;

use super::walk::{Item, Walk};
use crate::cache::disk::{self, OpenError};
use crate::cache::key::{self, Hash};
use crate::cache::zone::{Rule, Zone};
use crate::cache::{purged, temp};

/// A walk on behalf of the rules that there were when it began.
#[derive(Debug)]
pub struct Purger {
    zone: &'static Zone,
    walk: Walk,
    rules: Vec<Rule>,
    began: Instant,
    /// There is a file of which nobody knows whether it is purged.
    failed: bool,
}

/// What the end of a walk means for its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// They are over.
    Done,
    /// What was held when it began, and had no file for it to find, is to be written or purged first: ask again.
    Waits,
    /// Not everything could be looked at: they hold on, and want another walk.
    Failed,
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
            failed: false,
        })
    }

    /// One file. False: that was all.
    pub fn step(&mut self) -> bool {
        match self.walk.step() {
            Some(Item::Entry(hash, _)) => {
                if let Err(error) = self.look_at(&hash) {
                    self.failed = true;
                    log::error!("cache file {error}: not purged");
                }
                true
            }
            Some(_) => true,
            None => false,
        }
    }

    /// Purges what is in the file of a hash, if one of the rules says so.
    fn look_at(&self, hash: &Hash) -> io::Result<()> {
        let marked = |key: &[u8], stamp| self.zone.is_hit(&self.rules, key, stamp);
        match disk::whose(self.zone.settings, hash) {
            Ok((key, stamp)) if marked(&key, stamp) => disk::purge(self.zone, hash).map(drop),
            Err(OpenError::Io(error)) => {
                let path = key::file_path(self.zone.settings, hash);
                Err(temp::at(&path, &error))
            }
            // Nobody finds anything in what is damaged.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// After the walk.
    pub fn finish(&self) -> End {
        if self.failed || self.walk.has_failed() {
            return End::Failed;
        }
        let unsaved = self.zone.unsaved_since();
        if unsaved.is_some_and(|since| since <= self.began) {
            return End::Waits;
        }
        self.zone.drop_rules(&self.rules);
        if let Err(error) = purged::save(self.zone) {
            log::error!("cache: {error}");
        }
        End::Done
    }
}
