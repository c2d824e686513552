//! Foreign bytes made safe inside JSON strings and HTML. What is not UTF-8 becomes U+FFFD: neither has other bytes.
#![forbid(unsafe_code)]

use super::calendar::put_number;

/// Appends pieces: [`Out::raw`] as they are, the others made safe.
#[derive(Default)]
pub struct Out(pub Vec<u8>);

impl Out {
    /// Markup of our own.
    pub fn raw(&mut self, markup: &str) -> &mut Out {
        self.0.extend_from_slice(markup.as_bytes());
        self
    }

    /// Text for HTML, as [`html`] makes it.
    pub fn text(&mut self, bytes: &[u8]) -> &mut Out {
        html(&mut self.0, bytes);
        self
    }

    /// Decimal digits.
    pub fn number(&mut self, n: u64) -> &mut Out {
        put_number(&mut self.0, n);
        self
    }

    /// A JSON string.
    pub fn string(&mut self, bytes: &[u8]) -> &mut Out {
        self.raw("\"");
        json(&mut self.0, bytes);
        self.raw("\"")
    }

    /// The name of a JSON member and its colon, after a comma unless it is the first of its object.
    pub fn key(&mut self, name: &[u8]) -> &mut Out {
        if !self.0.ends_with(b"{") {
            self.raw(",");
        }
        self.string(name).raw(":")
    }
}

/// The inside of a JSON string (RFC 8259 7).
pub fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0..=0x1f | 0x7f => {
                    out.extend_from_slice(b"\\u00");
                    hex(out, byte);
                }
                _ => out.push(byte),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

/// Text or the value of a quoted attribute. NUL, which HTML can not hold, and other control bytes appear as their
/// pictures (U+2400 to U+2421); tab and line ends stay.
pub fn html(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                b'&' => out.extend_from_slice(b"&amp;"),
                b'<' => out.extend_from_slice(b"&lt;"),
                b'>' => out.extend_from_slice(b"&gt;"),
                b'"' => out.extend_from_slice(b"&quot;"),
                b'\'' => out.extend_from_slice(b"&#39;"),
                b'\n' | b'\t' => out.push(byte),
                0..=0x1f => out.extend_from_slice(&[0xe2, 0x90, 0x80 + byte]),
                0x7f => out.extend_from_slice("\u{2421}".as_bytes()),
                _ => out.push(byte),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Two hex digits, in capitals.
pub fn hex(out: &mut Vec<u8>, byte: u8) {
    for nibble in [byte >> 4, byte & 15] {
        out.push(if nibble < 10 {
            b'0' + nibble
        } else {
            b'A' + nibble - 10
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(put: fn(&mut Vec<u8>, &[u8]), bytes: &[u8]) -> String {
        let mut out = Vec::new();
        put(&mut out, bytes);
        String::from_utf8(out).expect("escaped text is UTF-8")
    }

    #[test]
    fn json_strings_hold_everything() {
        assert_eq!(
            with(json, b"a\"\\\n\x01\x7f\xc3\xa4\xff"),
            "a\\\"\\\\\\n\\u0001\\u007F\u{e4}\\ufffd"
        );
    }

    #[test]
    fn html_holds_no_markup_and_no_control_bytes() {
        assert_eq!(
            with(html, b"<a href=\"'&'\">"),
            "&lt;a href=&quot;&#39;&amp;&#39;&quot;&gt;"
        );
        assert_eq!(
            with(html, b"\0\x1f\x7f\n\xff"),
            "\u{2400}\u{241f}\u{2421}\n\u{fffd}"
        );
    }
}
