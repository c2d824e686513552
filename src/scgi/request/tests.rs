//! Tables by rule, and the promise about every block, held against a strict SCGI parser.

mod properties;
mod reader;

use super::*;
use crate::template::Var;
use reader::{Pairs, read};

/// A request as the encoder sees it, with fields that the HTTP parser might never let through.
#[derive(Default)]
struct Fake {
    host: String,
    port: Option<String>,
    fields: Vec<(String, Vec<u8>)>,
    nominated: Vec<String>,
}

impl Source for Fake {
    fn host(&self) -> &str {
        &self.host
    }
    fn host_port(&self) -> Option<&str> {
        self.port.as_deref()
    }
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_slice()))
    }
    fn is_nominated(&self, name: &[u8]) -> bool {
        self.nominated
            .iter()
            .any(|one| one.as_bytes().eq_ignore_ascii_case(name))
    }
}

/// Names and values of a client's fields.
type Fields<'a> = &'a [(&'a str, &'a str)];

fn client(fields: Fields) -> Fake {
    let fields = fields
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    Fake {
        fields,
        ..Fake::default()
    }
}

/// `$uri` is what the table says, `$args` is unset, `$https` is set and empty.
struct Vars(&'static [u8]);

impl Values for Vars {
    fn put(&self, var: &Var, out: &mut Vec<u8>) -> bool {
        match var {
            Var::Uri => out.extend_from_slice(self.0),
            Var::Args => return false,
            _ => {}
        }
        true
    }
}

fn param(name: &str, value: Template, if_not_empty: bool) -> Param {
    Param {
        name: name.into(),
        value,
        if_not_empty,
    }
}

fn literal(name: &str, value: &str) -> Param {
    param(name, Template::text(value.as_bytes()), false)
}

fn variable(name: &str, var: Var) -> Param {
    param(name, Template::var(var), false)
}

fn encode(params: &Params, source: &Fake) -> Result<Pairs, EncodeError> {
    let mut out = b"before".to_vec();
    let result = params.encode_from(source, &Vars(b"/a"), (0, params.pass_headers), &mut out);
    match result {
        Ok(encoded) => {
            assert!(out.starts_with(b"before") && encoded.start >= 6);
            let pairs = read(&out[encoded.start..]).expect("well-formed");
            let length = encoded.block.to_string().len() + 1 + encoded.block + 1;
            assert_eq!(out.len() - encoded.start, length);
            Ok(pairs)
        }
        Err(error) => {
            assert_eq!(out, b"before", "nothing is left behind by a failure");
            Err(error)
        }
    }
}

/// The pairs after CONTENT_LENGTH and SCGI, as `NAME=value` joined by `|`.
fn pairs(list: Vec<Param>, source: &Fake) -> String {
    let pairs = encode(&Params::new(list, true, None), source).expect("can be encoded");
    let texts: Vec<String> = pairs
        .iter()
        .skip(2)
        .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)))
        .collect();
    texts.join("|")
}

#[test]
fn the_wire_form_is_a_netstring_with_the_length_first() {
    let params = Params::new(
        vec![
            literal("REQUEST_METHOD", "POST"),
            variable("REQUEST_URI", Var::Uri),
        ],
        true,
        None,
    );
    let mut out = Vec::new();
    let encoded = params.encode_from(&client(&[]), &Vars(b"/deepthought"), (27, true), &mut out);
    let encoded = encoded.expect("can be encoded");
    assert_eq!(
        out[encoded.start..].escape_ascii().to_string(),
        "70:CONTENT_LENGTH\\x0027\\x00SCGI\\x001\\x00REQUEST_METHOD\\x00POST\\x00REQUEST_URI\\x00/deepthought\\x00,"
    );
    assert_eq!(encoded.block, 70);
}

#[test]
fn lengths_of_every_size_are_written() {
    for length in [0, 9, 10, 12_345, u64::MAX] {
        let mut out = Vec::new();
        let encoded = Params::new(vec![], false, None)
            .encode_from(&client(&[]), &Vars(b""), (length, true), &mut out)
            .expect("small");
        let pairs = read(&out[encoded.start..]).expect("well-formed");
        assert_eq!(pairs[0].1, length.to_string().into_bytes());
    }
}

#[test]
fn params_follow_their_rules() {
    let table: [(&str, Vec<Param>, &str); 13] = [
        ("P9", vec![literal("A", ""), literal("B", "b")], "A=|B=b"),
        ("P9", vec![variable("A", Var::Args)], "A="),
        ("P9", vec![param("A", Template::var(Var::Args), true)], ""),
        (
            "P9",
            vec![
                param("A", Template::var(Var::Https), true),
                literal("B", "b"),
            ],
            "B=b",
        ),
        (
            "P9",
            vec![param("A", Template::var(Var::Uri), true), literal("B", "b")],
            "A=/a|B=b",
        ),
        ("P9", vec![param("A", Template::text(b""), true)], ""),
        ("P9", vec![param("A", Template::text(b"x"), true)], "A=x"),
        (
            "P11",
            vec![literal("HTTP_X", ""), literal("HTTP_", "")],
            "HTTP_=",
        ),
        ("P12", vec![variable("HTTP_X", Var::Args)], "HTTP_X="),
        (
            "P12",
            vec![param("HTTP_X", Template::var(Var::Args), true)],
            "",
        ),
        (
            "Z2",
            vec![
                literal("CONTENT_LENGTH", "7"),
                literal("SCGI", "2"),
                literal("A", "a"),
            ],
            "A=a",
        ),
        (
            "Z2",
            vec![
                literal("A", "1"),
                literal("B", "b"),
                variable("A", Var::Uri),
            ],
            "A=/a|B=b",
        ),
        ("P2", vec![literal("", "x"), literal("A\0B", "x")], ""),
    ];
    for (rule, list, want) in table {
        assert_eq!(pairs(list.clone(), &client(&[])), want, "{rule} {list:?}");
    }
}

#[test]
fn client_fields_follow_their_rules() {
    let table: [(&str, Fields, &str); 12] = [
        (
            "P15",
            &[("X-Foo-bar", "1"), ("accept", "*/*")],
            "HTTP_X_FOO_BAR=1|HTTP_ACCEPT=*/*",
        ),
        ("P15", &[("X!#$%&'*+.^`|~9", "1")], "HTTP_X!#$%&'*+.^`|~9=1"),
        ("P9", &[("X-Empty", "")], "HTTP_X_EMPTY="),
        (
            "P18",
            &[("Cookie", "a=1"), ("X", "y"), ("cookie", "b=2")],
            "HTTP_COOKIE=a=1; b=2|HTTP_X=y",
        ),
        (
            "P18",
            &[("X", "1"), ("Y", "2"), ("x", "3"), ("X", "4")],
            "HTTP_X=1, 3, 4|HTTP_Y=2",
        ),
        ("P18", &[("X", ""), ("X", "2")], "HTTP_X=, 2"),
        (
            "Z2",
            &[("X-Foo", "1"), ("X_Foo", "2"), ("x-foo", "3")],
            "HTTP_X_FOO=1, 3",
        ),
        ("Z2", &[("X_Foo", "2"), ("X-Foo", "1")], "HTTP_X_FOO=2"),
        (
            "Z3",
            &[
                ("Content-Length", "1"),
                ("content_length", "2"),
                ("Content-Type", "a/b"),
                ("CONTENT_TYPE", "c"),
            ],
            "",
        ),
        (
            "Z4",
            &[
                ("Connection", "close"),
                ("Keep-Alive", "5"),
                ("Proxy-Connection", "x"),
                ("TE", "trailers"),
                ("Trailer", "x"),
                ("Transfer-Encoding", "chunked"),
                ("transfer_encoding", "chunked"),
                ("Upgrade", "h2c"),
                ("Expect", "100-continue"),
                ("HTTP2-Settings", "AAMA"),
                ("Proxy-Authorization", "Basic x"),
            ],
            "",
        ),
        (
            "Z5",
            &[
                ("Proxy", "http://evil/"),
                ("PROXY", "x"),
                ("Proxy-Foo", "y"),
            ],
            "HTTP_PROXY_FOO=y",
        ),
        ("P20", &[("Host", "raw.example"), ("X", "1")], "HTTP_X=1"),
    ];
    for (rule, fields, want) in table {
        assert_eq!(pairs(vec![], &client(fields)), want, "{rule} {fields:?}");
    }
}

#[test]
fn operators_override_and_suppress_client_fields() {
    let fields = client(&[("X-Foo", "client"), ("x_foo", "client"), ("Other", "o")]);
    let table = [
        (
            "P10",
            literal("HTTP_X_FOO", "own"),
            "HTTP_X_FOO=own|HTTP_OTHER=o",
        ),
        (
            "P10",
            literal("HTTP_x-foo", "own"),
            "HTTP_x-foo=own|HTTP_OTHER=o",
        ),
        (
            "P10",
            literal("http_X_FOO", "own"),
            "http_X_FOO=own|HTTP_X_FOO=client|HTTP_OTHER=o",
        ),
        ("P11", literal("HTTP_X_FOO", ""), "HTTP_OTHER=o"),
        (
            "P12",
            variable("HTTP_X_FOO", Var::Args),
            "HTTP_X_FOO=|HTTP_OTHER=o",
        ),
        (
            "P12",
            param("HTTP_X_FOO", Template::var(Var::Args), true),
            "HTTP_OTHER=o",
        ),
    ];
    for (rule, param, want) in table {
        assert_eq!(
            pairs(vec![param.clone()], &fields),
            want,
            "{rule} {param:?}"
        );
    }
}

#[test]
fn nominated_fields_stay_behind() {
    let mut source = client(&[("X-Hop", "1"), ("Connection", "X-Hop"), ("X-End", "2")]);
    source.nominated = vec!["x-hop".into()];
    assert_eq!(pairs(vec![], &source), "HTTP_X_END=2", "Z4");
}

#[test]
fn the_host_is_the_normalised_one_with_the_clients_port() {
    let mut source = client(&[("Host", "EXAMPLE.org.:81")]);
    assert_eq!(pairs(vec![], &source), "", "P20: skipped when empty");
    source.host = "example.org".into();
    assert_eq!(pairs(vec![], &source), "HTTP_HOST=example.org");
    source.port = Some("81".into());
    assert_eq!(
        pairs(vec![literal("A", "a")], &source),
        "A=a|HTTP_HOST=example.org:81",
        "P7: after the params"
    );
    assert_eq!(
        pairs(vec![literal("HTTP_HOST", "fixed")], &source),
        "HTTP_HOST=fixed"
    );
    assert_eq!(pairs(vec![literal("HTTP_HOST", "")], &source), "", "P11");
    let off = encode(
        &Params::new(vec![], false, None),
        &Fake {
            fields: vec![("X".into(), b"1".to_vec())],
            ..source
        },
    );
    let names: Vec<String> = off
        .expect("small")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["CONTENT_LENGTH", "SCGI", "HTTP_HOST"], "P21");
}

#[test]
fn a_nul_is_refused_wherever_it_stands() {
    let nul = |list: Vec<Param>, fields: &[(&str, &str)], uri: &'static [u8]| {
        let mut out = Vec::new();
        let result = Params::new(list, true, None).encode_from(
            &client(fields),
            &Vars(uri),
            (0, true),
            &mut out,
        );
        assert!(out.is_empty());
        result
    };
    assert_eq!(
        nul(vec![variable("A", Var::Uri)], &[], b"/\0"),
        Err(EncodeError::Nul("A".into())),
        "Z7"
    );
    assert_eq!(
        nul(vec![param("B", Template::var(Var::Uri), true)], &[], b"\0"),
        Err(EncodeError::Nul("B".into()))
    );
    assert_eq!(
        nul(vec![literal("C", "a\0b")], &[], b""),
        Err(EncodeError::Nul("C".into()))
    );
    assert_eq!(
        nul(vec![], &[("X", "\0")], b""),
        Err(EncodeError::Nul("X".into()))
    );
    assert_eq!(
        nul(vec![], &[("X", "1"), ("x", "a\0")], b""),
        Err(EncodeError::Nul("X".into()))
    );
}

#[test]
fn params_max_measures_trims_and_refuses() {
    let fields = client(&[
        ("Cookie", "0123456789"),
        ("User-Agent", "u"),
        ("Referer", "r"),
        ("Accept", "a"),
        ("Accept-Language", "l"),
        ("X", "1"),
    ]);
    let block = |max| encode(&Params::new(vec![], true, max), &fields);
    let whole = block(None).expect("no limit");
    let size: usize = whole
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    assert_eq!(
        block(Some(ParamsMax { size, trim: false })),
        Ok(whole.clone())
    );
    assert_eq!(
        block(Some(ParamsMax {
            size: size - 1,
            trim: false
        })),
        Err(EncodeError::TooLarge {
            size,
            max: size - 1
        })
    );
    let trimmed = block(Some(ParamsMax {
        size: size - 1,
        trim: true,
    }))
    .expect("fits when trimmed");
    let names: Vec<&str> = trimmed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["CONTENT_LENGTH", "SCGI", "HTTP_X"]);
    let small: usize = trimmed
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    assert_eq!(
        block(Some(ParamsMax {
            size: small - 1,
            trim: true
        })),
        Err(EncodeError::TooLarge {
            size: small,
            max: small - 1
        })
    );
}

#[test]
fn what_the_operator_defines_is_not_trimmed() {
    let params = Params::new(
        vec![literal("HTTP_COOKIE", "own")],
        true,
        Some(ParamsMax {
            size: 48,
            trim: true,
        }),
    );
    let pairs = encode(&params, &client(&[("Accept", "0123456789")])).expect("fits when trimmed");
    assert_eq!(
        pairs.last(),
        Some(&("HTTP_COOKIE".to_string(), b"own".to_vec()))
    );
}
