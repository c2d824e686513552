//! Reading an application's response head.

use crate::buffer::memory::{Block, Memory};
use crate::config::Scgi;
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

/// What has been read of a response and not yet passed on: `block[from..to]`.
#[derive(Debug)]
pub struct Incoming {
    pub block: Block,
    pub from: usize,
    pub to: usize,
    /// The application has closed its side.
    pub ended: bool,
    /// What has been received in all, in bytes.
    pub received: u64,
    scanned: usize,
}

/// What a read without waiting came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    Nothing,
    Some,
    End,
}

impl Incoming {
    /// An empty one, with room for the response buffers of the location in one piece (`--buffers`).
    pub fn new(memory: &'static Memory, settings: &Scgi) -> Incoming {
        let wanted = settings.buffers.saturating_mul(settings.buffers_size);
        let room = wanted.clamp(READ_MIN, READ_MAX).max(settings.buffer_size);
        Incoming {
            block: memory.block(HEADROOM + room + TAILROOM),
            from: HEADROOM,
            to: HEADROOM,
            ended: false,
            received: 0,
            scanned: 0,
        }
    }

    /// The bytes that are there.
    pub fn bytes(&self) -> &[u8] {
        self.block.get(self.from..self.to).unwrap_or_default()
    }

    /// How many more bytes there is room for.
    pub fn room(&self) -> usize {
        self.block.len() - TAILROOM - self.to
    }

    /// Forgets what is there, so that all the room is free.
    pub fn rewind(&mut self) {
        self.from = HEADROOM;
        self.to = HEADROOM;
    }

    /// Waits for bytes, at most `limit` of them.
    ///
    /// # Errors
    /// As [`Connection::read`].
    pub fn read(&mut self, from: &Connection, limit: usize, phase: Phase) -> Result<(), Fault> {
        let end = self.to + self.room().min(limit);
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

    fn took(&mut self, count: usize) {
        self.to += count;
        self.received += count as u64;
        self.ended |= count == 0;
    }

    /// Whether the application has already refused the request: a complete head with a status of 400 or more.
    pub fn is_refusal(&self) -> bool {
        match response::parse(self.bytes(), &mut 0) {
            Ok(Parsed::Done(head, _)) => head.status() >= 400,
            Ok(Parsed::More | Parsed::Interim(_)) => false,
            Err(_) => true,
        }
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
                self.make_room();
            }
            match self.read(from, usize::MAX, Phase::Head) {
                Err(Fault::Io(_, e)) if e.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Err(self.no_head(block_sent));
                }
                other => other?,
            }
        }
    }

    /// Interim responses before the head have used up the room: move what is left to the start.
    fn make_room(&mut self) {
        self.block.copy_within(self.from..self.to, HEADROOM);
        self.to = HEADROOM + (self.to - self.from);
        self.from = HEADROOM;
    }

    fn no_head(&self, block: usize) -> Fault {
        Fault::NoHead {
            received: self.to - self.from,
            block,
        }
    }

    fn too_large(&self, settings: &Scgi) -> Fault {
        Fault::HeadTooLarge {
            limit: settings.buffer_size,
        }
    }
}
