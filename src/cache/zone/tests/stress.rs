//! Many threads at once.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::*;
use crate::cache::index::tests::model::Random;

const KEYS: u32 = 8;
const THREADS: usize = 6;
const ROUNDS: usize = 10_000;

/// The key of a number; two of them begin alike.
fn key(n: u32) -> Vec<u8> {
    format!("{}/{n}", n / 2).into_bytes()
}

/// The latest purge of each key that was over at some time, by stamp.
type Purges = Mutex<HashMap<u32, u64>>;

/// What a thread goes by.
struct Worker {
    zone: &'static Zone,
    slot: usize,
    woken: Receiver<()>,
    purges: Arc<Purges>,
    random: Random,
}

fn entry_at(n: u32, stamp: u64) -> Arc<Entry> {
    entry_of(&key(n), stamp, Body::Memory(b"body".as_slice().into()))
}

impl Worker {
    /// The response is of after every purge that was over before it was asked for.
    fn check(&self, n: u32) {
        let purged = self.purges.lock().unwrap().get(&n).copied();
        if let Known::Held(entry) = visit(self.zone, n).known {
            assert_eq!(*entry.key, *key(n));
            assert!(entry.stamp > purged.unwrap_or(0), "it began before a purge");
        }
    }

    fn ask(&mut self, n: u32) {
        loop {
            let visit = visit(self.zone, n);
            if matches!(visit.known, Known::Held(_)) {
                return;
            }
            let now = Instant::now();
            // Nothing is taken over here by chance: an hour is no age.
            let age = match self.random.below(50) {
                0 => Duration::ZERO,
                _ => Duration::from_secs(3600),
            };
            match self.zone.lease(&hash(n), visit.version, now, age) {
                Leased::Granted(ticket) | Leased::Open(ticket) => return self.fill(n, ticket),
                Leased::Held(_) if self.zone.wait(&hash(n), waiter(self.slot)) => self.wait(n),
                Leased::Held(_) => {}
            }
        }
    }

    /// A waiter that is lost would wait for ever.
    fn wait(&mut self, n: u32) {
        if self.random.below(10) == 0 {
            self.zone.leave(&hash(n), waiter(self.slot));
            return;
        }
        let patience = Duration::from_secs(60);
        assert!(self.woken.recv_timeout(patience).is_ok(), "nobody woke it");
    }

    fn fill(&mut self, n: u32, ticket: Ticket) {
        let entry = entry_at(n, self.zone.stamp(SystemTime::now()));
        if self.random.below(3) == 0 {
            thread::yield_now();
        }
        let verdict = match self.random.below(10) {
            0 => Verdict::Abandoned,
            1 => Verdict::Abandoned,
            2 => {
                let _lock = self.zone.file_lock(&hash(n));
                if self.zone.lock().is_current(&hash(n), ticket.version) {
                    self.zone.filed(&ticket, &entry, 100);
                }
                Verdict::Stored
            }
            _ => match self.zone.hold_new(&ticket, &entry, Instant::now()) {
                true => Verdict::Stored,
                false => Verdict::Abandoned,
            },
        };
        ticket.end(verdict);
    }

    fn purge(&mut self, n: u32) {
        let before = self.zone.stamp(SystemTime::now());
        {
            let _lock = self.zone.file_lock(&hash(n));
            self.zone.purge(&hash(n));
        }
        self.over(n, before);
    }

    fn purge_two(&mut self, n: u32) {
        let prefix = format!("{}/", n / 2);
        let rule = self.zone.purge_prefix(prefix.as_bytes(), SystemTime::now());
        if self.random.below(2) == 0 {
            // As the keeper does, but what has a file is held as well here.
            self.zone.drop_rules(std::slice::from_ref(&rule));
        }
        self.over(n & !1, rule.stamp);
        self.over(n | 1, rule.stamp);
    }

    fn over(&self, n: u32, stamp: u64) {
        let mut purges = self.purges.lock().unwrap();
        let last = purges.entry(n).or_insert(0);
        *last = stamp.max(*last);
    }

    fn run(mut self) {
        for _ in 0..ROUNDS {
            let n = self.random.below(KEYS);
            match self.random.below(20) {
                0 => self.purge(n),
                1 => self.purge_two(n),
                2 => drop(self.zone.shrink(true, 1)),
                3 => drop(self.zone.next_unsaved(Instant::now())),
                4..12 => self.check(n),
                _ => self.ask(n),
            }
            // A wake that came after it had left.
            while self.woken.try_recv().is_ok() {}
        }
    }
}

#[test]
fn nothing_is_stored_that_began_before_a_purge_and_nobody_waits_for_ever() {
    let zone = zone();
    let purges = Arc::new(Purges::default());
    let (senders, receivers): (Vec<Sender<()>>, Vec<Receiver<()>>) =
        (0..THREADS).map(|_| channel()).unzip();
    let senders = Mutex::new(senders);
    zone.set_wake(Box::new(move |waiter| {
        // Whoever has ended does not listen.
        let _ = senders.lock().unwrap()[waiter.slot].send(());
    }));
    let threads: Vec<_> = (0..)
        .zip(receivers)
        .map(|(slot, woken)| {
            let worker = Worker {
                zone,
                slot,
                woken,
                purges: Arc::clone(&purges),
                random: Random(slot as u32 + 1),
            };
            thread::spawn(move || worker.run())
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let view = zone.view();
    assert_eq!((view.filling, view.waiters), (0, 0));
    assert!(view.counts.fills > 0 && view.counts.purges > 0);
    let state = zone.lock();
    assert_eq!(state.begun.len(), 0);
    for n in 0..KEYS {
        let pins = state.index.get(&hash(n)).map_or(0, |node| node.pins);
        assert_eq!(pins, 0);
    }
}
