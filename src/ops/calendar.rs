//! Wall-clock times as text, in UTC. The zone of the machine is not asked: the C library reads files and environment
//! to know it, and a log in UTC compares with every other log.
#![forbid(unsafe_code)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]; // 1 January 1970 was a Thursday

/// A moment, split into the fields that people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    pub year: u64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    pub millis: u16,
    /// 0 is a Thursday.
    weekday: u8,
}

/// Time since 1970; a clock set before that counts as 1970.
pub fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The remainder as a small number; `n` is never so large that it would be cut.
fn small(n: u64) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

impl Civil {
    /// The fields of a moment in UTC.
    pub fn utc(at: SystemTime) -> Civil {
        let since = since_epoch(at);
        let (days, in_day) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
        let (year, month, day) = date(days);
        Civil {
            year,
            month,
            day,
            hour: small(in_day / 3600),
            minute: small(in_day / 60 % 60),
            second: small(in_day % 60),
            millis: u16::try_from(since.subsec_millis()).unwrap_or(999),
            weekday: small(days % 7),
        }
    }

    /// `2026-11-21T03:04:05`, to which callers add fraction and zone.
    pub fn put_iso(&self, out: &mut Vec<u8>) {
        put_padded(out, self.year, 4);
        for (mark, n) in [
            (b'-', self.month),
            (b'-', self.day),
            (b'T', self.hour),
            (b':', self.minute),
            (b':', self.second),
        ] {
            out.push(mark);
            put_padded(out, n.into(), 2);
        }
    }

    /// `2026-11-21T03:04:05.123Z`.
    pub fn put_iso_millis(&self, out: &mut Vec<u8>) {
        self.put_iso(out);
        out.push(b'.');
        put_padded(out, self.millis.into(), 3);
        out.push(b'Z');
    }

    /// `21/Nov/2026:03:04:05 +0000`, as in the common log format.
    pub fn put_log(&self, out: &mut Vec<u8>) {
        put_padded(out, self.day.into(), 2);
        out.push(b'/');
        out.extend_from_slice(self.month_name().as_bytes());
        out.push(b'/');
        put_padded(out, self.year, 4);
        out.push(b':');
        self.put_clock(out);
        out.extend_from_slice(b" +0000");
    }

    /// `Sat, 21 Nov 2026 03:04:05 GMT` (RFC 9110 5.6.7).
    pub fn put_http(&self, out: &mut Vec<u8>) {
        let weekday = DAYS
            .get(usize::from(self.weekday))
            .copied()
            .unwrap_or_default();
        out.extend_from_slice(weekday.as_bytes());
        out.extend_from_slice(b", ");
        put_padded(out, self.day.into(), 2);
        out.push(b' ');
        out.extend_from_slice(self.month_name().as_bytes());
        out.push(b' ');
        put_padded(out, self.year, 4);
        out.push(b' ');
        self.put_clock(out);
        out.extend_from_slice(b" GMT");
    }

    fn month_name(&self) -> &'static str {
        MONTHS
            .get(usize::from(self.month.saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }

    fn put_clock(&self, out: &mut Vec<u8>) {
        put_padded(out, self.hour.into(), 2);
        out.push(b':');
        put_padded(out, self.minute.into(), 2);
        out.push(b':');
        put_padded(out, self.second.into(), 2);
    }
}

/// Year, month and day from the days since 1970, by counting in 400-year cycles that begin on 1 March, so that the
/// leap day is the last of its year.
fn date(days: u64) -> (u64, u8, u8) {
    let shifted = days.saturating_add(719_468); // days from 1 March of year 0
    let (cycle, of_cycle) = (shifted / 146_097, shifted % 146_097);
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = small(of_year - (153 * march_month + 2) / 5 + 1);
    let month = small(if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    });
    (cycle * 400 + year + u64::from(month <= 2), month, day)
}

/// Appends a number in decimal. Faster than the formatting machinery, which counts on the request path.
pub fn put_number(out: &mut Vec<u8>, n: u64) {
    put_padded(out, n, 1);
}

/// Appends a number in decimal, with zeros in front up to `width` digits.
pub fn put_padded(out: &mut Vec<u8>, mut n: u64, width: usize) {
    let start = out.len();
    while n > 0 || out.len() - start < width {
        out.push(b'0' + small(n % 10));
        n /= 10;
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

/// Appends seconds with three decimals: `0.042`.
pub fn put_seconds(out: &mut Vec<u8>, time: Duration) {
    put_number(out, time.as_secs());
    out.push(b'.');
    put_padded(out, time.subsec_millis().into(), 3);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(secs: u64, put: impl Fn(&Civil, &mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        put(
            &Civil::utc(UNIX_EPOCH + Duration::from_millis(secs * 1000 + 7)),
            &mut out,
        );
        String::from_utf8(out).expect("dates are ASCII")
    }

    #[test]
    fn the_three_forms_of_a_date() {
        assert_eq!(
            text(784_111_777, Civil::put_http),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
        assert_eq!(
            text(784_111_777, Civil::put_log),
            "06/Nov/1994:08:49:37 +0000"
        );
        assert_eq!(
            text(784_111_777, Civil::put_iso_millis),
            "1994-11-06T08:49:37.007Z"
        );
    }

    #[test]
    fn leap_days_and_turns_of_the_year() {
        assert_eq!(text(0, Civil::put_http), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(
            text(951_782_400, Civil::put_http),
            "Tue, 29 Feb 2000 00:00:00 GMT"
        );
        assert_eq!(
            text(951_868_800, Civil::put_http),
            "Wed, 01 Mar 2000 00:00:00 GMT"
        );
        assert_eq!(
            text(1_798_761_599, Civil::put_http),
            "Thu, 31 Dec 2026 23:59:59 GMT"
        );
        assert_eq!(
            text(4_107_542_400, Civil::put_http),
            "Mon, 01 Mar 2100 00:00:00 GMT"
        );
    }

    #[test]
    fn every_day_agrees_with_httpdate() {
        for day in (0..80_000).step_by(13) {
            let at = UNIX_EPOCH + Duration::from_secs(day * 86_400 + 3_661);
            let mut ours = Vec::new();
            Civil::utc(at).put_http(&mut ours);
            assert_eq!(String::from_utf8_lossy(&ours), httpdate::fmt_http_date(at));
        }
    }

    #[test]
    fn a_clock_before_1970_counts_as_1970() {
        assert_eq!(Civil::utc(UNIX_EPOCH - Duration::from_secs(5)).year, 1970);
    }

    #[test]
    fn numbers_and_seconds() {
        let put = |f: &dyn Fn(&mut Vec<u8>)| {
            let mut out = b"x".to_vec();
            f(&mut out);
            String::from_utf8(out).expect("ASCII")
        };
        assert_eq!(put(&|o| put_number(o, 0)), "x0");
        assert_eq!(put(&|o| put_number(o, u64::MAX)), format!("x{}", u64::MAX));
        assert_eq!(put(&|o| put_padded(o, 42, 3)), "x042");
        assert_eq!(
            put(&|o| put_seconds(o, Duration::from_micros(12_042_999))),
            "x12.042"
        );
    }
}
