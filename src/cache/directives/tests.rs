//! Directives, well and badly written.

use super::*;
use crate::http::request::Limits;
use crate::scgi::response::{Parsed, parse};

fn read(value: &str) -> ResponseDirectives {
    let mut found = ResponseDirectives::default();
    found.read(value.as_bytes());
    found
}

fn head(lines: &str) -> Head {
    match parse(format!("{lines}\n\n").as_bytes(), &mut 0) {
        Ok(Parsed::Done(head, _)) => head,
        other => panic!("{lines}: {other:?}"),
    }
}

fn request(lines: &str) -> RequestDirectives {
    let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n");
    let limits = Limits {
        max_size: 4096,
        underscores: false,
    };
    RequestDirectives::of(&Request::parse(text.as_bytes(), &limits).expect("a request"))
}

fn fields(names: &[&str]) -> Scope {
    Scope::Fields(names.iter().map(|name| name.as_bytes().into()).collect())
}

#[test]
fn numbers_are_digits_and_nothing_else() {
    for (value, seconds) in [
        ("", Seconds::Absent),
        ("max-age=60", Seconds::Given(60)),
        ("MAX-age=60", Seconds::Given(60)),
        ("max-age=\"60\"", Seconds::Given(60)),
        ("max-age=\"6\\0\"", Seconds::Given(60)),
        ("max-age=0", Seconds::Given(0)),
        ("max-age=0060", Seconds::Given(60)),
        (" , ,max-age=60,,", Seconds::Given(60)),
        ("\tmax-age=60\t", Seconds::Given(60)),
        ("max-age=2147483647", Seconds::Given(MAX_SECONDS - 1)),
        ("max-age=2147483649", Seconds::Given(MAX_SECONDS)),
        ("max-age=4294967297", Seconds::Given(MAX_SECONDS)),
        (
            "max-age=999999999999999999999999999999",
            Seconds::Given(MAX_SECONDS),
        ),
        ("max-age", Seconds::Malformed),
        ("max-age=", Seconds::Malformed),
        ("max-age=,60", Seconds::Malformed),
        ("max-age=\"\"", Seconds::Malformed),
        ("max-age=\" 60\"", Seconds::Malformed),
        ("max-age='60'", Seconds::Malformed),
        ("max-age=-60", Seconds::Malformed),
        ("max-age=+60", Seconds::Malformed),
        ("max-age=60.0", Seconds::Malformed),
        ("max-age=60a", Seconds::Malformed),
        ("max-age=0x60", Seconds::Malformed),
        ("max-age =60", Seconds::Malformed),
        ("max-age= 60", Seconds::Malformed),
        ("max-age:60", Seconds::Malformed),
        ("max-age=\"60\"0", Seconds::Malformed),
        ("max-age=6\"0\"", Seconds::Malformed),
        ("max-age=\"60", Seconds::Malformed),
        ("max-age==60", Seconds::Malformed),
        ("\u{e9}max-age=60", Seconds::Given(60)),
        ("max-ages=60", Seconds::Absent),
        ("x-max-age=60", Seconds::Absent),
    ] {
        assert_eq!(read(value).max_age, seconds, "{value:?}");
    }
}

#[test]
fn the_first_of_two_numbers_counts() {
    assert_eq!(read("max-age=1, max-age=2").max_age, Seconds::Given(1));
    assert_eq!(read("max-age=x, max-age=2").max_age, Seconds::Malformed);
    let two = head("Cache-Control: max-age=1, s-maxage=3\ncache-control: max-age=2, no-store");
    let found = ResponseDirectives::of(&two);
    assert_eq!(found.max_age, Seconds::Given(1));
    assert_eq!(found.s_maxage, Seconds::Given(3));
    assert!(found.no_store);
}

#[test]
fn a_scope_is_fields_or_the_whole() {
    for (value, scope) in [
        ("max-age=1", Scope::Absent),
        ("private", Scope::Whole),
        ("PRIVATE", Scope::Whole),
        ("private=\"Set-Cookie\"", fields(&["set-cookie"])),
        ("private=Set-Cookie", fields(&["set-cookie"])),
        ("private=\"a, B,,c \"", fields(&["a", "b", "c"])),
        ("private=\"a\", private=\"b\"", fields(&["a", "b"])),
        ("private=\"a\", private", Scope::Whole),
        ("private, private=\"a\"", Scope::Whole),
        ("private=\"a\\-b\"", fields(&["a-b"])),
        ("private=\"\"", Scope::Whole),
        ("private=\" , \"", Scope::Whole),
        ("private=", Scope::Whole),
        ("private=\"a b\"", Scope::Whole),
        ("private=\"a", Scope::Whole),
        ("private = \"a\"", Scope::Whole),
        ("private\"a\"", Scope::Whole),
        ("private;max-age=1", Scope::Whole),
        ("max-age=1 private", Scope::Whole),
        ("x=\"private\"", Scope::Absent),
        ("x=\"a\\\", private\"", Scope::Absent),
        ("\"private\"", Scope::Absent),
        ("x=private", Scope::Absent),
        ("private-ish", Scope::Absent),
    ] {
        assert_eq!(read(value).private, scope, "{value:?}");
    }
    assert!(fields(&["set-cookie"]).names(b"Set-Cookie"));
    assert!(!Scope::Whole.names(b"a"));
}

#[test]
fn quotes_hide_nothing_that_forbids() {
    for value in [
        "x=\"a, no-store",
        "x=\"a\\\", no-store",
        "x=a\"b, no-store",
        "\"a, no-store",
        "x=\"\"\", no-store",
        "x=\"a\"no-store, no-store",
        "\\\"\\\", no-store",
        "x=\"\\\\\", no-store",
        "\"x\"no-store",
        "=no-store",
        "@ no-store",
    ] {
        assert!(read(value).no_store, "{value:?}");
    }
    for value in [
        "x=\"a, no-store\"",
        "x=\"\\\\\\\", no-store\"",
        "x=no-store",
        "x = no-store",
        "no-stores",
    ] {
        assert!(!read(value).no_store, "{value:?}");
    }
}

#[test]
fn a_value_full_of_open_quotes_is_read_in_one_go() {
    let value = "\"\\".repeat(200_000);
    assert_eq!(read(&value), ResponseDirectives::default());
}

#[test]
fn what_allows_must_be_written_well() {
    let found = read("public, must-understand, proxy-revalidate");
    assert!(found.public && found.must_understand);
    assert!(found.proxy_revalidate && !found.must_revalidate);
    let found = read("public=1, must-understand=x, must-revalidate=x");
    assert!(!found.public && !found.must_understand);
    assert!(found.must_revalidate);
    let found = read("stale-while-revalidate=5, stale-if-error=\"7\"");
    assert_eq!(found.stale_while_revalidate, Some(5));
    assert_eq!(found.stale_if_error, Some(7));
    assert_eq!(read("stale-if-error").stale_if_error, None);
}

#[test]
fn requests_have_directives_too() {
    let found = request(
        "Cache-Control: no-cache, max-age=5, min-fresh=6\r\nCache-Control: max-stale, only-if-cached",
    );
    assert!(found.no_cache && found.only_if_cached && !found.no_store);
    assert_eq!((found.max_age, found.min_fresh), (Some(5), Some(6)));
    assert_eq!(found.max_stale, MaxStale::Any);
    let found = request("Cache-Control: max-stale=9, no-store, stale-if-error=4, max-age=x");
    assert_eq!(found.max_stale, MaxStale::Seconds(9));
    assert_eq!((found.max_age, found.stale_if_error), (None, Some(4)));
    assert!(found.no_store);
    assert_eq!(
        request("Cache-Control: max-stale=x").max_stale,
        MaxStale::Absent
    );
}

#[test]
fn pragma_counts_where_there_is_no_cache_control() {
    assert!(request("Pragma: no-cache").no_cache);
    assert!(request("Pragma: x, No-Cache").no_cache);
    assert!(!request("Pragma: x=\"no-cache\"").no_cache);
    assert!(!request("Pragma: no-cache\r\nCache-Control: max-age=5").no_cache);
    assert!(!request("Pragma: no-cache\r\nCache-Control: ").no_cache);
}

#[test]
fn the_first_age_counts() {
    for (lines, expected) in [
        ("X: y", None),
        ("Age: 5", Some(5)),
        ("Age: 5, 7", Some(5)),
        ("Age: 5\nAge: 7", Some(5)),
        ("Age: 99999999999", Some(MAX_SECONDS)),
        ("Age: x", None),
        ("Age: -5", None),
        ("Age: 5.0", None),
        ("Age: \"5\"", None),
        ("Age:", None),
        ("Age: x\nAge: 5", None),
    ] {
        assert_eq!(age(&head(lines)), expected, "{lines:?}");
    }
}

#[test]
fn a_malformed_dictionary_is_ignored_as_a_whole() {
    let names = ["t".to_owned()];
    let targeted = |value: &str| ResponseDirectives::targeted(&head(value), &names);
    for value in [
        "X: y",
        "T:",
        "T: Max-Age=60",
        "T: max-age=60,",
        "T: max-age=60,,no-store",
        "T: max-age=60 no-store",
        "T: max-age= 60",
        "T: max-age =60",
        "T: max-age=",
        "T: max-age=-",
        "T: max-age=1234567890123456",
        "T: max-age=1.",
        "T: max-age=1.2345",
        "T: max-age=60, &&&",
        "T: private=\"a",
        "T: private=\"a\\b\"",
        "T: private=\"\u{e9}\"",
        "T: x=(a b, no-store",
        "T: x=(a\"b\"), no-store",
        "T: x=:a, no-store",
        "T: x=?2, no-store",
        "T: max-age=60; ;x",
        "T: 60",
        "T: -x",
    ] {
        assert_eq!(targeted(value), None, "{value:?}");
    }
}

#[test]
fn a_dictionary_says_what_cache_control_would() {
    let names = ["t".to_owned()];
    for (lines, same) in [
        ("T: max-age=60", "max-age=60"),
        ("T: max-age=60, no-store", "max-age=60, no-store"),
        (
            "T: max-age=60\nT: must-revalidate",
            "max-age=60, must-revalidate",
        ),
        ("T: max-age=1, max-age=60", "max-age=60"),
        ("T: no-store=?1;x=\"a\";y", "no-store"),
        ("T: no-store, no-store=?0, public", "public"),
        ("T: private=\"a, b\"", "private=\"a, b\""),
        ("T: private=a", "private=a"),
        ("T: private=(a b)", "private="),
        ("T: no-store=5", "no-store"),
        ("T: max-age=\"60\"", "max-age=x"),
        ("T: max-age=60.5", "max-age=x"),
        ("T: max-age=-60", "max-age=x"),
        ("T: max-age=999999999999999", "max-age=2147483648"),
        (
            "T: x=(1 \"a\" b;c=1);d, y=:aGk=:, *z=a/b:c \t, max-age=60",
            "max-age=60",
        ),
    ] {
        let found = ResponseDirectives::targeted(&head(lines), &names);
        assert_eq!(found, Some(read(same)), "{lines:?}");
    }
}

#[test]
fn the_first_good_field_of_the_target_list_counts() {
    let names = ["a".to_owned(), "b".to_owned()];
    let targeted = |lines: &str| ResponseDirectives::targeted(&head(lines), &names);
    assert_eq!(targeted("B: max-age=2\nA: public"), Some(read("public")));
    assert_eq!(targeted("B: max-age=2\nA: !"), Some(read("max-age=2")));
    assert_eq!(targeted("B: max-age=2\nA:"), Some(read("max-age=2")));
    assert_eq!(targeted("Cache-Control: max-age=2"), None);
}
