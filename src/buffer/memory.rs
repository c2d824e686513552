//! All buffers of the program together: the count of their bytes, and blocks that are used again.
//!
//! Shared by every thread. A block is zeroed once, when it is first made; a warm one costs a lock and nothing else
//! (zeroing 64 KiB for each request was 2 to 6 % of a small one).

use super::spill::Files;
use std::collections::TryReserveError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes of blocks that are kept for the next exchanges. More would only hold memory that a burst once needed.
const KEPT: usize = 512 * 1024;

/// The account and the store of buffers. One for the process; lives as long as it.
#[derive(Debug)]
pub struct Memory {
    /// Bytes; 0: no ceiling (`--memory`).
    ceiling: usize,
    used: AtomicUsize,
    free: Mutex<Free>,
    /// Temp files, kept as blocks are.
    pub files: Files,
}

impl Memory {
    /// An account with a ceiling in bytes; 0 means none.
    pub fn new(ceiling: usize) -> Memory {
        Memory {
            ceiling,
            used: AtomicUsize::new(0),
            free: Mutex::default(),
            files: Files::default(),
        }
    }

    /// Bytes that buffers hold now; kept blocks are not counted.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether new requests must wait.
    pub fn is_full(&self) -> bool {
        self.ceiling != 0 && self.used() >= self.ceiling
    }

    /// Whether `size` bytes more of request bodies may be held in memory: they get half of the ceiling at most, since they
    /// can go to a file, and running exchanges can not.
    pub fn has_room_for_body(&self, size: usize) -> bool {
        self.ceiling == 0 || self.used().saturating_add(size) <= self.ceiling / 2
    }

    /// Counts `size` bytes whatever the ceiling says: for what a running exchange can not do without.
    pub fn take(&self, size: usize) {
        self.used.fetch_add(size, Ordering::Relaxed);
    }

    /// The opposite of [`Memory::take`].
    pub fn give(&self, size: usize) {
        self.used.fetch_sub(size, Ordering::Relaxed);
    }

    /// A block of exactly `size` bytes. What it holds is left over from earlier use.
    ///
    /// # Errors
    /// The system has no memory for it.
    pub fn block(&'static self, size: usize) -> Result<Block, TryReserveError> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let warm = free.take(size);
        drop(free);
        let bytes = match warm {
            Some(bytes) => bytes,
            None => {
                let mut bytes = Vec::new();
                bytes.try_reserve_exact(size)?;
                bytes.resize(size, 0);
                bytes.into_boxed_slice()
            }
        };
        self.take(size);
        Ok(Block { bytes, home: self })
    }

    /// Gives the kept blocks back to the system; the front calls it when the program has been idle for a while.
    pub fn trim(&self) {
        let kept = std::mem::take(&mut *self.free.lock().unwrap_or_else(PoisonError::into_inner));
        drop(kept);
        self.files.trim();
    }
}

/// Blocks that wait for their next use.
#[derive(Debug, Default)]
struct Free {
    blocks: Vec<Box<[u8]>>,
    /// Their bytes together.
    held: usize,
}

impl Free {
    fn take(&mut self, size: usize) -> Option<Box<[u8]>> {
        let at = self.blocks.iter().rposition(|b| b.len() == size)?;
        self.held -= size;
        Some(self.blocks.swap_remove(at))
    }

    fn keep(&mut self, bytes: Box<[u8]>) {
        if self.held + bytes.len() <= KEPT {
            self.held += bytes.len();
            self.blocks.push(bytes);
        }
    }
}

/// A buffer on loan from the pool; it goes back when dropped.
#[derive(Debug)]
pub struct Block {
    bytes: Box<[u8]>,
    home: &'static Memory,
}

impl std::ops::Deref for Block {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::ops::DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.home.give(bytes.len());
        let mut free = self
            .home
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // What is kept is not counted: under a ceiling nothing is.
        if self.home.ceiling == 0 {
            free.keep(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaked(ceiling: usize) -> &'static Memory {
        Box::leak(Box::new(Memory::new(ceiling)))
    }

    #[test]
    fn a_block_is_counted_while_it_is_on_loan() {
        let memory = leaked(0);
        let block = memory.block(100).unwrap();
        assert_eq!((block.len(), memory.used()), (100, 100));
        drop(block);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn a_block_that_came_back_is_used_again_for_its_size_only() {
        let memory = leaked(0);
        let mut block = memory.block(8).unwrap();
        block[0] = 7;
        drop(block);
        assert_eq!(memory.block(4).unwrap()[0], 0);
        assert_eq!(memory.block(8).unwrap()[0], 7);
        memory.trim();
    }

    #[test]
    fn bodies_get_half_of_the_ceiling_and_exchanges_the_rest() {
        let memory = leaked(10);
        assert!(memory.has_room_for_body(5) && !memory.has_room_for_body(6));
        memory.take(5);
        assert!(!memory.has_room_for_body(1) && !memory.is_full());
        memory.take(5);
        assert!(memory.is_full());
        assert!(leaked(0).has_room_for_body(usize::MAX));
    }
}
