//! Whatever request is accepted, the application gets a block that the strictest reader of SCGI takes.

use std::collections::BTreeSet;

use super::request::{limits, take};
use super::shown;
use crate::http::request::Request;
use crate::scgi::request::{EncodeError, Param, Params, ParamsMax};
use crate::template::{Template, Values, Var};

/// The small block that is tried: about what a request with few fields has.
const SMALL: usize = 300;

/// A request head of a client, as it goes to an application.
pub fn scgi_encode(data: &[u8]) -> bool {
    let Ok(Some(request)) = take(data, &limits(true)) else {
        return false;
    };
    let length = data.len() as u64;
    let full = encode(&request, true, None, length).expect("values of a request hold no NUL");
    let bare = encode(&request, false, None, length).expect("values of a request hold no NUL");
    assert!(bare.1 <= full.1);
    assert_eq!(
        bare.0.iter().filter(|n| n.starts_with("HTTP_")).count(),
        1 + usize::from(!request.host().is_empty()),
        "a field of the client although they are not passed"
    );
    for trim in [false, true] {
        let max = ParamsMax { size: SMALL, trim };
        match encode(&request, true, Some(max), length) {
            Ok((_, size)) => assert!(size <= SMALL && size <= full.1),
            Err(EncodeError::TooLarge { size, max }) => {
                assert!(size > max && max == SMALL && (trim || size == full.1));
            }
            Err(EncodeError::Nul(name)) => panic!("a NUL in {name}"),
        }
    }
    true
}

/// Names, and the size of the block.
type Block = (Vec<String>, usize);

fn encode(
    request: &Request,
    pass_headers: bool,
    max: Option<ParamsMax>,
    length: u64,
) -> Result<Block, EncodeError> {
    let params = Params::new(params(), pass_headers, max);
    // What stands there before must stay, and stays when the block is refused.
    let mut out = b"before".to_vec();
    let result = params.encode(request, &FromRequest(request), length, &mut out);
    assert!(out.starts_with(b"before"));
    let encoded = result.inspect_err(|_| assert_eq!(out, b"before"))?;
    let pairs = read(&out[encoded.start..], encoded.block);
    check(&pairs, request, length);
    let names = pairs.iter().map(|(name, _)| name.clone()).collect();
    Ok((names, encoded.block))
}

/// A set with all that can go wrong: a name twice, names that are the encoder's, names that a client's field has too.
fn params() -> Vec<Param> {
    let param = |name: &str, value: Template, if_not_empty| Param {
        name: name.into(),
        value,
        if_not_empty,
    };
    vec![
        param("REQUEST_METHOD", Template::var(Var::RequestMethod), false),
        param("REQUEST_URI", Template::var(Var::RequestUri), false),
        param("DOCUMENT_URI", Template::var(Var::Uri), false),
        param("QUERY_STRING", Template::var(Var::Args), false),
        param("HTTPS", Template::var(Var::Https), true),
        param("CONTENT_LENGTH", Template::text(b"7"), false),
        param("SCGI", Template::text(b"0"), false),
        param("HTTP_X_FOO", Template::text(b"first"), false),
        param("HTTP_X_FOO", Template::text(b"operator"), false),
    ]
}

struct FromRequest<'a>(&'a Request);

impl Values for FromRequest<'_> {
    fn put(&self, var: &Var, out: &mut Vec<u8>) -> bool {
        let value = match var {
            Var::Uri => self.0.path(),
            Var::RequestUri => self.0.target(),
            Var::RequestMethod => self.0.method().as_bytes(),
            Var::Args => self.0.query().unwrap_or_default(),
            _ => return false,
        };
        out.extend_from_slice(value);
        true
    }
}

type Pairs = Vec<(String, Vec<u8>)>;

/// Reads a netstring to the letter of the specification: `SIZE:BLOCK,` and nothing after it, the block a run of names
/// and values with a NUL after each.
fn read(wire: &[u8], size: usize) -> Pairs {
    let block = wire
        .strip_prefix(format!("{size}:").as_bytes())
        .and_then(|rest| rest.strip_suffix(b","))
        .unwrap_or_else(|| panic!("not a netstring of {size} bytes: {}", shown(wire)));
    assert_eq!(block.len(), size);
    let texts = block.strip_suffix(b"\0").expect("a NUL last");
    let texts: Vec<&[u8]> = texts.split(|&b| b == 0).collect();
    assert!(texts.len().is_multiple_of(2), "a name without a value");
    let text = |name: &[u8]| String::from_utf8(name.to_vec()).expect("names are ASCII");
    let pairs = texts.chunks(2);
    pairs
        .map(|pair| (text(pair[0]), pair[1].to_vec()))
        .collect()
}

fn check(pairs: &Pairs, request: &Request, length: u64) {
    let expected = ("CONTENT_LENGTH".to_owned(), length.to_string().into_bytes());
    assert_eq!(pairs.first(), Some(&expected));
    assert_eq!(pairs.get(1), Some(&("SCGI".to_owned(), b"1".to_vec())));
    let mut names = BTreeSet::new();
    for (name, value) in pairs {
        assert!(names.insert(name.as_str()), "{name} twice");
        let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        assert!(!name.is_empty() && name.bytes().all(plain), "{name}");
        match name.as_str() {
            "HTTP_X_FOO" => assert_eq!(value, b"operator", "a client speaks for the operator"),
            "HTTP_HOST" => assert!(value.starts_with(request.host().as_bytes())),
            _ => {}
        }
    }
    for never in [
        "HTTPS",
        "HTTP_PROXY",
        "HTTP_CONTENT_LENGTH",
        "HTTP_CONTENT_TYPE",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_CONNECTION",
        "HTTP_TE",
        "HTTP_UPGRADE",
        "HTTP_EXPECT",
    ] {
        assert!(!names.contains(never), "{never}");
    }
}
