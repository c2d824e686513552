//! Files of entries: opened, read, removed, and the directory they are in.
//!
//! How one comes about is `fill` and `renew`. The front opens files too, so an open is three system calls: open, fstat, and one
//! read that nearly always has it all. A file is never believed: version, checksum, length and key must fit (C5, Z51), or it is no
//! entry.

use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, lchown};
use std::path::Path;
use std::sync::Arc;

use super::fill::HELD_MAX;
use super::format::{Label, Parts, Prefix};
use super::key::{self, Hash};
pub use super::purged::save as save_rules;
pub use super::renew::{forget, renew};
use super::temp::{self, Temp, at};
use super::zone::Zone;
use super::{Body, Entry, parse_head};
use crate::config::cache::Zone as Settings;
use crate::sys;

/// What is read of a file at once: key and head, and all of what is short.
pub(super) const FIRST: usize = 4096;

/// Why there is no entry to be had from the disk.
#[derive(Debug)]
pub enum OpenError {
    /// There is no file.
    Missing,
    /// It is worth nothing, and should be removed.
    Damaged(&'static str),
    /// It is another key's whose hash is the same: a miss, and the next response takes its place (C5).
    Collision,
    /// It can not be read.
    Io(io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Missing => f.write_str("there is no file"),
            OpenError::Damaged(why) => f.write_str(why),
            OpenError::Collision => f.write_str("hash collision: the file is another key's"),
            OpenError::Io(error) => error.fmt(f),
        }
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> OpenError {
        match error.kind() {
            ErrorKind::NotFound => OpenError::Missing,
            // It was longer a moment ago.
            ErrorKind::UnexpectedEof => OpenError::Damaged("cut while it was read"),
            _ if sys::is_link(&error) => OpenError::Damaged("a symbolic link"),
            _ => OpenError::Io(error),
        }
    }
}

/// Reads the entry that a key has under a hash, and says how many bytes its file has. Bodies of up to [`HELD_MAX`] bytes are read
/// too, of longer ones the descriptor is kept.
///
/// # Errors
/// Why there is none.
pub fn open(zone: &Zone, hash: &Hash, key: &[u8]) -> Result<(Entry, u64), OpenError> {
    let (file, size) = open_file(&key::file_path(zone.settings, hash))?;
    // A head that is rewritten at this very moment may be read in two halves: once more tells that from damage.
    let entry = match read(&file, size, key) {
        Err(OpenError::Damaged(_)) => read(&file, size, key),
        other => other,
    };
    Ok((entry?, size))
}

/// A file, which is a regular one, and its length.
fn open_file(path: &Path) -> Result<(Arc<File>, u64), OpenError> {
    let file = sys::open_own(path, false)?;
    let meta = file.metadata()?;
    match meta.is_file() {
        true => Ok((Arc::new(file), meta.len())),
        false => Err(OpenError::Damaged("not a regular file")),
    }
}

/// Keeper and workers: whose entry a file is, and its stamp.
///
/// # Errors
/// As [`open`].
pub fn whose(zone: &Settings, hash: &Hash) -> Result<(Box<[u8]>, u64), OpenError> {
    let (file, size) = open_file(&key::file_path(zone, hash))?;
    let (mut first, mut long) = ([0; FIRST], Vec::new());
    let start = start(&file, size, &mut first, &mut long)?;
    Ok((start.parts.key.into(), start.prefix.stamp))
}

/// What is in front of a body.
pub(super) struct Start<'a> {
    pub prefix: Prefix,
    pub parts: Parts<'a>,
    /// What has been read of the file.
    bytes: &'a [u8],
}

/// Reads what is in front of the body of a file of this size.
pub(super) fn start<'a>(
    file: &File,
    size: u64,
    first: &'a mut [u8; FIRST],
    long: &'a mut Vec<u8>,
) -> Result<Start<'a>, OpenError> {
    let len = usize::try_from(size).map_or(FIRST, |size| size.min(FIRST));
    let first = first.get_mut(..len).unwrap_or_default();
    file.read_exact_at(first, 0)?;
    let prefix = Prefix::read(first).map_err(OpenError::Damaged)?;
    if prefix.size() != Some(size) {
        return Err(OpenError::Damaged("not as long as it says"));
    }
    let bytes: &[u8] = if prefix.end() <= first.len() {
        first
    } else {
        // Prefix::read has bounded this.
        long.resize(prefix.end(), 0);
        file.read_exact_at(long, 0)?;
        long
    };
    let parts = prefix.parts(bytes).map_err(OpenError::Damaged)?;
    Ok(Start {
        prefix,
        parts,
        bytes,
    })
}

fn read(file: &Arc<File>, size: u64, key: &[u8]) -> Result<Entry, OpenError> {
    let (mut first, mut long) = ([0; FIRST], Vec::new());
    let Start {
        prefix,
        parts,
        bytes,
    } = start(file, size, &mut first, &mut long)?;
    if key != parts.key {
        return Err(OpenError::Collision);
    }
    let head = parse_head(parts.head).ok_or(OpenError::Damaged("a head that is none"))?;
    Ok(Entry {
        key: parts.key.into(),
        meta: prefix.meta,
        variant: parts.variant,
        stamp: prefix.stamp,
        head,
        len: prefix.len,
        body: body(file, &prefix, bytes)?,
    })
}

/// `start`: what has been read of the file so far.
fn body(file: &Arc<File>, prefix: &Prefix, start: &[u8]) -> io::Result<Body> {
    let len = usize::try_from(prefix.len).ok();
    let Some(len) = len.filter(|len| *len <= HELD_MAX) else {
        return Ok(Body::File(Arc::clone(file), prefix.offset as u64));
    };
    let mut body: Arc<[u8]> = std::iter::repeat_n(0, len).collect();
    let mut rest = Arc::get_mut(&mut body).unwrap_or_default();
    let mut at = prefix.offset;
    if let Some(there) = start.get(at..) {
        let there = there.get(..len).unwrap_or(there);
        let (to, after) = rest.split_at_mut(there.len());
        to.copy_from_slice(there);
        (rest, at) = (after, at + there.len());
    }
    if !rest.is_empty() {
        file.read_exact_at(rest, at as u64)?;
    }
    Ok(Body::Memory(body))
}

/// Whether the file that an entry keeps open is still as long as it was: every hit would be cut short else (Z51).
pub fn is_whole(entry: &Entry) -> bool {
    match &entry.body {
        Body::Memory(_) => true,
        Body::File(file, offset) => {
            let size = file.metadata().map_or(0, |meta| meta.len());
            size >= offset.saturating_add(entry.len)
        }
    }
}

impl Entry {
    /// What stands in front of its body in a file.
    pub fn label(&self) -> Label<'_> {
        Label {
            meta: &self.meta,
            variant: &self.variant,
            stamp: self.stamp,
            key: &self.key,
            head: self.head.bytes(),
        }
    }
}

/// Keeper and workers, without any lock: removes the file of a key that has been taken out of the index, unless something new is
/// stored there.
pub fn remove(zone: &Zone, hash: &Hash) {
    let _lock = zone.file_lock(hash);
    if !zone.has_file(hash)
        && let Err(error) = unlink(zone.settings, hash)
    {
        log::error!("cache file {error}: not removed");
    }
}

/// Workers and keeper, without any lock: takes a key's response away, from the disk too. False: there was none.
///
/// # Errors
/// The file can not be removed, with its path. It comes back when the index is loaded anew.
pub fn purge(zone: &Zone, hash: &Hash) -> io::Result<bool> {
    let _lock = zone.file_lock(hash);
    purge_locked(zone, hash)
}

/// The same, for callers that hold the file lock.
pub(super) fn purge_locked(zone: &Zone, hash: &Hash) -> io::Result<bool> {
    let purged = zone.purge(hash);
    let was_there = purged.look && unlink(zone.settings, hash)?;
    Ok(purged.stored || was_there)
}

/// Removes the file of a hash. Callers hold the file lock. True: it was there.
pub(super) fn unlink(zone: &Settings, hash: &Hash) -> io::Result<bool> {
    let path = key::file_path(zone, hash);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(at(&path, &e)),
    }
}

/// At start, before rights are dropped: makes the directories of a zone that are missing, with mode 0700 and for `owner`, a
/// user and a group. What is there stays as it is.
///
/// # Errors
/// With the path.
pub fn prepare(zone: &Settings, owner: Option<(u32, u32)>) -> io::Result<()> {
    if zone.use_temp_path {
        // Whoever spills to it finds out what is wrong with it; the cache can do without.
        let _ = make(&zone.temp, owner);
    }
    make(&zone.path, owner)
}

/// Makes a directory and those above it that are missing.
fn make(dir: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {
            let given = owner.map(|(user, group)| lchown(dir, Some(user), Some(group)));
            given.unwrap_or(Ok(())).map_err(|e| at(dir, &e))
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        Err(e) if e.kind() == ErrorKind::NotFound && dir.parent().is_some_and(|p| p != dir) => {
            make(dir.parent().unwrap_or(dir), owner)?;
            make(dir, owner)
        }
        Err(e) => Err(at(dir, &e)),
    }
}

/// At start, after rights have been dropped: whether files can be found, made and removed there.
///
/// # Errors
/// With the path.
pub fn check(zone: &Settings) -> io::Result<()> {
    fs::read_dir(&zone.path).map_err(|e| at(&zone.path, &e))?;
    Temp::make(&temp::beside(zone)).map(drop)
}

#[cfg(test)]
pub mod tests;
