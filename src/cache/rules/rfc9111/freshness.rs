//! How long a response is fresh, and who says so (RFC 9111 4.2.1, 4.2.2): pure.

use super::super::heard::{accel_expires, hear};
use super::{Book, Known, Times, stored};
use crate::cache::directives::{ResponseDirectives, Seconds};
use crate::http::date;
use crate::scgi::response::Head;

/// Heuristics give no more than this: a day, above which RFC 2616 wanted a warning.
const HEURISTIC_MAX: u64 = 24 * 60 * 60;

/// What is heard of a response.
#[derive(Debug)]
pub(super) struct Heard {
    pub directives: ResponseDirectives,
    /// Expires counts.
    expires: bool,
}

/// Until when a response is fresh.
#[derive(Debug, Clone, Copy)]
pub(super) struct Freshness {
    /// The second in which it becomes stale: its age has reached its lifetime then. Seconds since 1970.
    pub end: u64,
    pub source: Source,
}

/// Who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// X-Accel-Expires: the application, to this gateway alone.
    Accel,
    /// s-maxage, max-age or Expires.
    Response,
    /// `--cache-valid`.
    Settings,
    Heuristic,
    /// Nobody; it may be stored all the same, and is stale at once.
    Nobody,
}

impl Source {
    /// The response has explicit freshness information (RFC 9111 4.2.1).
    pub fn is_explicit(self) -> bool {
        matches!(self, Source::Accel | Source::Response)
    }
}

impl Heard {
    pub fn of(book: &Book<'_>, head: &Head) -> Heard {
        let (directives, expires) = hear(book, head);
        Heard {
            directives,
            expires,
        }
    }

    /// RFC 9111 4.2.1, with what the operator says before and after it: X-Accel-Expires goes before all, `--cache-valid` is for
    /// responses that say nothing, and goes before guesses. Both count from now, whatever the age.
    ///
    /// # Errors
    /// Nothing allows to store it (RFC 9111 3, the last item), or the operator forbids it.
    pub fn freshness(
        &self,
        book: &Book<'_>,
        head: &Head,
        times: Times,
    ) -> Result<Freshness, &'static str> {
        if let Some(end) = accel_expires(book, head, times)? {
            let source = Source::Accel;
            return Ok(Freshness { end, source });
        }
        let age = u64::from(stored::initial_age(head, times));
        let after = |seconds, source| Freshness {
            end: times.received.saturating_add(seconds).saturating_sub(age),
            source,
        };
        if let Some(seconds) = self.lifetime(head, times) {
            return Ok(after(seconds, Source::Response));
        }
        if let Some(time) = book.cache.valid_seconds(head.status()) {
            let source = Source::Settings;
            return match time {
                0 => Err("--cache-valid 0"),
                seconds => Ok(Freshness {
                    end: times.received.saturating_add(seconds),
                    source,
                }),
            };
        }
        if !self.directives.public && !is_heuristically_cacheable(head.status()) {
            return Err("nothing allows it");
        }
        Ok(match heuristic(head, times) {
            Some(seconds) => after(seconds, Source::Heuristic),
            None => after(0, Source::Nobody),
        })
    }

    /// The lifetime that the response gives itself, in seconds. What can not be read makes it stale at once (RFC 9111 4.2.1,
    /// 5.3).
    fn lifetime(&self, head: &Head, times: Times) -> Option<u64> {
        let directives = &self.directives;
        let seconds = match directives.s_maxage {
            Seconds::Absent => directives.max_age,
            seconds => seconds,
        };
        match seconds {
            Seconds::Given(seconds) => return Some(u64::from(seconds)),
            Seconds::Malformed => return Some(0),
            Seconds::Absent if !self.expires => return None,
            Seconds::Absent => {}
        }
        let expires = date::parse(head.known_field(Known::Expires)?);
        Some(expires.map_or(0, |expires| expires.saturating_sub(date_of(head, times))))
    }
}

/// A tenth of the time that it had not been modified for (RFC 9111 4.2.2).
fn heuristic(head: &Head, times: Times) -> Option<u64> {
    let modified = date::parse(head.known_field(Known::LastModified)?)?;
    let unmodified = date_of(head, times).saturating_sub(modified);
    Some((unmodified / 10).min(HEURISTIC_MAX))
}

/// RFC 9110 15.1, without 206.
fn is_heuristically_cacheable(status: u16) -> bool {
    matches!(
        status,
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

/// RFC 9110 6.6.1: where there is none that can be read, the time of arrival stands in for it.
fn date_of(head: &Head, times: Times) -> u64 {
    let date = head.known_field(Known::Date).and_then(date::parse);
    date.unwrap_or(times.received)
}
