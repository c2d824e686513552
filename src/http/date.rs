//! Dates of HTTP (RFC 9110 5.6.7): written as IMF-fixdate, read in the two obsolete forms too. The caller brings the clock.

use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

/// The last second of the year 9999: the format has four digits for the year.
const LAST: u64 = 253_402_300_799;

/// A date as text; always ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpDate([u8; 29]);

impl HttpDate {
    /// The date `seconds` after the start of 1970 in UTC. A clock beyond the year 9999 is held at its end.
    pub fn new(seconds: u64) -> HttpDate {
        let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds.min(LAST)));
        let date = httpdate::HttpDate::from(time.unwrap_or(UNIX_EPOCH));
        let written = write!(text.as_mut_slice(), "{date}");
        debug_assert!(written.is_ok(), "an IMF-fixdate has 29 bytes");
        HttpDate(text)
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    #[cfg(any(test, fuzzing))]
    /// The same as bytes.
    pub fn as_bytes(&self) -> &[u8; 29] {
        &self.0
    }
}

/// Seconds since the start of 1970 in UTC, of a date in any of the three forms; `None` where it is none, or before 1970.
pub fn parse(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let time = httpdate::parse_http_date(text).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}
