//! Tricks by which two readers of the same bytes come to see different requests. Every one is refused.

use super::{accept, refusal, shown, with_fields};
use crate::http::request::Framing;

/// Field lines that are refused, each with its status.
const FIELDS: &[(&[u8], u16)] = &[
    // Both fields, in either order (RFC 9112 6.1: ought to be handled as an error).
    (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 5", 400),
    (b"Content-Length: 0\r\nTransfer-Encoding: chunked", 400),
    (b"Content-Length: 5\r\nTransfer-Encoding: identity", 400),
    (b"Content-Length: 5\r\nTransfer-Encoding: xchunked", 400),
    (b"Content-Length: 5\r\nTransfer-Encoding:", 400),
    // Lengths that readers count differently.
    (b"Content-Length: 5\r\nContent-Length: 5", 400),
    (b"Content-Length: 5\r\nContent-Length: 6", 400),
    (b"Content-Length: 5\r\ncontent-length: 5", 400),
    (b"Content-Length: 5, 5", 400),
    (b"Content-Length: 5,5", 400),
    (b"Content-Length: 5,", 400),
    (b"Content-Length: 5 5", 400),
    (b"Content-Length: 5;", 400),
    (b"Content-Length: +5", 400),
    (b"Content-Length: -5", 400),
    (b"Content-Length: -0", 400),
    (b"Content-Length: 0x5", 400),
    (b"Content-Length: 5.0", 400),
    (b"Content-Length: 5e1", 400),
    (b"Content-Length: 5_0", 400),
    (b"Content-Length: \"5\"", 400),
    (b"Content-Length: five", 400),
    (b"Content-Length:", 400),
    (b"Content-Length: ", 400),
    (b"Content-Length:\t5", 400),
    (b"Content-Length: 5\t", 400),
    (b"Content-Length: 5\x0b", 400),
    (b"Content-Length: \x0c5", 400),
    (b"Content-Length: 5\0", 400),
    (b"Content-Length: \xb2", 400),
    (b"Content-Length: \xd9\xa5", 400),
    (b"Content-Length: \xa05", 400),
    (b"Content-Length: 18446744073709551616", 400),
    (
        b"Content-Length: 99999999999999999999999999999999999999",
        400,
    ),
    // Codings that only some readers take for chunked.
    (b"Transfer-Encoding: xchunked", 501),
    (b"Transfer-Encoding: chunkedx", 501),
    (b"Transfer-Encoding: chunk", 501),
    (b"Transfer-Encoding: identity", 501),
    (b"Transfer-Encoding: cow", 501),
    (b"Transfer-Encoding: gzip", 501),
    (b"Transfer-Encoding: gzip, chunked", 501),
    (b"Transfer-Encoding: identity, chunked", 501),
    (b"Transfer-Encoding: chunked;q=1", 501),
    (b"Transfer-Encoding: chunked, gzip", 400),
    (b"Transfer-Encoding: chunked, identity", 400),
    (b"Transfer-Encoding: chunked, chunked", 400),
    (b"Transfer-Encoding: chunked,chunked", 400),
    (b"Transfer-Encoding: chunked;a, gzip", 400),
    (b"Transfer-Encoding: chunked,", 400),
    (b"Transfer-Encoding: ,chunked", 400),
    (b"Transfer-Encoding: , chunked", 400),
    (b"Transfer-Encoding: ,", 400),
    (b"Transfer-Encoding:", 400),
    (b"Transfer-Encoding: ", 400),
    (b"Transfer-Encoding: chunked chunked", 400),
    (b"Transfer-Encoding: chunked gzip", 400),
    (b"Transfer-Encoding: \"chunked\"", 400),
    (b"Transfer-Encoding: 'chunked'", 501),
    (b"Transfer-Encoding: (chunked)", 400),
    (b"Transfer-Encoding: [chunked]", 400),
    (b"Transfer-Encoding: chunked:", 400),
    (b"Transfer-Encoding: =chunked", 400),
    (b"Transfer-Encoding: chunk ed", 400),
    (b"Transfer-Encoding:\tchunked", 400),
    (b"Transfer-Encoding: \tchunked", 400),
    (b"Transfer-Encoding: chunked\t", 400),
    (b"Transfer-Encoding:\x0bchunked", 400),
    (b"Transfer-Encoding: \x0bchunked", 400),
    (b"Transfer-Encoding: chunked\x0b", 400),
    (b"Transfer-Encoding: \x0cchunked", 400),
    (b"Transfer-Encoding: \x08chunked", 400),
    (b"Transfer-Encoding: \x7fchunked", 400),
    (b"Transfer-Encoding: chunked\0", 400),
    (b"Transfer-Encoding: \0chunked", 400),
    (b"Transfer-Encoding: \xa0chunked", 400),
    (b"Transfer-Encoding: \xefchunked", 400),
    (b"Transfer-Encoding: \xe2\x80\x8bchunked", 400),
    (b"Transfer-Encoding: chun\xe2\x84\xaaed", 400), // the Kelvin sign lowercases to k
    (
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        400,
    ),
    (
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        400,
    ),
    (
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        400,
    ),
    (b"Transfer-Encoding: chunked\r\nTransfer-encoding: cow", 400),
    // Folded lines (RFC 9112 5.2).
    (b"Transfer-Encoding:\r\n chunked", 400),
    (b"Transfer-Encoding:\r\n\tchunked", 400),
    (b"Transfer-Encoding: chunked\r\n , identity", 400),
    (b"Content-Length: 5\r\n 6", 400),
    (b"Content-Length:\r\n 5", 400),
    (b"X: a\r\n b", 400),
    (b"X: a\r\n\tTransfer-Encoding: chunked", 400),
    (b"X: a\r\n ", 400),
    (b"X:\r\n\t", 400),
    (b" Transfer-Encoding: chunked", 400),
    (b"\tTransfer-Encoding: chunked", 400),
    // Line ends other than CRLF.
    (b"X: a\nTransfer-Encoding: chunked", 400),
    (b"X: a\n\nGET /admin HTTP/1.1", 400),
    (b"X: a\rTransfer-Encoding: chunked", 400),
    (b"X: a\r\rTransfer-Encoding: chunked", 400),
    (b"X: a\r\r\nTransfer-Encoding: chunked", 400),
    (b"X: a\n\rTransfer-Encoding: chunked", 400),
    (b"X: \nTransfer-Encoding: chunked", 400),
    (b"X:\nTransfer-Encoding: chunked", 400),
    (b"X:\rTransfer-Encoding: chunked", 400),
    (b"\nTransfer-Encoding: chunked", 400),
    (b"\rTransfer-Encoding: chunked", 400),
    (b"Transfer-Encoding: chunked\r", 400),
    (b"Transfer-Encoding\n: chunked", 400),
    (b"Transfer-Encoding\r\n: chunked", 400),
    (b"Transfer-Encoding:\n chunked", 400),
    // Names.
    (b"Transfer-Encoding : chunked", 400),
    (b"Transfer-Encoding\t: chunked", 400),
    (b"Transfer-Encoding\x0b: chunked", 400),
    (b"Transfer-Encoding\0: chunked", 400),
    (b"Transfer-Encoding\r: chunked", 400),
    (b"Transfer-Encoding\x7f: chunked", 400),
    (b"Transfer-Encoding\xa0: chunked", 400),
    (b"Transfer Encoding: chunked", 400),
    (b"Transfer-Encoding chunked", 400),
    (b"Transfer-Encoding", 400),
    (b"\0Transfer-Encoding: chunked", 400),
    (b"Content-Length : 5", 400),
    (b"Content-Length\0: 5", 400),
    (b"\"Content-Length\": 5", 400),
    (b"Content-Length;x: 5", 400),
    (b"Content-Length,: 5", 400),
    (b"(Content-Length): 5", 400),
    (b"X Content-Length: 5", 400),
    (b": 5", 400),
    (b":", 400),
    (b"nothing", 400),
    (b"X[y]: a", 400),
    (b"X@y: a", 400),
    (b"X/y: a", 400),
    (b"X\\y: a", 400),
    (b"X=y: a", 400),
    (b"GET / HTTP/1.1", 400),
    // Values.
    (b"X: a\0b", 400),
    (b"X: a\x01b", 400),
    (b"X: a\x1bb", 400),
    (b"X: a\x7fb", 400),
    (b"X: \x08", 400),
    // Host.
    (b"Host: a", 400),
    (b"host: b", 400),
    (b"Host : b", 400),
    (b" Host: b", 400),
];

#[test]
fn fields_that_could_be_read_in_two_ways_are_refused() {
    for (lines, status) in FIELDS {
        assert_eq!(refusal(&with_fields(lines)), *status, "{}", shown(lines));
    }
}

#[test]
fn the_same_fields_are_refused_before_and_after_others() {
    for (lines, _) in FIELDS {
        let before = [lines, b"\r\nX-Last: z".as_slice()].concat();
        assert_ne!(refusal(&with_fields(&before)), 0, "{}", shown(&before));
        let after = [b"X-First: z\r\n".as_slice(), lines].concat();
        assert_ne!(refusal(&with_fields(&after)), 0, "{}", shown(&after));
    }
}

#[test]
fn whole_heads_with_a_second_request_in_them_are_refused() {
    let heads: &[&[u8]] = &[
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\n",
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\rHost: a\r\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\tHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\rGET /b HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\0\r\nHost: a\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a HTTP/1.1\r\n\r\n",
        b"0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"X=y&GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ];
    for head in heads {
        assert_eq!(refusal(head), 400, "{}", shown(head));
    }
}

#[test]
fn names_that_only_look_like_framing_frame_nothing_and_are_dropped() {
    for line in [
        "Content_Length: 5",
        "Transfer_Encoding: chunked",
        "Transfer.Encoding: chunked",
        "Content-Length!: 5",
    ] {
        let request = accept(&with_fields(line.as_bytes()));
        assert_eq!(request.framing(), Framing::None, "{line}");
        assert_eq!(
            (request.fields().count(), request.dropped_fields()),
            (1, 1),
            "{line} (H20)"
        );
    }
}

#[test]
fn honest_framing_is_accepted() {
    let rows: &[(&[u8], Framing)] = &[
        (b"X: y", Framing::None),
        (b"Content-Length: 0", Framing::Length(0)),
        (b"Content-Length:5", Framing::Length(5)),
        (b"content-length:   0005  ", Framing::Length(5)),
        (
            b"Content-Length: 18446744073709551615",
            Framing::Length(u64::MAX),
        ),
        (b"Transfer-Encoding: chunked", Framing::Chunked),
        (b"TRANSFER-ENCODING:Chunked ", Framing::Chunked),
        (b"X: a\tb \xff", Framing::None),
    ];
    for (lines, framing) in rows {
        let request = accept(&with_fields(lines));
        assert_eq!(request.framing(), *framing, "{}", shown(lines));
    }
}
