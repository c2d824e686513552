//! Reading an application's response head.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::send::Space;
use crate::buffer::memory::{Block, Memory};
use crate::buffer::spill;
use crate::config::{Scgi, TempPath};
use crate::error::{Fault, Phase};
use crate::http::chunked;
use crate::scgi::response::{self, Head, Parsed};
use crate::upstream::Connection;

/// Bytes before what is read, so that the size line of a chunk can stand right in front of the data.
pub const HEADROOM: usize = chunked::SIZE_MAX;
/// Bytes behind it, for the end of a chunk and the last chunk.
pub const TAILROOM: usize = 2 + chunked::LAST_CHUNK.len();
/// The smallest and the largest read buffer, whatever the flags say, in bytes.
const READ_MIN: usize = 4096;
const READ_MAX: usize = 256 * 1024;

/// Interim responses before one head.
const INTERIM_MAX: usize = 16;

/// What has been read of a response and not yet passed on: `block[from..to]`.
#[derive(Debug)]
pub struct Incoming {
    pub block: Block,
    pub from: usize,
    pub to: usize,
    /// The application has closed its side.
    pub ended: bool,
    /// A reset has been seen: what has no length of its own may lack its end.
    pub reset: bool,
    /// What has been received in all, in bytes.
    pub received: u64,
    scanned: usize,
    /// The room of the larger block, in bytes.
    full: usize,
    memory: &'static Memory,
    /// What an application said beyond the block while it was still being sent to.
    backlog: Option<Backlog>,
    /// There can not be one: no temp file is to be had.
    unspilled: bool,
}

/// Early bytes of a response that wait in a temp file, between those in the block and those in the socket.
#[derive(Debug)]
struct Backlog {
    file: File,
    from: u64,
    to: u64,
    /// What the disk would not take of them. They are the last: nothing is taken in behind them.
    kept: Option<Kept>,
    /// The application has closed its side behind them.
    ended: bool,
}

/// Bytes in memory: `block[from..to]`.
#[derive(Debug)]
struct Kept {
    block: Block,
    from: usize,
    to: usize,
}

impl Backlog {
    /// Takes the next bytes out; 0: there are no more.
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.to - self.from).unwrap_or(usize::MAX);
        let count = left.min(place.len());
        if count > 0 {
            self.file.read_exact_at(&mut place[..count], self.from)?;
            self.from += count as u64;
            return Ok(count);
        }
        let Some(Kept { block, from, to }) = &mut self.kept else {
            return Ok(0);
        };
        let bytes = block.get(*from..*to).unwrap_or_default();
        let count = bytes.len().min(place.len());
        place[..count].copy_from_slice(&bytes[..count]);
        *from += count;
        Ok(count)
    }

    /// Adds the first `count` bytes of a block.
    fn add(&mut self, block: Block, count: usize) -> io::Result<()> {
        let bytes = block.get(..count).unwrap_or_default();
        let written = self.file.write_all_at(bytes, self.to);
        match &written {
            Ok(()) => self.to += count as u64,
            Err(_) => {
                self.kept = Some(Kept {
                    block,
                    from: 0,
                    to: count,
                });
            }
        }
        written
    }
}

/// A disk that is full or not there costs no response: what has come is heard, and the rest when the request is out, or
/// as much of it as the application takes.
fn unspilled(temp: &TempPath, error: &io::Error) {
    log::error!(
        "can not spill an early response below {}: {error}; no more of it is taken in while the request is sent",
        temp.dir.display()
    );
}

/// What a read without waiting came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    Nothing,
    Some,
    End,
}

fn block(memory: &'static Memory, room: usize) -> Result<Block, Fault> {
    memory
        .block(HEADROOM + room + TAILROOM)
        .map_err(|_| Fault::Memory)
}

impl Incoming {
    /// An empty one. While an application thinks, it is given little memory: room for the response head, which most small
    /// responses fit into as a whole. `large`: the last response was longer, so begin with all the room there is.
    ///
    /// # Errors
    /// [`Fault::Memory`].
    pub fn new(memory: &'static Memory, settings: &Scgi, large: bool) -> Result<Incoming, Fault> {
        let wanted = settings.buffers.saturating_mul(settings.buffers_size);
        let head = settings.buffer_size.max(READ_MIN);
        let full = wanted.clamp(READ_MIN, READ_MAX).max(head);
        let room = if large { full } else { head };
        Ok(Incoming {
            block: block(memory, room)?,
            from: HEADROOM,
            to: HEADROOM,
            ended: false,
            reset: false,
            received: 0,
            scanned: 0,
            backlog: None,
            unspilled: false,
            full,
            memory,
        })
    }

    /// Whether the response took more than the first, small block.
    pub fn is_large(&self) -> bool {
        self.block.len() >= HEADROOM + self.full + TAILROOM
    }

    /// Makes all the room there may be, with what is there at its start.
    ///
    /// # Errors
    /// [`Fault::Memory`].
    fn grow(&mut self) -> Result<(), Fault> {
        let mut larger = block(self.memory, self.full)?;
        let held = self.to - self.from;
        larger[HEADROOM..HEADROOM + held].copy_from_slice(self.bytes());
        (self.from, self.to) = (HEADROOM, HEADROOM + held);
        self.block = larger;
        Ok(())
    }

    /// The bytes that are there.
    pub fn bytes(&self) -> &[u8] {
        self.block.get(self.from..self.to).unwrap_or_default()
    }

    /// How many more bytes there is room for.
    pub fn room(&self) -> usize {
        self.block.len() - TAILROOM - self.to
    }

    /// Forgets what is there, so that all the room is free; a long response gets the larger block.
    ///
    /// # Errors
    /// [`Fault::Memory`].
    pub fn rewind(&mut self) -> Result<(), Fault> {
        let was_full = self.room() == 0;
        self.from = HEADROOM;
        self.to = HEADROOM;
        if was_full && !self.is_large() {
            self.grow()
        } else {
            Ok(())
        }
    }

    /// Waits for bytes, at most `limit` of them.
    ///
    /// # Errors
    /// As [`Connection::read`].
    pub fn read(&mut self, from: &Connection, limit: usize, phase: Phase) -> Result<(), Fault> {
        let end = self.to + self.room().min(limit);
        if let Some(count) = self.read_backlog(end)? {
            self.to += count;
            return Ok(());
        }
        let count = from.read(&mut self.block[self.to..end], phase)?;
        self.took(count);
        Ok(())
    }

    /// Reads what is there now, at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Connection::read_now`].
    pub fn read_now(
        &mut self,
        from: &Connection,
        limit: usize,
        phase: Phase,
    ) -> Result<Got, Fault> {
        let end = self.to + self.room().min(limit);
        if end == self.to {
            return Ok(Got::Nothing);
        }
        if let Some(count) = self.read_backlog(end)? {
            self.to += count;
            return Ok(if self.ended { Got::End } else { Got::Some });
        }
        match from.read_now(&mut self.block[self.to..end], phase)? {
            None => Ok(Got::Nothing),
            Some(0) => {
                self.ended = true;
                Ok(Got::End)
            }
            Some(count) => {
                self.took(count);
                Ok(Got::Some)
            }
        }
    }

    /// Reads what waits in the backlog, up to `end` of the block. `None`: nothing does, ask the socket.
    fn read_backlog(&mut self, end: usize) -> Result<Option<usize>, Fault> {
        let Some(backlog) = &mut self.backlog else {
            return Ok(None);
        };
        let place = &mut self.block[self.to..end];
        let count = backlog.read(place).map_err(Fault::Spool)?;
        if count > 0 {
            return Ok(Some(count));
        }
        let ended = backlog.ended;
        self.backlog = None;
        self.ended |= ended;
        Ok(ended.then_some(0))
    }

    /// Takes in what the application says while it is being sent to: into the block, which grows first, then into a temp
    /// file, so that an application which answers as it reads loses nothing. [`Incoming::may_listen`] bounds the file.
    ///
    /// # Errors
    /// As [`Connection::read_now`]; [`Fault::Memory`].
    pub fn listen(&mut self, from: &Connection, space: Space<'_>) -> Result<Got, Fault> {
        if self.backlog.is_none() && self.room() == 0 && !self.is_large() {
            self.grow()?;
        }
        if self.backlog.is_none() && self.room() > 0 {
            return self.read_now(from, usize::MAX, Phase::Head);
        }
        let mut buffer = space.memory.block(READ_MAX).map_err(|_| Fault::Memory)?;
        // The file comes first: what has been read must go somewhere.
        let Some(backlog) = self.backlog_or_new(space.temp) else {
            return Ok(Got::Nothing);
        };
        let Some(count) = from.read_now(&mut buffer, Phase::Head)? else {
            return Ok(Got::Nothing);
        };
        if count == 0 {
            backlog.ended = true;
            return Ok(Got::End);
        }
        if let Err(error) = backlog.add(buffer, count) {
            unspilled(space.temp, &error);
        }
        self.received += count as u64;
        Ok(Got::Some)
    }

    fn backlog_or_new(&mut self, temp: &TempPath) -> Option<&mut Backlog> {
        if self.backlog.is_none() {
            match spill::open(&temp.dir, &temp.levels) {
                Ok(file) => {
                    self.backlog = Some(Backlog {
                        file,
                        from: 0,
                        to: 0,
                        kept: None,
                        ended: false,
                    });
                }
                Err(error) => {
                    unspilled(temp, &error);
                    self.unspilled = true;
                }
            }
        }
        self.backlog.as_mut()
    }

    /// Whether more may be taken in early: there is room in the block, or in a temp file of at most `max` bytes.
    pub fn may_listen(&self, max: u64) -> bool {
        match &self.backlog {
            Some(backlog) => backlog.to < max && backlog.kept.is_none() && !backlog.ended,
            None if self.ended => false,
            None => self.room() > 0 || !self.is_large() || (max > 0 && !self.unspilled),
        }
    }

    /// The connection was reset. What had come before that and waits in the backlog is there to be read still: the end is
    /// behind it.
    pub fn end_by_reset(&mut self) {
        self.reset = true;
        match &mut self.backlog {
            Some(backlog) => backlog.ended = true,
            None => self.ended = true,
        }
    }

    fn took(&mut self, count: usize) {
        self.to += count;
        self.received += count as u64;
        self.ended |= count == 0;
    }

    /// Whether the application has already refused the request: a complete head with a status of 400 or more.
    pub fn is_refusal(&self) -> bool {
        self.early_status().is_some_and(|status| status >= 400)
    }

    /// Whether the application has already answered: a complete head is there.
    pub fn is_answered(&self) -> bool {
        self.early_status().is_some()
    }

    /// The status of the head, if that is there as a whole, behind any interim responses. What [`Incoming::head`] will not
    /// take is as good as a refusal: 502.
    fn early_status(&self) -> Option<u16> {
        let mut bytes = self.bytes();
        for _ in 0..=INTERIM_MAX {
            match response::parse(bytes, &mut 0) {
                Ok(Parsed::Done(head, _)) => return Some(head.status()),
                Ok(Parsed::More) => return None,
                Ok(Parsed::Interim(length)) => bytes = bytes.get(length..).unwrap_or_default(),
                Err(_) => break,
            }
        }
        Some(502)
    }

    /// Reads until the head is complete; what follows it stays. `block_sent` is what the parameters took, for the fault.
    ///
    /// # Errors
    /// A read fault, or a head that is malformed, too large (`--buffer-size`) or not completed.
    pub fn head(
        &mut self,
        from: &Connection,
        settings: &Scgi,
        block_sent: usize,
    ) -> Result<Head, Fault> {
        let mut interim = 0;
        loop {
            let bytes = self.block.get(self.from..self.to).unwrap_or_default();
            match response::parse(bytes, &mut self.scanned).map_err(|e| Fault::BadHead(e.0))? {
                Parsed::Done(_, length) if length > settings.buffer_size => {
                    return Err(self.too_large(settings));
                }
                Parsed::Done(head, length) => {
                    self.from += length;
                    return Ok(head);
                }
                Parsed::Interim(length) => {
                    interim += 1;
                    if interim > INTERIM_MAX {
                        return Err(Fault::BadHead("interim responses without end"));
                    }
                    self.from += length;
                    self.scanned = 0;
                    continue;
                }
                Parsed::More => {}
            }
            if self.to - self.from >= settings.buffer_size {
                return Err(self.too_large(settings));
            }
            if self.ended {
                return Err(self.no_head(block_sent));
            }
            if self.room() == 0 {
                self.grow()?;
            }
            match self.read(from, usize::MAX, Phase::Head) {
                Err(Fault::Io(_, e)) if e.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Err(self.no_head(block_sent));
                }
                other => other?,
            }
        }
    }

    fn no_head(&self, block: usize) -> Fault {
        Fault::NoHead {
            received: self.to - self.from,
            block,
            sending: None,
        }
    }

    fn too_large(&self, settings: &Scgi) -> Fault {
        Fault::HeadTooLarge {
            limit: settings.buffer_size,
        }
    }
}
