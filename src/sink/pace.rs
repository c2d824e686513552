//! The pace of a response, as arithmetic over the clock.

use std::time::{Duration, Instant};

/// The pace of a response (`--client-limit-rate`, X-Accel-Limit-Rate).
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes a second, not 0.
    pub rate: u64,
    /// Bytes that go at full speed first.
    pub after: u64,
    pub start: Instant,
}

impl Pace {
    /// A tenth of a second may be sent at once; less would wake the front for crumbs.
    pub const BURST: Duration = Duration::from_millis(100);

    /// How many more bytes may go now, when `sent` have gone.
    pub fn allows(&self, sent: u64, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.start) + Self::BURST;
        let due = u128::from(self.rate) * elapsed.as_millis() / 1000 + u128::from(self.after);
        // One byte may always go: the slowest pace still begins.
        u64::try_from(due)
            .unwrap_or(u64::MAX)
            .max(1)
            .saturating_sub(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_allows_its_burst_then_its_rate() {
        let start = Instant::now();
        let pace = Pace {
            rate: 1000,
            after: 500,
            start,
        };
        assert_eq!(pace.allows(0, start), 600);
        assert_eq!(pace.allows(600, start), 0);
        assert_eq!(pace.allows(600, start + Duration::from_secs(2)), 2000);
    }

    #[test]
    fn the_slowest_pace_still_moves() {
        let start = Instant::now();
        let pace = Pace {
            rate: 1,
            after: 0,
            start,
        };
        assert_eq!((pace.allows(0, start), pace.allows(1, start)), (1, 0));
        assert_eq!(pace.allows(0, start + Duration::from_secs(10)), 10);
    }
}
