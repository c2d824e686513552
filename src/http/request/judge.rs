//! The fields of a head, one by one: httparse finds names and values, the rules here decide what may stand.

use httparse::{EMPTY_HEADER, Header};

use super::{Field, Span, too_large};
use crate::http::fields::{Name, Single, list, sort};
use crate::http::head::Reject;

/// Fields of one head, dropped ones included (nginx allows 1000; browsers send about 20).
const MAX_FIELDS: usize = 200;

/// Enough for nearly every head, and 1 KiB of stack to fill instead of 6.
const FEW_FIELDS: usize = 32;

/// What the fields said so far.
pub(super) struct Judge {
    underscores: bool,
    /// Bits of the [`Single`] fields that were met.
    seen: u16,
    pub fields: Vec<Field>,
    pub dropped: usize,
    pub host: Option<Span>,
    pub content_length: Option<Span>,
    pub transfer_encoding: Option<Span>,
    pub close: bool,
    pub keep_alive: bool,
    pub nominates: bool,
    pub expects_continue: bool,
}

impl Judge {
    pub fn new(underscores: bool) -> Judge {
        Judge {
            underscores,
            seen: 0,
            fields: Vec::new(),
            dropped: 0,
            host: None,
            content_length: None,
            transfer_encoding: None,
            close: false,
            keep_alive: false,
            nominates: false,
            expects_continue: false,
        }
    }

    /// Reads the fields of `head`, which begin at `at`, up to the blank line that ends it.
    pub fn read(&mut self, head: &[u8], at: usize) -> Result<(), Reject> {
        let block = head.get(at..).unwrap_or_default();
        let mut few = [EMPTY_HEADER; FEW_FIELDS];
        match httparse::parse_headers(block, &mut few) {
            Err(httparse::Error::TooManyHeaders) => {}
            parsed => return self.take_all(head, at, parsed),
        }
        let mut many = [EMPTY_HEADER; MAX_FIELDS];
        self.take_all(head, at, httparse::parse_headers(block, &mut many))
    }

    fn take_all(
        &mut self,
        head: &[u8],
        at: usize,
        parsed: httparse::Result<(usize, &[Header<'_>])>,
    ) -> Result<(), Reject> {
        let (len, headers) = match parsed.map_err(reject)? {
            httparse::Status::Complete(complete) => complete,
            httparse::Status::Partial => return Err(Reject::bad("the head is not complete")),
        };
        if at + len != head.len() {
            return Err(Reject::bad("bytes after the blank line of the head"));
        }
        let end = strip_line_end(head, head.len())?;
        self.fields.reserve_exact(headers.len());
        // A line ends where the next name begins; the last one where the blank line does.
        let starts = headers
            .iter()
            .map(|header| offset_in(head, header.name.as_bytes()));
        let ends = starts.clone().skip(1).chain([end]);
        for ((header, start), next) in headers.iter().zip(starts).zip(ends) {
            let line_end = strip_line_end(head, next)?;
            self.take(head, header, start, line_end)?;
        }
        Ok(())
    }

    /// One field, whose line is `start..line_end` of the head.
    fn take(
        &mut self,
        head: &[u8],
        header: &Header<'_>,
        start: usize,
        line_end: usize,
    ) -> Result<(), Reject> {
        let name = Span::new(start, header.name.len())?;
        let value = match header.value {
            [] => Span::new(line_end, 0)?,
            value => Span::new(offset_in(head, value), value.len())?,
        };
        match sort(header.name, self.underscores) {
            Name::Dropped => {
                self.dropped += 1;
                return Ok(());
            }
            Name::Single(single) => {
                let line = head.get(start..line_end).unwrap_or_default();
                self.take_single(single, value, header.value, line)?;
            }
            Name::Connection => self.take_connection(header.value),
            Name::Other => {}
        }
        self.fields.push(Field { name, value });
        Ok(())
    }

    fn take_single(
        &mut self,
        single: Single,
        span: Span,
        value: &[u8],
        line: &[u8],
    ) -> Result<(), Reject> {
        if self.seen & single.bit() != 0 {
            return Err(Reject::bad("a field that may appear once is repeated"));
        }
        self.seen |= single.bit();
        let place = match single {
            Single::Host => &mut self.host,
            Single::ContentLength => &mut self.content_length,
            Single::TransferEncoding => &mut self.transfer_encoding,
            Single::Expect => {
                self.expects_continue = value.eq_ignore_ascii_case(b"100-continue");
                return Ok(());
            }
            _ => return Ok(()),
        };
        // RFC 9110 5.5 allows a tab beside a value, but peers trim spaces only (H18) and would not see the field that we
        // see; no client sends one there.
        if line.contains(&b'\t') {
            return Err(Reject::bad("a tab in a field that frames the request"));
        }
        *place = Some(span);
        Ok(())
    }

    fn take_connection(&mut self, value: &[u8]) {
        for option in list(value) {
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else {
                self.nominates = true;
            }
        }
    }
}

/// Where `part`, a slice of `whole`, begins in it. httparse gives slices; spans survive the copy of the head.
fn offset_in(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr()
        .addr()
        .wrapping_sub(whole.as_ptr().addr())
        .min(whole.len())
}

/// The end of the line that the byte before `end` closes. httparse lets a bare LF close it; a request may not (RFC 9112 2.2
/// leaves it to us, and a proxy before us may decide otherwise).
fn strip_line_end(head: &[u8], end: usize) -> Result<usize, Reject> {
    let line = head.get(..end).unwrap_or_default();
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(line.len()),
        None => Err(Reject::bad("a line ends in a bare LF")),
    }
}

fn reject(error: httparse::Error) -> Reject {
    match error {
        httparse::Error::HeaderName => {
            Reject::bad("a field name is not a token, or no colon follows it")
        }
        httparse::Error::HeaderValue => Reject::bad("a field value has a control byte"),
        httparse::Error::NewLine => Reject::bad("a CR without LF"),
        httparse::Error::TooManyHeaders => too_large(),
        _ => Reject::bad("a field can not be read"),
    }
}
