//! A response that is being stored, by a worker, while it is delivered.
//!
//! What is short stays in memory, and is found there as soon as it is complete; the keeper writes it to the disk later, if it is
//! still wanted then. What is longer goes to a file with room in front of the body, and becomes an entry by a rename. Nothing is found
//! before it is complete. An error is the fill's alone: the response goes on (Z25).

use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;

use super::format::Label;
use super::temp::Temp;
use super::zone::{Ticket, Zone};
use super::{Body, Entry, Meta, Variant, disk, parse_head};
use crate::scgi::response::Head;

/// Bodies of up to so many bytes are held in memory.
pub const HELD_MAX: usize = 16 << 10;
/// How many bytes of the disk are reserved at once: as many as there are already, within these bounds.
const STEP: (u64, u64) = (64 << 10, 1 << 20);
/// What is reserved is counted as the index counts it.
const UNIT: u64 = super::index::UNIT;

/// What a response is stored with, besides its body.
#[derive(Debug)]
pub struct Draft {
    pub key: Box<[u8]>,
    pub meta: Meta,
    pub variant: Variant,
    /// See [`Entry::stamp`].
    pub stamp: u64,
    /// As [`super::rules::Storable`] has it.
    pub head: Vec<u8>,
}

/// See the module's text. Dropped without [`Fill::commit`] it leaves nothing behind.
#[derive(Debug)]
pub struct Fill {
    ticket: Ticket,
    draft: Draft,
    /// Where the body begins in a file.
    offset: usize,
    /// The body, while it is short.
    held: Vec<u8>,
    temp: Option<Temp>,
    /// Bytes of the body.
    len: u64,
    room: Room,
    /// Why it can not be stored.
    refusal: Option<&'static str>,
}

impl Fill {
    /// Begins to store what `ticket` gives the right to. `length`: the body's, if that is known. No I/O.
    pub fn begin(ticket: &Ticket, draft: Draft, length: Option<u64>) -> Fill {
        let zone = ticket.zone();
        let label = draft.label();
        // Where it goes to a file it is long.
        let offset = label.offset(true);
        let least = offset.map_or(0, |o| (o as u64).saturating_add(length.unwrap_or(0)));
        let refusal = match zone.settings.max_size {
            _ if offset.is_none() => Some("key and head are too long"),
            Some(max) if least > max => Some("it is longer than max_size"),
            _ => None,
        };
        Fill {
            // It must not be evicted while this one lives, even if the other ticket ends.
            ticket: zone.ticket(&ticket.hash, ticket.version),
            draft,
            offset: offset.unwrap_or(0),
            held: Vec::new(),
            temp: None,
            len: 0,
            room: Room::new(zone),
            refusal,
        }
    }

    /// Why it is known already that it can not be stored.
    pub fn refused(&self) -> Option<&'static str> {
        self.refusal
    }

    /// Adds a piece of the body.
    ///
    /// # Errors
    /// The disk is full, or `max_size` reached, or there is no right to write; with the path where there is one. The fill is of no use
    /// after that.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let result = self.add(bytes);
        if result.is_err() {
            // Nobody shall commit what has a hole.
            self.refusal.get_or_insert("an earlier piece was lost");
        }
        result
    }

    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.allowed()?;
        let temp = match self.temp.take() {
            Some(temp) => temp,
            None if self.held.len() + bytes.len() <= HELD_MAX => {
                self.held.extend_from_slice(bytes);
                self.len = self.held.len() as u64;
                return Ok(());
            }
            None => self.spill()?,
        };
        let at = self.offset as u64 + self.len;
        let end = at + bytes.len() as u64;
        self.room.need(end)?;
        let written = temp.file().write_all_at(bytes, at);
        written.map_err(|e| super::temp::at(temp.path(), &e))?;
        self.len = end - self.offset as u64;
        self.temp = Some(temp);
        Ok(())
    }

    fn allowed(&self) -> io::Result<()> {
        match self.refusal {
            Some(why) => Err(io::Error::new(ErrorKind::InvalidData, why)),
            None => Ok(()),
        }
    }

    /// Moves what there is of the body to a file.
    fn spill(&mut self) -> io::Result<Temp> {
        let held = std::mem::take(&mut self.held);
        let zone = self.ticket.zone().settings;
        self.room.need((self.offset + held.len()) as u64)?;
        let temp = Temp::create(zone, &self.ticket.hash)?;
        let written = temp.file().write_all_at(&held, self.offset as u64);
        written.map_err(|e| super::temp::at(temp.path(), &e))?;
        Ok(temp)
    }

    /// All of the body has been written: from now on it is found, instead of what was stored before. False: it must not be stored any
    /// more, for it was purged meanwhile, or one that was asked for later is there.
    ///
    /// # Errors
    /// As [`Fill::write`].
    pub fn commit(mut self, now: Instant) -> io::Result<bool> {
        let zone = self.ticket.zone();
        let result = match self.temp.take() {
            Some(temp) => self.commit_file(temp),
            None => self.commit_held(now),
        };
        if result.is_err() {
            zone.fill_failed();
        }
        result
    }

    fn commit_file(self, temp: Temp) -> io::Result<bool> {
        self.allowed()?;
        let head = parse_head(&self.draft.head).ok_or(ErrorKind::InvalidData)?;
        write_label(&temp, &self.draft.label(), self.len, self.offset)?;
        let Fill {
            ticket,
            draft,
            offset,
            len,
            ..
        } = self;
        let zone = ticket.zone();
        let _lock = zone.file_lock(&ticket.hash);
        if !ticket.may_fill(&draft.key, draft.stamp) {
            return Ok(false);
        }
        let file = temp.place(zone.settings, &ticket.hash)?;
        let body = Body::File(file, offset as u64);
        let entry = Arc::new(draft.entry(head, len, body));
        zone.filed(&ticket, &entry, offset as u64 + len);
        Ok(true)
    }

    fn commit_held(mut self, now: Instant) -> io::Result<bool> {
        self.allowed()?;
        let head = parse_head(&self.draft.head).ok_or(ErrorKind::InvalidData)?;
        let held = std::mem::take(&mut self.held);
        let zone = self.ticket.zone();
        let entry = self.draft.entry(head, self.len, Body::Memory(held.into()));
        let entry = Arc::new(entry);
        if zone.hold_new(&self.ticket, &entry, now) {
            return Ok(true);
        }
        // It was purged or overtaken, or there is no room in memory.
        if !self.ticket.may_fill(&entry.key, entry.stamp) {
            return Ok(false);
        }
        let (temp, size) = whole(zone, &self.ticket.hash, &entry, &mut self.room)?;
        let _lock = zone.file_lock(&self.ticket.hash);
        if !self.ticket.may_fill(&entry.key, entry.stamp) {
            return Ok(false);
        }
        temp.place(zone.settings, &self.ticket.hash)?;
        zone.filed(&self.ticket, &entry, size);
        Ok(true)
    }
}

impl Draft {
    fn label(&self) -> Label<'_> {
        Label {
            meta: &self.meta,
            variant: &self.variant,
            stamp: self.stamp,
            key: &self.key,
            head: &self.head,
        }
    }

    fn entry(self, head: Head, len: u64, body: Body) -> Entry {
        Entry {
            key: self.key,
            meta: self.meta,
            variant: self.variant,
            stamp: self.stamp,
            head,
            len,
            body,
        }
    }
}

/// Writes what is in front of a body.
pub(super) fn write_label(temp: &Temp, label: &Label, len: u64, offset: usize) -> io::Result<()> {
    let start = label.encode(len, offset).ok_or(ErrorKind::InvalidData)?;
    let written = match len {
        // Its length vouches for it, so it has one.
        0 => temp.file().set_len(offset as u64),
        _ => Ok(()),
    };
    let written = written.and_then(|()| temp.file().write_all_at(&start, 0));
    written.map_err(|e| super::temp::at(temp.path(), &e))
}

/// Writes an entry whose body is in memory or in another file to a new file, without a place yet. Gives its size too.
pub(super) fn whole(
    zone: &Zone,
    hash: &super::key::Hash,
    entry: &Entry,
    room: &mut Room,
) -> io::Result<(Temp, u64)> {
    let label = entry.label();
    let is_long = entry.len > HELD_MAX as u64;
    let offset = label.offset(is_long).ok_or(ErrorKind::InvalidData)?;
    let size = entry.len.saturating_add(offset as u64);
    room.need(size)?;
    let temp = Temp::create(zone.settings, hash)?;
    let written = match &entry.body {
        Body::Memory(bytes) => {
            let mut all = label
                .encode(entry.len, offset)
                .ok_or(ErrorKind::InvalidData)?;
            all.resize(offset, 0);
            all.extend_from_slice(bytes);
            temp.file().write_all_at(&all, 0)
        }
        Body::File(from, at) => {
            write_label(&temp, &label, entry.len, offset)?;
            let mut buffer = vec![0; HELD_MAX];
            let mut done = 0;
            loop {
                let left = usize::try_from(entry.len - done).unwrap_or(HELD_MAX);
                let piece = buffer.get_mut(..left.min(HELD_MAX)).unwrap_or_default();
                if piece.is_empty() {
                    break Ok(());
                }
                from.read_exact_at(piece, at + done)?;
                temp.file().write_all_at(piece, offset as u64 + done)?;
                done += piece.len() as u64;
            }
        }
    };
    written.map_err(|e| super::temp::at(temp.path(), &e))?;
    Ok((temp, size))
}

/// Room on the disk that a zone keeps for what is being written (Z53). Given back when dropped.
#[derive(Debug)]
pub(super) struct Room {
    // A zone lives as long as the process, or as a test says.
    zone: &'static Zone,
    bytes: u64,
}

impl Room {
    pub(super) fn new(zone: &'static Zone) -> Room {
        Room { zone, bytes: 0 }
    }

    /// Room for a file of this size: what is used least goes, if it must. Callers hold no lock.
    ///
    /// # Errors
    /// StorageFull: there is none.
    pub(super) fn need(&mut self, size: u64) -> io::Result<()> {
        let size = size.checked_next_multiple_of(UNIT).unwrap_or(size);
        let Some(missing) = size.checked_sub(self.bytes).filter(|bytes| *bytes > 0) else {
            return Ok(());
        };
        let limit = self.zone.settings.max_size.unwrap_or(u64::MAX);
        let (least, most) = STEP;
        let step = self.bytes.clamp(least, most);
        // A file that can never fit must not empty the cache first.
        let fits = size <= limit;
        let steps = [missing.max(step), missing];
        let steps = steps.iter().filter(|_| fits);
        let wanted = steps.filter(|bytes| self.bytes.saturating_add(**bytes) <= limit);
        for hash in self.zone.take_some_removals() {
            disk::remove(self.zone, &hash);
        }
        for bytes in wanted {
            if let Some(evicted) = self.zone.reserve(*bytes) {
                self.bytes += bytes;
                evicted
                    .iter()
                    .for_each(|hash| disk::remove(self.zone, hash));
                return Ok(());
            }
        }
        let why = "--cache-path: max_size leaves no room";
        Err(io::Error::new(ErrorKind::StorageFull, why))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.zone.unreserve(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests;
