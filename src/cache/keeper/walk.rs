//! The files below a zone's directory, one at a time. No symbolic link is followed.

use std::fs::{self, DirEntry, ReadDir};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::cache::key::{self, Hash};
use crate::cache::{purged, temp};
use crate::config::cache::Zone;

/// Directories that count as one file: a cache of few files may have thousands.
const DIRECTORIES: usize = 32;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// A file of this many bytes, where the entry of this hash would be.
    Entry(Hash, u64),
    /// A file that an earlier process did not complete (C86).
    Orphan(PathBuf),
    /// None of ours.
    Foreign(PathBuf),
    /// A directory, or nothing that matters.
    Other,
}

/// A walk that can stop anywhere. It keeps a descriptor for each level.
#[derive(Debug)]
pub struct Walk {
    zone: &'static Zone,
    /// The directories from the zone's own down to where the walk is.
    dirs: Vec<ReadDir>,
    /// See [`Walk::has_failed`].
    failed: bool,
}

impl Walk {
    /// A walk through all of the zone's directory.
    pub fn new(zone: &'static Zone) -> Walk {
        let mut walk = Walk {
            zone,
            dirs: Vec::new(),
            failed: false,
        };
        walk.enter(zone.path.clone());
        walk
    }

    fn enter(&mut self, dir: PathBuf) {
        match fs::read_dir(&dir) {
            Ok(entries) => self.dirs.push(entries),
            Err(e) => {
                log::error!("cache: {}: {e}", dir.display());
                self.failed |= is_trouble(&e);
            }
        }
    }

    /// Something could not be looked at, so there may be more than was found. What went away meanwhile does not count.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// What comes next; `None`: that was all. Directories are passed on the way, though not any number of them.
    pub fn step(&mut self) -> Option<Item> {
        for _ in 0..DIRECTORIES {
            match self.next() {
                Some(Item::Other) => {}
                found => return found,
            }
        }
        Some(Item::Other)
    }

    fn next(&mut self) -> Option<Item> {
        match self.dirs.last_mut()?.next() {
            None => {
                self.dirs.pop();
                Some(Item::Other)
            }
            // There may be no end of errors of one directory.
            Some(Err(e)) => {
                log::error!("cache: {}: {e}", self.zone.path.display());
                self.failed = true;
                self.dirs.pop();
                Some(Item::Other)
            }
            Some(Ok(entry)) => Some(self.judge(&entry).unwrap_or_else(|e| {
                self.failed |= is_trouble(&e);
                Item::Other
            })),
        }
    }

    /// # Errors
    /// It can not be looked at; nearly always because it went away meanwhile.
    fn judge(&mut self, entry: &DirEntry) -> io::Result<Item> {
        let kind = entry.file_type()?;
        let name = entry.file_name();
        let name = name.as_bytes();
        let path = entry.path();
        let depth = self.dirs.len() - 1;
        if kind.is_dir() {
            if depth == 0 && name == b"temp" {
                return Ok(Item::Other);
            }
            let digits = self.zone.levels.get(depth).copied();
            let is_digit = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
            if digits.is_some_and(|n| name.len() == n.into()) && name.iter().all(is_digit) {
                self.enter(path);
                return Ok(Item::Other);
            }
            return Ok(Item::Foreign(path));
        }
        if !kind.is_file() {
            return Ok(Item::Foreign(path));
        }
        if let Some(hash) = key::from_file_name(name)
            && path == key::file_path(self.zone, &hash)
        {
            return Ok(Item::Entry(hash, entry.metadata()?.len()));
        }
        if temp::is_orphan(name) {
            return Ok(Item::Orphan(path));
        }
        match temp::is_known(self.zone, name) || (depth == 0 && name == purged::NAME.as_bytes()) {
            true => Ok(Item::Other),
            false => Ok(Item::Foreign(path)),
        }
    }
}

fn is_trouble(error: &io::Error) -> bool {
    error.kind() != ErrorKind::NotFound
}
