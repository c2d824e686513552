//! The rule book `nginx`: what nginx stores and reuses (C9, C29 to C34, C38 to C50), with its mistakes put right (Z38 to Z44, Z50).
//!
//! The directives of requests mean nothing here (C48), nothing is heuristic (C38), and nobody's request makes a stored response
//! invalid.

use super::heard::{accel_expires, fitting, hear};
use super::{Book, Freshened, Part, Reuse, Storable, Times, Trouble, has_body, stored};
use crate::cache::directives::{ResponseDirectives, Seconds};
use crate::cache::{Entry, Meta, vary};
use crate::http::date;
use crate::http::request::Request;
use crate::scgi::response::{Head, Known};

/// C9: GET and HEAD always, POST where the settings have it.
pub fn part(book: &Book<'_>, request: &Request) -> Part {
    match request.method() {
        // C12: the key knows nothing of the body, so one client could choose what others get.
        "GET" | "HEAD" if has_body(request) => Part::None,
        "GET" | "HEAD" => Part::Takes,
        "POST" if book.cache.post => Part::Takes,
        _ => Part::None,
    }
}

/// C21, C30.
pub fn reuse(book: &Book<'_>, meta: &Meta, now: u64) -> Reuse {
    if now <= meta.fresh_until && !meta.no_cache && !meta.is_of_the_future(now) {
        return Reuse::Fresh;
    }
    let in_window = meta.is_in_window(meta.stale_while, now);
    Reuse::Expired {
        while_updating: may_be_stale(meta) && (book.cache.use_stale.updating || in_window),
    }
}

/// C29, C31, C32; Z41: the window of stale-if-error is open for failures that the application reports itself, too.
pub fn stale_on(book: &Book<'_>, meta: &Meta, trouble: Trouble, now: u64) -> bool {
    let (is_listed, is_failure) = trouble.judged(&book.cache.use_stale);
    let in_window = is_failure && meta.is_in_window(meta.stale_error, now);
    may_be_stale(meta) && (is_listed || in_window)
}

/// C38 to C52.
///
/// # Errors
/// Why it is not stored.
pub fn store(
    book: &Book<'_>,
    request: &Request,
    head: &Head,
    times: Times,
) -> Result<Storable, &'static str> {
    if part(book, request) != Part::Takes {
        return Err("the method is not cached");
    }
    fitting(book, head)?;
    if !book.ignore.set_cookie && head.field("set-cookie").is_some() {
        return Err("Set-Cookie"); // C41
    }
    let heard = Heard::of(book, head);
    let until = match heard.says(book, head, times) {
        Says::Until(until) => until,
        Says::Nothing => by_status(book, head.status(), times)?,
        Says::Forbids(why) | Says::Spent(why) => return Err(why),
    };
    heard.storable(book, head, times, until)
}

/// C58, Z43. Its own fields say how long the response is good now; else the stored ones, counted from now, else the settings.
pub fn freshen(book: &Book<'_>, entry: &Entry, head: &Head, times: Times) -> Freshened {
    let own = Heard::of(book, head).says(book, head, times);
    if let Says::Forbids(_) = own {
        return Freshened::Drop;
    }
    let Some(merged) = stored::merge(&entry.head, head) else {
        return Freshened::Drop;
    };
    let heard = Heard::of(book, &merged);
    // C60: without any time it stays, and is validated each time.
    let spent = times.received.saturating_sub(1);
    let until = match own {
        Says::Until(until) => until,
        _ => match heard.says(book, &merged, times) {
            Says::Until(until) => until,
            Says::Spent(_) => spent,
            Says::Nothing => by_status(book, merged.status(), times).unwrap_or(spent),
            Says::Forbids(_) => return Freshened::Drop,
        },
    };
    let storable = heard.storable(book, &merged, times, until);
    storable.map_or(Freshened::Drop, Freshened::Update)
}

/// What a response says about the time that it is fresh.
enum Says {
    /// It is not to be stored.
    Forbids(&'static str),
    /// There is no time left, or none that can be read.
    Spent(&'static str),
    /// The last second, since 1970, in which it is fresh (C21).
    Until(u64),
    Nothing,
}

/// What is heard of a response's directives.
struct Heard {
    directives: ResponseDirectives,
    /// Expires counts: it is not ignored, and no targeted field stands in for it.
    expires: bool,
}

impl Heard {
    fn of(book: &Book<'_>, head: &Head) -> Heard {
        let (directives, expires) = hear(book, head);
        Heard {
            directives,
            expires,
        }
    }

    /// In the order of C38. What X-Accel-Expires allows, no directive forbids (C45).
    fn says(&self, book: &Book<'_>, head: &Head, times: Times) -> Says {
        match accel_expires(book, head, times) {
            Err(why) => return Says::Forbids(why),
            Ok(Some(until)) => return Says::Until(until),
            Ok(None) => {}
        }
        let directives = &self.directives;
        if directives.no_store {
            return Says::Forbids("no-store");
        }
        if directives.no_cache.is_whole() {
            return Says::Forbids("no-cache");
        }
        if directives.private.is_whole() {
            return Says::Forbids("private");
        }
        let seconds = match directives.s_maxage {
            Seconds::Absent => directives.max_age,
            seconds => seconds,
        };
        match seconds {
            Seconds::Given(seconds) => remaining(seconds, head, times),
            Seconds::Malformed => Says::Spent("max-age is no number"),
            Seconds::Absent if self.expires => expires(head, times),
            Seconds::Absent => Says::Nothing,
        }
    }

    fn storable(
        &self,
        book: &Book<'_>,
        head: &Head,
        times: Times,
        until: u64,
    ) -> Result<Storable, &'static str> {
        let directives = &self.directives;
        let stale_while = directives.stale_while_revalidate.unwrap_or(0);
        let meta = Meta {
            received: times.received,
            initial_age: stored::initial_age(head, times),
            fresh_until: until,
            stale_while,
            stale_error: directives.stale_if_error.unwrap_or(stale_while), // C33
            must_revalidate: directives.must_revalidate || directives.proxy_revalidate,
            no_cache: false,
        };
        Ok(Storable {
            meta,
            vary_names: match book.ignore.vary {
                true => Box::default(),
                false => vary::names(head)?,
            },
            head: stored::head(head, directives, times),
        })
    }
}

/// C43; Z42: the age that the response already has is a part of its time.
fn remaining(seconds: u32, head: &Head, times: Times) -> Says {
    if seconds == 0 {
        return Says::Spent("max-age is 0");
    }
    let age = stored::initial_age(head, times);
    match seconds.checked_sub(age) {
        None | Some(0) => Says::Spent("it is older than its max-age"),
        Some(left) => Says::Until(times.received.saturating_add(u64::from(left))),
    }
}

/// C46.
fn expires(head: &Head, times: Times) -> Says {
    match head.known_field(Known::Expires).map(date::parse) {
        None => Says::Nothing,
        Some(Some(last)) if last >= times.received => Says::Until(last),
        Some(_) => Says::Spent("Expires is past"),
    }
}

/// C40, Z39.
fn by_status(book: &Book<'_>, status: u16, times: Times) -> Result<u64, &'static str> {
    match book.cache.valid_seconds(status).unwrap_or(0) {
        0 => Err("nothing gives it a time"),
        seconds => Ok(times.received.saturating_add(seconds)),
    }
}

/// Z40: what must be validated is never served stale, whatever the settings or the windows say.
fn may_be_stale(meta: &Meta) -> bool {
    !meta.must_revalidate && !meta.no_cache
}

#[cfg(test)]
mod tests;
