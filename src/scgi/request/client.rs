//! The client's part of a block: which of its fields become parameters, and under which names (P10 to P20, Z2 to Z5).

use super::program::client_field;
use super::{EncodeError, Param, no_nul};
use crate::http::request::Request;

/// What the encoder needs of a request.
pub trait Source {
    /// Host without port, normalised; empty when there is none.
    fn host(&self) -> &str;
    /// The port that the client gave with the host.
    fn host_port(&self) -> Option<&str>;
    /// Names as sent and values trimmed, in order.
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])>;
    /// Whether the client's Connection field names this field.
    fn is_nominated(&self, name: &[u8]) -> bool;
}

impl Source for Request {
    fn host(&self) -> &str {
        Request::host(self)
    }
    fn host_port(&self) -> Option<&str> {
        Request::host_port(self)
    }
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.raw_fields()
    }
    fn is_nominated(&self, name: &[u8]) -> bool {
        self.nominates_any() && std::str::from_utf8(name).is_ok_and(|name| self.nominated(name))
    }
}

/// Names that never come from a client's field, folded as by [`fold`]. Folded, because with underscores allowed
/// `Transfer_Encoding` would become the same parameter as `Transfer-Encoding`.
const NEVER: [&[u8]; 15] = [
    // The CGI names are sent instead; after chunked decoding the field may even contradict them (Z3).
    b"CONTENT_LENGTH",
    b"CONTENT_TYPE",
    // Sent from the normalised host (P20).
    b"HOST",
    // httpoxy: libraries of the application take HTTP_PROXY for their own setting (Z5).
    b"PROXY",
    // About the connection between client and gateway (Z4); Expect has been answered by the gateway.
    b"CONNECTION",
    b"EXPECT",
    b"HTTP2_SETTINGS",
    b"KEEP_ALIVE",
    b"PROXY_AUTHENTICATE",
    b"PROXY_AUTHORIZATION",
    b"PROXY_CONNECTION",
    b"TE",
    b"TRAILER",
    b"TRANSFER_ENCODING",
    b"UPGRADE",
];

/// Which fields of a client are passed on. Depends on the configuration alone.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Folded names, without HTTP_, that no client field may take: [`NEVER`] and the operator's.
    taken: Box<[Box<[u8]>]>,
    taken_marks: Marks,
    /// The operator did not define HTTP_HOST.
    sends_host: bool,
}

impl Policy {
    pub fn new(list: &[Param]) -> Policy {
        let own = list
            .iter()
            .filter_map(|param| client_field(&param.name))
            .map(|name| folded(name.as_bytes()));
        let own: Vec<Box<[u8]>> = own.collect();
        let sends_host = !own.iter().any(|name| **name == *b"HOST");
        let taken: Box<[Box<[u8]>]> = NEVER
            .iter()
            .map(|name| Box::from(*name))
            .chain(own)
            .collect();
        let mut taken_marks = Marks::default();
        for name in &taken {
            taken_marks.set(mark(name));
        }
        Policy {
            taken,
            taken_marks,
            sends_host,
        }
    }

    /// From now on no field may become this parameter.
    pub fn take(&mut self, name: &str) {
        if let Some(name) = client_field(name) {
            let name = folded(name.as_bytes());
            self.taken_marks.set(mark(&name));
            self.taken = std::mem::take(&mut self.taken)
                .into_iter()
                .chain([name])
                .collect();
        }
    }

    /// HTTP_HOST from the normalised host and the client's port (P20).
    pub fn write_host<S: Source + ?Sized>(&self, source: &S, out: &mut Vec<u8>) {
        let host = source.host();
        if !self.sends_host || host.is_empty() {
            return;
        }
        out.extend_from_slice(b"HTTP_HOST\0");
        out.extend_from_slice(host.as_bytes());
        if let Some(port) = source.host_port() {
            out.push(b':');
            out.extend_from_slice(port.as_bytes());
        }
        out.push(0);
    }

    /// The fields that are passed on; `trim` leaves out those that an application can best do without.
    pub fn write_fields<S: Source + ?Sized>(
        &self,
        source: &S,
        trim: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let repeated = repeated(source);
        for (index, (name, value)) in source.fields().enumerate() {
            let mark = mark(name);
            if self.is_taken(name, mark) || (trim && is_spare(name)) || source.is_nominated(name) {
                continue;
            }
            if !repeated.has(mark) {
                write_name(name, out);
                write_value(name, value, out)?;
                out.push(0);
            } else if !is_repeat(source, index, name) {
                write_joined(source, index, (name, value), out)?;
            }
        }
        Ok(())
    }

    fn is_taken(&self, name: &[u8], mark: u8) -> bool {
        self.taken_marks.has(mark) && self.taken.iter().any(|taken| same(taken, name))
    }
}

/// The marks that two fields or more have. Names that stand alone are then known without comparing them to others.
fn repeated<S: Source + ?Sized>(source: &S) -> Marks {
    let (mut once, mut twice) = (Marks::default(), Marks::default());
    for (name, _) in source.fields() {
        let mark = mark(name);
        if once.has(mark) {
            twice.set(mark);
        }
        once.set(mark);
    }
    twice
}

/// An earlier field has this parameter's name: it took this value too, or, where it is spelled with another of `-` and
/// `_`, this one is left out (Z2).
fn is_repeat<S: Source + ?Sized>(source: &S, index: usize, name: &[u8]) -> bool {
    source
        .fields()
        .take(index)
        .any(|(earlier, _)| same(earlier, name))
}

/// One pair for a field and all later ones of its name (P18).
fn write_joined<S: Source + ?Sized>(
    source: &S,
    index: usize,
    (name, value): (&[u8], &[u8]),
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let separator: &[u8] = if name.eq_ignore_ascii_case(b"cookie") {
        b"; "
    } else {
        b", "
    };
    write_name(name, out);
    write_value(name, value, out)?;
    for (_, more) in source
        .fields()
        .skip(index + 1)
        .filter(|(later, _)| later.eq_ignore_ascii_case(name))
    {
        out.extend_from_slice(separator);
        write_value(name, more, out)?;
    }
    out.push(0);
    Ok(())
}

fn write_name(name: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP_");
    out.extend(name.iter().map(|byte| fold(*byte)));
    out.push(0);
}

fn write_value(name: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let value_at = out.len();
    out.extend_from_slice(value);
    no_nul(out, value_at, || String::from_utf8_lossy(name).into())
}

/// What `--params-max SIZE trim` leaves out first: the largest fields that no application needs to work.
fn is_spare(name: &[u8]) -> bool {
    let is_accept = name.get(..6).is_some_and(|start| same(b"ACCEPT", start));
    is_accept
        || [&b"COOKIE"[..], b"USER_AGENT", b"REFERER"]
            .iter()
            .any(|spare| same(spare, name))
}

/// A byte of a name as it stands in the parameter (P15).
fn fold(byte: u8) -> u8 {
    const FOLD: [u8; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] = if byte == b'-' as usize {
                b'_'
            } else {
                (byte as u8).to_ascii_uppercase()
            };
            byte += 1;
        }
        table
    };
    FOLD[usize::from(byte)]
}

fn folded(name: &[u8]) -> Box<[u8]> {
    name.iter().map(|byte| fold(*byte)).collect()
}

/// Both names become the same parameter.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| fold(*a) == fold(*b))
}

/// A number that names of the same parameter share, and others seldom.
fn mark(name: &[u8]) -> u8 {
    let letter = |at: usize| name.get(at).map_or(0, |byte| fold(*byte));
    let len = name.len();
    let mixed = (len as u8).wrapping_mul(29) ^ letter(0).wrapping_mul(7);
    mixed ^ letter(len / 2).wrapping_mul(53) ^ letter(len.saturating_sub(1)).wrapping_mul(11)
}

/// A set of marks.
#[derive(Clone, Copy, Debug, Default)]
struct Marks([u32; 8]);

impl Marks {
    fn has(&self, mark: u8) -> bool {
        self.0[usize::from(mark >> 5)] & (1 << (mark & 31)) != 0
    }

    fn set(&mut self, mark: u8) {
        self.0[usize::from(mark >> 5)] |= 1 << (mark & 31);
    }
}
