//! The chunked coding, whole and in pieces.

use super::shown;
use crate::http::chunked::{ChunkError, Decoder, LAST_CHUNK, SIZE_MAX, write_size};

/// The body, how many bytes were taken, and whether its end was met; fed in pieces of `size`.
type Decoded = Result<(Vec<u8>, usize, bool), ChunkError>;

pub fn decode(mut decoder: Decoder, input: &[u8], size: usize) -> Decoded {
    let mut body = Vec::new();
    let mut taken = 0;
    for piece in input.chunks(size) {
        let mut at = 0;
        while at < piece.len() && !decoder.is_done() {
            let rest = piece.get(at..).unwrap_or_default();
            let step = decoder.step(rest)?;
            assert!(step.consumed > 0, "no progress");
            assert!(step.data.end <= step.consumed && step.consumed <= rest.len());
            body.extend_from_slice(rest.get(step.data).unwrap_or_default());
            at += step.consumed;
        }
        taken += at;
    }
    Ok((body, taken, decoder.is_done()))
}

const GOOD: &[(&[u8], &[u8])] = &[
    (b"0\r\n\r\n", b""),
    (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", b"hello"),
    (b"0005\r\nhello\r\n000\r\n\r\n", b"hello"),
    (b"0000000000000001\r\nx\r\n0\r\n\r\n", b"x"),
    (b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    (b"A\r\n0\r\n\r\n6789\n\r\n0\r\n\r\n", b"0\r\n\r\n6789\n"),
    (b"1;a=b\r\nx\r\n0;c;d=\"e ;\tf\"\r\n\r\n", b"x"),
    (
        b"1\r\nx\r\n0\r\nExpires: never\r\nX:\r\nY: a\tb\xff\r\n\r\n",
        b"x",
    ),
];

#[test]
fn good_bodies_are_decoded_in_pieces_of_any_size() {
    for (coded, body) in GOOD {
        let followed = [coded, b"GET / HTTP/1.1".as_slice()].concat();
        for size in 1..=followed.len() {
            for decoder in [Decoder::strict(), Decoder::lenient()] {
                let expected = Ok((body.to_vec(), coded.len(), true));
                assert_eq!(
                    decode(decoder, &followed, size),
                    expected,
                    "{} by {size}",
                    shown(coded)
                );
            }
        }
    }
}

#[test]
fn every_prefix_of_a_body_asks_for_more() {
    for (coded, _) in GOOD {
        for n in 0..coded.len() {
            let prefix = coded.get(..n).unwrap_or_default();
            let decoded = decode(Decoder::strict(), prefix, usize::MAX);
            assert!(
                matches!(decoded, Ok((_, taken, false)) if taken == n),
                "{}",
                shown(prefix)
            );
        }
    }
}

#[test]
fn bad_framing_is_refused_in_requests() {
    let rows: &[(&[u8], &str)] = &[
        (b"\r\n", "no digits"),
        (b"\r\n0\r\n\r\n", "an empty line first"),
        (b";a\r\n", "no digits"),
        (b"0x5\r\nhello\r\n", "0x is no hex digit"),
        (b"x\r\n", ""),
        (b"g\r\n", ""),
        (b"+5\r\nhello\r\n", "a sign"),
        (b"-5\r\nhello\r\n", "a sign"),
        (b" 5\r\nhello\r\n", "space before"),
        (b"\t5\r\nhello\r\n", "space before"),
        (b"5 \r\nhello\r\n", "space after"),
        (b"5\t\r\nhello\r\n", "space after"),
        (b"5 ;a\r\nhello\r\n", "bad whitespace"),
        (b"5,\r\nhello\r\n", ""),
        (b"5_0\r\n", ""),
        (b"5.\r\n", ""),
        (b"5\x0b\r\n", ""),
        (b"5\0\r\n", ""),
        (b"\xd9\xa5\r\nhello", "a digit of another script"),
        (b"10000000000000000\r\n", "17 digits"),
        (b"00000000000000005\r\nhello", "17 digits"),
        (b"fffffffffffffffff\r\n", "overflow"),
        (b"5\nhello\r\n0\r\n\r\n", "bare LF"),
        (b"5\rhello\r\n0\r\n\r\n", "bare CR"),
        (b"5\r\rhello", "bare CR"),
        (b"5\r\nhello\n0\r\n\r\n", "bare LF after the data"),
        (b"5\r\nhello\r0\r\n\r\n", "bare CR after the data"),
        (b"5\r\nhello0\r\n\r\n", "no line end after the data"),
        (b"5\r\nhello!\r\n0\r\n\r\n", "more data than announced"),
        (b"5\r\nhell\r\n0\r\n\r\n", "less data than announced"),
        (b"5\r\nhelloXX0\r\n\r\n", "two bytes skipped blindly"),
        (b"5;a\nhello\r\n", "LF ends an extension"),
        (b"5;a\rb\r\nhello\r\n", "CR in an extension"),
        (b"5;a\0\r\nhello\r\n", "NUL in an extension"),
        (b"5;\x7f\r\nhello\r\n", ""),
        (b"0\n\n", "bare LF at the end"),
        (b"0\r\n\n", "bare LF at the end"),
        (b"0\r\n\rX", "bare CR at the end"),
        (b"0\r\nX: y\n\r\n", "bare LF in a trailer"),
        (b"0\r\nX: y\rZ: a\r\n\r\n", "bare CR in a trailer"),
        (b"0\r\nX: a\0\r\n\r\n", "NUL in a trailer"),
        (b"0\r\nX y: a\r\n\r\n", "a space in a trailer's name"),
        (b"0\r\nX : a\r\n\r\n", "space before the colon"),
        (b"0\r\nX\r\n\r\n", "a trailer without colon"),
        (b"0\r\n: a\r\n\r\n", "a trailer without name"),
        (b"0\r\n X: a\r\n\r\n", "a folded trailer"),
        (b"0\r\nX: a\r\n b\r\n\r\n", "a folded trailer"),
        (
            b"0\r\nGET /admin HTTP/1.1\r\n\r\n",
            "a request in the place of a trailer",
        ),
    ];
    for (coded, why) in rows {
        for size in [1, 2, usize::MAX] {
            let decoded = decode(Decoder::strict(), coded, size);
            assert_eq!(
                decoded.map_err(ChunkError::status),
                Err(400),
                "{} ({why})",
                shown(coded)
            );
        }
    }
}

#[test]
fn applications_may_end_lines_with_lf_and_pad_sizes() {
    for coded in [
        "5\nhello\n0\n\n",
        "5  \r\nhello\r\n0 \r\n\r\n",
        "5 ;a\nhello\r\n0\nX: y\n\n",
        "5\r\nhello\n0\r\n\n",
    ] {
        for size in 1..=coded.len() {
            let decoded = decode(Decoder::lenient(), coded.as_bytes(), size);
            assert_eq!(
                decoded,
                Ok((b"hello".to_vec(), coded.len(), true)),
                "{coded:?} by {size}"
            );
        }
    }
    for coded in ["", "x\n", "5\nhello!\n", " 5\n", "0\n X: y\n\n", "5\rx"] {
        let decoded = decode(Decoder::lenient(), coded.as_bytes(), 1);
        assert!(!matches!(decoded, Ok((_, _, true))), "{coded:?}");
    }
}

#[test]
fn what_nobody_reads_is_bounded_over_the_whole_body() {
    let one = [b"1;".as_slice(), &[b'a'; 1000], b"\r\nx\r\n"].concat();
    let refused = decode(Decoder::strict(), &one.repeat(17), 4096).map_err(ChunkError::status);
    assert_eq!(refused, Err(431));
    let fits = [one.repeat(16).as_slice(), LAST_CHUNK].concat();
    assert!(
        matches!(decode(Decoder::strict(), &fits, 4096), Ok((body, _, true)) if body.len() == 16)
    );
    let trailers = [b"0\r\n".as_slice(), &b"A: b\r\n".repeat(5000)].concat();
    assert_eq!(
        decode(Decoder::strict(), &trailers, 4096).map_err(ChunkError::status),
        Err(431)
    );
    let padded = [b"1".as_slice(), &[b' '; 20_000]].concat();
    assert_eq!(
        decode(Decoder::lenient(), &padded, 4096).map_err(ChunkError::status),
        Err(431)
    );
}

#[test]
fn a_chunk_larger_than_memory_is_counted_not_held() {
    let mut decoder = Decoder::strict();
    let step = decoder.step(b"ffffffffffffffff\r\nabc");
    assert_eq!(
        step.map(|step| (step.consumed, step.data)),
        Ok((21, 18..21))
    );
    let step = decoder.step(b"");
    assert_eq!(step.map(|step| step.consumed), Ok(0));
}

#[test]
fn sizes_are_written_into_the_end_of_the_space() {
    for (len, expected) in [
        (0, "0\r\n"),
        (1, "1\r\n"),
        (15, "f\r\n"),
        (16, "10\r\n"),
        (0xABC, "abc\r\n"),
        (65536, "10000\r\n"),
    ] {
        let mut out = [b'.'; SIZE_MAX];
        let used = write_size(len, &mut out);
        assert_eq!(used, expected.len());
        let (before, written) = out.split_at(SIZE_MAX - used);
        assert_eq!(written, expected.as_bytes());
        assert!(before.iter().all(|&b| b == b'.'));
    }
    let mut out = [0; SIZE_MAX];
    assert_eq!(write_size(usize::MAX, &mut out), size_of::<usize>() * 2 + 2);
    for short in 0..3 {
        assert_eq!(write_size(0x10, &mut vec![0; short]), 0);
    }
    assert_eq!(write_size(0x10, &mut [0; 3]), 0);
    assert_eq!(write_size(0x10, &mut [0; 4]), 4);
}

#[test]
fn written_chunks_are_read_back() {
    let mut coded = Vec::new();
    for len in [1_usize, 15, 16, 255, 4096] {
        let mut head = [0; SIZE_MAX];
        let used = write_size(len, &mut head);
        coded.extend_from_slice(head.get(SIZE_MAX - used..).unwrap_or_default());
        coded.extend_from_slice(&vec![b'x'; len]);
        coded.extend_from_slice(b"\r\n");
    }
    coded.extend_from_slice(LAST_CHUNK);
    let decoded = decode(Decoder::strict(), &coded, 100);
    assert!(matches!(decoded, Ok((body, _, true)) if body.len() == 1 + 15 + 16 + 255 + 4096));
}
