//! All buffers of the program together: the count of their bytes, and blocks that are used again.
//!
//! Shared by every thread. A block is zeroed once, when it is first made; a warm one costs a lock and nothing else
//! (zeroing 64 KiB for each request was 2 to 6 % of a small one).

use super::spill::Files;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Blocks that are kept for the next exchange. More would only hold memory that a burst once needed.
const KEPT: usize = 16;

/// The account and the store of buffers. One for the process; lives as long as it.
#[derive(Debug)]
pub struct Memory {
    /// Bytes; 0: no ceiling (`--memory`).
    ceiling: usize,
    used: AtomicUsize,
    free: Mutex<Vec<Box<[u8]>>>,
    /// Temp files, kept as blocks are.
    pub files: Files,
}

impl Memory {
    /// An account with a ceiling in bytes; 0 means none.
    pub fn new(ceiling: usize) -> Memory {
        Memory {
            ceiling,
            used: AtomicUsize::new(0),
            free: Mutex::new(Vec::new()),
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

    /// Counts `size` bytes, unless that would pass the ceiling.
    pub fn try_take(&self, size: usize) -> bool {
        let before = self.used.fetch_add(size, Ordering::Relaxed);
        if self.ceiling == 0 || before.saturating_add(size) <= self.ceiling {
            return true;
        }
        self.give(size);
        false
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
    pub fn block(&'static self, size: usize) -> Block {
        self.take(size);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let warm = free
            .iter()
            .rposition(|b| b.len() == size)
            .map(|at| free.swap_remove(at));
        drop(free);
        let bytes = warm.unwrap_or_else(|| vec![0; size].into_boxed_slice());
        Block { bytes, home: self }
    }

    /// Gives the kept blocks back to the system; the front calls it when the program has been idle for a while.
    pub fn trim(&self) {
        let kept = std::mem::take(&mut *self.free.lock().unwrap_or_else(PoisonError::into_inner));
        drop(kept);
        self.files.trim();
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
        if free.len() < KEPT {
            free.push(bytes);
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
        let block = memory.block(100);
        assert_eq!((block.len(), memory.used()), (100, 100));
        drop(block);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn a_block_that_came_back_is_used_again_for_its_size_only() {
        let memory = leaked(0);
        let mut block = memory.block(8);
        block[0] = 7;
        drop(block);
        assert_eq!(memory.block(4)[0], 0);
        assert_eq!(memory.block(8)[0], 7);
        memory.trim();
    }

    #[test]
    fn the_ceiling_refuses_what_would_pass_it_and_counts_nothing_then() {
        let memory = leaked(10);
        assert!(memory.try_take(6));
        assert!(!memory.try_take(5));
        assert_eq!(memory.used(), 6);
        assert!(!memory.is_full());
        assert!(memory.try_take(4));
        assert!(memory.is_full());
    }
}
