//! What a 304 does to an entry and its file: that gets another start, in place where there is room for it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use super::disk::{self, FIRST, start};
use super::fill::{Room, whole};
use super::format::Label;
use super::zone::{Standing, Ticket};
use super::{Body, Entry, key};
use crate::sys;

/// What became of writing in place.
enum InPlace {
    /// Done; the file has this size.
    Done(u64),
    /// The head is too long for it, or the file is out of date, or there is none. What is at its place: device and inode.
    Not(Option<(u64, u64)>),
    /// The file is another response's.
    Foreign,
}

/// Workers, without any lock: an entry that was validated goes on as `new`, which has the same body and `head`. What was purged
/// meanwhile stays so, and what has taken its place keeps it: the word about the old one came too late.
///
/// # Errors
/// The file can not be written, with its path. The entry is good all the same, as long as it is held.
pub fn renew(ticket: &Ticket, old: &Entry, new: &Arc<Entry>, head: &[u8]) -> io::Result<()> {
    let zone = ticket.zone();
    let label = Label {
        head,
        ..new.label()
    };
    let seen = {
        let _lock = zone.file_lock(&ticket.hash);
        if !ticket.may_store(&new.key, new.stamp) {
            return Ok(());
        }
        let is_held = match zone.standing(&ticket.hash, old.stamp) {
            Standing::Gone => return Ok(()),
            Standing::Unsaved => {
                // It will be written as it is now.
                zone.renewed(ticket, old, new, None);
                return Ok(());
            }
            Standing::Saved => true,
            Standing::Unheld => false,
        };
        match in_place(ticket, old, &label, is_held) {
            Ok(InPlace::Done(size)) => {
                zone.renewed(ticket, old, new, Some(size));
                return Ok(());
            }
            Ok(InPlace::Foreign) => return Ok(()),
            Ok(InPlace::Not(seen)) => seen,
            Err(error) => {
                zone.renewed(ticket, old, new, None);
                return Err(error);
            }
        }
    };
    let result = anew(ticket, old, new, seen);
    if result.is_err() {
        zone.renewed(ticket, old, new, None);
    }
    result
}

/// Workers, without any lock: an entry is not to be served any more, unless another has taken its place.
///
/// # Errors
/// As of [`disk::purge`].
pub fn forget(ticket: &Ticket, old: &Entry) -> io::Result<()> {
    let zone = ticket.zone();
    let _lock = zone.file_lock(&ticket.hash);
    let is_there = match zone.standing(&ticket.hash, old.stamp) {
        Standing::Gone => false,
        Standing::Unsaved | Standing::Saved => true,
        Standing::Unheld => {
            let whose = disk::whose(zone.settings, &ticket.hash);
            whose.is_ok_and(|(_, stamp)| stamp == old.stamp)
        }
    };
    match is_there {
        true => disk::purge_locked(zone, &ticket.hash).map(drop),
        false => Ok(()),
    }
}

/// With the file lock: writes the start over the old one, if the file is still the old entry's and its body begins behind it (C60).
/// Where the old one is held, the file is an earlier state of it at least: a start that could not be written.
fn in_place(ticket: &Ticket, old: &Entry, label: &Label, is_held: bool) -> io::Result<InPlace> {
    let path = key::file_path(ticket.zone().settings, &ticket.hash);
    let at = |e: io::Error| super::temp::at(&path, &e);
    let file = match sys::open_own(&path, true) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(InPlace::Not(None)),
        Err(e) if sys::is_link(&e) => return Ok(InPlace::Foreign),
        Err(e) => return Err(at(e)),
    };
    let meta = file.metadata().map_err(at)?;
    let seen = Some((meta.dev(), meta.ino()));
    let Some(offset) = fitting(&file, meta.len(), old) else {
        return Ok(match is_held {
            true => InPlace::Not(seen),
            false => InPlace::Foreign,
        });
    };
    let Some(bytes) = label.encode(old.len, offset) else {
        return Ok(InPlace::Not(seen));
    };
    // Whoever reads it at this moment finds the checksum wrong, and reads again.
    file.write_all_at(&bytes, 0).map_err(at)?;
    Ok(InPlace::Done(meta.len()))
}

/// Where the body begins in the file of this very entry.
fn fitting(file: &File, size: u64, entry: &Entry) -> Option<usize> {
    let (mut first, mut long) = ([0; FIRST], Vec::new());
    let start = start(file, size, &mut first, &mut long).ok()?;
    let is_it = start.prefix.stamp == entry.stamp
        && start.prefix.len == entry.len
        && *start.parts.key == *entry.key
        && start.parts.variant == entry.variant;
    is_it.then_some(start.prefix.offset)
}

/// Writes a new file, with a copy of the body. `seen`: what was at its place, the file of `old` or nothing; where something else is
/// there or held by now, it is a newer response.
fn anew(
    ticket: &Ticket,
    old: &Entry,
    new: &Arc<Entry>,
    seen: Option<(u64, u64)>,
) -> io::Result<()> {
    let zone = ticket.zone();
    let mut room = Room::new(zone);
    let (temp, size) = whole(zone, &ticket.hash, new, &mut room)?;
    let path = key::file_path(zone.settings, &ticket.hash);
    let _lock = zone.file_lock(&ticket.hash);
    let standing = zone.standing(&ticket.hash, old.stamp);
    if !ticket.may_store(&new.key, new.stamp)
        || !matches!(standing, Standing::Saved | Standing::Unheld)
        || identity(&path) != seen
    {
        return Ok(());
    }
    let file = temp.place(zone.settings, &ticket.hash)?;
    let body = match &new.body {
        Body::Memory(bytes) => Body::Memory(Arc::clone(bytes)),
        // The old file has no name any more: its descriptor would keep its place on the disk.
        Body::File(..) => Body::File(file, size - new.len),
    };
    let entry = Entry {
        body,
        ..Entry::clone(new)
    };
    zone.renewed(ticket, old, &Arc::new(entry), Some(size));
    Ok(())
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = fs::symlink_metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}
