//! What the checks of `--health` have found out of one peer: counted here, judged here, made elsewhere. Pure.
//!
//! `fails` failures in a row make it unhealthy, `passes` passes in a row make it healthy. Passes count for another thing as well: so
//! many of them after the last failure of an exchange show that the rest of `max_fails` may end, too.

use std::time::Instant;

use super::view::CheckView;

/// Bytes of the result of a check that are kept.
const TEXT_MAX: usize = 200;

/// The state of one peer. Healthy until checks say otherwise.
#[derive(Debug, Default)]
pub struct Verdict {
    unhealthy_since: Option<Instant>,
    recovered_at: Option<Instant>,
    /// Checks with one result since the last with the other.
    fails: u32,
    passes: u32,
    /// Passes since the failure of an exchange that this is the mark of.
    proofs: u32,
    mark: u32,
    checks: u64,
    failures: u64,
    /// Whether the last check passed, what came of it, and when.
    last: Option<(bool, String, Instant)>,
    /// Since then it could not be checked.
    unasked: bool,
}

/// What a pass has led to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// It was unhealthy, and is not any more.
    pub recovered: bool,
    /// The failures of exchanges before may be forgotten.
    pub proves: bool,
}

impl Verdict {
    /// A check has failed. Whether that made the peer unhealthy.
    pub fn fail(&mut self, fails: u32, why: &str, now: Instant) -> bool {
        self.count(false, why, now);
        self.failures += 1;
        (self.passes, self.proofs) = (0, 0);
        self.fails = self.fails.saturating_add(1);
        let falls = self.unhealthy_since.is_none() && self.fails >= fails;
        if falls {
            self.unhealthy_since = Some(now);
        }
        falls
    }

    /// A check has passed. `mark` is that of the health of the address when it began.
    pub fn pass(&mut self, passes: u32, mark: u32, what: &str, now: Instant) -> Pass {
        self.count(true, what, now);
        self.fails = 0;
        self.passes = self.passes.saturating_add(1);
        if self.mark != mark {
            (self.mark, self.proofs) = (mark, 0);
        }
        self.proofs = self.proofs.saturating_add(1);
        let recovered = self.passes >= passes && self.unhealthy_since.take().is_some();
        if recovered {
            self.recovered_at = Some(now);
        }
        Pass {
            recovered,
            proves: self.proofs >= passes,
        }
    }

    /// The gateway could not check it, for a fault of its own. Whether that is news.
    pub fn unasked(&mut self) -> bool {
        !std::mem::replace(&mut self.unasked, true)
    }

    /// Healthy again by order. Whether it was not.
    pub fn revive(&mut self) -> bool {
        self.fails = 0;
        self.unhealthy_since.take().is_some()
    }

    pub fn unhealthy_since(&self) -> Option<Instant> {
        self.unhealthy_since
    }

    /// When passes last ended an unhealthy time.
    pub fn recovered_at(&self) -> Option<Instant> {
        self.recovered_at
    }

    pub fn view(&self, now: Instant) -> CheckView {
        let last = self.last.as_ref();
        CheckView {
            healthy: self.unhealthy_since.is_none(),
            checks: self.checks,
            failures: self.failures,
            last: last.map(|(passed, text, at)| {
                let ago = now.saturating_duration_since(*at);
                (*passed, text.clone(), ago)
            }),
        }
    }

    fn count(&mut self, passed: bool, text: &str, now: Instant) {
        self.checks += 1;
        self.unasked = false;
        let text = text.char_indices().take_while(|(at, _)| *at < TEXT_MAX);
        self.last = Some((passed, text.map(|(_, c)| c).collect(), now));
    }
}
