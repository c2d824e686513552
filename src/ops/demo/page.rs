//! The answer of the demo: what came, as a page to read or as JSON. Every value is escaped; the page loads nothing,
//! and its policy forbids all that it does not use.
#![forbid(unsafe_code)]

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::super::calendar::put_padded;
use super::super::escape::{self, Out};
use super::body::{Body, KEPT, Part};
use super::request::Request;

/// Bytes of the parameter block shown as they were sent.
const RAW_SHOWN: usize = 480;
/// Fields of a posted form that are shown one by one.
const FIELDS_SHOWN: usize = 64;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What an answer is made of.
pub struct View<'a> {
    pub request: &'a Request,
    pub body: &'a Body,
    /// Where the application listens.
    pub socket: &'a Path,
    /// Marks the style and the script of this answer as its own.
    pub nonce: &'a str,
}

/// The Content-Security-Policy of the page.
pub fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

impl View<'_> {
    /// The page.
    pub fn html(&self) -> Vec<u8> {
        let mut out = Out(Vec::with_capacity(16 * 1024));
        self.put_head(&mut out);
        self.put_wire(&mut out);
        out.raw("<h2>Parameters</h2>\n<table><tr><th>name<th>value\n");
        for (name, value) in self.request.params() {
            row(&mut out, name, value);
        }
        out.raw("</table>\n");
        self.put_body(&mut out);
        self.put_forms(&mut out);
        out.raw("<script nonce=\"")
            .raw(self.nonce)
            .raw("\">")
            .raw(SCRIPT)
            .raw("</script>\n");
        out.0
    }

    fn put_head(&self, out: &mut Out) {
        out.raw("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n");
        out.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        out.raw("<title>scgate: what an SCGI application receives</title>\n<link rel=\"icon\" href=\"data:,\">\n");
        out.raw("<style nonce=\"")
            .raw(self.nonce)
            .raw("\">")
            .raw(STYLE)
            .raw("</style>\n");
        out.raw("<h1>This page comes from an SCGI application</h1>\n");
        out.raw("<p>Your browser sent an HTTP request to scgate. scgate connected to the Unix socket <code>");
        out.text(self.socket.as_os_str().as_bytes());
        out.raw("</code>, passed the request on as SCGI, and a small application behind that socket answered with ");
        out.raw("this page. To serve an application of your own:</p>\n");
        out.raw("<pre>scgate --pass unix:/path/to/application.sock</pre>\n");
    }

    fn put_wire(&self, out: &mut Out) {
        out.raw("<h2>On the wire</h2>\n<p>An SCGI request is a <b>length</b> and a colon, that many bytes of names and ");
        out.raw("values, each ended by a NUL byte (shown as \u{2400}), a comma, and the body, which has CONTENT_LENGTH ");
        out.raw("bytes. The answer is header fields, an empty line and content; then the application closes the ");
        out.raw("connection. This request began:</p>\n<pre><b>");
        let block = self.request.block();
        out.number(u64::try_from(block.len()).unwrap_or(u64::MAX))
            .raw("</b>:");
        match block.get(..RAW_SHOWN) {
            Some(start) => out.text(start).raw("<b>\u{2026}</b>"),
            None => out.text(block),
        };
        out.raw(",</pre>\n");
    }

    fn put_body(&self, out: &mut Out) {
        let body = self.body;
        out.raw("<h2>Body</h2>\n");
        if body.length == 0 {
            out.raw("<p>This request had none. Send one with a form below.</p>\n");
            return;
        }
        out.raw("<p>")
            .number(body.length)
            .raw(" bytes, CRC-32 <code>");
        out.raw(&format!("{:08x}", body.crc32()))
            .raw("</code>.</p>\n");
        put_parts(out, body.parts());
        self.put_fields(out);
        if body.length > u64::try_from(KEPT).unwrap_or(u64::MAX) {
            out.raw("<p>Its first ")
                .number(u64::try_from(body.start.len()).unwrap_or(u64::MAX))
                .raw(" bytes:</p>\n");
        }
        out.raw("<pre>");
        match as_text(&body.start) {
            Some(text) => out.text(text.as_bytes()),
            None => out.text(&hex_dump(&body.start)),
        };
        out.raw("</pre>\n");
    }

    /// The fields of a form without files, if it is short enough to have been kept whole.
    fn put_fields(&self, out: &mut Out) {
        let kind = self.request.param("CONTENT_TYPE").unwrap_or_default();
        let kind = kind
            .split(|b| *b == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        let whole =
            usize::try_from(self.body.length).is_ok_and(|length| length == self.body.start.len());
        if !whole || !kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            return;
        }
        out.raw("<table><tr><th>field<th>value\n");
        for pair in self.body.start.split(|b| *b == b'&').take(FIELDS_SHOWN) {
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let name = halves.next().unwrap_or_default();
            row(
                out,
                &form_decode(name),
                &form_decode(halves.next().unwrap_or_default()),
            );
        }
        out.raw("</table>\n");
    }

    fn put_forms(&self, out: &mut Out) {
        let (script, info) = self.request.path();
        let stream = format!("{}stream", to_root(script, info));
        out.raw("<h2>Try it</h2>\n<form method=\"post\"><input type=\"text\" name=\"text\" aria-label=\"Text\" ");
        out.raw("value=\"Hello, SCGI &amp; co.\"><button>Post a form</button></form>\n");
        out.raw("<form method=\"post\" enctype=\"multipart/form-data\"><input type=\"file\" name=\"file\" ");
        out.raw("aria-label=\"File\"><button>Upload a file</button></form>\n");
        out.raw("<p>A <a href=\"").text(stream.as_bytes());
        out.raw("\">streamed response</a> has one line a second, each of which arrives when it is written. ");
        out.raw("<button id=\"go\" hidden data-from=\"")
            .text(stream.as_bytes());
        out.raw("\">Watch it here</button></p>\n<pre id=\"out\" hidden></pre>\n");
        out.raw("<p>Programs get all this as JSON: <code>curl -H 'Accept: application/json'</code> and this address.</p>\n");
    }

    /// The same for programs.
    pub fn json(&self) -> Vec<u8> {
        let mut out = Out(Vec::with_capacity(8 * 1024));
        out.raw("{")
            .key(b"socket")
            .string(self.socket.as_os_str().as_bytes());
        out.key(b"params").raw("{");
        for (name, value) in self.request.params() {
            out.key(name).string(value);
        }
        out.raw("}")
            .key(b"body")
            .raw("{")
            .key(b"length")
            .number(self.body.length);
        out.key(b"crc32")
            .string(format!("{:08x}", self.body.crc32()).as_bytes());
        match as_text(&self.body.start) {
            Some(text) => out.key(b"text").string(text.as_bytes()),
            None => {
                let mut hex = Vec::with_capacity(2 * KEPT);
                self.body
                    .start
                    .iter()
                    .for_each(|b| escape::hex(&mut hex, *b));
                out.key(b"hex").string(&hex)
            }
        };
        out.key(b"parts").raw("[");
        for (n, part) in self.body.parts().iter().enumerate() {
            out.raw(if n > 0 { ",{" } else { "{" })
                .key(b"name")
                .string(&part.name);
            if let Some(file) = &part.file {
                out.key(b"filename").string(file);
            }
            out.key(b"length").number(part.length);
            out.key(b"crc32")
                .string(format!("{:08x}", part.crc32).as_bytes())
                .raw("}");
        }
        out.raw("]}}\n");
        out.0
    }
}

fn row(out: &mut Out, name: &[u8], value: &[u8]) {
    out.raw("<tr><td>")
        .text(name)
        .raw("<td>")
        .text(value)
        .raw("\n");
}

fn put_parts(out: &mut Out, parts: &[Part]) {
    if parts.is_empty() {
        return;
    }
    out.raw("<table><tr><th>part<th>file<th>bytes<th>CRC-32\n");
    for part in parts {
        out.raw("<tr><td>")
            .text(&part.name)
            .raw("<td>")
            .text(part.file.as_deref().unwrap_or_default());
        out.raw("<td>")
            .number(part.length)
            .raw("<td>")
            .raw(&format!("{:08x}\n", part.crc32));
    }
    out.raw("</table>\n");
}

/// The way from the page's address to the application's root, as a relative reference that ends with `/`: whatever
/// prefix stands before the path that we see, links stay right.
fn to_root(script: &[u8], info: &[u8]) -> String {
    let slashes = info.iter().filter(|b| **b == b'/').count();
    match (slashes, script.rsplit(|b| *b == b'/').next()) {
        (0, Some(last)) if !last.is_empty() => format!("{}/", percent_encode(last)),
        (0 | 1, _) => "./".into(),
        (n, _) => "../".repeat(n - 1),
    }
}

fn percent_encode(segment: &[u8]) -> String {
    let mut out = Vec::with_capacity(segment.len());
    for byte in segment {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(*byte);
        } else {
            out.push(b'%');
            escape::hex(&mut out, *byte);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `+` is a space and `%XX` a byte (the URL standard's application/x-www-form-urlencoded).
fn form_decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                out.push(nibble(*high) << 4 | nibble(*low));
                rest = after;
            }
            _ => out.push(*first),
        }
    }
    out
}

/// The value of a digit that is known to be hexadecimal.
fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a').wrapping_add(10) & 15,
    }
}

/// The bytes as text, if that is what they are; a character cut off at the end of what was kept is left out.
fn as_text(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) if bytes.len() == KEPT && e.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..e.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    (!text.contains(odd)).then_some(text)
}

/// Sixteen bytes a line: offset, bytes, and characters where they are ASCII.
fn hex_dump(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 5);
    for (n, line) in bytes.chunks(16).enumerate() {
        put_padded(&mut out, u64::try_from(n * 16).unwrap_or(u64::MAX), 5);
        out.push(b' ');
        for column in 0..16 {
            match line.get(column) {
                Some(byte) => {
                    out.push(b' ');
                    escape::hex(&mut out, *byte);
                }
                None => out.extend_from_slice(b"   "),
            }
        }
        out.extend_from_slice(b"  ");
        out.extend(
            line.iter()
                .map(|b| if (0x20..0x7f).contains(b) { *b } else { b'.' }),
        );
        out.push(b'\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_root_of_the_application() {
        for (script, info, expected) in [
            ("", "/", "./"),
            ("", "/a", "./"),
            ("/app", "/", "./"),
            ("/app", "/a/b", "../"),
            ("/app", "/a/b/", "../../"),
            ("/app", "", "app/"),
            ("/x/my app:", "", "my%20app%3A/"),
            ("", "", "./"),
        ] {
            assert_eq!(
                to_root(script.as_bytes(), info.as_bytes()),
                expected,
                "{script} {info}"
            );
        }
    }

    #[test]
    fn form_fields_are_decoded() {
        assert_eq!(form_decode(b"a+b%26%c3%A4"), "a b&\u{e4}".as_bytes());
        assert_eq!(form_decode(b"100%+%4+%zz%"), b"100% %4 %zz%");
    }

    #[test]
    fn text_is_told_from_other_bytes() {
        assert_eq!(as_text("h\u{e4}\r\n".as_bytes()), Some("h\u{e4}\r\n"));
        assert_eq!(as_text(b"\xff"), None);
        assert_eq!(as_text(b"\0"), None);
        assert_eq!(as_text(b"a\xc3"), None);
        let mut cut = vec![b'x'; KEPT - 1];
        cut.push(0xc3);
        assert_eq!(as_text(&cut).map(str::len), Some(KEPT - 1));
    }

    #[test]
    fn a_dump_has_sixteen_bytes_a_line() {
        let dump = hex_dump(b"0123456789abcdef\x00z");
        let text = String::from_utf8(dump).expect("ASCII");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "00000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef"
        );
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>(),
            ["00016", "00", "7A", ".z"]
        );
    }
}
