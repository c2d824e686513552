//! From an HTTP request to an SCGI netstring (rules P1 to P47 and Z1 to Z7).
//!
//! What depends on the configuration alone is compiled once, in [`Params::new`]: names and literal values become runs
//! of bytes that one copy appends. A request then costs its variables and its own fields, and no allocation.
//!
//! Promises about every block, whatever the request: CONTENT_LENGTH is first and SCGI second (P3, Z6), no name stands
//! twice (Z2), no value holds a NUL (Z7), and a client cannot speak for the operator, the gateway or the framing.

mod cached;
mod client;
mod own;
mod program;

use super::decimal;
use crate::http::request::Request;
use crate::template::{Template, Values};
pub use cached::Validators;
use client::{Policy, Source};
use program::Program;

/// One parameter that the operator or the standard set defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// The name, as it goes to the application.
    pub name: Box<str>,
    pub value: Template,
    /// Leave the pair out when the value is empty.
    pub if_not_empty: bool,
}

/// What becomes of a block that is larger than `--params-max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamsMax {
    /// Bytes of the header block.
    pub size: usize,
    /// Leave out HTTP_COOKIE, HTTP_USER_AGENT, HTTP_REFERER and HTTP_ACCEPT* first.
    pub trim: bool,
}

/// How the requests of one location are encoded. Built once.
#[derive(Clone, Debug)]
pub struct Params {
    list: Vec<Param>,
    program: Program,
    policy: Policy,
    pass_headers: bool,
    max: Option<ParamsMax>,
}

/// Where [`Params::encode`] put the netstring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Index into `out` at which the netstring begins; it ends with `out`. What lies between the old end of `out` and
    /// here is unused room for longer length prefixes.
    pub start: usize,
    /// Bytes of the block: what `--params-max` counts and what the length prefix says.
    pub block: usize,
}

/// Why a request could not be encoded.
#[derive(Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// The block would have this many bytes, which is over `--params-max`: 431.
    TooLarge { size: usize, max: usize },
    /// A NUL in the value of this name: 400.
    Nul(Box<str>),
}

/// Room for the longest length prefix: its digits and the colon.
const PREFIX: usize = decimal::DIGITS + 1;

impl Params {
    /// `list` in order of sending. CONTENT_LENGTH and SCGI are always sent and not taken from it; of several entries
    /// with one name the last one holds, at the place of the first (Z2).
    pub fn new(list: Vec<Param>, pass_headers: bool, max: Option<ParamsMax>) -> Params {
        let list = program::unique(list);
        let program = Program::compile(&list);
        let policy = Policy::new(&list);
        Params {
            list,
            program,
            policy,
            pass_headers,
            max,
        }
    }

    /// The same, with no field of the client's made this parameter.
    pub fn without(mut self, name: Option<&str>) -> Params {
        if let Some(name) = name {
            self.policy.take(name);
        }
        self
    }

    /// The parameters, in order of sending.
    pub fn list(&self) -> &[Param] {
        &self.list
    }

    /// Appends the whole netstring (length, block, comma) to `out`; the body follows it on the wire.
    /// `content_length` is the length of the body that will be sent: 0 when it is not passed on (Z1).
    ///
    /// # Errors
    /// See [`EncodeError`]; `out` is then as it was.
    pub fn encode(
        &self,
        request: &Request,
        values: &dyn Values,
        content_length: u64,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        self.encode_from(request, values, (content_length, self.pass_headers), out)
    }

    /// As [`Params::encode`], for anything that looks like a request: the length of the body, and whether fields go along.
    fn encode_from<S: Source + ?Sized>(
        &self,
        source: &S,
        values: &dyn Values,
        what: (u64, bool),
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        let before = out.len();
        let result = self.write(source, values, what, out);
        if result.is_err() {
            out.truncate(before);
        }
        result
    }

    fn write<S: Source + ?Sized>(
        &self,
        source: &S,
        values: &dyn Values,
        (content_length, with_fields): (u64, bool),
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        let block_at = out.len() + PREFIX;
        out.resize(block_at, 0);
        out.extend_from_slice(b"CONTENT_LENGTH\0");
        decimal::push(content_length, out);
        self.program.run(values, out)?;
        self.policy.write_host(source, out);
        if with_fields {
            self.write_fields(source, block_at, out)?;
        }
        let block = out.len() - block_at;
        if let Some(max) = self.max.filter(|max| block > max.size) {
            return Err(EncodeError::TooLarge {
                size: block,
                max: max.size,
            });
        }
        out.push(b',');
        Ok(Encoded {
            start: write_prefix(block, block_at, out),
            block,
        })
    }

    /// The client's fields; once more without those that can be spared when the block is too large and may be trimmed.
    fn write_fields<S: Source + ?Sized>(
        &self,
        source: &S,
        block_at: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let fields_at = out.len();
        self.policy.write_fields(source, false, out)?;
        if self
            .max
            .is_some_and(|max| max.trim && out.len() - block_at > max.size)
        {
            out.truncate(fields_at);
            self.policy.write_fields(source, true, out)?;
        }
        Ok(())
    }
}

/// Writes the block's length and the colon into the room before `block_at`; returns where they begin.
fn write_prefix(block: usize, block_at: usize, out: &mut [u8]) -> usize {
    let mut room = [0; decimal::DIGITS];
    let first = decimal::digits(block as u64, &mut room);
    let digits = room.get(first..).unwrap_or_default();
    let start = block_at - 1 - digits.len();
    if let Some(place) = out.get_mut(start..block_at - 1) {
        place.copy_from_slice(digits);
    }
    if let Some(colon) = out.get_mut(block_at - 1) {
        *colon = b':';
    }
    start
}

/// Fails with the name when the value that begins at `value_at` holds a NUL, which the block cannot represent (P2, Z7).
fn no_nul(out: &[u8], value_at: usize, name: impl FnOnce() -> Box<str>) -> Result<(), EncodeError> {
    match out.get(value_at..) {
        Some(value) if value.contains(&0) => Err(EncodeError::Nul(name())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
