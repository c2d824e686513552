//! The head of an application's response: CGI fields or an HTTP status line (rules R1 to R22, Z12 to Z16).

/// A parsed head. Spans point into the bytes it was parsed from, which it owns a copy of.
#[derive(Debug, Clone)]
pub struct Head {}

/// Where the application's body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    Known(u64),
    Chunked,
    UntilClose,
}

/// A malformed head: `invalid_header`, 502.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadError(pub &'static str);

/// What the bytes so far amount to.
#[derive(Debug)]
pub enum Parsed {
    /// The head is not complete.
    More,
    /// An interim response (100, 102, 103) ends after this many bytes: skip them and parse on.
    Interim(usize),
    /// The head, and the bytes it took.
    Done(Head, usize),
}

/// Parses the start of `buf`. `scanned` remembers how far earlier calls on the same head came; reset it to 0 after `Interim`.
pub fn parse(_buf: &[u8], _scanned: &mut usize) -> Result<Parsed, HeadError> {
    todo!()
}

impl Head {
    /// 200 to 599.
    pub fn status(&self) -> u16 {
        todo!()
    }
    /// The application's reason phrase, where it gave one.
    pub fn reason(&self) -> Option<&[u8]> {
        todo!()
    }
    pub fn length(&self) -> Length {
        todo!()
    }
    /// The first value of a field; case-insensitive.
    pub fn field(&self, _name: &str) -> Option<&[u8]> {
        todo!()
    }
    /// All fields in order, second copies of single fields already dropped (R19). Includes those that are never forwarded.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        std::iter::empty()
    }
    /// Whether Status or a status line was present (else 200 or 302 by R4).
    pub fn had_status(&self) -> bool {
        todo!()
    }
    /// Names of second copies that were dropped, for a log line.
    pub fn dropped(&self) -> &[String] {
        todo!()
    }
}
