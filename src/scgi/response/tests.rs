//! Tables of heads, by rule; then properties that hold for any bytes.

use super::*;

fn done(head: &str) -> Head {
    match parse(head.as_bytes(), &mut 0) {
        Ok(Parsed::Done(parsed, used)) => {
            assert_eq!(used, head.len(), "{head:?}");
            parsed
        }
        other => panic!("{head:?} gave {other:?}"),
    }
}

fn fault(head: &[u8]) -> Option<&'static str> {
    match parse(head, &mut 0) {
        Err(HeadError(why)) => Some(why),
        Ok(_) => None,
    }
}

fn text(bytes: Option<&[u8]>) -> Option<&str> {
    bytes.map(|bytes| std::str::from_utf8(bytes).expect("the tables are UTF-8"))
}

#[test]
fn the_status_comes_from_the_line_then_the_field_then_location() {
    let table = [
        // (rule, head, status, reason, had_status)
        ("R1", "HTTP/1.1 200 OK\r\n\r\n", 200, Some("OK"), true),
        (
            "R1",
            "HTTP/1.0 404 Not Found\nA: b\n\n",
            404,
            Some("Not Found"),
            true,
        ),
        (
            "R1",
            "HTTP/1.1   503   gone  fishing \r\n\r\n",
            503,
            Some("gone  fishing"),
            true,
        ),
        ("R1", "HTTP/12.34 201\r\n\r\n", 201, None, true),
        (
            "R1",
            "HTTP/1.1 403.6 IP refused\r\n\r\n",
            403,
            Some("IP refused"),
            true,
        ),
        ("R1", "HTTP/1.1 599 \r\n\r\n", 599, None, true),
        (
            "R2",
            "HTTP/1.1 200 Fine\r\nStatus: 500 No\r\n\r\n",
            200,
            Some("Fine"),
            true,
        ),
        (
            "R2",
            "HTTP/1.1 200 Fine\r\nStatus: nonsense\r\n\r\n",
            200,
            Some("Fine"),
            true,
        ),
        ("R3", "Status: 404\n\n", 404, None, true),
        ("R3", "Status: 404 \n\n", 404, None, true),
        (
            "R3",
            "Content-Type: a/b\r\nstatus:\t418 I'm a teapot \t\r\n\r\n",
            418,
            Some("I'm a teapot"),
            true,
        ),
        ("R3", "Status: 200\tfine\n\n", 200, Some("fine"), true),
        (
            "R3",
            "Status: 301 Moved\nLocation: /x\n\n",
            301,
            Some("Moved"),
            true,
        ),
        ("R4", "Location: http://a/\r\n\r\n", 302, None, false),
        ("R4", "Content-Type: text/plain\n\n", 200, None, false),
        ("R4", "\r\n", 200, None, false),
        ("R9", "Status: 204\r\r\r\nA: b\r\r\n\r\r\n", 204, None, true),
        (
            "R13",
            "Status: 201\nHTTP/1.1 500 later\nA: b\n\n",
            201,
            None,
            true,
        ),
        ("R19", "Status: 201\nStatus: 500\n\n", 201, None, true),
    ];
    for (rule, head, status, reason, had) in table {
        let parsed = done(head);
        assert_eq!(
            (parsed.status(), text(parsed.reason()), parsed.had_status()),
            (status, reason, had),
            "{rule} {head:?}"
        );
    }
}

#[test]
fn malformed_heads_are_refused() {
    let table: [(&str, &[u8]); 39] = [
        ("R1", b"HTTP/1.1 OK\r\n\r\n"),
        ("R1", b"HTTP/1.1 20\r\n\r\n"),
        ("R1", b"HTTP/1.1 2000 OK\r\n\r\n"),
        ("R1", b"HTTP/1.1200 OK\r\n\r\n"),
        ("R1", b"HTTP/0.9 200 OK\r\n\r\n"),
        ("R1", b"HTTP/2 200 OK\r\n\r\n"),
        ("R1", b"HTTP/1. 200 OK\r\n\r\n"),
        ("R1", b"HTTP/1.1 200OK\r\n\r\n"),
        ("R3", b"Status: OK\n\n"),
        ("R3", b"Status:\n\n"),
        ("R3", b"Status: 20\n\n"),
        ("R3", b"Status: 200OK\n\n"),
        ("R3", b"Status: 2000\n\n"),
        ("R3", b"Status: +20\n\n"),
        ("R9", b"A: b\rc\n\n"),
        ("R10", b" A: b\n\n"),
        ("R10", b"A: b\n\tfolded\n\n"),
        ("R10", b"A : b\n\n"),
        ("R10", b": b\n\n"),
        ("R11", b"A: b\0c\n\n"),
        ("R11", b"A\0: b\n\n"),
        ("R12", b"A: b\nno colon\n\n"),
        ("R12", b"<html>\n\n"),
        ("R20", b"Content-Length: 1\nContent-Length: 1\n\n"),
        (
            "R20",
            b"Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n",
        ),
        ("R20", b"Content-Length: 1\nTransfer-Encoding: chunked\n\n"),
        ("R20", b"Transfer-Encoding: chunked\nContent-Length: 1\n\n"),
        ("R20", b"Content-Length: 1a\n\n"),
        ("R20", b"Content-Length: -1\n\n"),
        ("R20", b"Content-Length:\n\n"),
        ("R20", b"Content-Length: 18446744073709551616\n\n"),
        ("R32", b"Transfer-Encoding: gzip, chunked\n\n"),
        ("Z12", b"Status: 099\n\n"),
        ("Z12", b"Status: 600\n\n"),
        ("Z12", b"HTTP/1.1 000 x\n\n"),
        ("R31", b"Status: 101 Switching\n\n"),
        ("Z15", b"Content-Type: text/html\n<p>: x\n\n"),
        ("Z16", b"A: b\x1b[0m\n\n"),
        ("Z16", b"HTTP/1.1 200 a\x07b\n\n"),
    ];
    for (rule, head) in table {
        assert!(
            fault(head).is_some(),
            "{rule} {:?}",
            head.escape_ascii().to_string()
        );
    }
}

#[test]
fn what_is_wrong_is_told_apart() {
    assert_eq!(fault(b"<html><body>\n\n"), Some("a line without a colon"));
    assert_eq!(
        fault(b"<a href=http://x>\n\n"),
        Some("a field name with a byte that is not allowed")
    );
    assert_eq!(fault(b"A: b\n c\n\n"), Some("a folded line"));
    assert_eq!(
        fault(b"Content-Length: 1\nContent-Length: 2\n\n"),
        Some("Content-Length twice")
    );
}

#[test]
fn values_are_trimmed_and_keep_tabs_and_high_bytes() {
    let head = b"A: \t b\tc \t\nB:\nC:\xc3\xa9\n\n";
    let Ok(Parsed::Done(head, _)) = parse(head, &mut 0) else {
        panic!("refused")
    };
    assert_eq!(head.field("a"), Some(&b"b\tc"[..]));
    assert_eq!(head.field("b"), Some(&b""[..]));
    assert_eq!(head.field("C"), Some(&b"\xc3\xa9"[..]));
    assert_eq!(head.field("D"), None);
}

#[test]
fn the_length_is_known_chunked_or_until_close() {
    let table = [
        ("Content-Length: 42\n\n", Length::Known(42)),
        ("content-length:\t0042 \r\n\r\n", Length::Known(42)),
        (
            "Content-Length: 18446744073709551615\n\n",
            Length::Known(u64::MAX),
        ),
        ("TRANSFER-ENCODING: Chunked\n\n", Length::Chunked),
        ("A: b\n\n", Length::UntilClose),
    ];
    for (head, length) in table {
        assert_eq!(done(head).length(), length, "{head:?}");
    }
}

#[test]
fn second_copies_of_single_fields_are_dropped_and_others_stay() {
    let head = done(
        "Content-Type: a/b\nSet-Cookie: a\nETag: 1\ncontent-type: c/d\nSet-Cookie: b\nX: 1\nX: 2\nEtag: 2\n\n",
    );
    let fields: Vec<_> = head
        .fields()
        .map(|(name, value)| (text(Some(name)), text(Some(value))))
        .collect();
    let want = [
        ("Content-Type", "a/b"),
        ("Set-Cookie", "a"),
        ("ETag", "1"),
        ("Set-Cookie", "b"),
        ("X", "1"),
        ("X", "2"),
    ];
    assert_eq!(fields, want.map(|(name, value)| (Some(name), Some(value))));
    assert_eq!(head.dropped(), ["content-type", "Etag"]);
}

#[test]
fn every_field_of_r19_stands_once() {
    for name in [
        "Status",
        "Content-Type",
        "Date",
        "Last-Modified",
        "ETag",
        "Server",
        "Location",
        "Refresh",
        "Expires",
        "X-Accel-Redirect",
        "X-Accel-Expires",
        "X-Accel-Limit-Rate",
    ] {
        let head = done(&format!("{name}: 200\n{name}: 300\n\n"));
        assert_eq!(
            (head.fields().count(), head.dropped().len()),
            (1, 1),
            "{name}"
        );
    }
    for name in [
        "Set-Cookie",
        "WWW-Authenticate",
        "Cache-Control",
        "Link",
        "Vary",
        "Connection",
        "X-Any",
    ] {
        assert_eq!(
            done(&format!("{name}: 1\n{name}: 2\n\n")).fields().count(),
            2,
            "{name} (R21)"
        );
    }
}

#[test]
fn interim_responses_are_skipped_one_by_one() {
    let all =
        b"HTTP/1.1 100 Continue\r\n\r\nStatus: 103 Early Hints\nLink: </a>\n\nStatus: 200\n\nbody";
    let mut at = 0;
    let mut interims = 0;
    let head = loop {
        match parse(&all[at..], &mut 0) {
            Ok(Parsed::Interim(used)) => (at, interims) = (at + used, interims + 1),
            Ok(Parsed::Done(head, used)) => {
                at += used;
                break head;
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        (interims, head.status(), &all[at..]),
        (2, 200, &b"body"[..])
    );
}

/// A small generator of numbers: the properties need variety that is the same in every run.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % sides
    }
}

const SEEDS: [&[u8]; 6] = [
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\nHello world\n",
    b"Status: 404 Not Found\nContent-Type: text/plain\nSet-Cookie: a=b; Path=/\nSet-Cookie: c\n\nbody\n\n",
    b"Location: http://example.org/\r\r\nX-Accel-Buffering: no\r\n\r\r\n",
    b"HTTP/1.0 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\n",
    b"Content-type: a/b\nTransfer-Encoding: chunked\nHTTP/1.1 500 x\n\n5\r\nhello\r\n0\r\n\r\n",
    b"\r\n\r\n",
];

fn summary(result: &Result<Parsed, HeadError>) -> String {
    format!("{result:?}")
}

#[test]
fn every_prefix_of_a_head_asks_for_more() {
    for seed in SEEDS {
        let end = find_end(seed, &mut 0).expect("each seed holds a whole head");
        for n in 0..end {
            assert!(
                matches!(parse(&seed[..n], &mut 0), Ok(Parsed::More)),
                "{n} bytes of {:?}",
                seed.escape_ascii().to_string()
            );
        }
    }
}

/// Feeds `bytes` in pieces and returns the first answer that is not More.
fn piecemeal(bytes: &[u8], mut piece: impl FnMut() -> usize) -> Result<Parsed, HeadError> {
    let (mut scanned, mut have) = (0, 0);
    loop {
        let result = parse(&bytes[..have], &mut scanned);
        if have == bytes.len() || !matches!(result, Ok(Parsed::More)) {
            return result;
        }
        have = (have + piece()).min(bytes.len());
    }
}

#[test]
fn byte_by_byte_equals_whole() {
    for seed in SEEDS {
        assert_eq!(
            summary(&piecemeal(seed, || 1)),
            summary(&parse(seed, &mut 0))
        );
    }
}

#[test]
fn mutated_heads_never_panic_and_are_safe_to_forward() {
    let mut dice = Dice(0x9e37_79b9);
    let odd = b"\0\r\n\t :;,/HTP123\x7f\xff\x1bx";
    for round in 0..60_000 {
        let mut bytes = SEEDS[round % SEEDS.len()].to_vec();
        for _ in 0..1 + dice.roll(6) {
            let at = dice.roll(bytes.len() + 1);
            match dice.roll(3) {
                0 if at < bytes.len() => bytes[at] = odd[dice.roll(odd.len())],
                1 => bytes.insert(at, odd[dice.roll(odd.len())]),
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        let whole = parse(&bytes, &mut 0);
        let pieces = piecemeal(&bytes, || 1 + dice.roll(7));
        assert_eq!(
            summary(&whole),
            summary(&pieces),
            "{:?}",
            bytes.escape_ascii().to_string()
        );
        if let Ok(Parsed::Done(head, used)) = whole {
            check_safe(&head, used, &bytes);
        }
    }
}

fn check_safe(head: &Head, used: usize, bytes: &[u8]) {
    assert!(used <= bytes.len() && (200..=599).contains(&head.status()));
    for (name, value) in head.fields() {
        assert!(!name.is_empty() && name.iter().all(|byte| line::is_token(*byte)));
        assert!(
            value
                .iter()
                .all(|byte| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f))
        );
    }
    assert!(
        head.reason()
            .is_none_or(|reason| !reason.is_empty() && !line::has_control(reason))
    );
}
