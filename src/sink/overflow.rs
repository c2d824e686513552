//! Where the bytes of a response wait for a client that is too slow: in memory, then in a temp file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;

use super::{Inner, advance};
use crate::buffer::chain::Chain;
use crate::buffer::memory::Memory;
use crate::buffer::spill;
use crate::config::TempPath;

/// Where the bytes of one response go that its client is too slow for. Owned by the worker.
#[derive(Debug)]
pub struct Overflow<'a> {
    memory: &'static Memory,
    /// Bytes that may wait in memory (`--busy-buffers-size`; `--buffer-size` when nothing is to be held back).
    in_memory: usize,
    /// Bytes that may wait in the file; 0: none.
    in_file: u64,
    /// Bytes of one write to the file.
    write_size: usize,
    temp: &'a TempPath,
    /// The client has always been quick to take more.
    pub(super) patient: bool,
    file: Option<Arc<File>>,
    /// A file that is not needed any more, to be closed without the sink's lock: freeing a large one takes a while.
    done: Option<Arc<File>>,
    /// Bytes written to the file.
    at: u64,
    /// Bytes written to all files.
    spilled: u64,
}

impl<'a> Overflow<'a> {
    /// Limits in bytes; `in_file` 0 never spills.
    pub fn new(
        memory: &'static Memory,
        in_memory: usize,
        in_file: u64,
        write_size: usize,
        temp: &'a TempPath,
    ) -> Overflow<'a> {
        Overflow {
            memory,
            in_memory: in_memory.max(1),
            in_file,
            write_size: write_size.max(1),
            temp,
            patient: in_file > 0,
            file: None,
            done: None,
            at: 0,
            spilled: 0,
        }
    }

    /// How many bytes of the response went to temp files so far.
    pub fn spilled(&self) -> u64 {
        self.spilled
    }

    pub(super) fn fill_memory(&self, inner: &mut Inner, first: &mut &[u8], second: &mut &[u8]) {
        if inner.chain.is_empty() {
            inner.progress = Instant::now();
        } else if self.memory.is_full() {
            return;
        }
        loop {
            let next = if first.is_empty() { *second } else { *first };
            let held = usize::try_from(inner.chain.len()).unwrap_or(usize::MAX);
            let count = next.len().min(self.in_memory.saturating_sub(held));
            if count == 0 {
                return;
            }
            inner.chain.push(&next[..count]);
            advance(first, second, count);
        }
    }

    /// How much the next write to the file may hold; `None`: wait for the client instead.
    pub(super) fn file_room(&mut self, chain: &Chain) -> Option<usize> {
        if !chain.is_spilled() && self.at > 0 {
            // The client has caught up. The old file's pages may still be on their way out of the socket (sendfile does
            // not copy), so its space is never written twice: a new file begins (B11).
            self.done = self.file.take();
            self.at = 0;
        }
        let room = self.in_file.saturating_sub(self.at);
        let room = usize::try_from(room)
            .unwrap_or(usize::MAX)
            .min(self.write_size);
        (room > 0).then_some(room)
    }

    /// Writes to the file. A disk that is full or not there costs no response: from then on the client's pace counts.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Option<(Arc<File>, u64)> {
        self.done = None;
        let written = self.file_or_new().and_then(|file| {
            file.write_all_at(bytes, self.at)?;
            Ok(file)
        });
        match written {
            Ok(file) => {
                let at = self.at;
                self.at += bytes.len() as u64;
                self.spilled += bytes.len() as u64;
                Some((file, at))
            }
            Err(error) => {
                log::error!(
                    "can not spill a response below {}: {error}; it goes on at its client's pace",
                    self.temp.dir.display()
                );
                self.in_file = 0;
                None
            }
        }
    }

    fn file_or_new(&mut self) -> std::io::Result<Arc<File>> {
        if self.file.is_none() {
            let file = spill::open(&self.temp.dir, &self.temp.levels)?;
            self.file = Some(Arc::new(file));
        }
        self.file
            .clone()
            .ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
}
