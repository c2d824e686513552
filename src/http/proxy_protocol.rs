//! The PROXY protocol: what a proxy says before the first byte of a connection about whose connection it is, as a line of
//! text (version 1) or in binary (version 2). Source of the rules: doc/proxy-protocol.txt of HAProxy, 2.1 and 2.2.
//!
//! Strict: the head has one form, or the connection is not from a proxy that can be believed.

use std::net::{IpAddr, SocketAddr};

/// The longest head of version 1, its end included.
const TEXT_MAX: usize = 107;
/// What version 2 begins with: nothing that HTTP or any other known protocol begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, command, family and length of version 2.
const BINARY_HEAD: usize = 16;
/// What may follow them: addresses and whatever else the proxy tells. It is the largest that is looked at, no rule of the protocol.
const BLOCK_MAX: usize = 4096;

/// What the start of a connection's bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// More must come; it is asked for at most up to 4112 bytes.
    More,
    /// The head took this many bytes. `None`: it names no client (a health check, an unknown protocol), and the
    /// addresses of the connection itself hold.
    Done(usize, Option<SocketAddr>),
}

/// Why this is no head of the PROXY protocol. Nothing on the connection can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// Looks for a whole head at the start of `bytes`. Call again with all of them when more have come.
///
/// # Errors
/// What has come can not become a head.
pub fn parse(bytes: &[u8]) -> Result<Step, Malformed> {
    if is_start(bytes, &SIGNATURE) {
        binary(bytes)
    } else if is_start(bytes, b"PROXY ") {
        text(bytes)
    } else {
        Err(Malformed("the connection begins otherwise"))
    }
}

/// Whether `bytes` begins with `mark`, or may still come to.
fn is_start(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.iter().zip(mark).all(|(have, want)| have == want)
}

fn text(bytes: &[u8]) -> Result<Step, Malformed> {
    let start = bytes.get(..TEXT_MAX).unwrap_or(bytes);
    let Some(end) = start.iter().position(|&b| b == b'\n') else {
        return match bytes.len() < TEXT_MAX {
            true => Ok(Step::More),
            false => Err(Malformed("a line of more than 107 bytes")),
        };
    };
    let line = start.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let line = line.ok_or(Malformed("the line ends in a bare LF"))?;
    let rest = line.strip_prefix(b"PROXY ").unwrap_or_default();
    // What comes after UNKNOWN has no meaning, whatever it is.
    if rest == b"UNKNOWN" || rest.starts_with(b"UNKNOWN ") {
        return Ok(Step::Done(end + 1, None));
    }
    let rest = std::str::from_utf8(rest).map_err(|_| Malformed("a byte that is not ASCII"))?;
    Ok(Step::Done(end + 1, Some(endpoints(rest)?)))
}

/// `TCP4 192.0.2.1 198.51.100.1 4711 80`: where the connection comes from. Where it went to is only judged.
fn endpoints(text: &str) -> Result<SocketAddr, Malformed> {
    let mut words = text.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let is_4 = match word() {
        "TCP4" => true,
        "TCP6" => false,
        _ => return Err(Malformed("a family other than TCP4, TCP6 and UNKNOWN")),
    };
    let address = |text: &str| {
        let ip = text.parse().ok().filter(|ip: &IpAddr| ip.is_ipv4() == is_4);
        ip.ok_or(Malformed("an address that is none of its family"))
    };
    let source = address(word())?;
    address(word())?;
    let source = SocketAddr::new(source, port(word())?);
    port(word())?;
    match words.next() {
        None => Ok(source),
        Some(_) => Err(Malformed("something after the ports")),
    }
}

/// Digits alone, and no zero before them.
fn port(text: &str) -> Result<u16, Malformed> {
    let plain = text == "0" || text.starts_with(|c| matches!(c, '1'..='9'));
    let port = text.parse().ok().filter(|_| plain);
    port.ok_or(Malformed("a port that is none"))
}

fn binary(bytes: &[u8]) -> Result<Step, Malformed> {
    let fixed = bytes.get(SIGNATURE.len()..).unwrap_or_default();
    let &[command, family, high, low, ref rest @ ..] = fixed else {
        return Ok(Step::More);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > BLOCK_MAX {
        return Err(Malformed("a block of more than 4096 bytes"));
    }
    if length < least(command, family)? {
        return Err(Malformed("a block that is too short for its addresses"));
    }
    let Some(block) = rest.get(..length) else {
        return Ok(Step::More);
    };
    let client = match (command, family) {
        (0x21, 0x11) => source::<4>(block, 8),
        (0x21, 0x21) => source::<16>(block, 32),
        // LOCAL, or a kind of connection that can not be that of a client of ours.
        _ => None,
    };
    Ok(Step::Done(BINARY_HEAD + length, client))
}

/// How many bytes the addresses take, by version and command (first byte), family and transport (second).
fn least(command: u8, family: u8) -> Result<usize, Malformed> {
    match (command, family) {
        // LOCAL: the proxy speaks for itself; the family has no meaning.
        (0x20, _) => Ok(0),
        (0x21, 0x00) => Ok(0),
        (0x21, 0x11 | 0x12) => Ok(12),
        (0x21, 0x21 | 0x22) => Ok(36),
        (0x21, 0x31 | 0x32) => Ok(216),
        (0x21, _) => Err(Malformed("a family or transport that is not defined")),
        _ => Err(Malformed("a version or command that is not defined")),
    }
}

/// The source in a block of two addresses of `N` bytes and their ports, the first of which is at `port`.
fn source<const N: usize>(block: &[u8], port: usize) -> Option<SocketAddr>
where
    IpAddr: From<[u8; N]>,
{
    let ip = *block.first_chunk::<N>()?;
    let port = *block.get(port..)?.first_chunk::<2>()?;
    Some(SocketAddr::new(ip.into(), u16::from_be_bytes(port)))
}
