//! The values of single fields: Cache-Control and its like, Vary, conditions, ranges and dates.

use super::request::{limits, take};
use super::shown;
use crate::cache::directives::{
    MAX_SECONDS, RequestDirectives, ResponseDirectives, Scope, Seconds,
};
use crate::cache::vary;
use crate::http::date::{self, HttpDate};
use crate::http::fields::{is_token, trim};
use crate::http::request::Request;
use crate::respond::conditions::{Validators, Verdict};
use crate::respond::ranges::{RANGES_MAX, Selection, select};
use crate::scgi::response::{Head, Parsed, parse};

/// A request with these lines in its head.
fn request(lines: &[u8]) -> Option<Request> {
    let head = [b"GET / HTTP/1.1\r\nHost: a\r\n", lines, b"\r\n\r\n"].concat();
    take(&head, &limits(false)).ok()?
}

/// A response with these lines in its head.
fn response(lines: &[u8]) -> Option<Head> {
    let head = [b"Status: 200\n", lines, b"\n\n"].concat();
    match parse(&head, &mut 0) {
        Ok(Parsed::Done(head, _)) => Some(head),
        _ => None,
    }
}

/// The value of a Cache-Control field. Accepted: it says something.
pub fn cache_control(data: &[u8]) -> bool {
    let read = |value: &[u8]| {
        let mut found = ResponseDirectives::default();
        found.read(value);
        found
    };
    let found = read(data);
    assert_eq!(found, read(&data.to_ascii_uppercase()), "{}", shown(data));
    for seconds in [&found.max_age, &found.s_maxage] {
        assert!(!matches!(seconds, Seconds::Given(n) if *n > MAX_SECONDS));
    }
    for seconds in [found.stale_while_revalidate, found.stale_if_error] {
        assert!(seconds.is_none_or(|n| n <= MAX_SECONDS));
    }
    // What forbids is heard wherever it stands as a word of its own outside of quotes.
    if !data.contains(&b'"') && !data.contains(&b'\\') {
        for word in data.split(|&b| b == b',').map(trim) {
            let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
            assert!(!is(b"no-store") || found.no_store, "{}", shown(data));
            assert!(!is(b"private") || found.private == Scope::Whole);
            assert!(!is(b"no-cache") || found.no_cache == Scope::Whole);
        }
    }
    // What comes later takes no prohibition away.
    let mut more = read(data);
    more.read(b"public, max-age=9");
    assert!(more.no_store >= found.no_store && more.must_revalidate >= found.must_revalidate);
    assert_eq!(
        (&more.private, &more.no_cache),
        (&found.private, &found.no_cache)
    );
    if found.max_age != Seconds::Absent {
        assert_eq!(more.max_age, found.max_age, "the first of two is taken");
    }
    in_heads(data, &found);
    found != ResponseDirectives::default()
}

/// The same by way of a head, and in a field of structured values.
fn in_heads(data: &[u8], found: &ResponseDirectives) {
    if let Some(head) = response(&[b"Cache-Control: ", data].concat())
        && head.field("cache-control") == Some(data)
        && head.fields().count() == 1
    {
        assert_eq!(ResponseDirectives::of(&head), *found, "{}", shown(data));
    }
    if let Some(head) = response(&[b"CDN-Cache-Control: ", data].concat()) {
        let names = ["cdn-cache-control".to_owned()];
        let targeted = ResponseDirectives::targeted(&head, &names);
        assert!(
            targeted.is_none_or(|t| !matches!(t.max_age, Seconds::Given(n) if n > MAX_SECONDS))
        );
    }
    if let Some(request) = request(&[b"Cache-Control: ", data].concat()) {
        let asked = RequestDirectives::of(&request);
        assert!(
            [asked.max_age, asked.min_fresh]
                .iter()
                .flatten()
                .all(|&n| n <= MAX_SECONDS)
        );
    }
}

/// The value of Vary, a line end, and a request's fields. Accepted: there are names, and the fields are well-formed.
pub fn vary(data: &[u8]) -> bool {
    let (value, fields) = match data.iter().position(|&b| b == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &b""[..]),
    };
    let Some(head) = response(&[b"Vary: ", value].concat()) else {
        return false;
    };
    let Ok(names) = vary::names(&head) else {
        return false;
    };
    let list: Vec<&[u8]> = names
        .split(|&b| b == b',')
        .filter(|n| !n.is_empty())
        .collect();
    assert!(list.is_sorted() && list.iter().all(|name| is_token(name)));
    let line = [b"Vary: ", &*names].concat();
    let again = response(&line).map(|head| vary::names(&head));
    assert_eq!(again, Some(Ok(names.clone())), "{}", shown(data));
    let Some(given) = request(fields) else {
        return false;
    };
    let variant = vary::variant(&names, &given);
    assert_eq!(variant == [0; 16], names.is_empty());
    // A field that is not named changes nothing; one that is named and was not there does.
    let with = |line: &[u8]| request(&[fields, b"\r\n", line].concat());
    if !fields.is_empty()
        && !list.contains(&&b"x-other"[..])
        && let Some(other) = with(b"X-Other: 1")
    {
        assert_eq!(vary::variant(&names, &other), variant, "{}", shown(data));
    }
    if !fields.is_empty()
        && list.contains(&&b"x-named"[..])
        && given.field("x-named").is_none()
        && let Some(other) = with(b"X-Named: 1")
        && other.field("x-named").is_some()
    {
        assert_ne!(vary::variant(&names, &other), variant, "{}", shown(data));
    }
    !names.is_empty()
}

/// Lines of a request about what it has already. Accepted: they change the answer.
pub fn conditions(data: &[u8]) -> bool {
    let Some(request) = request(data) else {
        return false;
    };
    let validators = Validators {
        etag: Some(b"\"a-1\""),
        modified: Some(784_111_777),
    };
    let verdict = validators.judge(&request);
    let none = Validators {
        etag: None,
        modified: None,
    };
    let unknown = none.judge(&request);
    let has = |name: &str| request.field(name).is_some();
    // Each answer has its reason, and nothing is taken for unchanged by what is not known.
    match verdict {
        Verdict::Send => {}
        Verdict::NotModified => assert!(has("if-none-match") || has("if-modified-since")),
        Verdict::Failed => assert!(has("if-match") || has("if-unmodified-since")),
    }
    if unknown == Verdict::NotModified {
        assert!(
            request
                .fields_named("if-none-match")
                .any(|value| value == b"*")
        );
    }
    let holds = validators.range_holds(&request);
    assert!(holds || has("if-range"));
    assert!(!none.range_holds(&request) || !has("if-range"));
    verdict != Verdict::Send || has("if-range") && holds
}

/// The value of Range. Accepted: it selects something of a thousand bytes.
pub fn ranges(data: &[u8]) -> bool {
    for size in [0, 1, 10, 1000, u64::MAX] {
        let Selection::Ranges(ranges) = select(data, size) else {
            continue;
        };
        assert!((1..=RANGES_MAX).contains(&ranges.len()), "{}", shown(data));
        let mut sum = 0u64;
        for range in &ranges {
            let end = range.from.checked_add(range.len);
            assert!(
                range.len > 0 && end.is_some_and(|end| end <= size),
                "{}",
                shown(data)
            );
            sum = sum.checked_add(range.len).expect("no more than the whole");
        }
        assert!(sum <= size, "{}", shown(data));
    }
    // One run that is written plainly is found as it is written.
    let plain = || -> Option<(u64, u64)> {
        let text = std::str::from_utf8(data).ok()?.strip_prefix("bytes=")?;
        let (from, to) = text.split_once('-')?;
        let is_number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let both = is_number(from) && is_number(to);
        both.then_some((from.parse().ok()?, to.parse().ok()?))
    };
    let selection = select(data, 1000);
    if let Some((from, to)) = plain() {
        match &selection {
            Selection::Ranges(found) => {
                assert_eq!(
                    (found[0].from, found[0].len),
                    (from, to.min(999) + 1 - from)
                );
            }
            Selection::Unsatisfiable => assert!(from > to || from > 999, "{}", shown(data)),
            Selection::Whole => panic!("{}", shown(data)),
        }
    }
    matches!(selection, Selection::Ranges(_))
}

/// A date of HTTP.
pub fn http_date(data: &[u8]) -> bool {
    let Some(seconds) = date::parse(data) else {
        return false;
    };
    let written = HttpDate::new(seconds);
    assert_eq!(
        date::parse(written.as_str().as_bytes()),
        Some(seconds),
        "{}",
        shown(data)
    );
    if data.len() == 29 && data.ends_with(b" GMT") {
        // The weekday is not looked at.
        assert_eq!(
            &data[5..],
            &written.as_str().as_bytes()[5..],
            "{}",
            shown(data)
        );
    }
    true
}
