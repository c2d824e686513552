//! `--force-ranges`: the part of an application's response that a Range asks for (S33). One range, of a response of status 200
//! and known length, whatever Accept-Ranges says. Pure.

use super::conditions::Validators;
use super::head::Window;
use super::ranges::{self, Selection};
use crate::config::Scgi;
use crate::http::date;
use crate::http::request::Request;
use crate::scgi::response::{Head, Known, Length};

/// What Range comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Windowed {
    /// Ranges of this response are not ours to serve.
    No,
    Whole,
    Part(Window),
    /// 416, of a body of this many bytes.
    Unsatisfiable(u64),
}

/// Looks at a response that is about to be delivered as it is.
pub fn window(request: &Request, head: &Head, settings: &Scgi) -> Windowed {
    let (Length::Known(size), 200) = (head.length(), head.status()) else {
        return Windowed::No;
    };
    if !settings.force_ranges {
        return Windowed::No;
    }
    let mut values = request.fields_named("range");
    let (Some(value), None) = (values.next(), values.next()) else {
        return Windowed::Whole;
    };
    let validators = Validators {
        etag: head.known_field(Known::ETag),
        modified: head.known_field(Known::LastModified).and_then(date::parse),
    };
    if request.method() != "GET" || !validators.range_holds(request) {
        return Windowed::Whole;
    }
    match ranges::select(value, size) {
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
