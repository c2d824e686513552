//! What the process counts about itself, for the status page.
//!
//! Shared by every thread and never locked: a count is one atomic addition, and orders nothing. [`Stats::totals`] reads the
//! counters one after the other, so that a request may be counted whose response is not; over time they agree.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::upstream::view::BUCKETS;

/// A count that only grows. Not every target has 64-bit atomics, and 32 bits of bytes are soon used up, so it has two halves.
///
/// Invariant: `flips` is how often the highest bit of `low` has changed, or one less while an addition is under way.
/// Whoever reads `flips` first and `low` after it can tell which by its lowest bit, and never reads a count that went back
/// (as long as other threads do not count 2 GiB between the two steps of one addition).
#[derive(Debug, Default)]
pub struct Counter {
    low: AtomicU32,
    flips: AtomicU32,
}

/// One step of an addition: less than half of the range, so that it changes the highest bit once at most.
const STEP: u32 = 1 << 30;

impl Counter {
    /// Any thread: counts `n` more.
    pub fn add(&self, n: u64) {
        let mut left = n;
        while left > 0 {
            let step = u32::try_from(left).unwrap_or(STEP).min(STEP);
            let before = self.low.fetch_add(step, Ordering::AcqRel);
            if (before ^ before.wrapping_add(step)) >> 31 != 0 {
                self.flips.fetch_add(1, Ordering::AcqRel);
            }
            left -= u64::from(step);
        }
    }

    /// The count now.
    pub fn get(&self) -> u64 {
        let flips = self.flips.load(Ordering::Acquire);
        let low = self.low.load(Ordering::Acquire);
        let pending = (flips ^ (low >> 31)) & 1;
        let rounds = u64::from(flips) + u64::from(pending);
        (rounds / 2) << 32 | u64::from(low)
    }
}

/// What the front counts, apart from what workers do: a cache line that two processors write takes longer than the counting.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Incoming {
    connections: Counter,
    requests: Counter,
    received: Counter,
}

/// The counters of the process. One for the process; lives as long as it.
#[derive(Debug)]
#[repr(align(64))]
pub struct Stats {
    started: Instant,
    incoming: Incoming,
    /// 1xx to 5xx.
    responses: [Counter; 5],
    unanswered: Counter,
    sent: Counter,
    waits: [Counter; BUCKETS.len() + 1],
    /// Microseconds: most waits are far below a millisecond.
    wait_sum: Counter,
    spills: Counter,
    spilled: Counter,
}

/// What the counters say at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Connections accepted.
    pub connections: u64,
    pub requests: u64,
    /// By class: 1xx (none) to 5xx.
    pub responses: [u64; 5],
    /// Requests that ended without an answer.
    pub unanswered: u64,
    /// Bytes from clients and to them.
    pub received: u64,
    pub sent: u64,
    /// Waits for a worker: how many took up to each of [`BUCKETS`], and longer ones in the last place. Not cumulative.
    pub waits: [u64; BUCKETS.len() + 1],
    /// All waits together, in microseconds.
    pub wait_sum: u64,
    /// Bodies and responses that went to a temp file, and their bytes.
    pub spills: u64,
    pub spilled: u64,
}

impl Stats {
    /// All zero; `now` is when the process started.
    pub fn new(now: Instant) -> Stats {
        Stats {
            started: now,
            incoming: Incoming::default(),
            responses: Default::default(),
            unanswered: Counter::default(),
            sent: Counter::default(),
            waits: Default::default(),
            wait_sum: Counter::default(),
            spills: Counter::default(),
            spilled: Counter::default(),
        }
    }

    /// How long the process has been running.
    pub fn uptime(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// A client's connection was accepted.
    pub fn connection(&self) {
        self.incoming.connections.add(1);
    }

    /// A request has begun: its head is complete, or was refused, or never came as a whole.
    pub fn request(&self) {
        self.incoming.requests.add(1);
    }

    /// Bytes have come from a client.
    pub fn received(&self, bytes: u64) {
        self.incoming.received.add(bytes);
    }

    /// A response is over; `sent` bytes of it, head included, were given to the kernel.
    pub fn response(&self, status: u16, sent: u64) {
        let class = usize::from(status / 100).wrapping_sub(1);
        self.responses.get(class).unwrap_or(&self.unanswered).add(1);
        self.sent.add(sent);
    }

    /// A request is over and got no answer: its client left first, or was to get none.
    pub fn unanswered(&self) {
        self.unanswered.add(1);
    }

    /// A request has waited this long for its worker.
    pub fn waited(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bound = BUCKETS.iter().position(|ms| micros <= ms * 1000);
        if let Some(count) = self.waits.get(bound.unwrap_or(BUCKETS.len())) {
            count.add(1);
        }
        self.wait_sum.add(micros);
    }

    /// A body or a response went to a temp file, with this many bytes.
    pub fn spilled(&self, bytes: u64) {
        self.spills.add(1);
        self.spilled.add(bytes);
    }

    /// All counters.
    pub fn totals(&self) -> Totals {
        Totals {
            connections: self.incoming.connections.get(),
            requests: self.incoming.requests.get(),
            responses: self.responses.each_ref().map(Counter::get),
            unanswered: self.unanswered.get(),
            received: self.incoming.received.get(),
            sent: self.sent.get(),
            waits: self.waits.each_ref().map(Counter::get),
            wait_sum: self.wait_sum.get(),
            spills: self.spills.get(),
            spilled: self.spilled.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_goes_past_32_bits() {
        let counter = Counter::default();
        let mut sum = 0;
        for n in [1, 0xffff_fffe, 1, 1, 5 << 30, (7 << 32) + 3, 0x7fff_ffff] {
            counter.add(n);
            sum += n;
            assert_eq!(counter.get(), sum);
        }
    }

    #[test]
    fn a_count_does_not_go_back_while_it_carries() {
        let counter = Counter::default();
        for _ in 0..5 {
            counter.add(0x7fff_ffff);
            let before = counter.get();
            // The first half of an addition that changes the highest bit.
            counter.low.fetch_add(STEP, Ordering::AcqRel);
            assert_eq!(counter.get(), before + u64::from(STEP));
            counter.flips.fetch_add(1, Ordering::AcqRel);
            assert_eq!(counter.get(), before + u64::from(STEP));
            counter.add(u64::from(STEP) + 1);
            assert_eq!(counter.get() % (1 << 32), 0);
        }
    }

    #[test]
    fn threads_that_count_together_lose_nothing() {
        for (start, step) in [(0, 0x1234_5678), ((1 << 31) - 2_000_000, 1000)] {
            let counter = Counter::default();
            counter.add(start);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..1000).for_each(|_| counter.add(step)));
                }
                // The second crosses the highest bit once only, and so may be read meanwhile.
                let mut last = 0;
                for _ in 0..if start > 0 { 1000 } else { 0 } {
                    let now = counter.get();
                    assert!(now >= last, "{now} after {last}");
                    last = now;
                }
            });
            assert_eq!(counter.get(), start + 4000 * step);
        }
    }

    #[test]
    fn responses_are_counted_by_class() {
        let stats = Stats::new(Instant::now());
        for (status, sent) in [(100, 0), (200, 5), (204, 1), (301, 0), (404, 2), (599, 1)] {
            stats.response(status, sent);
        }
        for status in [0, 99, 600, u16::MAX] {
            stats.response(status, 0);
        }
        stats.unanswered();
        let totals = stats.totals();
        assert_eq!(totals.responses, [1, 2, 1, 1, 1]);
        assert_eq!((totals.unanswered, totals.sent), (5, 9));
    }

    #[test]
    fn waits_go_to_the_first_bound_that_holds_them() {
        let stats = Stats::new(Instant::now());
        for micros in [0, 1000, 1001, 2000, 30_000_000, 30_000_001] {
            stats.waited(Duration::from_micros(micros));
        }
        let totals = stats.totals();
        assert_eq!(totals.waits, [2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(totals.wait_sum, 60_004_002);
    }

    #[test]
    fn the_rest_is_counted() {
        let start = Instant::now();
        let stats = Stats::new(start);
        stats.connection();
        stats.request();
        stats.received(7);
        stats.spilled(3);
        stats.spilled(4);
        let totals = stats.totals();
        assert_eq!((totals.connections, totals.requests), (1, 1));
        assert_eq!((totals.received, totals.spills, totals.spilled), (7, 2, 7));
        let second = Duration::from_secs(1);
        assert_eq!(stats.uptime(start + second), second);
        assert_eq!(stats.uptime(start), Duration::ZERO);
    }
}
