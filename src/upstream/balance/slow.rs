//! `slow_start`: the weight of an address that has come back grows over a time (N47, N48).

use std::time::{Duration, Instant};

/// Where the growth of one address stands. `over` is its `slow_start` everywhere; zero switches it off.
#[derive(Clone, Debug, Default)]
pub struct Growth {
    /// When it began, as far as failures have not set it back; `None`: fully grown.
    start: Option<Instant>,
    /// The recovery that was last acted upon.
    seen: Option<Instant>,
}

impl Growth {
    /// Begins from nothing.
    pub fn begin(&mut self, now: Instant) {
        self.start = Some(now);
    }

    /// Begins with a recovery of the address, once for each, unless it has begun later.
    pub fn recovered(&mut self, at: Option<Instant>) {
        if at != self.seen {
            self.seen = at;
            self.start = self.start.max(at);
        }
    }

    /// A failure that does not disable the address takes its part of the growth (N48).
    pub fn set_back(&mut self, over: Duration, max_fails: u32, now: Instant) {
        let elapsed = self.start.map_or(over, |at| grown(at, now).min(over));
        let elapsed = elapsed.saturating_sub(over / max_fails.max(1));
        self.start = now.checked_sub(elapsed).or(Some(now));
    }

    /// The address was disabled; its recovery begins anew.
    pub fn stop(&mut self) {
        self.start = None;
    }

    /// Percent of the weight that counts now, at least 1.
    pub fn share(&mut self, over: Duration, now: Instant) -> i64 {
        let Some(start) = self.start else { return 100 };
        let elapsed = grown(start, now);
        if elapsed >= over {
            self.start = None;
            return 100;
        }
        // Not zero: an address without any weight would look infinitely busy with nothing to do.
        let percent = elapsed.as_millis() * 100 / over.as_millis().max(1);
        i64::try_from(percent).unwrap_or(100).clamp(1, 100)
    }
}

fn grown(start: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(start)
}
