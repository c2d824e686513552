//! A response made from an open file: conditions, ranges, 200, 206 and 304, and the head that goes with them. No I/O.
//!
//! What is refused (405, 412, 416) is left to the caller, who may have an error page for it.
#![forbid(unsafe_code)]

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::conditions::{self, Validators, Verdict};
use super::files::OpenFile;
use super::head::{self, Ask};
use super::ranges::{self, Range, Selection};
use crate::http::date::{self, HttpDate};
use crate::http::request::Request;

/// A run of a response's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Bytes(Vec<u8>),
    /// A run of bytes that others have, too.
    Shared {
        bytes: Arc<[u8]>,
        from: usize,
        len: usize,
    },
    /// A run of the reply's file, in bytes.
    File {
        from: u64,
        len: u64,
    },
}

/// A whole response.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// Up to and with the empty line.
    pub head: Vec<u8>,
    /// Empty for HEAD and 304.
    pub body: Vec<Part>,
    /// Of which the body's parts are; `None` where it has none of them.
    pub file: Option<Arc<File>>,
    /// The connection may be kept after it: what the head says.
    pub keep_alive: bool,
    /// X-Accel-Limit-Rate of a stored response, in bytes a second.
    pub limit_rate: Option<u64>,
}

/// What an open file comes to.
#[derive(Debug)]
pub enum Answer {
    Reply(Reply),
    /// An error status, and the field that belongs to it: Allow, Content-Range.
    Refused(u16, Option<(&'static str, Vec<u8>)>),
}

/// How a file is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Manner<'a> {
    pub request: &'a Request,
    pub ask: &'a Ask<'a>,
    /// `--default-type`, for a file whose name says nothing.
    pub default_type: &'a str,
    /// The Content-Type that an application gave, in place of what the file's name says.
    pub content_type: Option<&'a [u8]>,
    /// Whole lines, `Name: value\r\n`, to be added to whatever is sent. Clean, and not about lengths, ranges or the connection.
    /// Of fields that a message has once they take the place of what is written here.
    pub extra: &'a [u8],
    /// The file stands in for something else, an error page or the body of an application's response, and this is its status.
    /// Any method gets it then; conditions and ranges are heard only where it is 200, and only of GET and HEAD.
    pub status: Option<u16>,
}

impl Reply {
    /// A reply with a body in memory.
    pub fn bytes(status: u16, head: Vec<u8>, body: Vec<u8>, keep_alive: bool) -> Reply {
        Reply {
            status,
            head,
            body: vec![Part::Bytes(body)],
            file: None,
            keep_alive,
            limit_rate: None,
        }
    }
}

impl Part {
    /// Bytes.
    pub fn len(&self) -> u64 {
        match self {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Shared { len, .. } => *len as u64,
            Part::File { len, .. } => *len,
        }
    }

    /// What is in memory of it.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Part::Bytes(bytes) => bytes,
            Part::Shared { bytes, from, len } => bytes
                .get(*from..from.saturating_add(*len))
                .unwrap_or_default(),
            Part::File { .. } => &[],
        }
    }
}

/// Answers with `open`.
pub fn file_reply(open: OpenFile, manner: &Manner<'_>) -> Answer {
    let request = manner.request;
    let etag = conditions::etag(open.mtime, open.size);
    let draft = Draft::new(&open, manner, &etag);
    let reads = request.is_head() || request.method() == "GET";
    match manner.status {
        None if !reads => return Answer::Refused(405, Some(("Allow", b"GET, HEAD".to_vec()))),
        Some(status) if status != 200 || !reads => {
            return Answer::Reply(draft.whole(status, open.file));
        }
        _ => {}
    }
    let validators = Validators {
        etag: Some(etag.as_bytes()),
        modified: Some(open.mtime),
    };
    match validators.judge(request) {
        Verdict::Failed => return Answer::Refused(412, None),
        Verdict::NotModified => return Answer::Reply(draft.not_modified()),
        Verdict::Send => {}
    }
    match unless_typed(selection(request, &validators, open.size), manner.extra) {
        Selection::Whole => Answer::Reply(draft.whole(200, open.file)),
        Selection::Ranges(ranges) => Answer::Reply(draft.partial(&ranges, open.file)),
        Selection::Unsatisfiable => {
            let value = ranges::content_range(None, open.size);
            Answer::Refused(416, Some(("Content-Range", value)))
        }
    }
}

/// Several runs have a Content-Type of their own, which `lines` would take the place of: then it is the whole.
pub(super) fn unless_typed(selection: Selection, lines: &[u8]) -> Selection {
    match selection {
        Selection::Ranges(ranges) if ranges.len() > 1 && head::is_said(b"content-type", lines) => {
            Selection::Whole
        }
        other => other,
    }
}

/// The last step of RFC 9110 13.2.2.
pub(super) fn selection(request: &Request, validators: &Validators<'_>, size: u64) -> Selection {
    let mut values = request.fields_named("range");
    let (Some(value), None) = (values.next(), values.next()) else {
        // None, or two, which together mean nothing.
        return Selection::Whole;
    };
    if request.method() != "GET" || !validators.range_holds(request) {
        return Selection::Whole;
    }
    ranges::select(value, size)
}

/// A response in the making.
struct Draft<'a> {
    manner: &'a Manner<'a>,
    content_type: &'a [u8],
    size: u64,
    etag: &'a str,
    modified: HttpDate,
}

impl<'a> Draft<'a> {
    fn new(open: &OpenFile, manner: &'a Manner<'a>, etag: &'a str) -> Draft<'a> {
        let named = || open.media.unwrap_or(manner.default_type).as_bytes();
        // Not later than Date (RFC 9110 8.8.2.1).
        let now = date::parse(manner.ask.date.as_bytes());
        Draft {
            manner,
            content_type: manner.content_type.unwrap_or_else(named),
            size: open.size,
            etag,
            modified: HttpDate::new(now.map_or(open.mtime, |now| now.min(open.mtime))),
        }
    }

    fn not_modified(&self) -> Reply {
        self.reply(304, None, &[], Vec::new(), None)
    }

    fn whole(&self, status: u16, file: File) -> Reply {
        let ranges: &[(&str, &[u8])] = match status {
            200 => &[("Accept-Ranges", b"bytes")],
            _ => &[],
        };
        let all = Range {
            from: 0,
            len: self.size,
        };
        let content_type = Some(self.content_type);
        self.reply(status, content_type, ranges, parts(all), Some(file))
    }

    fn partial(&self, ranges: &[Range], file: File) -> Reply {
        if let [range] = ranges {
            let value = ranges::content_range(Some(*range), self.size);
            let fields: [(&str, &[u8]); 1] = [("Content-Range", &value)];
            let content_type = Some(self.content_type);
            return self.reply(206, content_type, &fields, parts(*range), Some(file));
        }
        let run = |Range { from, len }| Part::File { from, len };
        let content_type = Some(self.content_type);
        let (multipart, body) = multipart(ranges, content_type, self.size, &run);
        self.reply(206, Some(multipart.as_bytes()), &[], body, Some(file))
    }

    /// Puts it together. Content-Length is that of `body`, which HEAD does not get.
    fn reply(
        &self,
        status: u16,
        content_type: Option<&[u8]>,
        own_fields: &[(&str, &[u8])],
        body: Vec<Part>,
        file: Option<File>,
    ) -> Reply {
        let mut fields: Vec<(&str, &[u8])> = Vec::with_capacity(4);
        let content_type = content_type.filter(|_| !head::is_bodyless(status));
        fields.extend(content_type.map(|value| ("Content-Type", value)));
        // They are about the file, which is not what an error is about.
        if matches!(status, 200..=299 | 304) {
            fields.push(("Last-Modified", self.modified.as_str().as_bytes()));
            fields.push(("ETag", self.etag.as_bytes()));
        }
        fields.extend_from_slice(own_fields);
        let ask = self.manner.ask;
        let length = body.iter().map(Part::len).sum();
        let mut head = Vec::new();
        let lines = self.manner.extra;
        head::own(status, None, length, (&fields, lines), ask, &mut head);
        let body = match ask.is_head || head::is_bodyless(status) {
            true => Vec::new(),
            false => body,
        };
        let has_file = body.iter().any(|part| matches!(part, Part::File { .. }));
        Reply {
            status,
            head,
            file: file.filter(|_| has_file).map(Arc::new),
            body,
            keep_alive: ask.keep_alive,
            limit_rate: None,
        }
    }
}

/// The run as a part, if there is anything in it.
fn parts(range: Range) -> Vec<Part> {
    let Range { from, len } = range;
    match len {
        0 => Vec::new(),
        _ => vec![Part::File { from, len }],
    }
}

/// Several runs as one body (RFC 9110 14.6), and its Content-Type. `run` makes the part of one run.
pub(super) fn multipart(
    ranges: &[Range],
    content_type: Option<&[u8]>,
    size: u64,
    run: &dyn Fn(Range) -> Part,
) -> (String, Vec<Part>) {
    let boundary = boundary();
    let mut body = Vec::with_capacity(2 * ranges.len() + 1);
    for range in ranges {
        let head = ranges::part_head(&boundary, content_type, *range, size);
        body.push(Part::Bytes(head));
        body.push(run(*range));
    }
    body.push(Part::Bytes(ranges::parts_end(&boundary)));
    (format!("multipart/byteranges; boundary={boundary}"), body)
}

/// Twenty digits that nobody can have put into the file before: keyed with randomness of the system.
fn boundary() -> String {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let serial = NEXT.fetch_add(1, Ordering::Relaxed);
    let number = KEY.get_or_init(RandomState::new).hash_one(serial);
    format!("{number:020}")
}

#[cfg(test)]
pub(super) mod tests;
