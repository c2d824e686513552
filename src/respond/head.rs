//! From the application's response head to the client's (R23 to R48, Z60): pure.

use crate::config::Scgi;
use crate::scgi::response::{Head, Length};

/// What the rest of the delivery must know.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub status: u16,
    /// How the body goes to the client.
    pub framing: Framing,
    /// How the application's body ends.
    pub length: Length,
    /// The response has no body for this client (HEAD, 204, 304): the application's is not read.
    pub bodyless: bool,
    /// The connection may be kept after this response.
    pub keep_alive: bool,
    /// Hold nothing back: `--buffering off`, `X-Accel-Buffering: no` (or the reverse, `yes`).
    pub buffering: bool,
    /// `text/event-stream`: not held back, whatever the setting.
    pub stream: bool,
    /// X-Accel-Limit-Rate, in bytes a second; `Some(0)` switches the limit off.
    pub limit_rate: Option<u64>,
}

/// How a body is framed for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// The facts of the request that the response head depends on.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub is_head: bool,
    /// 0 or 1.
    pub minor_version: u8,
    /// What request and settings allow.
    pub keep_alive: bool,
    /// `Sun, 06 Nov 1994 08:49:37 GMT`: used unless the application sent a Date (R24).
    pub date: &'a str,
}

/// Writes the client's response head to `out` and says what follows.
pub fn translate(_head: &Head, _settings: &Scgi, _ask: &Ask<'_>, _out: &mut Vec<u8>) -> Plan {
    todo!()
}
