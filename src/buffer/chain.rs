//! A queue of bytes: segments in memory and segments of one file.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::memory::Memory;

/// The least a segment in memory reserves, in bytes.
const SEGMENT: usize = 1024;

/// One run of bytes.
#[derive(Debug)]
enum Seg {
    /// `bytes[from..]` is left.
    Mem { bytes: Vec<u8>, from: usize },
    /// This run of the chain's file is left.
    File { from: u64, len: u64 },
}

/// The first run of bytes of a chain, or one of them all.
#[derive(Debug)]
pub enum Piece<'a> {
    Mem(&'a [u8]),
    File { file: &'a File, from: u64, len: u64 },
}

/// Bytes that wait to be sent, in order. Owned by one thread, or by a sink behind its lock.
///
/// Invariants, checked by [`Chain::check`]: 1. `len` is the sum of the segments. 2. No segment is empty. 3. File segments only
/// with a file. What spills comes after what is in memory; only a response made of several ranges of a file mixes the two.
#[derive(Debug)]
pub struct Chain {
    segs: VecDeque<Seg>,
    len: u64,
    in_memory: usize,
    file: Option<Arc<File>>,
    memory: &'static Memory,
}

impl Chain {
    /// An empty chain, whose bytes in memory are counted in `memory`.
    pub fn new(memory: &'static Memory) -> Chain {
        Chain {
            segs: VecDeque::new(),
            len: 0,
            in_memory: 0,
            file: None,
            memory,
        }
    }

    /// All bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes of memory that segments occupy, sent parts included until the segment is gone.
    pub fn in_memory(&self) -> usize {
        self.in_memory
    }

    /// Whether the last bytes are in the file: then further ones of the same stream must go there too. A reply of several parts
    /// may have bytes in memory after a run of its file; no stream follows those.
    pub fn is_spilled(&self) -> bool {
        matches!(self.segs.back(), Some(Seg::File { .. }))
    }

    /// Appends a copy of `bytes`.
    pub fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.len += bytes.len() as u64;
        match self.segs.back_mut() {
            Some(Seg::Mem { bytes: last, .. }) if last.capacity() - last.len() >= bytes.len() => {
                last.extend_from_slice(bytes);
            }
            last => {
                // Room for more: a peer that sends byte by byte must not cost a segment for each. But what stands between
                // two runs of a file is alone there, and a request may ask for hundreds of them.
                let room = match last {
                    Some(Seg::File { .. }) => bytes.len(),
                    _ => bytes.len().max(SEGMENT),
                };
                let mut last = Vec::with_capacity(room);
                last.extend_from_slice(bytes);
                self.memory.take(last.capacity());
                self.in_memory += last.capacity();
                self.segs.push_back(Seg::Mem {
                    bytes: last,
                    from: 0,
                });
            }
        }
        self.check();
    }

    /// Appends a run of `file`, to which the caller has written it. All runs that wait at one time are of one file.
    pub fn push_file(&mut self, file: &Arc<File>, from: u64, len: u64) {
        if len == 0 {
            return;
        }
        if !self.is_spilled() {
            self.file = Some(Arc::clone(file));
        }
        match self.segs.back_mut() {
            Some(Seg::File {
                from: start,
                len: run,
            }) if *start + *run == from => *run += len,
            _ => self.segs.push_back(Seg::File { from, len }),
        }
        self.len += len;
        self.check();
    }

    /// The first run of bytes.
    pub fn front(&self) -> Option<Piece<'_>> {
        self.segs.front().and_then(|seg| self.piece(seg))
    }

    /// All runs, in order; nothing is consumed. A request body is sent from this, once for each attempt.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.segs.iter().filter_map(|seg| self.piece(seg))
    }

    fn piece<'a>(&'a self, seg: &'a Seg) -> Option<Piece<'a>> {
        match seg {
            Seg::Mem { bytes, from } => Some(Piece::Mem(bytes.get(*from..)?)),
            Seg::File { from, len } => self.file.as_deref().map(|file| Piece::File {
                file,
                from: *from,
                len: *len,
            }),
        }
    }

    /// Removes `count` bytes, which lie within the first run.
    pub fn consume(&mut self, count: usize) {
        let Some(seg) = self.segs.front_mut() else {
            return;
        };
        let done = match seg {
            Seg::Mem { bytes, from } => {
                *from += count;
                *from >= bytes.len()
            }
            Seg::File { from, len } => {
                *from += count as u64;
                *len = len.saturating_sub(count as u64);
                *len == 0
            }
        };
        self.len = self.len.saturating_sub(count as u64);
        if done {
            if let Some(Seg::Mem { bytes, .. }) = self.segs.pop_front() {
                self.in_memory -= bytes.capacity();
                self.memory.give(bytes.capacity());
            }
            if self.segs.is_empty() {
                self.file = None;
            }
        }
        self.check();
    }

    /// The bytes in the file.
    pub fn in_file(&self) -> u64 {
        let file_len = |seg: &Seg| match seg {
            Seg::Mem { .. } => 0,
            Seg::File { len, .. } => *len,
        };
        self.segs.iter().map(file_len).sum()
    }

    /// The file, if nobody else has it. The chain is empty then.
    pub fn into_file(mut self) -> Option<File> {
        let file = self.file.take();
        self.clear();
        file.and_then(|file| Arc::try_unwrap(file).ok())
    }

    /// Copies all bytes to the end of `out`.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn copy_to(&self, out: &mut Vec<u8>) -> io::Result<()> {
        for piece in self.pieces() {
            match piece {
                Piece::Mem(bytes) => out.extend_from_slice(bytes),
                Piece::File { file, from, len } => {
                    let start = out.len();
                    let len = usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
                    out.resize(start + len, 0);
                    file.read_exact_at(&mut out[start..], from)?;
                }
            }
        }
        Ok(())
    }

    /// Forgets everything and closes the file.
    pub fn clear(&mut self) {
        self.memory.give(self.in_memory);
        self.in_memory = 0;
        self.len = 0;
        self.segs = VecDeque::new();
        self.file = None;
    }

    fn check(&self) {
        #[cfg(debug_assertions)]
        {
            let len_of = |seg: &Seg| match seg {
                Seg::Mem { bytes, from } => (bytes.len() - from) as u64,
                Seg::File { len, .. } => *len,
            };
            assert_eq!(self.len, self.segs.iter().map(len_of).sum::<u64>());
            assert!(self.segs.iter().all(|seg| len_of(seg) > 0));
            assert!(!self.is_spilled() || self.file.is_some());
        }
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A chain that is being filled with a request body: memory up to a limit, then a file. Owned by the front.
#[derive(Debug)]
pub struct Spool {
    chain: Chain,
    /// Bytes that may stay in memory.
    limit: usize,
    written: u64,
}

impl Spool {
    /// An empty body that may hold `limit` bytes in memory (`--client-body-buffer-size`).
    pub fn new(memory: &'static Memory, limit: usize) -> Spool {
        Spool {
            chain: Chain::new(memory),
            limit,
            written: 0,
        }
    }

    /// Appends `bytes`; `open` makes the temp file when memory is used up, or refused by the ceiling of all buffers.
    ///
    /// # Errors
    /// As opening and writing the file: the disk is full, say. Nothing of the body can be trusted then.
    pub fn append(
        &mut self,
        bytes: &[u8],
        open: impl FnOnce() -> io::Result<File>,
    ) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let chain = &mut self.chain;
        let fits = chain.len() + bytes.len() as u64 <= self.limit as u64;
        if !chain.is_spilled() && fits && chain.memory.has_room_for_body(bytes.len()) {
            chain.push(bytes);
            return Ok(());
        }
        let file = match &chain.file {
            Some(file) => Arc::clone(file),
            None => Arc::new(open()?),
        };
        file.write_all_at(bytes, self.written)?;
        chain.push_file(&file, self.written, bytes.len() as u64);
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// The whole body.
    pub fn into_chain(self) -> Chain {
        self.chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> &'static Memory {
        Box::leak(Box::new(Memory::new(0)))
    }

    fn file_with(bytes: &[u8]) -> Arc<File> {
        let file = super::super::spill::open(&std::env::temp_dir(), &[]).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        Arc::new(file)
    }

    #[test]
    fn bytes_come_out_in_the_order_they_went_in() {
        let memory = memory();
        let mut chain = Chain::new(memory);
        chain.push(b"hello ");
        chain.push(b"wide ");
        let file = file_with(b"xxworldyy");
        chain.push_file(&file, 2, 3);
        chain.push_file(&file, 5, 2);
        assert_eq!(
            (chain.len(), chain.in_memory(), memory.used()),
            (16, SEGMENT, SEGMENT)
        );
        assert_eq!(chain.pieces().count(), 2, "adjoining runs are one");
        let mut all = Vec::new();
        chain.copy_to(&mut all).unwrap();
        assert_eq!(all, b"hello wide world");
        chain.consume(2);
        assert!(matches!(chain.front(), Some(Piece::Mem(b"llo wide "))));
        chain.consume(9);
        assert_eq!(memory.used(), 0);
        assert!(matches!(
            chain.front(),
            Some(Piece::File {
                from: 2,
                len: 5,
                ..
            })
        ));
        chain.consume(5);
        assert!(chain.is_empty() && chain.front().is_none());
    }

    #[test]
    fn bytes_between_runs_of_a_file_take_no_more_room_than_they_need() {
        let memory = memory();
        let mut chain = Chain::new(memory);
        chain.push(b"head");
        let file = file_with(b"0123456789");
        for from in [0, 4, 8] {
            chain.push_file(&file, from, 1);
            chain.push(b"part");
        }
        assert_eq!((chain.len(), memory.used()), (19, SEGMENT + 12));
        let mut all = Vec::new();
        chain.copy_to(&mut all).unwrap();
        assert_eq!(all, b"head0part4part8part");
        chain.consume(4);
        chain.consume(1);
        chain.consume(4);
        assert_eq!(memory.used(), 8);
    }

    #[test]
    fn a_chain_that_is_dropped_gives_its_memory_back() {
        let memory = memory();
        let mut chain = Chain::new(memory);
        chain.push(b"abc");
        drop(chain);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn a_body_spills_past_its_limit_and_stays_spilled() {
        let mut spool = Spool::new(memory(), 4);
        let open = || super::super::spill::open(&std::env::temp_dir(), &[]);
        spool
            .append(b"abc", || unreachable!("fits in memory"))
            .unwrap();
        spool.append(b"defg", open).unwrap();
        spool
            .append(b"h", || unreachable!("the file is open"))
            .unwrap();
        let chain = spool.into_chain();
        assert_eq!((chain.len(), chain.in_memory()), (8, SEGMENT));
        let mut all = Vec::new();
        chain.copy_to(&mut all).unwrap();
        assert_eq!(all, b"abcdefgh");
    }

    #[test]
    fn the_ceiling_of_all_buffers_makes_a_body_spill_early() {
        let memory = Box::leak(Box::new(Memory::new(2)));
        let mut spool = Spool::new(memory, 100);
        spool
            .append(b"abc", || {
                super::super::spill::open(&std::env::temp_dir(), &[])
            })
            .unwrap();
        assert_eq!((spool.chain.in_memory(), spool.chain.len()), (0, 3));
    }

    #[test]
    fn a_file_that_can_not_be_opened_is_an_error() {
        let mut spool = Spool::new(memory(), 0);
        assert!(
            spool
                .append(b"x", || Err(io::ErrorKind::StorageFull.into()))
                .is_err()
        );
    }
}
