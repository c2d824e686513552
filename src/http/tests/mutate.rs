//! Bytes at random: nothing panics, and what is accepted keeps its promises.

use super::chunks::decode;
use super::{LIMITS, shown, take};
use crate::http::chunked::Decoder;
use crate::http::fields::{is_token, is_value_byte};
use crate::http::request::{Limits, Request, find_end};

/// Marsaglia's xorshift: the same bytes in every run.
pub(super) struct Random(pub u32);

impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.next() % n.max(1)
    }

    pub fn pick<'a>(&mut self, from: &[&'a [u8]]) -> &'a [u8] {
        from.get(self.below(from.len()))
            .copied()
            .unwrap_or_default()
    }

    /// One to four changes: a byte, a piece with a meaning, a cut, a repeat.
    pub fn mutate(&mut self, seed: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(8)).min(bytes.len());
            match self.below(4) {
                0 => drop(bytes.splice(at..(at + 1).min(bytes.len()), [self.next() as u8])),
                1 => drop(bytes.splice(at..at, self.pick(pieces).to_vec())),
                2 => drop(bytes.drain(at..end)),
                _ => {
                    let again = bytes.get(at..end).unwrap_or_default().to_vec();
                    bytes.splice(at..at, again);
                }
            }
        }
        bytes
    }
}

const SEEDS: &[&[u8]] = &[
    b"GET /a/b?c=d HTTP/1.1\r\nHost: a.example:80\r\nAccept: */*\r\n\r\n",
    b"POST /%61/../x HTTP/1.1\r\nHost: A\r\nContent-Length: 5\r\nConnection: close, x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: [::1]:8\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n",
    b"GET http://b.example/x//y?z HTTP/1.0\r\nX_Y: z\r\nCookie: a=b\r\nCookie: c\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
    b"\r\nGET /.//%2e/%2f..%2f./a%25 HTTP/1.1\r\nHost: a\r\n\r\n",
];

const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"/",
    b"/..",
    b"/.",
    b"%2e",
    b"%2F",
    b"%00",
    b"%",
    b"?",
    b"#",
    b"*",
    b"http://",
    b"@",
    b"Host: b\r\n",
    b"Content-Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"_",
    b",",
    b"\xff",
    b"Connection: x-y\r\n",
    b" HTTP/1.1\r\n",
    b"\r\n\r\n",
    b"[",
    b"]",
    b"..",
];

fn check(request: &Request) {
    let path = request.path();
    if request.is_options_asterisk() {
        assert_eq!(request.method(), "OPTIONS");
    } else {
        assert!(
            path.starts_with(b"/") && !path.contains(&0),
            "{}",
            shown(path)
        );
        let segments: Vec<&[u8]> = path.split(|&b| b == b'/').skip(1).collect();
        let (last, inner) = segments
            .split_last()
            .map_or((b"".as_slice(), [].as_slice()), |(l, i)| (*l, i));
        assert!(
            inner.iter().all(|s| !matches!(*s, b"" | b"." | b"..")),
            "{}",
            shown(path)
        );
        assert!(!matches!(last, b"." | b".."), "{}", shown(path));
        assert!(request.target().starts_with(b"/"));
    }
    assert!(is_token(request.method().as_bytes()));
    assert!(
        request
            .host()
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase() && b != b'/')
    );
    assert!(request.minor_version() == 0 || !request.host().is_empty());
    for (name, value) in request.fields() {
        assert!(
            is_token(name.as_bytes()) && value.iter().all(|&b| is_value_byte(b)),
            "{name}: {}",
            shown(value)
        );
        assert_eq!(crate::http::fields::trim(value), value);
        let _ = request.nominated(name);
    }
}

/// The request as our own words.
fn written(request: &Request) -> Vec<u8> {
    let protocol = request.protocol();
    let mut out = [
        request.method().as_bytes(),
        b" ",
        request.target(),
        b" ",
        protocol.as_bytes(),
        b"\r\n",
    ]
    .concat();
    for (name, value) in request.fields() {
        out.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    out.extend_from_slice(b"\r\n");
    out
}

fn meaning(request: &Request) -> String {
    let fields: Vec<(&str, String)> = request
        .fields()
        .map(|(name, value)| (name, shown(value)))
        .collect();
    format!(
        "{} {} {} {:?} {} {} {:?} {fields:?} {:?} {} {}",
        request.method(),
        shown(request.target()),
        shown(request.path()),
        request.query().map(shown),
        request.protocol(),
        request.host(),
        request.host_port(),
        request.framing(),
        request.keep_alive(),
        request.expects_continue(),
    )
}

#[test]
fn mutated_heads_never_panic_and_accepted_ones_keep_their_promises() {
    let mut random = Random(0x5CA1_AB1E);
    let mut accepted = 0;
    for round in 0..20_000 {
        let seed = random.pick(SEEDS);
        let bytes = random.mutate(seed, PIECES);
        let limits = Limits {
            underscores: round % 2 == 0,
            ..LIMITS
        };
        let _ = Request::parse(&bytes, &limits);
        in_pieces_as_whole(&bytes, &limits, 1 + random.below(7));
        let Ok(Some(request)) = take(&bytes, &limits) else {
            continue;
        };
        accepted += 1;
        check(&request);
        let again = take(&written(&request), &limits);
        let again = again.ok().flatten().map(|again| meaning(&again));
        assert_eq!(again, Some(meaning(&request)), "{}", shown(&bytes));
    }
    assert!(
        (2_000..18_000).contains(&accepted),
        "{accepted} accepted: the mutations test nothing"
    );
}

/// The end is found at the same place; a refusal may come from another byte of the same bad head.
fn in_pieces_as_whole(bytes: &[u8], limits: &Limits, size: usize) {
    let whole = find_end(bytes, &mut 0, limits);
    let mut scanned = 0;
    let mut found = Ok(None);
    for len in (size..bytes.len()).step_by(size).chain([bytes.len()]) {
        found = find_end(bytes.get(..len).unwrap_or_default(), &mut scanned, limits);
        if found != Ok(None) {
            break;
        }
    }
    assert_eq!(
        found.map_err(|r| r.status),
        whole.map_err(|r| r.status),
        "{} by {size}",
        shown(bytes)
    );
}

#[test]
fn mutated_bodies_decode_the_same_in_pieces_and_whole() {
    let seeds: &[&[u8]] = &[
        b"5\r\nhello\r\n0\r\n\r\n",
        b"3;a=b\r\nabc\r\n1f\r\n0123456789012345678901234567890\r\n0\r\nA: b\r\nC:\r\n\r\n",
        b"1\nx\n2\nyz\n0\n\n",
    ];
    let pieces: &[&[u8]] = &[
        b"\r\n",
        b"\n",
        b"\r",
        b"0",
        b"f",
        b";",
        b" ",
        b"\0",
        b"0\r\n",
        b"X: y\r\n",
        b"ffffffffffffffff",
        b"-",
    ];
    let mut random = Random(0xC0FF_EE11);
    let mut done = 0;
    for round in 0..20_000 {
        let seed = random.pick(seeds);
        let bytes = random.mutate(seed, pieces);
        let decoder = match round % 2 {
            0 => Decoder::strict(),
            _ => Decoder::lenient(),
        };
        let whole = decode(decoder.clone(), &bytes, usize::MAX);
        assert_eq!(
            decode(decoder.clone(), &bytes, 1),
            whole,
            "{}",
            shown(&bytes)
        );
        assert_eq!(
            decode(decoder, &bytes, 1 + random.below(9)),
            whole,
            "{}",
            shown(&bytes)
        );
        done += usize::from(matches!(whole, Ok((_, _, true))));
    }
    assert!(
        (1_000..19_000).contains(&done),
        "{done} complete: the mutations test nothing"
    );
}
