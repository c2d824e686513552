//! One request head: its fields split by httparse, judged by stricter rules of our own, kept as one block of bytes with spans.
//!
//! Invariants of a [`Request`]: `path` begins with `/` (or is `*`), holds no NUL, no empty and no dot segment; every field
//! name is letters, digits and hyphens (and `_` where that is wanted); no value holds a control byte but the tab; `framing`
//! is what every conforming reader of the same bytes concludes.

use super::fields::{is_protected, list};
use super::framing;
pub use super::framing::Framing;
pub use super::head::{Limits, MAX_EMPTY_LINES, Reject, find_end};
use super::host;
use super::line::{self, Line, Target};
use super::uri;
use judge::Judge;

mod judge;

/// A part of the head. `u32` keeps a field at 16 bytes; [`Request::parse`] takes no head that it could not measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    at: u32,
    len: u32,
}

impl Span {
    fn new(at: usize, len: usize) -> Result<Span, Reject> {
        let fit = |n: usize| u32::try_from(n).map_err(|_| too_large());
        Ok(Span {
            at: fit(at)?,
            len: fit(len)?,
        })
    }

    /// A part of `outer`, given as a range of it.
    fn within(outer: Span, part: std::ops::Range<usize>) -> Result<Span, Reject> {
        Span::new(outer.at as usize + part.start, part.len())
    }

    /// u32 fits usize: the least this program runs on has 32 bits.
    fn of(self, bytes: &[u8]) -> &[u8] {
        let at = self.at as usize;
        bytes.get(at..at + self.len as usize).unwrap_or_default()
    }
}

/// Bytes that are usually a part of the head, and a copy only where they had to be changed.
#[derive(Debug, Clone)]
enum Text {
    Sent(Span),
    Made(Box<[u8]>),
}

impl Text {
    const EMPTY: Text = Text::Sent(Span { at: 0, len: 0 });

    fn of<'a>(&'a self, bytes: &'a [u8]) -> &'a [u8] {
        match self {
            Text::Sent(span) => span.of(bytes),
            Text::Made(text) => text,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Field {
    name: Span,
    value: Span,
}

/// A request whose head has been accepted. Immutable; owned by the exchange.
#[derive(Debug, Clone)]
pub struct Request {
    /// The head as it came (`head_len` bytes); after it the name `Host`, where an absolute target had to stand in for the field.
    bytes: Box<[u8]>,
    head_len: usize,
    line: Span,
    method: Span,
    target: Text,
    path: Text,
    query: Option<Text>,
    /// The path before any internal redirect, once there was one.
    original: Option<Text>,
    /// An internal redirect has made it a GET.
    became_get: bool,
    /// An internal redirect has left the body behind.
    bodyless: bool,
    minor: u8,
    host: Text,
    port: Option<Span>,
    fields: Vec<Field>,
    dropped: usize,
    framing: Framing,
    keep_alive: bool,
    expects_continue: bool,
    /// Connection has options besides `close` and `keep-alive`.
    nominates: bool,
}

fn too_large() -> Reject {
    Reject::new(431, "the request head is too large")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

impl Request {
    /// Parses and judges one whole head (as [`find_end`] found it).
    ///
    /// # Errors
    /// 400 for whatever is not HTTP/1 to the letter (RFC 9112) or could be read in two ways; 405 for CONNECT and TRACE; 414
    /// and 431 for sizes; 501 for a transfer coding or a method we do not know how to read; 505 for another major version.
    pub fn parse(head: &[u8], limits: &Limits) -> Result<Request, Reject> {
        let line_span = line_span(head, limits)?;
        let line = line::parse(line_span.of(head))?;
        let mut judge = Judge::new(limits.underscores);
        judge.read(head, line_span.at as usize + line_span.len as usize + 2)?;
        let framing = framing::decide(
            judge.content_length.map(|span| span.of(head)),
            judge.transfer_encoding.map(|span| span.of(head)),
            line.minor,
        )?;
        let is_1_0 = line.minor == 0;
        let mut request = Request {
            bytes: head.into(),
            head_len: head.len(),
            line: line_span,
            method: Span::within(line_span, line.method.clone())?,
            target: Text::EMPTY,
            path: Text::EMPTY,
            query: None,
            original: None,
            became_get: false,
            bodyless: false,
            minor: line.minor,
            host: Text::EMPTY,
            port: None,
            fields: judge.fields,
            dropped: judge.dropped,
            framing,
            keep_alive: !judge.close && (judge.keep_alive || !is_1_0),
            expects_continue: judge.expects_continue && !is_1_0,
            nominates: judge.nominates,
        };
        request.take_target(&line)?;
        request.take_host(judge.host, authority_of(&line, line_span)?)?;
        Ok(request)
    }

    /// Fills in target, path and query. An absolute form leaves its scheme and authority out (H6).
    fn take_target(&mut self, line: &Line) -> Result<(), Reject> {
        let (path, query) = match &line.target {
            Target::Asterisk { .. } => {
                self.target = Text::Made(b"*".as_slice().into());
                self.path = self.target.clone();
                return Ok(());
            }
            Target::Path { path, query, .. } => (path.clone(), query.clone()),
        };
        let end = query.as_ref().map_or(path.end, |query| query.end);
        let sent = Span::within(self.line, path.start..end)?;
        self.query = query
            .map(|query| Span::within(self.line, query).map(Text::Sent))
            .transpose()?;
        if path.is_empty() {
            self.target = Text::Made([b"/", sent.of(&self.bytes)].concat().into());
            self.path = Text::Made(b"/".as_slice().into());
            return Ok(());
        }
        let path = Span::within(self.line, path)?;
        self.target = Text::Sent(sent);
        self.path = match uri::normalise(path.of(&self.bytes))? {
            None => Text::Sent(path),
            Some(normal) => Text::Made(normal.into()),
        };
        Ok(())
    }

    /// Fills in host and port from the authority of the target, else from the Host field. The field is required of HTTP/1.1
    /// clients and judged even where the authority overrides it (RFC 9112 3.2, H6, H23).
    fn take_host(&mut self, field: Option<Span>, authority: Option<Span>) -> Result<(), Reject> {
        if let Some(value) = field {
            host::parse(value.of(&self.bytes))?;
        } else if self.minor > 0 {
            return Err(Reject::bad("no Host field"));
        }
        let Some(span) = authority.or(field) else {
            return Ok(());
        };
        let found = host::parse(span.of(&self.bytes))?;
        let name = Span::within(span, found.name)?;
        self.port = found
            .port
            .map(|port| Span::within(span, port))
            .transpose()?;
        self.host = match found.uppercase {
            false => Text::Sent(name),
            true => Text::Made(name.of(&self.bytes).to_ascii_lowercase().into()),
        };
        authority.map_or(Ok(()), |authority| self.override_host_field(authority))
    }

    /// Lets the Host field say what the target says, so that everybody downstream has one answer.
    fn override_host_field(&mut self, authority: Span) -> Result<(), Reject> {
        let bytes = &self.bytes;
        let is_host = |field: &Field| field.name.of(bytes).eq_ignore_ascii_case(b"host");
        if let Some(at) = self.fields.iter().position(is_host) {
            if let Some(field) = self.fields.get_mut(at) {
                field.value = authority;
            }
            return Ok(());
        }
        let name = Span::new(self.bytes.len(), 4)?;
        self.bytes = [&self.bytes, b"Host".as_slice()].concat().into();
        self.fields.push(Field {
            name,
            value: authority,
        });
        Ok(())
    }

    /// Sends the request elsewhere inside the gateway: from now on its path (normalised) and query are these. Without
    /// `as_sent` the method becomes GET, unless it is HEAD, and the body stays behind (S13, Z10).
    pub fn redirect(&mut self, path: &[u8], query: Option<&[u8]>, as_sent: bool) {
        let old = std::mem::replace(&mut self.path, Text::Made(path.into()));
        self.original.get_or_insert(old);
        self.query = query.map(|query| Text::Made(query.into()));
        if !as_sent {
            self.became_get = !self.is_head();
            self.bodyless = true;
        }
    }

    /// The method: as sent, or GET after a redirect inside the gateway.
    pub fn method(&self) -> &str {
        if self.became_get {
            "GET"
        } else {
            text(self.method.of(&self.bytes))
        }
    }

    /// The response will have no body (RFC 9110 9.3.2).
    pub fn is_head(&self) -> bool {
        self.method.of(&self.bytes) == b"HEAD"
    }

    /// An internal redirect has left the body behind: what the fields say about it does not hold any more.
    pub fn is_bodyless(&self) -> bool {
        self.bodyless
    }

    /// A second try has the effect of the first (RFC 9110 9.2.2).
    pub fn method_is_idempotent(&self) -> bool {
        matches!(
            self.method(),
            "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "TRACE"
        )
    }

    /// `OPTIONS *`: about the server, not about a path (RFC 9110 9.3.7). Also `OPTIONS http://host`.
    pub fn is_options_asterisk(&self) -> bool {
        self.path() == b"*"
    }

    /// Path and query as sent, without scheme and authority (`$request_uri`).
    pub fn target(&self) -> &[u8] {
        self.target.of(&self.bytes)
    }

    /// The path: percent-decoded, dot segments and repeated slashes removed (H9-H11). Begins with `/`; `*` for `OPTIONS *`.
    /// Percent-encoded control bytes other than NUL are in it, decoded.
    pub fn path(&self) -> &[u8] {
        self.path.of(&self.bytes)
    }

    /// The path before any redirect inside the gateway, normalised as [`Request::path`].
    pub fn original_path(&self) -> &[u8] {
        self.original.as_ref().unwrap_or(&self.path).of(&self.bytes)
    }

    /// The query, not decoded and without the `?`; `None` where there is none.
    pub fn query(&self) -> Option<&[u8]> {
        self.query.as_ref().map(|text| text.of(&self.bytes))
    }

    /// The request line as sent, without its end.
    pub fn line(&self) -> &[u8] {
        self.line.of(&self.bytes)
    }

    /// 0 for HTTP/1.0, 1 for HTTP/1.1 and above.
    pub fn minor_version(&self) -> u8 {
        self.minor.min(1)
    }

    /// `HTTP/1.1`, as sent.
    pub fn protocol(&self) -> &str {
        let line = self.line();
        text(line.get(line.len().saturating_sub(8)..).unwrap_or_default())
    }

    /// Host without port, lowercased, without a trailing dot (H23), an IPv6 address in its brackets; empty when an HTTP/1.0
    /// client sent none.
    pub fn host(&self) -> &str {
        text(self.host.of(&self.bytes))
    }

    /// The port as the client gave it with the host: digits, at most 65535.
    pub fn host_port(&self) -> Option<&str> {
        self.port.map(|span| text(span.of(&self.bytes)))
    }

    #[cfg(any(test, fuzzing))]
    /// The fields that were kept, in order: names as sent, values trimmed. Host says what an absolute target said (H6).
    /// Those of one hop are among them: see [`super::fields::is_hop_by_hop`] and [`Request::nominated`].
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| {
            let name = text(field.name.of(&self.bytes));
            (name, field.value.of(&self.bytes))
        })
    }

    /// As [`Request::fields`], with names as bytes: for the encoder, which looks at each byte of them anyway and would
    /// spend half its time on having them checked as text.
    pub fn raw_fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let bytes = &self.bytes;
        self.fields
            .iter()
            .map(|field| (field.name.of(bytes), field.value.of(bytes)))
    }

    /// How many fields were left out because of their names (H20).
    pub fn dropped_fields(&self) -> usize {
        self.dropped
    }

    /// The values of all fields of a name, in order; the name compares case-insensitively.
    pub fn fields_named<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.fields.iter().filter_map(move |field| {
            let found = field.name.of(&self.bytes);
            found
                .eq_ignore_ascii_case(name.as_bytes())
                .then(|| field.value.of(&self.bytes))
        })
    }

    /// The first value of a field; the name compares case-insensitively.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields_named(name).next()
    }

    /// Appends what `$http_NAME` stands for (V4): the values of all fields whose name, in lowercase and with `_` for `-`, is
    /// `variable_name`, joined with `; ` for Cookie and `, ` for others. False, and nothing appended, where there is none.
    pub fn put_field(&self, variable_name: &str, out: &mut Vec<u8>) -> bool {
        let separator: &[u8] = if variable_name == "cookie" {
            b"; "
        } else {
            b", "
        };
        let mut found = false;
        for field in &self.fields {
            if !is_variable_of(field.name.of(&self.bytes), variable_name.as_bytes()) {
                continue;
            }
            if found {
                out.extend_from_slice(separator);
            }
            out.extend_from_slice(field.value.of(&self.bytes));
            found = true;
        }
        found
    }

    /// Whether Connection names this field, so that it ends here (RFC 9110 7.6.1). Fields that are meant for the application
    /// by their definition stay, whatever Connection says. The fixed set is in [`super::fields::is_hop_by_hop`].
    pub fn nominated(&self, name: &str) -> bool {
        self.nominates
            && !is_protected(name)
            && self
                .fields_named("connection")
                .flat_map(list)
                .any(|option| option.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Whether [`Request::nominated`] can be true for any name; seldom so.
    pub fn nominates_any(&self) -> bool {
        self.nominates
    }

    /// Where the body ends. A sum over chunks is the reader's to bound.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The client wants the connection kept (H32, but Connection parsed as a list): `close` wins over all, HTTP/1.0 must ask.
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// `Expect: 100-continue` of an HTTP/1.1 client.
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// The bytes of the head, empty lines before it included, for `$request_length`.
    pub fn head_len(&self) -> usize {
        self.head_len
    }
}

fn is_variable_of(name: &[u8], variable: &[u8]) -> bool {
    let fold = |b: u8| match b {
        b'-' => b'_',
        b => b.to_ascii_lowercase(),
    };
    name.len() == variable.len() && name.iter().zip(variable).all(|(&n, &v)| fold(n) == v)
}

/// The request line without its end, after the empty lines before it; holds the head against its limits.
fn line_span(head: &[u8], limits: &Limits) -> Result<Span, Reject> {
    let start = super::head::skip_empty_lines(head)?;
    let lines = head.get(start..).unwrap_or_default();
    let end = lines.iter().position(|&b| b == b'\n');
    let end = end.ok_or(Reject::bad("the head is not complete"))?;
    if start + end >= limits.max_size {
        return Err(Reject::new(414, "the request line is too long"));
    }
    if head.len() > limits.max_size {
        return Err(too_large());
    }
    let line = lines.get(..end).unwrap_or_default();
    let line = line
        .strip_suffix(b"\r")
        .ok_or(Reject::bad("a line ends in a bare LF"))?;
    Span::new(start, line.len())
}

fn authority_of(line: &Line, outer: Span) -> Result<Option<Span>, Reject> {
    let (Target::Asterisk { authority } | Target::Path { authority, .. }) = &line.target;
    let span = authority.clone().map(|part| Span::within(outer, part));
    span.transpose()
}
