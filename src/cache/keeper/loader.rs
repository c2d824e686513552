//! Fills the index with what is on the disk (C93 to C95), and removes what earlier processes left half done (Z51).

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use super::walk::{Item, Walk};
use crate::cache::zone::Zone;
use crate::cache::{disk, format, key, temp};

/// One walk through all files, by name and size only, or as many as it takes. It begins at once; until it is over, a request for what the index lacks
/// tries the disk.
#[derive(Debug)]
pub struct Loader {
    zone: &'static Zone,
    walk: Option<Walk>,
    /// How many files and directories are none of ours, and one of them.
    foreign: (usize, PathBuf),
    done: bool,
}

impl Loader {
    pub fn new(zone: &'static Zone) -> Loader {
        Loader {
            zone,
            walk: None,
            foreign: (0, PathBuf::new()),
            done: false,
        }
    }

    /// The index knows all files.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// One file. False: the walk is over; unless all is done, the next step begins another.
    pub fn step(&mut self, now: Instant) -> bool {
        let settings = self.zone.settings;
        let walk = self.walk.get_or_insert_with(|| {
            temp::sweep(settings);
            Walk::new(settings)
        });
        match walk.step() {
            None => {
                let failed = walk.has_failed();
                self.finish(failed);
                return false;
            }
            Some(Item::Other) => {}
            // What is so short is none of any version of the format, or was cut by a loss of power.
            Some(Item::Entry(hash, size)) if size < format::PREFIX as u64 => {
                let path = key::file_path(settings, &hash);
                log::error!("cache file {}: cut short; removed", path.display());
                disk::remove(self.zone, &hash);
            }
            Some(Item::Entry(hash, size)) => {
                if !self.zone.load(&hash, size, now) {
                    // The index can not know it, so nobody would ever remove it.
                    disk::remove(self.zone, &hash);
                }
            }
            Some(Item::Orphan(path)) => {
                if let Err(e) = fs::remove_file(&path) {
                    log::warn!("cache: {}: not removed: {e}", path.display());
                }
            }
            Some(Item::Foreign(path)) => {
                self.foreign.0 += 1;
                self.foreign.1 = path;
            }
        }
        true
    }

    fn finish(&mut self, failed: bool) {
        let (count, path) = std::mem::take(&mut self.foreign);
        self.walk = None;
        if failed {
            // As long as it is not over, what the index lacks is looked for on the disk.
            return;
        }
        self.done = true;
        self.zone.loaded();
        if count > 0 {
            log::warn!(
                "cache: {} is one of {count} that are not of the cache and are left alone",
                path.display()
            );
        }
    }
}
