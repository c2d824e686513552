//! The words of a Cache-Control value: `name`, `name=token`, `name="quoted"`, separated by commas (RFC 9111 5.2).
//!
//! Semicolons and blanks separate too, for people write them and nginx ends a number there (C43): so a `private` behind a
//! missing comma is seen.

use std::borrow::Cow;

use super::MAX_SECONDS;
use crate::http::fields::{is_token, is_token_byte, list};

/// What comes after the name of a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Arg<'a> {
    None,
    /// Without its quotes.
    Text(Cow<'a, [u8]>),
    /// A string of a structured field: it can name fields, but is no number.
    Names(Vec<u8>),
    /// Neither a token nor a quoted string, or blanks around the `=`.
    Bad,
}

impl Arg<'_> {
    pub(super) fn is_none(&self) -> bool {
        *self == Arg::None
    }

    /// As a number of seconds, quoted or not (RFC 9111 5.2).
    pub(super) fn seconds(&self) -> Option<u32> {
        match self {
            Arg::Text(text) => seconds(text),
            Arg::None | Arg::Names(_) | Arg::Bad => None,
        }
    }

    /// As a list of field names, lowercased; `None` where it is none, or has anything else in it.
    pub(super) fn names(&self) -> Option<Vec<Box<[u8]>>> {
        let text: &[u8] = match self {
            Arg::Text(text) => text,
            Arg::Names(text) => text,
            Arg::None | Arg::Bad => return None,
        };
        let names = list(text).map(|name| is_token(name).then(|| name.to_ascii_lowercase().into()));
        let names = names.collect::<Option<Vec<Box<[u8]>>>>()?;
        (!names.is_empty()).then_some(names)
    }
}

/// A number: digits only. One that is too large is capped, however long.
pub(super) fn seconds(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u32, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        Some(
            sum.saturating_mul(10)
                .saturating_add(digit)
                .min(MAX_SECONDS),
        )
    })
}

/// Goes through the directives of one field value.
pub(super) struct Words<'a> {
    rest: &'a [u8],
    /// A quote without an end has been met: there is no end for any later one, so nobody looks again.
    unended: bool,
}

impl<'a> Words<'a> {
    pub(super) fn new(value: &'a [u8]) -> Words<'a> {
        Words {
            rest: value,
            unended: false,
        }
    }

    fn argument(&mut self) -> Arg<'a> {
        let begin = self.rest;
        let after_blanks = without_blanks(begin);
        let Some(value) = after_blanks.strip_prefix(b"=") else {
            return match begin.first() {
                Some(byte) if !is_separator(*byte) => {
                    self.value();
                    Arg::Bad
                }
                _ => Arg::None,
            };
        };
        self.rest = without_blanks(value);
        let spaced = after_blanks.len() != begin.len() || self.rest.len() != value.len();
        match self.value() {
            _ if spaced => Arg::Bad,
            arg => arg,
        }
    }

    /// A token or a quoted string, with all that comes before the next separator.
    fn value(&mut self) -> Arg<'a> {
        if self.rest.first() != Some(&b'"') {
            let text = self.take_to_separator();
            return match is_token(text) {
                true => Arg::Text(Cow::Borrowed(text)),
                false => Arg::Bad,
            };
        }
        let quoted = self.quoted();
        let is_clean = self.take_to_separator().is_empty();
        match quoted {
            Some(text) if is_clean => Arg::Text(text),
            _ => Arg::Bad,
        }
    }

    /// The quoted string that begins here (RFC 9110 5.6.4). Without an end only its quote is taken, so that nothing that
    /// forbids hides behind it.
    fn quoted(&mut self) -> Option<Cow<'a, [u8]>> {
        let inner = self.rest.get(1..).unwrap_or_default();
        self.rest = inner;
        let mut text = Vec::new();
        let mut escaped = false;
        for (at, byte) in inner.iter().enumerate() {
            match byte {
                _ if self.unended => break,
                b'\\' if !escaped => {
                    escaped = true;
                    continue;
                }
                b'"' if !escaped => {
                    self.rest = inner.get(at + 1..).unwrap_or_default();
                    return Some(Cow::Owned(text));
                }
                _ => text.push(*byte),
            }
            escaped = false;
        }
        self.unended = true;
        None
    }

    fn take_to_separator(&mut self) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| is_separator(*byte));
        let (taken, rest) = self
            .rest
            .split_at_checked(end.unwrap_or(self.rest.len()))
            .unwrap_or_default();
        self.rest = rest;
        taken
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = (&'a [u8], Arg<'a>);

    fn next(&mut self) -> Option<(&'a [u8], Arg<'a>)> {
        loop {
            let first = *self.rest.first()?;
            if first == b'"' {
                self.quoted(); // A string alone is no directive, and what is in it neither.
                continue;
            }
            let end = self.rest.iter().position(|byte| !is_token_byte(*byte));
            let (name, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
            if name.is_empty() {
                self.rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            self.rest = rest;
            return Some((name, self.argument()));
        }
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b',' | b';' | b' ' | b'\t')
}

fn without_blanks(bytes: &[u8]) -> &[u8] {
    let begin = bytes.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
    begin.and_then(|at| bytes.get(at..)).unwrap_or_default()
}
