//! `--force-ranges`: the part of an application's response that a Range asks for (S33). One range, of a response of status 200
//! and known length, whatever Accept-Ranges says. The same, and conditions, where the cache has asked for the whole. Pure.

use super::conditions::{Validators, Verdict};
use super::head::Window;
use super::ranges::Selection;
use super::reply::selection;
use crate::http::request::Request;
use crate::scgi::response::{Head, Length};

/// What conditions and Range come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Windowed {
    /// Ranges of this response are not ours to serve.
    No,
    Whole,
    Part(Window),
    /// 416, of a body of this many bytes.
    Unsatisfiable(u64),
    /// 304: the client has it.
    NotModified,
    /// 412.
    Failed,
}

/// What of a response is the gateway's to cut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ours {
    Nothing,
    /// `--force-ranges`.
    Ranges,
    /// The application was asked for all of it, for the cache: ranges and conditions (C67, C77).
    All,
}

/// Looks at a response that is about to be delivered as it is.
pub fn window(request: &Request, head: &Head, ours: Ours) -> Windowed {
    if ours == Ours::Nothing || head.status() != 200 {
        return Windowed::No;
    }
    let validators = Validators::of(head);
    let reads = request.is_head() || request.method() == "GET";
    if ours == Ours::All && reads {
        match validators.judge(request) {
            Verdict::Send => {}
            Verdict::NotModified => return Windowed::NotModified,
            Verdict::Failed => return Windowed::Failed,
        }
    }
    let Length::Known(size) = head.length() else {
        return Windowed::No;
    };
    match selection(request, &validators, size) {
        Selection::Whole => Windowed::Whole,
        Selection::Unsatisfiable => Windowed::Unsatisfiable(size),
        Selection::Ranges(ranges) => match ranges.as_slice() {
            [range] => Windowed::Part(Window {
                from: range.from,
                len: range.len,
                size,
            }),
            _ => Windowed::Whole,
        },
    }
}
