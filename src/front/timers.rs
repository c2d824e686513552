//! When to look at which connection again. A deadline that moves into the future costs nothing: the entry that is in the
//! heap stays, and when it comes up the connection's real deadline is asked (a keep-alive connection moves its deadline with
//! every request).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::sink::Key;

/// The entries, earliest first.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Instant, usize, u32)>>,
}

/// The part of it that a connection keeps.
#[derive(Debug, Clone, Copy)]
pub struct Alarm {
    /// When the connection wants to be looked at; `None`: not on account of time.
    pub due: Option<Instant>,
    /// The earliest entry in the heap.
    entry: Option<Instant>,
}

impl Alarm {
    pub fn new() -> Alarm {
        Alarm {
            due: None,
            entry: None,
        }
    }
}

impl Timers {
    /// Sets the deadline of a connection.
    pub fn set(&mut self, key: Key, alarm: &mut Alarm, due: Instant) {
        alarm.due = Some(due);
        if alarm.entry.is_none_or(|entry| entry > due) {
            alarm.entry = Some(due);
            self.heap.push(Reverse((due, key.slot, key.serial)));
        }
    }

    /// When the next entry comes up.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// The next entry that has come up. Then call [`Timers::is_due`] with its connection, if that still exists.
    pub fn pop(&mut self, now: Instant) -> Option<(Key, Instant)> {
        let Reverse((at, slot, serial)) = *self.heap.peek()?;
        if at > now {
            return None;
        }
        self.heap.pop();
        Some((Key { slot, serial }, at))
    }

    /// Whether a connection whose entry for `at` came up is really due; if it is due later, a new entry is made.
    pub fn is_due(&mut self, key: Key, alarm: &mut Alarm, at: Instant, now: Instant) -> bool {
        if alarm.entry != Some(at) {
            return false; // an entry that an earlier one has replaced
        }
        alarm.entry = None;
        match alarm.due {
            Some(due) if due <= now => {
                alarm.due = None;
                true
            }
            Some(due) => {
                self.set(key, alarm, due);
                false
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const KEY: Key = Key { slot: 3, serial: 1 };

    #[test]
    fn a_deadline_that_moved_is_met_at_its_new_time_only() {
        let (mut timers, mut alarm) = (Timers::default(), Alarm::new());
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        timers.set(KEY, &mut alarm, at(5));
        for s in 6..100 {
            timers.set(KEY, &mut alarm, at(s));
        }
        assert_eq!(timers.heap.len(), 1, "moving on costs no entry");
        assert_eq!(timers.pop(at(4)), None);
        let (key, entry) = timers.pop(at(5)).unwrap();
        assert!(!timers.is_due(key, &mut alarm, entry, at(5)));
        let (key, entry) = timers.pop(at(99)).unwrap();
        assert!(timers.is_due(key, &mut alarm, entry, at(99)));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_deadline_that_came_nearer_is_met_once() {
        let (mut timers, mut alarm) = (Timers::default(), Alarm::new());
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        timers.set(KEY, &mut alarm, at(60));
        timers.set(KEY, &mut alarm, at(1));
        let (key, entry) = timers.pop(at(2)).unwrap();
        assert!(timers.is_due(key, &mut alarm, entry, at(2)));
        let (key, entry) = timers.pop(at(60)).unwrap();
        assert!(!timers.is_due(key, &mut alarm, entry, at(60)));
    }
}
