//! The grammar of one line of a head: field lines, status lines, the value of Status.

use std::io::BufRead;
use std::ops::Range;

use super::HeadError;
use crate::http::fields::is_token_byte;

/// The place of the first LF at or after `from`.
///
/// `skip_until` on a slice is the standard library's way to the fast byte search of the platform; nothing is read.
pub fn find_lf(buf: &[u8], from: usize) -> Option<usize> {
    let mut rest = buf.get(from..)?;
    let skipped = rest.skip_until(b'\n').ok()?;
    let end = from.checked_add(skipped)?.checked_sub(1)?;
    (skipped > 0 && buf.get(end) == Some(&b'\n')).then_some(end)
}

/// `line` without the CRs at its end (R9).
pub fn without_crs(line: &[u8]) -> &[u8] {
    let mut rest = line;
    while let Some(shorter) = rest.strip_suffix(b"\r") {
        rest = shorter;
    }
    rest
}

/// Name and value of a field line (R10 to R12, Z15, Z16), the value without spaces and tabs around it.
pub fn field(line: &[u8]) -> Result<(Range<usize>, Range<usize>), HeadError> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(HeadError("a folded line"));
    }
    let name = line
        .iter()
        .position(|byte| !is_token(*byte))
        .unwrap_or(line.len());
    match line.get(name) {
        Some(b':') if name > 0 => {}
        Some(b':') => return Err(HeadError("a field without a name")),
        None => return Err(HeadError("a line without a colon")),
        Some(_) if !line.contains(&b':') => return Err(HeadError("a line without a colon")),
        Some(_) => return Err(HeadError("a field name with a byte that is not allowed")),
    }
    let value = trim(line, name + 1..line.len());
    if has_control(line.get(value.clone()).unwrap_or_default()) {
        return Err(HeadError("a control byte in a field"));
    }
    Ok((0..name, value))
}

/// Status and place of the reason phrase of a status line (R1): `HTTP/`, major, `.`, minor, spaces, three digits, then
/// the end, a space or a dot.
pub fn status_line(line: &[u8]) -> Option<(u16, Range<usize>)> {
    let major = digits_end(line, b"HTTP/".len());
    if !matches!(line.get(b"HTTP/".len()), Some(b'1'..=b'9')) || line.get(major) != Some(&b'.') {
        return None;
    }
    let minor = digits_end(line, major + 1);
    let code = spaces_end(line, minor);
    if minor == major + 1 || code == minor {
        return None;
    }
    let status = three_digits(line.get(code..)?)?;
    match line.get(code + 3) {
        None => Some((status, line.len()..line.len())),
        Some(b' ') => Some((status, trim(line, code + 3..line.len()))),
        // `200.5 OK`: a detail code, of which only the text after it is of use.
        Some(b'.') => Some((status, trim(line, digits_end(line, code + 4)..line.len()))),
        Some(_) => None,
    }
}

/// Status and place of the reason phrase of a Status value (R3): three digits, then the end or a space.
pub fn status_value(value: &[u8]) -> Option<(u16, Range<usize>)> {
    let status = three_digits(value)?;
    matches!(value.get(3), None | Some(b' ' | b'\t')).then(|| (status, trim(value, 3..value.len())))
}

/// A byte that a header must not carry to a client: any control byte but the tab (Z16).
pub fn has_control(bytes: &[u8]) -> bool {
    // No early exit: a fold over the whole value is what the compiler turns into vector code.
    bytes.iter().fold(false, |bad, byte| {
        bad | ((*byte < 0x20) & (*byte != b'\t')) | (*byte == 0x7f)
    })
}

/// A byte of a token, by table: each byte of each name is asked.
pub fn is_token(byte: u8) -> bool {
    const TOKEN: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] = is_token_byte(byte as u8);
            byte += 1;
        }
        table
    };
    TOKEN[usize::from(byte)]
}

/// `range` of `bytes` without the spaces and tabs at both ends.
fn trim(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let text = bytes.get(range.clone()).unwrap_or_default();
    let Some(first) = text.iter().position(|byte| !is_blank(byte)) else {
        return range.end..range.end;
    };
    let after = text
        .iter()
        .rposition(|byte| !is_blank(byte))
        .map_or(text.len(), |last| last + 1);
    range.start + first..range.start + after
}

/// The end of the digits that begin at `from`.
fn digits_end(line: &[u8], from: usize) -> usize {
    run_end(line, from, |byte| byte.is_ascii_digit())
}

/// The end of the spaces that begin at `from`.
fn spaces_end(line: &[u8], from: usize) -> usize {
    run_end(line, from, |byte| *byte == b' ')
}

fn run_end(line: &[u8], from: usize, belongs: impl Fn(&u8) -> bool) -> usize {
    from + line
        .get(from..)
        .unwrap_or_default()
        .iter()
        .take_while(|byte| belongs(byte))
        .count()
}

/// The number that the first three bytes are.
fn three_digits(text: &[u8]) -> Option<u16> {
    let [a, b, c] = text.first_chunk::<3>()?;
    if ![a, b, c].iter().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
}
