//! Range requests (RFC 9110 14): which bytes of a representation are asked for, and how several runs are sent. Pure.
//!
//! Where the standard leaves the choice we do as nginx: a malformed set is unsatisfiable, a run that ends before it begins
//! selects nothing, and where the runs together are longer than the whole, the whole is sent. That, with a bound on their
//! number, takes the point out of asking for the same bytes many times over.
#![forbid(unsafe_code)]

use crate::http::fields::{list, trim};
use crate::scgi::decimal;

/// Runs in one answer; who asks for more gets the whole. Apache's bound, too: readers of PDF ask for dozens.
pub const RANGES_MAX: usize = 200;

/// One run of bytes, never empty, within the representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub from: u64,
    pub len: u64,
}

/// What a Range field selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// The field is not heard: another unit, or too much of it.
    Whole,
    /// At least one run, in the order they were asked for.
    Ranges(Vec<Range>),
    /// 416: none of it is there, or it is not a set of ranges.
    Unsatisfiable,
}

/// What the value of Range selects of `size` bytes. Only for GET (RFC 9110 14.2).
pub fn select(value: &[u8], size: u64) -> Selection {
    let Some(set) = byte_set(value) else {
        return Selection::Whole;
    };
    let mut ranges = Vec::new();
    // What the runs may still have together.
    let mut room = size;
    let mut members = 0;
    for member in list(set) {
        members += 1;
        let Some(spec) = Spec::parse(member) else {
            return Selection::Unsatisfiable;
        };
        let (from, to) = spec.within(size);
        if from < to {
            let len = to - from;
            if len > room || ranges.len() == RANGES_MAX {
                // What follows must still be a set.
                let is_set = list(set).skip(members).all(|m| Spec::parse(m).is_some());
                return match is_set {
                    true => Selection::Whole,
                    false => Selection::Unsatisfiable,
                };
            }
            room -= len;
            ranges.push(Range { from, len });
        } else if from == 0 {
            // Of something empty, whose whole is what there is to send.
            return Selection::Whole;
        }
    }
    match ranges.is_empty() {
        true => Selection::Unsatisfiable,
        false => Selection::Ranges(ranges),
    }
}

/// What follows `bytes=`; `None` for another unit, or nothing after it, as in nginx.
fn byte_set(value: &[u8]) -> Option<&[u8]> {
    let (unit, set) = value.split_at_checked(b"bytes=".len())?;
    let set = trim(set);
    (unit.eq_ignore_ascii_case(b"bytes=") && !set.is_empty()).then_some(set)
}

/// One member of a set (RFC 9110 14.1.1).
enum Spec {
    /// `5-9`, both included, or `5-`.
    From(u64, Option<u64>),
    /// `-5`: the last bytes.
    Last(u64),
}

impl Spec {
    fn parse(member: &[u8]) -> Option<Spec> {
        let dash = member.iter().position(|&b| b == b'-')?;
        let (first, last) = (member.get(..dash)?, member.get(dash + 1..)?);
        match (first.is_empty(), last.is_empty()) {
            (true, _) => position(last).map(Spec::Last),
            (false, true) => Some(Spec::From(position(first)?, None)),
            (false, false) => Some(Spec::From(position(first)?, Some(position(last)?))),
        }
    }

    /// First byte, and the one after the last. Nothing is selected where the first is not less.
    fn within(&self, size: u64) -> (u64, u64) {
        match *self {
            Spec::From(first, last) => {
                let end = last.map_or(size, |last| last.saturating_add(1).min(size));
                (first, end)
            }
            Spec::Last(len) => (size - len.min(size), size),
        }
    }
}

/// Digits. A number that is too large stands for the largest: no file reaches that far.
fn position(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(decimal::parse(digits).unwrap_or(u64::MAX))
}

/// The value of Content-Range (RFC 9110 14.4): `bytes 0-4/10`, or `bytes */10` where nothing is selected.
pub fn content_range(range: Option<Range>, size: u64) -> Vec<u8> {
    let mut out = b"bytes ".to_vec();
    match range {
        Some(Range { from, len }) => {
            decimal::push(from, &mut out);
            out.push(b'-');
            decimal::push((from + len).saturating_sub(1), &mut out);
        }
        None => out.push(b'*'),
    }
    out.push(b'/');
    decimal::push(size, &mut out);
    out
}

/// What goes before one run in `multipart/byteranges` (RFC 9110 14.6). A representation without a type has parts without one.
pub fn part_head(boundary: &str, content_type: Option<&[u8]>, range: Range, size: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    let name: &[u8] = match content_type {
        Some(_) => b"\r\nContent-Type: ",
        None => b"",
    };
    for piece in [
        b"\r\n--",
        boundary.as_bytes(),
        name,
        content_type.unwrap_or_default(),
        b"\r\nContent-Range: ",
        &content_range(Some(range), size),
        b"\r\n\r\n",
    ] {
        out.extend_from_slice(piece);
    }
    out
}

/// What goes after the last run.
pub fn parts_end(boundary: &str) -> Vec<u8> {
    [b"\r\n--", boundary.as_bytes(), b"--\r\n"].concat()
}

#[cfg(test)]
mod tests;
