//! The requests, and where the answers differ on purpose.

use std::fmt;

/// One request, to both.
pub struct Row {
    pub method: &'static str,
    pub path: &'static str,
    /// Fields, with `|` between them. `{etag}` is the file's tag, `{same}` its date, `{before}` and `{after}` those of a second
    /// less and more, `{same850}` its date in the form of RFC 850.
    pub fields: &'static str,
    pub expect: Expect,
}

/// What must come of it.
#[derive(Clone, Copy)]
pub enum Expect {
    /// Status, fields and body are the same.
    Same,
    /// The two answer differently.
    Other {
        why: &'static str,
        nginx: u16,
        scgate: u16,
    },
}

impl Row {
    /// The request as it goes on the wire.
    pub fn request(&self) -> String {
        let fields = self
            .fields
            .replace("{etag}", "\"2ebc98a1-3e8\"")
            .replace("{same}", "Sun, 06 Nov 1994 08:49:37 GMT")
            .replace("{before}", "Sun, 06 Nov 1994 08:49:36 GMT")
            .replace("{after}", "Sun, 06 Nov 1994 08:49:38 GMT")
            .replace("{same850}", "Sunday, 06-Nov-94 08:49:37 GMT")
            .replace('|', "\r\n");
        let end = if fields.is_empty() { "" } else { "\r\n" };
        let Row { method, path, .. } = self;
        format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{fields}{end}\r\n")
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} [{}]", self.method, self.path, self.fields)
    }
}

const fn same(method: &'static str, path: &'static str, fields: &'static str) -> Row {
    Row {
        method,
        path,
        fields,
        expect: Expect::Same,
    }
}

const fn other(
    (nginx, scgate): (u16, u16),
    why: &'static str,
    method: &'static str,
    path: &'static str,
    fields: &'static str,
) -> Row {
    Row {
        method,
        path,
        fields,
        expect: Expect::Other { why, nginx, scgate },
    }
}

const LATER: &str =
    "RFC 9110 13.1.3: not modified since then; nginx wants the very date (if_modified_since exact)";
const PRECEDENCE: &str =
    "RFC 9110 13.1.3: If-None-Match decides alone; nginx wants both to hold (Z49)";
const MATCH_ALONE: &str = "RFC 9110 13.2.2: with If-Match nobody looks at If-Unmodified-Since";
const BAD_DATE: &str = "RFC 9110 13.1.4: a date that is none is not heard";
const HEAD_RANGE: &str = "RFC 9110 14.2: Range means nothing with HEAD";
const EMPTY_MEMBER: &str = "RFC 9110 5.6.1: empty members of a list are left out";
const FAR_END: &str =
    "RFC 9110 14.1.2: a last position beyond the end means the end, however far beyond";
const SPACE: &str = "RFC 9110 14.1.1 has no white space inside a range";
const LINK_OUT: &str = "links that lead out of the root are refused";
const NOT_REGULAR: &str = "what is not a regular file is there, but forbidden";

pub const TABLE: &[Row] = &[
    // Plain.
    same("GET", "/f.txt", ""),
    same("GET", "/zero.txt", ""),
    same("GET", "/one.txt", ""),
    same("GET", "/", ""),
    same("GET", "/dir/", ""),
    same("GET", "/dir/index.html", ""),
    same("GET", "/dir/sub/x.css", ""),
    same("GET", "/plain", ""),
    same("GET", "/a%20b+c.txt", ""),
    same("GET", "/%C3%A9.txt", ""),
    same("GET", "/.hidden", ""),
    same("GET", "/inside.txt", ""),
    same("GET", "/f.txt?x=y", ""),
    same("GET", "//dir//sub/./x.css", ""),
    same("GET", "/dir/../f.txt", ""),
    same("GET", "/%66.txt", ""),
    // What is not there, or not content.
    same("GET", "/none", ""),
    same("GET", "/none/", ""),
    same("GET", "/none/x", ""),
    same("GET", "/dir", ""),
    same("GET", "/dir/sub", ""),
    same("GET", "/empty", ""),
    same("GET", "/empty/", ""),
    same("GET", "/f.txt/", ""),
    same("GET", "/f.txt/x", ""),
    same("GET", "/broken.txt", ""),
    same("GET", "/dir/index.html/", ""),
    same("GET", "/f.txt%00", ""),
    same("GET", "/../f.txt", ""),
    same(
        "GET",
        "/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
        "",
    ),
    same("GET", "/dir?a=b", ""),
    // HEAD and other methods.
    same("HEAD", "/f.txt", ""),
    same("HEAD", "/dir/", ""),
    same("HEAD", "/none", ""),
    same("HEAD", "/empty/", ""),
    same("POST", "/f.txt", ""),
    same("PUT", "/f.txt", ""),
    same("DELETE", "/f.txt", ""),
    same("PATCH", "/f.txt", ""),
    same("OPTIONS", "/f.txt", ""),
    same("POST", "/none", ""),
    // If-Match and If-Unmodified-Since.
    same("GET", "/f.txt", "If-Match: {etag}"),
    same("GET", "/f.txt", "If-Match: \"x\""),
    same("GET", "/f.txt", "If-Match: *"),
    same("GET", "/f.txt", "If-Match: \"x\", {etag}"),
    same("GET", "/f.txt", "If-Match: W/{etag}"),
    same("GET", "/f.txt", "If-Match: \"x\"|If-None-Match: {etag}"),
    same("GET", "/f.txt", "If-Unmodified-Since: {same}"),
    same("GET", "/f.txt", "If-Unmodified-Since: {before}"),
    same("GET", "/f.txt", "If-Unmodified-Since: {after}"),
    same("GET", "/f.txt", "If-Match: {etag}|Range: bytes=0-1"),
    same("GET", "/f.txt", "If-Match: \"x\"|Range: bytes=0-1"),
    same(
        "GET",
        "/f.txt",
        "If-Match: \"x\"|If-Unmodified-Since: {same}",
    ),
    same(
        "GET",
        "/f.txt",
        "If-Unmodified-Since: {before}|If-None-Match: {etag}",
    ),
    // If-None-Match and If-Modified-Since.
    same("GET", "/f.txt", "If-None-Match: {etag}"),
    same("GET", "/f.txt", "If-None-Match: W/{etag}"),
    same("GET", "/f.txt", "If-None-Match: \"x\""),
    same("GET", "/f.txt", "If-None-Match: *"),
    same("GET", "/f.txt", "If-None-Match: \"x\", {etag}"),
    same("GET", "/f.txt", "If-None-Match: \"x\", W/{etag}"),
    same("GET", "/f.txt", "If-None-Match: {etag}|Range: bytes=0-1"),
    same("GET", "/f.txt", "If-Modified-Since: {same}"),
    same("GET", "/f.txt", "If-Modified-Since: {before}"),
    same("GET", "/f.txt", "If-Modified-Since: yesterday"),
    same(
        "GET",
        "/f.txt",
        "If-Modified-Since: {same}|If-None-Match: {etag}",
    ),
    same(
        "GET",
        "/f.txt",
        "If-Modified-Since: {same}|If-None-Match: \"x\"",
    ),
    same("GET", "/f.txt", "If-Modified-Since: {same850}"),
    same(
        "GET",
        "/f.txt",
        "If-Modified-Since: {same}|Range: bytes=0-1",
    ),
    same("GET", "/f.txt", "If-Match: {etag}|If-None-Match: {etag}"),
    same(
        "GET",
        "/f.txt",
        "If-Unmodified-Since: {same}|If-Modified-Since: {same}",
    ),
    same("HEAD", "/f.txt", "If-None-Match: {etag}"),
    same("HEAD", "/f.txt", "If-Modified-Since: {same}"),
    same("HEAD", "/f.txt", "If-Match: \"x\""),
    same("GET", "/dir/", "If-None-Match: \"x\""),
    same("GET", "/zero.txt", "If-Modified-Since: {same}"),
    same("GET", "/none", "If-None-Match: *"),
    // One range.
    same("GET", "/f.txt", "Range: bytes=0-0"),
    same("GET", "/f.txt", "Range: bytes=0-99"),
    same("GET", "/f.txt", "Range: bytes=999-"),
    same("GET", "/f.txt", "Range: bytes=990-"),
    same("GET", "/f.txt", "Range: bytes=-1"),
    same("GET", "/f.txt", "Range: bytes=-1000"),
    same("GET", "/f.txt", "Range: bytes=-5000"),
    same("GET", "/f.txt", "Range: bytes=500-5000"),
    same("GET", "/f.txt", "Range: bytes=0-"),
    same("GET", "/f.txt", "Range: bytes=0-999"),
    same("GET", "/f.txt", "Range: bytes=1000-"),
    same("GET", "/f.txt", "Range: bytes=5000-6000"),
    same("GET", "/f.txt", "Range: bytes=-0"),
    same("GET", "/f.txt", "Range: bytes=5-2"),
    same("GET", "/f.txt", "Range: bytes=0007-0009"),
    same("GET", "/f.txt", "Range: BYTES=0-1"),
    same("GET", "/f.txt", "Range: bytes= 0-1"),
    same("GET", "/f.txt", "Range: items=0-1"),
    same("GET", "/f.txt", "Range: bytes"),
    same("GET", "/f.txt", "Range: bytes="),
    same("GET", "/f.txt", "Range: 0-1"),
    same("GET", "/f.txt", "Range: bytes =0-1"),
    same("GET", "/one.txt", "Range: bytes=0-"),
    same("GET", "/one.txt", "Range: bytes=0-0"),
    same("GET", "/one.txt", "Range: bytes=-1"),
    same("GET", "/one.txt", "Range: bytes=1-"),
    same("GET", "/one.txt", "Range: bytes=-0"),
    same("GET", "/zero.txt", "Range: bytes=0-"),
    same("GET", "/zero.txt", "Range: bytes=0-0"),
    same("GET", "/zero.txt", "Range: bytes=-1"),
    same("GET", "/zero.txt", "Range: bytes=1-"),
    same("GET", "/zero.txt", "Range: bytes=-0"),
    same("GET", "/dir/", "Range: bytes=0-2"),
    same("GET", "/none", "Range: bytes=0-2"),
    same("GET", "/empty/", "Range: bytes=0-2"),
    // Several ranges.
    same("GET", "/f.txt", "Range: bytes=0-0,2-2"),
    same("GET", "/f.txt", "Range: bytes=0-1, 5-6 ,-1"),
    same("GET", "/f.txt", "Range: bytes=5-6,0-1"),
    same("GET", "/f.txt", "Range: bytes=0-499,500-999"),
    same("GET", "/f.txt", "Range: bytes=0-1,5000-"),
    same("GET", "/f.txt", "Range: bytes=5000-,6000-"),
    same("GET", "/f.txt", "Range: bytes=5-2,0-1"),
    same("GET", "/f.txt", "Range: bytes=0-600,0-600"),
    same("GET", "/f.txt", "Range: bytes=0-,0-"),
    same("GET", "/f.txt", "Range: bytes=0-1,0-1"),
    // No ranges at all.
    same("GET", "/f.txt", "Range: bytes=x"),
    same("GET", "/f.txt", "Range: bytes=-"),
    same("GET", "/f.txt", "Range: bytes=1"),
    same("GET", "/f.txt", "Range: bytes=,"),
    same("GET", "/f.txt", "Range: bytes=0-1,x"),
    same("GET", "/f.txt", "Range: bytes=0-1-2"),
    same("GET", "/f.txt", "Range: bytes=--1"),
    same("GET", "/f.txt", "Range: bytes=0-1 2-3"),
    same("GET", "/f.txt", "Range: bytes=+1-2"),
    same("GET", "/f.txt", "Range: bytes=0-,0-,x"),
    same("GET", "/f.txt", "Range: bytes=1;2-3"),
    // If-Range.
    same("GET", "/f.txt", "If-Range: {etag}|Range: bytes=0-1"),
    same("GET", "/f.txt", "If-Range: \"x\"|Range: bytes=0-1"),
    same("GET", "/f.txt", "If-Range: W/{etag}|Range: bytes=0-1"),
    same("GET", "/f.txt", "If-Range: {same}|Range: bytes=0-1"),
    same("GET", "/f.txt", "If-Range: {before}|Range: bytes=0-1"),
    same("GET", "/f.txt", "If-Range: {after}|Range: bytes=0-1"),
    same("GET", "/f.txt", "If-Range: never|Range: bytes=0-1"),
    same("GET", "/f.txt", "If-Range: *|Range: bytes=0-1"),
    same("GET", "/f.txt", "If-Range: {etag}|Range: bytes=5000-"),
    same("GET", "/f.txt", "If-Range: \"x\"|Range: bytes=5000-"),
    same("GET", "/f.txt", "If-Range: {etag}"),
    same(
        "GET",
        "/f.txt",
        "If-Range: \"x\"|If-None-Match: {etag}|Range: bytes=0-1",
    ),
    same("GET", "/f.txt", "If-Range: {etag}|Range: bytes=0-1,5-6"),
    same("GET", "/f.txt", "If-Range: \"x\"|Range: bytes=0-1,5-6"),
    // Where we differ.
    other(
        (200, 304),
        LATER,
        "GET",
        "/f.txt",
        "If-Modified-Since: {after}",
    ),
    other(
        (200, 304),
        LATER,
        "HEAD",
        "/f.txt",
        "If-Modified-Since: {after}",
    ),
    other(
        (200, 304),
        PRECEDENCE,
        "GET",
        "/f.txt",
        "If-Modified-Since: {before}|If-None-Match: {etag}",
    ),
    other(
        (200, 304),
        PRECEDENCE,
        "GET",
        "/f.txt",
        "If-Modified-Since: yesterday|If-None-Match: {etag}",
    ),
    other(
        (412, 200),
        MATCH_ALONE,
        "GET",
        "/f.txt",
        "If-Match: {etag}|If-Unmodified-Since: {before}",
    ),
    other(
        (412, 200),
        BAD_DATE,
        "GET",
        "/f.txt",
        "If-Unmodified-Since: tomorrow",
    ),
    other((206, 200), HEAD_RANGE, "HEAD", "/f.txt", "Range: bytes=0-1"),
    other(
        (206, 200),
        HEAD_RANGE,
        "HEAD",
        "/f.txt",
        "Range: bytes=0-1,5-6",
    ),
    other(
        (416, 200),
        HEAD_RANGE,
        "HEAD",
        "/f.txt",
        "Range: bytes=5000-",
    ),
    other((416, 200), HEAD_RANGE, "HEAD", "/f.txt", "Range: bytes=x"),
    other(
        (416, 206),
        EMPTY_MEMBER,
        "GET",
        "/f.txt",
        "Range: bytes=0-1,,5-6",
    ),
    other(
        (416, 206),
        EMPTY_MEMBER,
        "GET",
        "/f.txt",
        "Range: bytes=,0-1",
    ),
    other(
        (416, 206),
        FAR_END,
        "GET",
        "/f.txt",
        "Range: bytes=0-99999999999999999999",
    ),
    other((206, 416), SPACE, "GET", "/f.txt", "Range: bytes=0 - 1"),
    other((200, 404), LINK_OUT, "GET", "/outside.txt", ""),
    other((404, 403), NOT_REGULAR, "GET", "/fifo", ""),
];
