//! Whether a try that went wrong is followed by another one: the one place that decides it (N1 to N16, Z31 to Z34). Pure.

use std::time::Duration;

use crate::config::content::NextUpstream;
use crate::error::{Fault, Phase};

/// What went wrong, in the words of `--next-upstream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Error,
    Timeout,
    InvalidHeader,
    /// Closed without a byte of a response: manuals call it an invalid header, programs an error. Either word lists it (Z19).
    Empty,
    /// A response with a status that is listed.
    Status(u16),
    /// Nothing that another server could mend.
    Never,
}

impl Condition {
    /// The condition of a fault before the response head was there.
    pub fn of(fault: &Fault) -> Condition {
        match fault {
            Fault::Timeout(_) | Fault::QueueFull => Condition::Timeout,
            Fault::NoHead { received: 0, .. } => Condition::Empty,
            Fault::Io(Phase::Body, _) => Condition::Never,
            Fault::Io(..) | Fault::NoHead { .. } => Condition::Error,
            Fault::BadHead(_) | Fault::HeadTooLarge { .. } => Condition::InvalidHeader,
            _ => Condition::Never,
        }
    }

    fn is_listed(self, settings: &NextUpstream) -> bool {
        match self {
            Condition::Error => settings.error,
            Condition::Timeout => settings.timeout,
            Condition::InvalidHeader => settings.invalid_header,
            Condition::Empty => settings.error || settings.invalid_header,
            Condition::Status(status) => settings.lists(status),
            Condition::Never => false,
        }
    }
}

/// Where an exchange stands after a try.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// Tries so far, and how many there may be (0: any number).
    pub tries: usize,
    pub max_tries: usize,
    /// Since the first server was chosen, and how long that may be (zero: any time).
    pub elapsed: Duration,
    pub timeout: Duration,
    /// A connection stood: bytes of the request may have reached the server (N4).
    pub begun: bool,
    pub idempotent: bool,
    /// The body can be sent again from its start.
    pub replayable: bool,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another server, if there is one.
    Next,
    /// None; the text ends the log line.
    Stop(&'static str),
}

/// Decides. The text of a stop is empty where `--next-upstream` simply does not list the condition.
pub fn judge(condition: Condition, settings: &NextUpstream, now: &Situation) -> Verdict {
    if !condition.is_listed(settings) {
        return Verdict::Stop("");
    }
    if now.begun && !now.replayable {
        return Verdict::Stop("; not tried elsewhere: the body was sent as it came");
    }
    if now.begun && !now.idempotent && !settings.non_idempotent {
        return Verdict::Stop("; not tried elsewhere: the method is not idempotent");
    }
    if now.max_tries != 0 && now.tries >= now.max_tries {
        return Verdict::Stop("; not tried elsewhere: --next-upstream-tries");
    }
    if !now.timeout.is_zero() && now.elapsed >= now.timeout {
        return Verdict::Stop("; not tried elsewhere: --next-upstream-timeout");
    }
    Verdict::Next
}

/// Whether a listed status is (N17): 403 and 404 say something about the request, not about the server.
pub fn status_counts(status: u16) -> bool {
    matches!(status, 500 | 503 | 429)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    const FRESH: Situation = Situation {
        tries: 1,
        max_tries: 0,
        elapsed: Duration::ZERO,
        timeout: Duration::ZERO,
        begun: true,
        idempotent: true,
        replayable: true,
    };

    fn all() -> NextUpstream {
        NextUpstream {
            error: true,
            timeout: true,
            invalid_header: true,
            http_500: true,
            http_503: true,
            http_403: true,
            http_404: true,
            http_429: true,
            non_idempotent: false,
        }
    }

    fn stops(verdict: Verdict) -> bool {
        matches!(verdict, Verdict::Stop(_))
    }

    #[test]
    fn only_listed_conditions_move_on() {
        let default = NextUpstream::default();
        for (condition, next) in [
            (Condition::Error, true),
            (Condition::Timeout, true),
            (Condition::Empty, true),
            (Condition::InvalidHeader, false),
            (Condition::Status(500), false),
            (Condition::Status(503), false),
            (Condition::Never, false),
        ] {
            assert_eq!(
                !stops(judge(condition, &default, &FRESH)),
                next,
                "{condition:?}"
            );
            assert!(stops(judge(condition, &NextUpstream::OFF, &FRESH)));
        }
        for status in [500, 503, 403, 404, 429] {
            assert_eq!(
                judge(Condition::Status(status), &all(), &FRESH),
                Verdict::Next
            );
        }
        assert!(stops(judge(Condition::Status(502), &all(), &FRESH)));
        let invalid = NextUpstream {
            invalid_header: true,
            ..NextUpstream::OFF
        };
        assert_eq!(judge(Condition::Empty, &invalid, &FRESH), Verdict::Next);
    }

    #[test]
    fn what_may_have_had_an_effect_is_not_repeated() {
        let post = Situation {
            idempotent: false,
            ..FRESH
        };
        assert!(stops(judge(Condition::Error, &all(), &post)));
        let unsent = Situation {
            begun: false,
            replayable: false,
            ..post
        };
        assert_eq!(judge(Condition::Error, &all(), &unsent), Verdict::Next);
        let allowed = NextUpstream {
            non_idempotent: true,
            ..all()
        };
        assert_eq!(judge(Condition::Error, &allowed, &post), Verdict::Next);
        let streamed = Situation {
            replayable: false,
            ..FRESH
        };
        assert!(stops(judge(Condition::Error, &allowed, &streamed)));
    }

    #[test]
    fn tries_and_time_are_bounded() {
        let tries = Situation {
            tries: 2,
            max_tries: 2,
            ..FRESH
        };
        assert!(stops(judge(Condition::Error, &all(), &tries)));
        let fewer = Situation { tries: 1, ..tries };
        assert_eq!(judge(Condition::Error, &all(), &fewer), Verdict::Next);
        let late = Situation {
            elapsed: Duration::from_secs(3),
            timeout: Duration::from_secs(3),
            ..FRESH
        };
        assert!(stops(judge(Condition::Error, &all(), &late)));
    }

    #[test]
    fn faults_have_the_conditions_of_the_manual() {
        let io = |phase| Fault::Io(phase, io::ErrorKind::ConnectionRefused.into());
        let closed = |received| Fault::NoHead {
            received,
            block: 1,
            sending: None,
        };
        for (fault, condition) in [
            (io(Phase::Connect), Condition::Error),
            (io(Phase::Send), Condition::Error),
            (io(Phase::Head), Condition::Error),
            (Fault::Timeout(Phase::Connect), Condition::Timeout),
            (Fault::Timeout(Phase::Head), Condition::Timeout),
            (Fault::QueueFull, Condition::Timeout),
            (closed(0), Condition::Empty),
            (closed(7), Condition::Error),
            (Fault::BadHead("x"), Condition::InvalidHeader),
            (Fault::HeadTooLarge { limit: 1 }, Condition::InvalidHeader),
            (Fault::Memory, Condition::Never),
            (Fault::NoServer, Condition::Never),
        ] {
            assert_eq!(Condition::of(&fault), condition, "{fault:?}");
        }
        assert!(status_counts(503) && !status_counts(404));
    }
}
