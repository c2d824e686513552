//! Tables by section of RFC 9110, then fields at random.

use super::*;
use crate::http::date::HttpDate;
use crate::http::request::Limits;

/// Last-Modified of everything here: Sun, 06 Nov 1994 08:49:37 GMT.
const MODIFIED: u64 = 784_111_777;
const TAG: &[u8] = b"\"a-1\"";

const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn request(method: &str, fields: &str) -> Request {
    let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let limits = Limits {
        max_size: 65536,
        underscores: false,
    };
    Request::parse(head.as_bytes(), &limits).expect("a request")
}

/// `If-Match: x | If-Range: y` as lines.
fn lines(fields: &str) -> String {
    let fields = fields.split('|').map(str::trim).filter(|f| !f.is_empty());
    fields.map(|field| format!("{field}\r\n")).collect()
}

fn verdict(etag: Option<&[u8]>, modified: Option<u64>, method: &str, fields: &str) -> Verdict {
    let validators = Validators { etag, modified };
    validators.judge(&request(method, &lines(fields)))
}

/// (section, fields, verdict) for GET of something with `TAG` and `MODIFIED`. `SAME`, `BEFORE` and `AFTER` are dates.
const TABLE: &[(&str, &str, Verdict)] = &[
    ("13.2", "", Verdict::Send),
    // If-Match: strong comparison.
    ("13.1.1", "If-Match: \"a-1\"", Verdict::Send),
    ("13.1.1", "If-Match: \"a-2\"", Verdict::Failed),
    ("13.1.1", "If-Match: *", Verdict::Send),
    ("13.1.1", "If-Match: \"x\", \"a-1\"", Verdict::Send),
    ("13.1.1", "If-Match: \"x\",\t ,\"a-1\" ,", Verdict::Send),
    ("13.1.1", "If-Match: \"x\", \"y\"", Verdict::Failed),
    ("8.8.3.2", "If-Match: W/\"a-1\"", Verdict::Failed),
    ("8.8.3.2", "If-Match: W/\"a-1\", \"a-1\"", Verdict::Send),
    ("8.8.3", "If-Match: \"x,\\\"a-1\"", Verdict::Failed),
    ("8.8.3", "If-Match: w/\"a-1\"", Verdict::Failed),
    ("8.8.3", "If-Match: a-1", Verdict::Failed),
    ("8.8.3", "If-Match: \"a-1", Verdict::Failed),
    ("8.8.3", "If-Match:", Verdict::Failed),
    ("8.8.3", "If-Match: \"x\" \"a-1\"", Verdict::Failed),
    ("8.8.3", "If-Match: \"x\", *", Verdict::Failed),
    // If-None-Match: weak comparison.
    ("13.1.2", "If-None-Match: \"a-1\"", Verdict::NotModified),
    ("13.1.2", "If-None-Match: \"a-2\"", Verdict::Send),
    ("13.1.2", "If-None-Match: *", Verdict::NotModified),
    ("13.1.2", "If-None-Match: W/\"a-1\"", Verdict::NotModified),
    (
        "13.1.2",
        "If-None-Match: \"x\", W/\"a-1\"",
        Verdict::NotModified,
    ),
    (
        "8.8.3",
        "If-None-Match: \"x,y\", \"a-1\"",
        Verdict::NotModified,
    ),
    ("8.8.3", "If-None-Match: \",\", \"\"", Verdict::Send),
    ("8.8.3", "If-None-Match: \"A-1\"", Verdict::Send),
    ("8.8.3", "If-None-Match: a-1", Verdict::Send),
    ("8.8.3", "If-None-Match: \"a-1", Verdict::Send),
    // If-Modified-Since.
    ("13.1.3", "If-Modified-Since: SAME", Verdict::NotModified),
    ("13.1.3", "If-Modified-Since: AFTER", Verdict::NotModified),
    ("13.1.3", "If-Modified-Since: BEFORE", Verdict::Send),
    ("13.1.3", "If-Modified-Since: yesterday", Verdict::Send),
    (
        "13.1.3",
        "If-Modified-Since: Sun, 31 Feb 1994 08:49:37 GMT",
        Verdict::Send,
    ),
    ("13.1.3", "If-Modified-Since: SAME, SAME", Verdict::Send),
    (
        "5.6.7",
        "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT",
        Verdict::NotModified,
    ),
    (
        "5.6.7",
        "If-Modified-Since: Sun Nov  6 08:49:37 1994",
        Verdict::NotModified,
    ),
    (
        "13.1.3",
        "If-Modified-Since: SAME | If-None-Match: \"x\"",
        Verdict::Send,
    ),
    (
        "13.1.3",
        "If-Modified-Since: BEFORE | If-None-Match: \"a-1\"",
        Verdict::NotModified,
    ),
    // If-Unmodified-Since.
    ("13.1.4", "If-Unmodified-Since: SAME", Verdict::Send),
    ("13.1.4", "If-Unmodified-Since: AFTER", Verdict::Send),
    ("13.1.4", "If-Unmodified-Since: BEFORE", Verdict::Failed),
    ("13.1.4", "If-Unmodified-Since: tomorrow", Verdict::Send),
    (
        "13.1.4",
        "If-Unmodified-Since: BEFORE | If-Match: \"a-1\"",
        Verdict::Send,
    ),
    (
        "13.1.4",
        "If-Unmodified-Since: SAME | If-Match: \"x\"",
        Verdict::Failed,
    ),
    // The order.
    (
        "13.2.2",
        "If-Match: \"x\" | If-None-Match: \"a-1\"",
        Verdict::Failed,
    ),
    (
        "13.2.2",
        "If-Match: \"a-1\" | If-None-Match: \"a-1\"",
        Verdict::NotModified,
    ),
    (
        "13.2.2",
        "If-Unmodified-Since: SAME | If-Modified-Since: SAME",
        Verdict::NotModified,
    ),
    (
        "13.2.2",
        "If-Unmodified-Since: BEFORE | If-None-Match: \"a-1\"",
        Verdict::Failed,
    ),
    (
        "13.2.2",
        "If-Match: \"a-1\" | If-Modified-Since: BEFORE",
        Verdict::Send,
    ),
];

fn with_dates(fields: &str) -> String {
    fields
        .replace("SAME", SAME)
        .replace("BEFORE", BEFORE)
        .replace("AFTER", AFTER)
}

#[test]
fn conditions_are_judged_by_the_table() {
    for (section, fields, expected) in TABLE {
        for method in ["GET", "HEAD"] {
            let found = verdict(Some(TAG), Some(MODIFIED), method, &with_dates(fields));
            assert_eq!(found, *expected, "{section} {method} {fields}");
        }
    }
}

#[test]
fn other_methods_fail_rather_than_get_a_304() {
    let table = [
        ("13.1.2", "If-None-Match: \"a-1\"", Verdict::Failed),
        ("13.1.2", "If-None-Match: *", Verdict::Failed),
        ("13.1.2", "If-None-Match: \"x\"", Verdict::Send),
        ("13.1.3", "If-Modified-Since: SAME", Verdict::Send),
        ("13.1.4", "If-Unmodified-Since: BEFORE", Verdict::Failed),
        ("13.1.1", "If-Match: \"x\"", Verdict::Failed),
    ];
    for (section, fields, expected) in table {
        let found = verdict(Some(TAG), Some(MODIFIED), "PUT", &with_dates(fields));
        assert_eq!(found, expected, "{section} {fields}");
    }
}

#[test]
fn a_weak_tag_of_ours_or_none_matches_accordingly() {
    let weak: &[u8] = b"W/\"a-1\"";
    let table = [
        (Some(weak), "If-Match: \"a-1\"", Verdict::Failed),
        (Some(weak), "If-Match: W/\"a-1\"", Verdict::Failed),
        (Some(weak), "If-Match: *", Verdict::Send),
        (Some(weak), "If-None-Match: \"a-1\"", Verdict::NotModified),
        (None, "If-Match: \"a-1\"", Verdict::Failed),
        (None, "If-Match: *", Verdict::Send),
        (None, "If-None-Match: \"a-1\"", Verdict::Send),
        (None, "If-None-Match: *", Verdict::NotModified),
        // 13.1.3, 13.1.4: without a date there is nothing to compare.
        (None, "If-Modified-Since: AFTER", Verdict::Send),
        (None, "If-Unmodified-Since: BEFORE", Verdict::Send),
    ];
    for (etag, fields, expected) in table {
        let found = verdict(etag, None, "GET", &with_dates(fields));
        assert_eq!(found, expected, "{etag:?} {fields}");
    }
}

#[test]
fn a_request_that_became_a_get_is_judged_as_one() {
    let mut post = request("POST", &lines(&format!("If-Modified-Since: {SAME}")));
    post.redirect(b"/x", None, false);
    let validators = Validators {
        etag: Some(TAG),
        modified: Some(MODIFIED),
    };
    assert_eq!(validators.judge(&post), Verdict::NotModified);
}

#[test]
fn if_range_lets_ranges_through_for_exactly_what_is_here() {
    let table = [
        ("", true),
        ("If-Range: \"a-1\"", true),
        ("If-Range: \"a-2\"", false),
        ("If-Range: W/\"a-1\"", false),
        ("If-Range: *", false),
        ("If-Range: \"a-1\", \"a-1\"", false),
        ("If-Range: a-1", false),
        ("If-Range: SAME", true),
        // 13.1.5: the very date, not "not later".
        ("If-Range: AFTER", false),
        ("If-Range: BEFORE", false),
        ("If-Range: Sunday, 06-Nov-94 08:49:37 GMT", true),
        ("If-Range: never", false),
        ("If-Range:", false),
    ];
    for (fields, expected) in table {
        let request = request("GET", &lines(&with_dates(fields)));
        let validators = |etag, modified| Validators { etag, modified };
        let found = validators(Some(TAG), Some(MODIFIED)).range_holds(&request);
        assert_eq!(found, expected, "{fields}");
        let weak: &[u8] = b"W/\"a-1\"";
        let by_date = expected && !fields.contains('"');
        let found = validators(Some(weak), Some(MODIFIED)).range_holds(&request);
        assert_eq!(found, by_date, "{fields}");
        let found = validators(None, None).range_holds(&request);
        assert_eq!(found, fields.is_empty(), "{fields}");
    }
}

#[test]
fn the_tag_of_a_file_is_nginxs() {
    assert_eq!(etag(0x6b01_3eda, 0x444), "\"6b013eda-444\"");
    assert_eq!(etag(0, 0), "\"0-0\"");
    assert_eq!(etag(u64::MAX, 10), "\"ffffffffffffffff-a\"");
}

/// Random lists of tags: whether ours is found does not depend on what stands around it, and nothing panics.
#[test]
fn a_tag_is_found_in_any_list_that_is_one() {
    let pieces = [
        "\"x\"", "W/\"y\"", "\"\"", "\",\"", " ", "\t", "*", "W/", "\"", "a-1", "\u{e9}", "/",
    ];
    let mut seed = 0x00c0_ffee_u32;
    let mut roll = |sides: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed as usize % sides
    };
    let validators = Validators {
        etag: Some(TAG),
        modified: Some(MODIFIED),
    };
    for _ in 0..20_000 {
        // Well formed: members with commas between.
        let mut members: Vec<&str> = (0..roll(5)).map(|_| pieces[roll(4)]).collect();
        let has = roll(2) == 0;
        if has {
            members.insert(roll(members.len() + 1), "\"a-1\"");
        }
        let list = members.join([",", ", ", " ,\t", ",,"][roll(4)]);
        let found = validators.is_listed(list.as_bytes(), Strength::Strong);
        assert_eq!(found, has, "{list}");
        // Anything else.
        let junk: String = (0..roll(8)).map(|_| pieces[roll(pieces.len())]).collect();
        for field in ["If-Match", "If-None-Match", "If-Range", "If-Modified-Since"] {
            let request = request("GET", &format!("{field}: {junk}\r\n"));
            let _ = validators.judge(&request);
            let _ = validators.range_holds(&request);
        }
    }
}

/// Any date, in each of the three forms, against one that is known.
#[test]
fn dates_are_compared_as_numbers() {
    for offset in (0..400u64).map(|n| n * 86_399) {
        let date = MODIFIED + offset - 200 * 86_399;
        let text = HttpDate::new(date);
        let since = format!("If-Modified-Since: {}", text.as_str());
        let expected = match date >= MODIFIED {
            true => Verdict::NotModified,
            false => Verdict::Send,
        };
        assert_eq!(verdict(None, Some(MODIFIED), "GET", &since), expected);
        let since = format!("If-Unmodified-Since: {}", text.as_str());
        let expected = match date >= MODIFIED {
            true => Verdict::Send,
            false => Verdict::Failed,
        };
        assert_eq!(verdict(None, Some(MODIFIED), "GET", &since), expected);
    }
}
