//! What workers leave for the front, and how it is woken.

use std::sync::Mutex;

use super::lock;

/// Which connection of the front a sink or a note is about. The serial number tells a reused slot from the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub slot: usize,
    pub serial: u32,
}

/// What workers leave for the front, and the bell that wakes it: one ring for a batch.
pub struct Notes {
    list: Mutex<Vec<Key>>,
    bell: Box<dyn Fn() + Send + Sync>,
}

impl Notes {
    /// `bell` wakes the front's poll.
    pub fn new(bell: Box<dyn Fn() + Send + Sync>) -> Notes {
        Notes {
            list: Mutex::new(Vec::new()),
            bell,
        }
    }

    /// Any thread: ask the front to look at a connection.
    pub fn leave(&self, key: Key) {
        let mut list = lock(&self.list);
        let first = list.is_empty();
        list.push(key);
        drop(list);
        if first {
            (self.bell)();
        }
    }

    /// Front: all notes so far.
    pub fn take(&self) -> Vec<Key> {
        std::mem::take(&mut *lock(&self.list))
    }
}
