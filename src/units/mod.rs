//! Sizes, times and rates as text: parsed once, at the border of the program, with checked arithmetic.
//!
//! Pure: no I/O, no clock. Sizes are bytes (`u64`), times are [`Duration`], rates are bytes a second (`u64`).
#![forbid(unsafe_code)]

use std::time::Duration;

#[cfg(test)]
mod tests;

/// The longest time that is accepted, in seconds: what a signed 32-bit clock holds (68 years), so that a deadline made
/// from it never overflows, not on the smallest machine either.
const LONGEST_SECS: u64 = i32::MAX as u64;

const NANOS_PER_SEC: u128 = 1_000_000_000;

/// Units of time, longest first; `M` is 30 days and `y` 365 days (T4).
const UNITS: [(&str, u128); 11] = [
    ("y", 365 * 86_400 * NANOS_PER_SEC),
    ("M", 30 * 86_400 * NANOS_PER_SEC),
    ("w", 7 * 86_400 * NANOS_PER_SEC),
    ("d", 86_400 * NANOS_PER_SEC),
    ("h", 3_600 * NANOS_PER_SEC),
    ("m", 60 * NANOS_PER_SEC),
    ("s", NANOS_PER_SEC),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
];

/// Parses a size in bytes: digits and at most one of `k`, `m`, `g` (either case, powers of 1024).
///
/// # Errors
/// A phrase that completes `"TEXT" …`.
pub fn size(text: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "is not a size (examples: 512, 8k, 1m, 2g)";
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (text.get(..text.len() - 1), 10),
        Some(b'm' | b'M') => (text.get(..text.len() - 1), 20),
        Some(b'g' | b'G') => (text.get(..text.len() - 1), 30),
        _ => (Some(text), 0),
    };
    let digits = digits.filter(|d| is_digits(d)).ok_or(WRONG)?;
    let number: u64 = digits.parse().map_err(|_| "is too large")?;
    number.checked_mul(1 << shift).ok_or("is too large")
}

/// Parses a rate: a size a second. `/s` may follow.
///
/// # Errors
/// A phrase that completes `"TEXT" …`.
pub fn rate(text: &str) -> Result<u64, &'static str> {
    size(text.strip_suffix("/s").unwrap_or(text)).map_err(|why| match why {
        "is too large" => why,
        _ => "is not a rate (examples: 0, 500k, 2m: bytes a second)",
    })
}

/// Parses a time: numbers with units, longest unit first, joined or with blanks between them (`1h30m`, `1h 30m`). A
/// last number without a unit counts seconds. A number may have a fraction, as in Go's `1.5h`.
///
/// # Errors
/// A phrase that completes `"TEXT" …`.
pub fn time(text: &str) -> Result<Duration, &'static str> {
    let mut rest = text;
    let mut total: u128 = 0;
    // Index of the next unit that may stand: every unit once, and in order.
    let mut next = 0;
    loop {
        let (number, after) = take_number(rest)?;
        let (index, nanos, after) = take_unit(after)?;
        if index < next {
            return Err("has its units in the wrong order (longest first, each once: 1h30m)");
        }
        next = index + 1;
        total = number
            .nanos(nanos)
            .and_then(|part| total.checked_add(part))
            .ok_or(TOO_LONG)?;
        rest = after.trim_start_matches(' ');
        if rest.is_empty() && after.len() == rest.len() {
            break;
        }
    }
    let secs = u64::try_from(total / NANOS_PER_SEC).map_err(|_| TOO_LONG)?;
    if secs > LONGEST_SECS {
        return Err(TOO_LONG);
    }
    // Less than 10^9, so the conversion keeps every digit.
    Ok(Duration::new(secs, (total % NANOS_PER_SEC) as u32))
}

const TOO_LONG: &str = "is too long (at most 68 years)";
const NOT_A_TIME: &str = "is not a time (examples: 30s, 1h30m, 500ms)";

/// A decimal number: its digits before the point, those after it as billionths.
struct Number {
    whole: u128,
    billionths: u128,
}

impl Number {
    fn nanos(&self, unit: u128) -> Option<u128> {
        let whole = self.whole.checked_mul(unit)?;
        whole.checked_add(self.billionths.checked_mul(unit)? / NANOS_PER_SEC)
    }
}

fn take_number(text: &str) -> Result<(Number, &str), &'static str> {
    let (whole, rest) = take_digits(text);
    if whole.is_empty() {
        return Err(NOT_A_TIME);
    }
    let whole = whole.parse().map_err(|_| TOO_LONG)?;
    let Some(after_point) = rest.strip_prefix('.') else {
        return Ok((
            Number {
                whole,
                billionths: 0,
            },
            rest,
        ));
    };
    let (fraction, rest) = take_digits(after_point);
    if fraction.is_empty() {
        return Err(NOT_A_TIME);
    }
    if fraction.len() > 9 {
        return Err("has more than nine digits after the point");
    }
    let billionths = format!("{fraction:0<9}").parse().map_err(|_| NOT_A_TIME)?;
    Ok((Number { whole, billionths }, rest))
}

/// The unit's place in [`UNITS`], its nanoseconds, and what follows it.
fn take_unit(text: &str) -> Result<(usize, u128, &str), &'static str> {
    let end = text
        .find(|c: char| c == ' ' || c.is_ascii_digit())
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() && rest.is_empty() {
        return Ok((6, NANOS_PER_SEC, rest));
    }
    UNITS
        .iter()
        .enumerate()
        .find(|(_, (unit, _))| *unit == name)
        .map(|(index, (_, nanos))| (index, *nanos, rest))
        .ok_or(NOT_A_TIME)
}

fn take_digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
