//! The head of an application's response: CGI fields or an HTTP status line (rules R1 to R22, Z12 to Z16).
//!
//! [`parse`] looks for the blank line first and judges the head only when it is whole, so what is said about a head
//! never depends on how it was cut into reads. Applications are many and old: LF alone ends a line, several CRs
//! before it are tolerated, and the first copy of a field that may stand once wins. But a line without a colon, an odd
//! name or a control byte is a mistake (a page or a traceback printed where the head belongs), and is not forwarded.

mod known;
mod line;

pub use known::Known;

use super::decimal;

/// A parsed head. Spans point into the bytes it was parsed from, which it owns a copy of.
///
/// Invariant: every span lies within `bytes`.
#[derive(Debug, Clone)]
pub struct Head {
    bytes: Box<[u8]>,
    fields: Vec<Field>,
    reason: Option<Span>,
    dropped: Vec<String>,
    length: Length,
    status: u16,
    had_status: bool,
}

/// A range of the head's bytes. `u32` because a head has to fit into one buffer; [`MAX_HEAD`] guards it.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
}

/// One field as it was sent.
#[derive(Debug, Clone, Copy)]
struct Field {
    known: Known,
    name: Span,
    value: Span,
}

/// More than any `--buffer-size` that makes sense; keeps spans in 32 bits.
const MAX_HEAD: usize = 1 << 30;

/// Where the application's body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    Known(u64),
    Chunked,
    UntilClose,
}

/// A malformed head: `invalid_header`, 502. The text says what was wrong, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadError(pub &'static str);

/// What the bytes so far amount to.
#[derive(Debug)]
pub enum Parsed {
    /// The head is not complete.
    More,
    /// An interim response (100, 102, 103, any 1xx but 101) ends after this many bytes: skip them and parse on.
    Interim(usize),
    /// The head, and the bytes it took.
    Done(Head, usize),
}

/// Parses the start of `buf`. `scanned` remembers how far earlier calls on the same head came; reset it to 0 after `Interim`.
///
/// # Errors
/// The head is complete and malformed. An incomplete head is never an error: the caller bounds its size and its time.
pub fn parse(buf: &[u8], scanned: &mut usize) -> Result<Parsed, HeadError> {
    let Some(end) = find_end(buf, scanned) else {
        return Ok(Parsed::More);
    };
    if end > MAX_HEAD {
        return Err(HeadError("the head is too long"));
    }
    let mut parts = Parts::default();
    parts.read(buf.get(..end).unwrap_or_default())?;
    match parts.status()? {
        101 => Err(HeadError(
            "101 switching protocols is not possible over SCGI",
        )),
        100..=199 => Ok(Parsed::Interim(end)),
        status @ 200..=599 => Ok(Parsed::Done(
            parts.into_head(status, buf.get(..end).unwrap_or_default()),
            end,
        )),
        _ => Err(HeadError("the status is out of range")),
    }
}

/// The length of the head up to and including its blank line: an LF with nothing but CRs between it and the LF before
/// it or the start. `scanned` is how far the search for LFs came, so each byte is searched once.
fn find_end(buf: &[u8], scanned: &mut usize) -> Option<usize> {
    while let Some(at) = line::find_lf(buf, *scanned) {
        *scanned = at + 1;
        let before = buf.get(..at).unwrap_or_default();
        let last = before.iter().rev().find(|byte| **byte != b'\r');
        if matches!(last, None | Some(b'\n')) {
            return Some(at + 1);
        }
    }
    *scanned = buf.len();
    None
}

impl Head {
    /// 200 to 599.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The application's reason phrase, where it gave one that is not empty. It holds no control bytes but tabs.
    pub fn reason(&self) -> Option<&[u8]> {
        self.reason.map(|span| self.slice(span))
    }

    /// Where the body ends, as the application announced it. HEAD, 204 and 304 have none, whatever this says.
    pub fn length(&self) -> Length {
        self.length
    }

    /// The first value of a field that means something to the gateway.
    pub fn known_field(&self, which: Known) -> Option<&[u8]> {
        self.known_fields()
            .find(|(known, _, _)| *known == which)
            .map(|(_, _, value)| value)
    }

    /// The first value of a field; case-insensitive.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields()
            .find(|(have, _)| have.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// All fields in order, second copies of single fields already dropped (R19). Includes those that are never forwarded.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.known_fields().map(|(_, name, value)| (name, value))
    }

    /// As [`Head::fields`], each with what its name means to the gateway.
    pub fn known_fields(&self) -> impl Iterator<Item = (Known, &[u8], &[u8])> {
        self.fields
            .iter()
            .map(|field| (field.known, self.slice(field.name), self.slice(field.value)))
    }

    /// Whether Status or a status line was present (else 200 or 302 by R4).
    pub fn had_status(&self) -> bool {
        self.had_status
    }

    /// Names of second copies that were dropped, for a log line.
    pub fn dropped(&self) -> &[String] {
        &self.dropped
    }

    /// Bytes of the head as the application sent it.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The head as it was parsed, its blank line included. Parsed again it is the same.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn slice(&self, span: Span) -> &[u8] {
        self.bytes
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }
}

/// What reading the lines of a head has found so far.
#[derive(Default)]
struct Parts {
    fields: Vec<Field>,
    dropped: Vec<String>,
    /// Which of the fields that may stand once have been met, by [`Known::bit`].
    seen: u32,
    /// Status and reason of a status line (R1).
    line: Option<(u16, Option<Span>)>,
    /// Status and reason of a Status field (R3), `None` inside when it is malformed, which R2 excuses after a status line.
    field: Option<Option<(u16, Option<Span>)>>,
    known_length: Option<u64>,
    chunked: bool,
}

/// What a typical response needs at once.
const USUAL_FIELDS: usize = 12;

impl Parts {
    fn read(&mut self, head: &[u8]) -> Result<(), HeadError> {
        self.fields.reserve(USUAL_FIELDS);
        let mut at = 0;
        while let Some(lf) = line::find_lf(head, at) {
            let text = line::without_crs(head.get(at..lf).unwrap_or_default());
            if text.starts_with(b"HTTP/") {
                self.read_status_line(text, at)?;
            } else if !text.is_empty() {
                self.read_field(text, at)?;
            }
            at = lf + 1;
        }
        if self.chunked && self.known_length.is_some() {
            return Err(HeadError("both Content-Length and Transfer-Encoding"));
        }
        Ok(())
    }

    /// R1 for the first line; a later one is skipped (R13). A first line that only looks like a status line is an error
    /// here: to forget the status it meant and go on with 200, as the peers do, turns failures into successes.
    fn read_status_line(&mut self, text: &[u8], at: usize) -> Result<(), HeadError> {
        if at != 0 {
            return Ok(());
        }
        let (status, reason) = line::status_line(text).ok_or(HeadError("malformed status line"))?;
        self.line = Some((status, clean_reason(text, reason, at)?));
        Ok(())
    }

    fn read_field(&mut self, text: &[u8], at: usize) -> Result<(), HeadError> {
        let (name, value) = line::field(text)?;
        let known = Known::of(text.get(name.clone()).unwrap_or_default());
        if known.is_single() && self.seen & known.bit() != 0 {
            return self.second_copy(known, text.get(name).unwrap_or_default());
        }
        self.seen |= known.bit();
        let bytes = text.get(value.clone()).unwrap_or_default();
        match known {
            Known::Status => self.read_status(text, value.clone(), at)?,
            Known::ContentLength => {
                self.known_length =
                    Some(decimal::parse(bytes).ok_or(HeadError("Content-Length is not a number"))?);
            }
            Known::TransferEncoding if bytes.eq_ignore_ascii_case(b"chunked") => {
                self.chunked = true
            }
            Known::TransferEncoding => {
                return Err(HeadError("a Transfer-Encoding other than chunked"));
            }
            _ => {}
        }
        self.fields.push(Field {
            known,
            name: span(name, at),
            value: span(value, at),
        });
        Ok(())
    }

    /// R19 and R20: two framings contradict each other; of everything else that stands once, the first wins.
    fn second_copy(&mut self, known: Known, name: &[u8]) -> Result<(), HeadError> {
        match known {
            Known::ContentLength => Err(HeadError("Content-Length twice")),
            Known::TransferEncoding => Err(HeadError("Transfer-Encoding twice")),
            _ => {
                self.dropped
                    .push(String::from_utf8_lossy(name).into_owned());
                Ok(())
            }
        }
    }

    fn read_status(
        &mut self,
        text: &[u8],
        value: std::ops::Range<usize>,
        at: usize,
    ) -> Result<(), HeadError> {
        let bytes = text.get(value.clone()).unwrap_or_default();
        self.field = Some(match line::status_value(bytes) {
            Some((status, reason)) => {
                let reason = value.start + reason.start..value.start + reason.end;
                Some((status, clean_reason(text, reason, at)?))
            }
            None => None,
        });
        Ok(())
    }

    /// R2 to R4.
    fn status(&self) -> Result<u16, HeadError> {
        match (self.line, self.field) {
            (Some((status, _)), _) | (None, Some(Some((status, _)))) => Ok(status),
            (None, Some(None)) => Err(HeadError("Status is not three digits")),
            (None, None) if self.seen & Known::Location.bit() != 0 => Ok(302),
            (None, None) => Ok(200),
        }
    }

    fn into_head(self, status: u16, bytes: &[u8]) -> Head {
        let given = self.line.or(self.field.flatten());
        Head {
            bytes: bytes.into(),
            fields: self.fields,
            reason: given.and_then(|(_, reason)| reason),
            dropped: self.dropped,
            length: match (self.chunked, self.known_length) {
                (true, _) => Length::Chunked,
                (false, Some(length)) => Length::Known(length),
                (false, None) => Length::UntilClose,
            },
            status,
            had_status: given.is_some(),
        }
    }
}

/// The reason phrase at `range` of the line `text`, which begins at `at`; `None` when it is empty.
fn clean_reason(
    text: &[u8],
    range: std::ops::Range<usize>,
    at: usize,
) -> Result<Option<Span>, HeadError> {
    match text.get(range.clone()) {
        None | Some(b"") => Ok(None),
        Some(bytes) if line::has_control(bytes) => {
            Err(HeadError("a control byte in the reason phrase"))
        }
        Some(_) => Ok(Some(span(range, at))),
    }
}

/// `range` of a line that begins at `at`. [`MAX_HEAD`] keeps both ends in 32 bits.
fn span(range: std::ops::Range<usize>, at: usize) -> Span {
    let narrow = |offset: usize| u32::try_from(at + offset).unwrap_or(u32::MAX);
    Span {
        start: narrow(range.start),
        end: narrow(range.end),
    }
}

#[cfg(test)]
mod tests;
