//! What newer fields do to a stored response: those of a 304 (RFC 9111 4.3.4), and of the response to a HEAD (4.3.5): pure.

use super::freshness::Heard;
use super::storing::{again, is_authorized};
use super::{Book, Freshened, Known, Storable, Times, stored};
use crate::cache::Entry;
use crate::cache::directives::{RequestDirectives, ResponseDirectives};
use crate::http::date;
use crate::http::request::Request;
use crate::scgi::response::{Head, Length};

/// RFC 9111 4.3.4. A 304 that is about another response, or that forbids to store this one, ends it.
pub fn freshen(
    book: &Book<'_>,
    request: &Request,
    entry: &Entry,
    head: &Head,
    times: Times,
) -> Freshened {
    if !is_about(entry, head) {
        return Freshened::Drop;
    }
    if is_kept_from(book, request, head) {
        return Freshened::Update(unchanged(entry, times));
    }
    update(book, entry, head, times)
}

/// RFC 9111 4.3.5. What differs is taken for stale; there is nothing to be had from it any more but wrong content.
pub fn head_seen(
    book: &Book<'_>,
    request: &Request,
    entry: &Entry,
    head: &Head,
    times: Times,
) -> Option<Freshened> {
    if !request.is_head() || head.status() != 200 {
        return None;
    }
    if !is_same(entry, head) {
        return Some(Freshened::Drop);
    }
    if is_kept_from(book, request, head) {
        return None;
    }
    Some(update(book, entry, head, times))
}

fn update(book: &Book<'_>, entry: &Entry, head: &Head, times: Times) -> Freshened {
    let merged = stored::merge(&entry.head, head);
    let stays = merged.and_then(|merged| again(book, &merged, times).ok());
    stays.map_or(Freshened::Drop, Freshened::Update)
}

/// Nothing of this response is to be stored, because of the request (RFC 9111 3.5, 5.2.1.5). That says nothing against what
/// others have got, and one client shall not be able to have that forgotten.
fn is_kept_from(book: &Book<'_>, request: &Request, head: &Head) -> bool {
    RequestDirectives::of(request).no_store
        || (is_authorized(request) && !Heard::of(book, head).is_for_all())
}

fn unchanged(entry: &Entry, times: Times) -> Storable {
    Storable {
        meta: entry.meta,
        vary_names: entry.variant.names.clone(),
        head: stored::head(&entry.head, &ResponseDirectives::default(), times),
    }
}

/// Whether a 304 is about this stored response: its strong validator is the same, else its weak ones are, or it has none. A 304
/// has to repeat an ETag (RFC 9110 15.4.5), but many applications do not.
fn is_about(entry: &Entry, head: &Head) -> bool {
    let of = |head, which| field(head, which);
    let etag = of(&entry.head, Known::ETag);
    let is_modified_the_same = || {
        let stored = of(&entry.head, Known::LastModified);
        stored.is_some_and(|stored| same_date(stored, of(head, Known::LastModified)))
    };
    match (of(head, Known::ETag), etag) {
        (Some(new), Some(old)) if !is_weak(new) => new == old,
        (Some(new), Some(old)) => opaque(new) == opaque(old),
        (Some(new), None) if !is_weak(new) => false,
        (Some(_), None) => is_modified_the_same(),
        (None, _) if of(head, Known::LastModified).is_some() => is_modified_the_same(),
        // The application was asked about this response alone, and can mean no other.
        (None, _) => true,
    }
}

/// Whether the response to a HEAD would be that of a GET: each validator that it has, and the length, are those stored.
fn is_same(entry: &Entry, head: &Head) -> bool {
    let stored = &entry.head;
    let etag = field(head, Known::ETag);
    let modified = field(head, Known::LastModified);
    stored.status() == 200
        && etag.is_none_or(|new| field(stored, Known::ETag) == Some(new))
        && modified.is_none_or(|new| same_date(new, field(stored, Known::LastModified)))
        && match head.length() {
            Length::Known(len) => len == entry.len,
            Length::Chunked | Length::UntilClose => true,
        }
}

fn field(head: &Head, which: Known) -> Option<&[u8]> {
    head.known_field(which).filter(|value| !value.is_empty())
}

/// As dates; what is none is compared as it stands.
fn same_date(one: &[u8], other: Option<&[u8]>) -> bool {
    let Some(other) = other else {
        return false;
    };
    match (date::parse(one), date::parse(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

fn is_weak(etag: &[u8]) -> bool {
    etag.starts_with(b"W/")
}

fn opaque(etag: &[u8]) -> &[u8] {
    etag.strip_prefix(b"W/").unwrap_or(etag)
}
