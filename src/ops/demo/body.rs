//! What the application remembers of a body of any size: its length, a checksum, its first bytes, and, of a form
//! with files, the length and checksum of each part. Memory does not grow with the body.
#![forbid(unsafe_code)]

/// Bytes of a body that are kept to be shown.
pub const KEPT: usize = 4096;
/// Parts of a form that are told apart; later ones are counted with the body alone.
const PARTS_MAX: usize = 32;
/// Bytes the head of a part may have.
const PART_HEAD_MAX: usize = 4096;

/// The summary of a body.
#[derive(Debug, Default)]
pub struct Body {
    pub length: u64,
    sum: Crc32,
    /// The first [`KEPT`] bytes.
    pub start: Vec<u8>,
    form: Option<Multipart>,
}

impl Body {
    /// A body yet to come, with its CONTENT_TYPE.
    pub fn new(content_type: &[u8]) -> Body {
        Body {
            form: boundary(content_type).map(|b| Multipart::new(&b)),
            ..Body::default()
        }
    }

    /// Takes the next piece.
    pub fn take(&mut self, piece: &[u8]) {
        self.length = self.length.saturating_add(count(piece));
        self.sum.take(piece);
        let room = KEPT.saturating_sub(self.start.len()).min(piece.len());
        self.start
            .extend_from_slice(piece.get(..room).unwrap_or_default());
        if let Some(form) = &mut self.form {
            form.take(piece);
        }
    }

    /// The CRC-32 of all bytes, as `cksum -a crc32b`, gzip and zip compute it.
    pub fn crc32(&self) -> u32 {
        self.sum.value()
    }

    /// The parts of a multipart form that have ended.
    pub fn parts(&self) -> &[Part] {
        self.form.as_ref().map_or(&[], |form| &form.parts)
    }
}

fn count(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// CRC-32 as in IEEE 802.3, reflected.
#[derive(Debug, Clone, Copy)]
struct Crc32(u32);

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let mut value = n as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                value >> 1 ^ 0xedb8_8320
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[n] = value;
        n += 1;
    }
    table
};

impl Default for Crc32 {
    fn default() -> Crc32 {
        Crc32(u32::MAX)
    }
}

impl Crc32 {
    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let [low, ..] = self.0.to_le_bytes();
            self.0 = self.0 >> 8
                ^ TABLE
                    .get(usize::from(low ^ byte))
                    .copied()
                    .unwrap_or_default();
        }
    }

    fn value(self) -> u32 {
        !self.0
    }
}

/// One part of a form (RFC 7578).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub name: Vec<u8>,
    /// Set for files.
    pub file: Option<Vec<u8>>,
    pub length: u64,
    pub crc32: u32,
}

/// Takes a multipart body apart as it comes (RFC 2046 5.1).
#[derive(Debug)]
struct Multipart {
    /// Line end, two hyphens, boundary. Before the body stands a line end that is not there, for the first boundary.
    delimiter: Vec<u8>,
    /// What has come and may still be the start of a delimiter or of a head.
    pending: Vec<u8>,
    state: State,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum State {
    Preamble,
    Head,
    Content(Part, Crc32),
    /// After the last part, or when the form is not understood.
    Over,
}

impl Multipart {
    fn new(boundary: &[u8]) -> Multipart {
        let delimiter = [b"\r\n--", boundary].concat();
        Multipart {
            delimiter,
            pending: b"\r\n".to_vec(),
            state: State::Preamble,
            parts: Vec::new(),
        }
    }

    fn take(&mut self, piece: &[u8]) {
        if matches!(self.state, State::Over) {
            return;
        }
        self.pending.extend_from_slice(piece);
        while self.step() {}
    }

    /// Goes from one state to the next; `false` when more bytes must come first.
    fn step(&mut self) -> bool {
        let state = std::mem::replace(&mut self.state, State::Over);
        let (state, again) = match state {
            State::Over => (State::Over, false),
            State::Head => self.head(),
            State::Preamble => match self.pass(&mut |_| ()) {
                true => (State::Head, true),
                false => (State::Preamble, false),
            },
            State::Content(mut part, mut sum) => {
                let ended = self.pass(&mut |bytes| {
                    part.length = part.length.saturating_add(count(bytes));
                    sum.take(bytes);
                });
                part.crc32 = sum.value();
                match ended {
                    false => (State::Content(part, sum), false),
                    true => {
                        self.parts.push(part);
                        (State::Head, true)
                    }
                }
            }
        };
        self.state = state;
        again
    }

    /// Gives away what stands before the delimiter and drops that; `true` when the delimiter was there.
    fn pass(&mut self, give: &mut dyn FnMut(&[u8])) -> bool {
        let found = find(&self.pending, &self.delimiter);
        // Without a delimiter, only as much stays as may be the start of one.
        let sure = found.unwrap_or((self.pending.len() + 1).saturating_sub(self.delimiter.len()));
        give(self.pending.get(..sure).unwrap_or_default());
        let drop = sure + found.map_or(0, |_| self.delimiter.len());
        self.pending.drain(..drop.min(self.pending.len()));
        found.is_some()
    }

    /// The rest of a delimiter line and the fields of a part.
    fn head(&mut self) -> (State, bool) {
        if self.pending.starts_with(b"--") || self.parts.len() >= PARTS_MAX {
            self.pending = Vec::new();
            return (State::Over, false);
        }
        match find(&self.pending, b"\r\n\r\n") {
            Some(end) => {
                let part = part(self.pending.get(..end).unwrap_or_default());
                self.pending.drain(..end + 4);
                (State::Content(part, Crc32::default()), true)
            }
            None if self.pending.len() > PART_HEAD_MAX => {
                self.pending = Vec::new();
                (State::Over, false)
            }
            None => (State::Head, false),
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    let first = *what.first()?;
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|b| *b == first)?;
        if bytes.get(at..)?.starts_with(what) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// The name and file name of a part, from its Content-Disposition.
fn part(head: &[u8]) -> Part {
    let lines = head.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let mut fields = lines.filter_map(|line| line.split_at_checked("content-disposition:".len()));
    let disposition = fields.find(|(name, _)| name.eq_ignore_ascii_case(b"content-disposition:"));
    let value = disposition.map_or(b"".as_slice(), |(_, value)| value);
    Part {
        name: parameter(value, b"name").unwrap_or_default(),
        file: parameter(value, b"filename"),
        ..Part::default()
    }
}

/// The boundary that a CONTENT_TYPE of `multipart/form-data` announces: 1 to 70 bytes (RFC 2046 5.1.1).
fn boundary(content_type: &[u8]) -> Option<Vec<u8>> {
    let kind = content_type.split(|b| *b == b';').next()?.trim_ascii();
    if !kind.eq_ignore_ascii_case(b"multipart/form-data") {
        return None;
    }
    parameter(content_type, b"boundary").filter(|text| (1..=70).contains(&text.len()))
}

/// A parameter after a `;` in a field's value, with or without quotes. Browsers write a quote within quotes as `%22`.
fn parameter(value: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let mut rest = value;
    loop {
        rest = after_semicolon(rest)?;
        let Some((found, tail)) = rest.split_at_checked(name.len()) else {
            continue;
        };
        let Some(text) = tail.strip_prefix(b"=") else {
            continue;
        };
        if found.eq_ignore_ascii_case(name) {
            return Some(match text.strip_prefix(b"\"") {
                Some(quoted) => quoted
                    .split(|b| *b == b'"')
                    .next()
                    .unwrap_or_default()
                    .to_vec(),
                None => text
                    .split(|b| *b == b';')
                    .next()
                    .unwrap_or_default()
                    .trim_ascii()
                    .to_vec(),
            });
        }
    }
}

/// What follows the next `;` outside quotes, without the spaces there.
fn after_semicolon(value: &[u8]) -> Option<&[u8]> {
    let mut quoted = false;
    let at = value.iter().position(|b| {
        quoted ^= *b == b'"';
        *b == b';' && !quoted
    })?;
    value.get(at + 1..).map(<[u8]>::trim_ascii_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = concat!(
        "preamble\r\n--XyZ\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhello\r\n",
        "--XyZ\r\ncontent-disposition: form-data; name=\"f;x\"; filename=\"a;b.txt\"\r\nContent-Type: text/plain\r\n\r\n",
        "line\r\n--Xy\r\n\r\n--XyZ\r\nContent-Disposition: form-data; name=empty\r\n\r\n\r\n--XyZ--\r\nepilogue"
    );

    fn summary(kind: &str, body: &[u8], step: usize) -> Body {
        let mut summary = Body::new(kind.as_bytes());
        body.chunks(step).for_each(|piece| summary.take(piece));
        summary
    }

    #[test]
    fn the_checksum_is_crc32() {
        assert_eq!(summary("", b"123456789", 2).crc32(), 0xcbf4_3926);
        assert_eq!(summary("", b"", 1).crc32(), 0);
    }

    #[test]
    fn only_the_first_bytes_are_kept() {
        let body = vec![b'x'; 3 * KEPT];
        let summary = summary("text/plain", &body, 1000);
        assert_eq!(
            (summary.length, summary.start.len()),
            (3 * KEPT as u64, KEPT)
        );
    }

    #[test]
    fn a_form_is_taken_apart_the_same_in_pieces_of_any_size() {
        for step in 1..FORM.len() {
            let summary = summary(
                "multipart/form-data; boundary=\"XyZ\"",
                FORM.as_bytes(),
                step,
            );
            let parts = summary.parts();
            let names: Vec<&[u8]> = parts.iter().map(|p| &p.name[..]).collect();
            let files: Vec<_> = parts.iter().map(|p| p.file.as_deref()).collect();
            let lengths: Vec<_> = parts.iter().map(|p| p.length).collect();
            assert_eq!(
                names,
                [&b"text"[..], b"f;x", b"empty"],
                "pieces of {step} bytes"
            );
            assert_eq!(
                files,
                [None, Some(&b"a;b.txt"[..]), None],
                "pieces of {step} bytes"
            );
            assert_eq!(lengths, [5, 12, 0], "pieces of {step} bytes");
            assert_eq!(summary.parts()[0].crc32, 0x3610_a686);
        }
    }

    #[test]
    fn a_large_file_is_not_kept() {
        let mut body = Body::new(b"multipart/form-data; boundary=B");
        body.take(b"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\"\r\n\r\n");
        for _ in 0..100 {
            body.take(&[b'\r'; 10_000]);
            assert!(
                body.form
                    .as_ref()
                    .is_some_and(|form| form.pending.len() < 100)
            );
        }
        body.take(b"\r\n--B--");
        assert_eq!(body.parts()[0].length, 1_000_000);
    }

    #[test]
    fn an_endless_head_or_too_many_parts_end_the_reading() {
        let mut body = Body::new(b"multipart/form-data; boundary=B");
        body.take(b"--B\r\n");
        (0..100).for_each(|_| body.take(&[b'x'; 1000]));
        assert!(body.parts().is_empty());
        assert!(
            body.form
                .as_ref()
                .is_some_and(|form| form.pending.is_empty())
        );
        let mut body = Body::new(b"multipart/form-data; boundary=B");
        (0..100).for_each(|_| body.take(b"--B\r\n\r\nx\r\n"));
        assert_eq!(body.parts().len(), PARTS_MAX);
    }

    #[test]
    fn other_bodies_have_no_parts() {
        for kind in [
            "",
            "text/plain; boundary=B",
            "multipart/form-data",
            "multipart/form-data; boundary=",
        ] {
            assert!(Body::new(kind.as_bytes()).form.is_none(), "{kind}");
        }
    }
}
