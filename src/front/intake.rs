//! What the bytes of a client amount to: heads and bodies, as pure steps over what has come.
//!
//! No socket, no clock: bytes in, decisions out. The connection around it ([`super::conn`]) does the reading, keeps the
//! time and acts on the decisions.

use std::ops::Range;

use crate::http::chunked::Decoder;
use crate::http::request::{Framing, Limits, Reject, Request, find_end};

/// What the start of a connection's bytes is.
#[derive(Debug)]
pub enum HeadStep {
    /// More must come.
    More,
    /// A request, and the bytes its head took.
    Request(Box<Request>, usize),
}

/// Looks for a whole head at the start of `bytes`. `scanned` remembers how far earlier looks came.
///
/// # Errors
/// The head is refused; nothing after it can be trusted.
pub fn head(bytes: &[u8], scanned: &mut usize, limits: &Limits) -> Result<HeadStep, Reject> {
    match find_end(bytes, scanned, limits)? {
        None => Ok(HeadStep::More),
        Some(end) => {
            *scanned = 0;
            let head = bytes.get(..end).unwrap_or_default();
            Ok(HeadStep::Request(
                Box::new(Request::parse(head, limits)?),
                end,
            ))
        }
    }
}

/// A body on its way in.
#[derive(Debug)]
pub struct BodyIntake {
    framing: BodyFraming,
    /// Bytes of it so far, decoded.
    received: u64,
    /// `--client-max-body-size`; 0: no limit.
    limit: u64,
}

#[derive(Debug)]
enum BodyFraming {
    Length { left: u64 },
    Chunked(Decoder),
}

/// What one step over the input yielded.
#[derive(Debug, PartialEq, Eq)]
pub struct BodyStep {
    /// Bytes of the input that are done with.
    pub consumed: usize,
    /// The body's own bytes among them.
    pub data: Range<usize>,
    /// The body is complete.
    pub done: bool,
}

/// Refused for its size, before or while it comes (T31).
const TOO_LARGE: Reject = Reject {
    status: 413,
    why: "the body is over --client-max-body-size",
};

impl BodyIntake {
    /// The intake of a request's body; `None` when it has none.
    ///
    /// # Errors
    /// 413 when the announced length is over `limit`.
    pub fn new(framing: Framing, limit: u64) -> Result<Option<BodyIntake>, Reject> {
        let framing = match framing {
            Framing::None | Framing::Length(0) => return Ok(None),
            Framing::Length(length) if limit != 0 && length > limit => return Err(TOO_LARGE),
            Framing::Length(left) => BodyFraming::Length { left },
            Framing::Chunked => BodyFraming::Chunked(Decoder::strict()),
        };
        Ok(Some(BodyIntake {
            framing,
            received: 0,
            limit,
        }))
    }

    /// The bytes that are still to come, where that is known.
    pub fn left(&self) -> Option<u64> {
        match self.framing {
            BodyFraming::Length { left } => Some(left),
            BodyFraming::Chunked(_) => None,
        }
    }

    /// Takes from `input` up to the end of one run of the body's bytes.
    ///
    /// # Errors
    /// Malformed framing (400 or 431), or a body over the limit (413).
    pub fn step(&mut self, input: &[u8]) -> Result<BodyStep, Reject> {
        match &mut self.framing {
            BodyFraming::Length { left } => {
                let take = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(input.len());
                *left -= take as u64;
                self.received += take as u64;
                Ok(BodyStep {
                    consumed: take,
                    data: 0..take,
                    done: *left == 0,
                })
            }
            BodyFraming::Chunked(decoder) => {
                let step = decoder.step(input).map_err(|e| Reject {
                    status: e.status(),
                    why: e.why(),
                })?;
                self.received = self.received.saturating_add(step.data.len() as u64);
                if self.limit != 0 && self.received > self.limit {
                    return Err(TOO_LARGE);
                }
                Ok(BodyStep {
                    consumed: step.consumed,
                    data: step.data,
                    done: decoder.is_done(),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        max_size: 1024,
        underscores: false,
    };

    fn whole(intake: &mut BodyIntake, mut input: &[u8]) -> Result<(Vec<u8>, bool), Reject> {
        let (mut out, mut done) = (Vec::new(), false);
        while !input.is_empty() && !done {
            let step = intake.step(input)?;
            out.extend_from_slice(&input[step.data.clone()]);
            done = step.done;
            if step.consumed == 0 {
                break;
            }
            input = &input[step.consumed..];
        }
        Ok((out, done))
    }

    #[test]
    fn a_head_that_comes_byte_by_byte_is_found_at_its_last_byte() {
        let bytes = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b";
        let mut scanned = 0;
        for end in 0..bytes.len() - 7 {
            let step = head(&bytes[..end], &mut scanned, &LIMITS).unwrap();
            assert!(matches!(step, HeadStep::More), "{end} bytes");
        }
        match head(bytes, &mut scanned, &LIMITS).unwrap() {
            HeadStep::Request(request, end) => {
                assert_eq!((request.path(), end), (&b"/a"[..], bytes.len() - 6));
            }
            HeadStep::More => panic!("complete"),
        }
        assert_eq!(scanned, 0, "the next head starts afresh");
    }

    #[test]
    fn a_body_with_a_length_ends_there_and_leaves_the_rest() {
        let mut intake = BodyIntake::new(Framing::Length(5), 10).unwrap().unwrap();
        let step = intake.step(b"abc").unwrap();
        assert_eq!(
            (step.consumed, step.done, intake.left()),
            (3, false, Some(2))
        );
        let step = intake.step(b"deGET /").unwrap();
        assert_eq!((step.consumed, step.done), (2, true));
    }

    #[test]
    fn a_chunked_body_is_decoded_across_any_cut() {
        let body = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n";
        for cut in 0..body.len() {
            let mut intake = BodyIntake::new(Framing::Chunked, 5).unwrap().unwrap();
            let (mut out, done) = whole(&mut intake, &body[..cut]).unwrap();
            assert!(!done);
            let (rest, done) = whole(&mut intake, &body[cut..]).unwrap();
            out.extend(rest);
            assert_eq!((&out[..], done), (&b"abcde"[..], true), "cut at {cut}");
        }
    }

    #[test]
    fn a_body_over_the_limit_is_413_by_its_length_or_by_its_running_total() {
        assert_eq!(
            BodyIntake::new(Framing::Length(11), 10).unwrap_err().status,
            413
        );
        assert!(BodyIntake::new(Framing::Length(11), 0).unwrap().is_some());
        let mut intake = BodyIntake::new(Framing::Chunked, 4).unwrap().unwrap();
        assert_eq!(
            whole(&mut intake, b"5\r\nabcde\r\n").unwrap_err().status,
            413
        );
    }

    #[test]
    fn an_empty_body_is_none() {
        assert!(BodyIntake::new(Framing::Length(0), 1).unwrap().is_none());
        assert!(BodyIntake::new(Framing::None, 1).unwrap().is_none());
    }
}
