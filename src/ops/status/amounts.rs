//! Numbers, sizes and times: for people in the unit that fits, for programs in seconds without loss.
#![forbid(unsafe_code)]

use std::time::Duration;

use super::super::calendar::put_padded;
use super::super::escape::Out;

/// `12,345`.
pub fn put_grouped(out: &mut Out, n: u64) {
    let digits = n.to_string();
    for (at, digit) in digits.bytes().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.raw(",");
        }
        out.0.push(digit);
    }
}

/// `1.2 MiB`.
pub fn put_size(out: &mut Out, bytes: u64) {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let power = (bytes.max(1).ilog2() / 10).min(6);
    let Some(unit) = power.checked_sub(1).and_then(|at| units.get(at as usize)) else {
        put_grouped(out, bytes);
        out.raw(" B");
        return;
    };
    let tenths = (bytes >> (10 * power - 10)) * 10 / 1024;
    put_tenths(out, tenths);
    out.raw(" ").raw(unit);
}

/// `0.4 ms`, `12 ms`, `3.4 s`.
pub fn put_millis(out: &mut Out, micros: u64) {
    if micros < 1_000_000 {
        put_tenths(out, micros / 100);
        out.raw(" ms");
    } else {
        put_tenths(out, micros / 100_000);
        out.raw(" s");
    }
}

/// One decimal, for small numbers that have one.
fn put_tenths(out: &mut Out, tenths: u64) {
    put_grouped(out, tenths / 10);
    if tenths < 1000 && !tenths.is_multiple_of(10) {
        out.raw(".").number(tenths % 10);
    }
}

/// The two largest units: `3 d 4 h`.
pub fn put_time(out: &mut Out, time: Duration) {
    let units = [(86400, " d"), (3600, " h"), (60, " min"), (1, " s")];
    let mut left = time.as_secs();
    let first = units.iter().position(|(unit, _)| left >= *unit);
    for (n, (unit, name)) in units.iter().skip(first.unwrap_or(3)).take(2).enumerate() {
        if n == 0 || left / unit > 0 {
            out.raw(if n > 0 { " " } else { "" });
            out.number(left / unit).raw(name);
        }
        left %= unit;
    }
}

/// Milliseconds as seconds, without zeros at the end: `0.025`, `30`.
pub fn put_bound(out: &mut Out, ms: u64) {
    put_fraction(out, ms, 1000, 3);
}

/// Microseconds as seconds.
pub fn put_micros(out: &mut Out, micros: u64) {
    put_fraction(out, micros, 1_000_000, 6);
}

fn put_fraction(out: &mut Out, n: u64, unit: u64, digits: usize) {
    out.number(n / unit);
    if !n.is_multiple_of(unit) {
        out.raw(".");
        put_padded(&mut out.0, n % unit, digits);
        while out.0.last() == Some(&b'0') {
            out.0.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(put: &dyn Fn(&mut Out)) -> String {
        let mut out = Out::default();
        put(&mut out);
        String::from_utf8(out.0).expect("text")
    }

    #[test]
    fn sizes_have_the_unit_that_fits() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1,023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (1_048_575, "1,023 KiB"),
            (1_300_000, "1.2 MiB"),
            (5_000_000_000, "4.6 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(with(&|out| put_size(out, bytes)), expected);
        }
    }

    #[test]
    fn times_have_the_units_that_fit() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3661, "1 h 1 min"),
            (86_399, "23 h 59 min"),
            (3 * 86_400 + 59, "3 d"),
            (400 * 86_400 + 7200, "400 d 2 h"),
        ] {
            let time = Duration::from_secs(seconds);
            assert_eq!(with(&|out| put_time(out, time)), expected);
        }
        for (micros, expected) in [
            (99, "0 ms"),
            (400, "0.4 ms"),
            (12_000, "12 ms"),
            (123_456, "123 ms"),
            (3_450_000, "3.4 s"),
            (1_234_000_000, "1,234 s"),
        ] {
            assert_eq!(with(&|out| put_millis(out, micros)), expected);
        }
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        for (n, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(with(&|out| put_grouped(out, n)), expected);
        }
    }

    #[test]
    fn seconds_have_no_zeros_at_their_end() {
        for (micros, expected) in [
            (0, "0"),
            (1, "0.000001"),
            (1_500_000, "1.5"),
            (30_000_000, "30"),
            (1_000_100, "1.0001"),
        ] {
            assert_eq!(with(&|out| put_micros(out, micros)), expected);
        }
        assert_eq!(with(&|out| put_bound(out, 250)), "0.25");
    }
}
