//! Names of Vary, and which requests are about the same variant.

use super::*;
use crate::http::request::Limits;
use crate::scgi::response::{Parsed, parse};

fn named(lines: &str) -> Result<String, &'static str> {
    let Ok(Parsed::Done(head, _)) = parse(format!("{lines}\n\n").as_bytes(), &mut 0) else {
        panic!("{lines}");
    };
    names(&head).map(|names| String::from_utf8_lossy(&names).into_owned())
}

/// The variant of a request with these fields.
fn of(names: &str, fields: &str) -> [u8; 16] {
    let fields = fields.replace('~', "\r\n");
    let end = if fields.is_empty() { "" } else { "\r\n" };
    let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}{end}\r\n");
    let limits = Limits {
        max_size: 4096,
        underscores: false,
    };
    let request = Request::parse(text.as_bytes(), &limits).expect("a request");
    variant(names.as_bytes(), &request)
}

#[test]
fn names_are_lowercased_sorted_and_without_repeats() {
    for (lines, expected) in [
        ("X: y", Ok("")),
        ("Vary:", Ok("")),
        ("Vary: ,", Ok("")),
        ("Vary: Accept", Ok("accept")),
        ("vary: B , a,A\nVary: b,C", Ok("a,b,c")),
        ("Vary: *", Err("Vary has *")),
        ("Vary: a,*", Err("Vary has *")),
        ("Vary: a\nVary: b, *", Err("Vary has *")),
        ("Vary: a*", Ok("a*")),
        ("Vary: a b", Err("Vary has what is no field name")),
        ("Vary: \"a\"", Err("Vary has what is no field name")),
    ] {
        assert_eq!(named(lines), expected.map(str::to_owned), "{lines:?}");
    }
}

#[test]
fn names_are_limited_in_length() {
    let long = "a".repeat(1024);
    assert_eq!(named(&format!("Vary: {long}")), Ok(long.clone()));
    assert_eq!(named(&format!("Vary: {long}a")), Err("Vary is too long"));
}

#[test]
fn spelling_does_not_matter_in_lists_of_preferences() {
    for (names, one, other) in [
        (
            "accept-encoding",
            "Accept-Encoding: gzip, br",
            "Accept-Encoding: gzip,br",
        ),
        (
            "accept-encoding",
            "Accept-Encoding: gzip, br",
            "Accept-Encoding: br,\t gzip",
        ),
        (
            "accept-encoding",
            "Accept-Encoding: gzip, br",
            "accept-encoding: gzip~Accept-Encoding: br",
        ),
        (
            "accept-encoding",
            "Accept-Encoding: gzip",
            "Accept-Encoding: GZIP;Q=1.000,, gzip",
        ),
        (
            "accept-encoding",
            "Accept-Encoding: gzip;q=0.5",
            "Accept-Encoding: gzip ; q = 0.500",
        ),
        (
            "accept-encoding",
            "Accept-Encoding: gzip;q=0",
            "Accept-Encoding: gzip;q=0.0",
        ),
        (
            "accept-charset",
            "Accept-Charset: utf-8, x",
            "Accept-Charset: x,UTF-8",
        ),
        (
            "accept-language",
            "Accept-Language: de, en;q=0.5",
            "Accept-Language: en;q=0.5,DE",
        ),
        (
            "accept-language",
            "Accept-Language: de, en",
            "Accept-Language: de;q=1, , EN",
        ),
        (
            "accept",
            "Accept: text/html, */*;q=0.1",
            "Accept: */*;q=0.1,Text/HTML",
        ),
        ("accept", "Accept: a/b;v=1", "Accept: A/B ; V = 1"),
        ("x", "X: a~X: b", "X: a, b"),
        ("x", "X:   a", "X: a"),
        ("x", "Y: 1", "Y: 2"),
        ("", "Y: 1", "Y: 2"),
    ] {
        assert_eq!(
            of(names, one),
            of(names, other),
            "{names}: {one:?} {other:?}"
        );
    }
}

#[test]
fn what_means_something_else_is_another_variant() {
    for (names, one, other) in [
        ("x", "", "X:"),
        ("accept-encoding", "", "Accept-Encoding:"),
        (
            "accept-encoding",
            "Accept-Encoding: gzip",
            "Accept-Encoding: br",
        ),
        (
            "accept-encoding",
            "Accept-Encoding: gzip",
            "Accept-Encoding: gzip;q=0.9",
        ),
        (
            "accept-encoding",
            "Accept-Encoding: gzip",
            "Accept-Encoding: gzip;q=0",
        ),
        (
            "accept-encoding",
            "Accept-Encoding: gzip",
            "Accept-Encoding: gzip;q=2",
        ),
        // Whatever the standard says, the order is what applications choose by.
        (
            "accept-language",
            "Accept-Language: de, en",
            "Accept-Language: en, de",
        ),
        ("accept", "Accept: a/b, c/d", "Accept: c/d, a/b"),
        ("accept", "Accept: a/b;v=A", "Accept: a/b;v=a"),
        ("accept", "Accept: a/b;v=\"x,y\"", "Accept: a/b;v=\"y,x\""),
        ("x", "X: a", "X: A"),
        ("x", "X: a,b", "X: a, b"),
        ("x,y", "X: 1~Y: 2", "X: 2~Y: 1"),
        ("x,y", "X: 1", "Y: 1"),
        ("x,y", "X: ay:1b", "X: a~Y: b"),
        ("x,y", "X: a", "X: a~Y:"),
    ] {
        assert_ne!(
            of(names, one),
            of(names, other),
            "{names}: {one:?} {other:?}"
        );
    }
}

#[test]
fn no_names_make_no_hash() {
    assert_eq!(of("", "X: a"), [0; 16]);
    assert_ne!(of("x", ""), [0; 16]);
    assert_ne!(of("x", ""), of("y", ""));
}

#[test]
fn weights_are_thousandths() {
    for (text, expected) in [
        ("1", Some(1000)),
        ("1.", Some(1000)),
        ("1.000", Some(1000)),
        ("0", Some(0)),
        ("0.5", Some(500)),
        ("0.05", Some(50)),
        ("0.123", Some(123)),
        ("0.1234", None),
        ("1.001", None),
        ("9", None),
        ("", None),
        (".5", None),
        ("0,5", None),
        ("-1", None),
        ("0.x", None),
    ] {
        assert_eq!(weight(text.as_bytes()), expected, "{text:?}");
    }
}
