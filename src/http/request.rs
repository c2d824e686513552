//! One request head: parsed by httparse, judged by stricter rules of our own, kept as one block of bytes with spans.

/// A request whose head has been accepted. Immutable; owned by the exchange.
#[derive(Debug, Clone)]
pub struct Request {}

/// Where a request's body ends (RFC 9112 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(u64),
    Chunked,
}

/// What a head is held against.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the whole head, and of any line in it (`--client-max-header-size`).
    pub max_size: usize,
    /// `--underscores-in-headers on`: names with `_` are kept instead of dropped.
    pub underscores: bool,
}

/// A head that is answered with an error and a closed connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reject {
    pub status: u16,
    pub why: &'static str,
}

/// The end of the head in `buf`: the length up to and including the blank line. `scanned` remembers how far
/// earlier calls came, so that a head that arrives byte by byte is looked at once. Leading empty lines are not an end.
///
/// # Errors
/// 414 when the request line, 431 when another line or the whole head is over `limits.max_size`; also 400 at once when
/// the first bytes can not begin a request (a TLS hello, say), so that a stranger is not left to wait for a timeout.
pub fn find_end(
    _buf: &[u8],
    _scanned: &mut usize,
    _limits: &Limits,
) -> Result<Option<usize>, Reject> {
    todo!()
}

impl Request {
    /// Parses and judges one whole head (as [`find_end`] found it).
    pub fn parse(_head: &[u8], _limits: &Limits) -> Result<Request, Reject> {
        todo!()
    }
    /// The method as sent: `GET`.
    pub fn method(&self) -> &str {
        todo!()
    }
    pub fn is_head(&self) -> bool {
        todo!()
    }
    /// Path and query as sent, without scheme and authority (`$request_uri`).
    pub fn target(&self) -> &[u8] {
        todo!()
    }
    /// The path: percent-decoded, dot segments and repeated slashes removed (H9-H11). Begins with `/`; `*` for `OPTIONS *`.
    pub fn path(&self) -> &[u8] {
        todo!()
    }
    /// The query as sent, without the `?`; `None` where there is none.
    pub fn query(&self) -> Option<&[u8]> {
        todo!()
    }
    /// The request line as sent, without its end.
    pub fn line(&self) -> &[u8] {
        todo!()
    }
    /// 0 for HTTP/1.0, 1 for HTTP/1.1 and above.
    pub fn minor_version(&self) -> u8 {
        todo!()
    }
    /// `HTTP/1.1`, as sent.
    pub fn protocol(&self) -> &str {
        todo!()
    }
    /// Host without port, lowercased, without a trailing dot (H23); empty when an HTTP/1.0 client sent none.
    pub fn host(&self) -> &str {
        todo!()
    }
    /// The port as the client gave it with the host.
    pub fn host_port(&self) -> Option<&str> {
        todo!()
    }
    /// The fields that were kept, in order: names as sent, values trimmed.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        std::iter::empty()
    }
    /// The first value of a field; the name compares case-insensitively.
    pub fn field(&self, _name: &str) -> Option<&[u8]> {
        todo!()
    }
    pub fn framing(&self) -> Framing {
        todo!()
    }
    /// The client wants the connection kept (H32, but Connection parsed as a list).
    pub fn keep_alive(&self) -> bool {
        todo!()
    }
    /// `Expect: 100-continue` of an HTTP/1.1 client.
    pub fn expects_continue(&self) -> bool {
        todo!()
    }
    /// The bytes of the head, for `$request_length`.
    pub fn head_len(&self) -> usize {
        todo!()
    }
}
