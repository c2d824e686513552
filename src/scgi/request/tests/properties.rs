//! What holds for any request: fields that no parser would let through, and whole heads with flipped bytes.

use super::*;
use crate::http::request::{Limits, Request};

/// A small generator of numbers: variety that is the same in every run.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % sides
    }
}

#[test]
fn whatever_the_request_the_block_is_well_formed() {
    let mut dice = Dice(0x2545_f491);
    let mut roll = |sides: usize| dice.roll(sides);
    let alphabet = [
        "X", "x", "-", "_", "Foo", "foo", "Cookie", "Content", "Length", "Host", "Proxy", "~", "1",
        "TE",
    ];
    let values = ["", "1", "a, b", "\u{e9}", " ", "\0"];
    for _ in 0..20_000 {
        let mut source = Fake {
            host: "h".repeat(roll(2)),
            ..Fake::default()
        };
        for _ in 0..roll(30) {
            let name: String = (0..1 + roll(3))
                .map(|_| alphabet[roll(alphabet.len())])
                .collect();
            let choices = if roll(50) == 0 {
                values.len()
            } else {
                values.len() - 1
            };
            let value = values[roll(choices)];
            source.fields.push((name, value.as_bytes().to_vec()));
        }
        let list = (0..roll(6)).map(|_| {
            let name = [
                "HTTP_X",
                "HTTP_X_FOO",
                "A",
                "SCGI",
                "CONTENT_LENGTH",
                "HTTP_HOST",
                "HTTP_",
                "",
            ][roll(8)];
            let value = [
                Template::text(b""),
                Template::text(b"v"),
                Template::var(Var::Uri),
                Template::var(Var::Args),
            ][roll(4)]
            .clone();
            param(name, value, roll(2) == 0)
        });
        let params = Params::new(list.collect(), true, None);
        let has_nul = source.fields.iter().any(|(_, value)| value.contains(&0));
        match encode(&params, &source) {
            Ok(pairs) => {
                assert!(pairs.iter().all(|(name, _)| {
                    !["HTTP_PROXY", "HTTP_CONTENT_LENGTH"].contains(&name.as_str())
                }))
            }
            Err(error) => assert!(has_nul, "{error:?}"),
        }
    }
}

const LIMITS: Limits = Limits {
    max_size: 32 << 10,
    underscores: true,
};

const HEADS: [&[u8]; 4] = [
    b"GET /a%20b/../c?x=1 HTTP/1.1\r\nHost: Example.org:8080\r\nCookie: a=1\r\nCookie: b=2\r\nAccept: */*\r\n\r\n",
    b"POST http://a.example/p HTTP/1.1\r\nHost: b.example\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX-Foo: 1\r\nX_Foo: 2\r\nProxy: p\r\n\r\n",
    b"PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nTE: trailers\r\n\r\n",
];

/// Path and query of the request, for the params that stand for the standard set.
struct FromRequest<'a>(&'a Request);

impl Values for FromRequest<'_> {
    fn put(&self, var: &Var, out: &mut Vec<u8>) -> bool {
        match var {
            Var::Uri => out.extend_from_slice(self.0.path()),
            Var::RequestUri => out.extend_from_slice(self.0.target()),
            Var::RequestMethod => out.extend_from_slice(self.0.method().as_bytes()),
            _ => return false,
        }
        true
    }
}

fn standard() -> Params {
    let list = vec![
        variable("REQUEST_METHOD", Var::RequestMethod),
        variable("REQUEST_URI", Var::RequestUri),
        variable("DOCUMENT_URI", Var::Uri),
        literal("GATEWAY_INTERFACE", "CGI/1.1"),
        param("HTTPS", Template::var(Var::Https), true),
    ];
    Params::new(list, true, None)
}

fn from_wire(params: &Params, head: &[u8]) -> Option<Result<Pairs, EncodeError>> {
    let request = Request::parse(head, &LIMITS).ok()?;
    let mut out = Vec::new();
    let result = params.encode(&request, &FromRequest(&request), 0, &mut out);
    Some(result.map(|encoded| read(&out[encoded.start..]).expect("well-formed")))
}

#[test]
fn a_real_request_becomes_the_pairs_it_should() {
    let text = |index: usize| {
        let pairs = from_wire(&standard(), HEADS[index])
            .expect("accepted")
            .expect("encoded");
        let texts = pairs
            .iter()
            .skip(4)
            .map(|(name, value)| format!("{name}={}", value.escape_ascii()));
        texts.collect::<Vec<_>>().join("|")
    };
    assert_eq!(
        text(0),
        "DOCUMENT_URI=/c|GATEWAY_INTERFACE=CGI/1.1|HTTP_HOST=example.org:8080|HTTP_COOKIE=a=1; b=2|HTTP_ACCEPT=*/*"
    );
    assert_eq!(
        text(1),
        "DOCUMENT_URI=/p|GATEWAY_INTERFACE=CGI/1.1|HTTP_HOST=a.example",
        "P20, Z3"
    );
    assert_eq!(
        text(2),
        "DOCUMENT_URI=/|GATEWAY_INTERFACE=CGI/1.1|HTTP_HOST=a|HTTP_X_FOO=1",
        "Z2, Z4, Z5"
    );
    assert_eq!(
        text(3),
        "DOCUMENT_URI=/x|GATEWAY_INTERFACE=CGI/1.1|HTTP_HOST=a",
        "Z4"
    );
}

#[test]
fn a_mutated_request_reaches_the_application_well_formed_or_not_at_all() {
    let params = standard();
    let mut dice = Dice(0x1234_5678);
    let odd = b"\0\r\n\t :;,%0_-Aa/\x7f\xff";
    let mut accepted = 0;
    for round in 0..40_000 {
        let mut head = HEADS[round % HEADS.len()].to_vec();
        for _ in 0..1 + dice.roll(4) {
            let at = dice.roll(head.len());
            match dice.roll(3) {
                0 => head[at] = odd[dice.roll(odd.len())],
                1 => head.insert(at, odd[dice.roll(odd.len())]),
                _ => drop(head.remove(at)),
            }
        }
        accepted += usize::from(matches!(from_wire(&params, &head), Some(Ok(_))));
    }
    assert!(
        accepted > 1_000,
        "only {accepted} were accepted: the mutations are too coarse to test anything"
    );
}

#[test]
fn no_hop_by_hop_field_of_the_http_room_is_passed_on() {
    for name in [
        "Connection",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "HTTP2-Settings",
    ] {
        assert!(crate::http::fields::is_hop_by_hop(name), "{name}");
        assert_eq!(pairs(vec![], &client(&[(name, "x")])), "", "{name}");
    }
}

/// Not a test: `cargo test --release --bin scgate -- --ignored --nocapture time_of`.
#[test]
#[ignore = "prints times; asserts nothing"]
fn time_of_one_request() {
    let head = b"GET /index.html?a=b HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101\r\n\
        Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n\
        Accept-Encoding: gzip, deflate, br, zstd\r\nReferer: https://www.example.org/start\r\nConnection: keep-alive\r\n\
        Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\n\
        Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nPriority: u=0, i\r\n\r\n";
    let request = Request::parse(head, &LIMITS).expect("accepted");
    let params = standard();
    let mut out = Vec::with_capacity(4096);
    let rounds = 1_000_000;
    let begin = std::time::Instant::now();
    for _ in 0..rounds {
        out.clear();
        let encoded = params.encode(&request, &FromRequest(&request), 0, &mut out);
        assert!(std::hint::black_box(encoded).is_ok());
    }
    println!(
        "one request: {} ns, {} bytes",
        begin.elapsed().as_nanos() / rounds,
        out.len()
    );
}
