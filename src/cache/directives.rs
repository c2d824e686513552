//! Cache-Control and its like as lists of directives (RFC 9111 5.2, RFC 5861, RFC 9213): pure.
//!
//! What forbids is heard even where it is written badly, what allows only where it is written well: `private="`, `no-store=1`
//! and `max-age=60 private` lose nothing of their caution. Of a directive that stands twice the first is taken (RFC 9111 4.2.1).

mod dictionary;
mod words;

use crate::http::request::Request;
use crate::scgi::response::Head;
use words::{Arg, Words};

/// Seconds are capped here (RFC 9111 1.2.2).
pub const MAX_SECONDS: u32 = 1 << 31;

/// A directive that needs a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Seconds {
    #[default]
    Absent,
    /// At most [`MAX_SECONDS`].
    Given(u32),
    /// It is there, but what it says is no number: such a response is best taken as stale (RFC 9111 4.2.1).
    Malformed,
}

/// A directive that may be about some fields only (RFC 9111 5.2.2.4, 5.2.2.7).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    #[default]
    Absent,
    /// About the whole response; also where the list of names is none.
    Whole,
    /// About these fields; lowercased, at least one.
    Fields(Vec<Box<[u8]>>),
}

/// What a response says about its storing and reuse.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponseDirectives {
    pub max_age: Seconds,
    pub s_maxage: Seconds,
    pub no_store: bool,
    pub no_cache: Scope,
    pub private: Scope,
    pub public: bool,
    pub must_revalidate: bool,
    pub proxy_revalidate: bool,
    pub must_understand: bool,
    /// RFC 5861; a malformed number is none.
    pub stale_while_revalidate: Option<u32>,
    /// As above.
    pub stale_if_error: Option<u32>,
}

/// `max-stale` of a request (RFC 9111 5.2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MaxStale {
    #[default]
    Absent,
    /// However stale.
    Any,
    Seconds(u32),
}

/// What a request says (RFC 9111 5.2.1). Malformed numbers are as good as none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestDirectives {
    /// Also for `Pragma: no-cache` without any Cache-Control (RFC 9111 5.4).
    pub no_cache: bool,
    pub no_store: bool,
    pub max_age: Option<u32>,
    pub min_fresh: Option<u32>,
    pub max_stale: MaxStale,
    pub only_if_cached: bool,
    /// RFC 5861 4.
    pub stale_if_error: Option<u32>,
}

impl Seconds {
    fn take(&mut self, arg: &Arg<'_>) {
        if *self == Seconds::Absent {
            *self = arg.seconds().map_or(Seconds::Malformed, Seconds::Given);
        }
    }
}

impl Scope {
    /// Names no fields: all of the response is meant.
    pub fn is_whole(&self) -> bool {
        *self == Scope::Whole
    }

    /// Whether this field is one of those named. The name compares case-insensitively.
    pub fn names(&self, field: &[u8]) -> bool {
        match self {
            Scope::Fields(names) => names.iter().any(|name| name.eq_ignore_ascii_case(field)),
            Scope::Absent | Scope::Whole => false,
        }
    }

    /// The whole counts for more than some fields, and all fields that are named anywhere count.
    fn take(&mut self, arg: &Arg<'_>) {
        let Some(mut more) = arg.names() else {
            *self = Scope::Whole;
            return;
        };
        match self {
            Scope::Absent => *self = Scope::Fields(more),
            Scope::Fields(names) => names.append(&mut more),
            Scope::Whole => {}
        }
    }
}

impl ResponseDirectives {
    /// Those of all Cache-Control fields of a response.
    pub fn of(head: &Head) -> ResponseDirectives {
        let mut found = ResponseDirectives::default();
        for value in values(head, "cache-control") {
            found.read(value);
        }
        found
    }

    /// Those of the first field of `names` (the target list of RFC 9213 2.2) that is there, not empty and well-formed: it
    /// stands in for Cache-Control and Expires. `None`: those count.
    pub fn targeted(head: &Head, names: &[String]) -> Option<ResponseDirectives> {
        names.iter().find_map(|name| {
            let all: Vec<&[u8]> = values(head, name).collect();
            let members = dictionary::parse(&all.join(b", ".as_slice()))?;
            let mut found = ResponseDirectives::default();
            for (key, arg) in &members {
                found.take(key, arg);
            }
            (!members.is_empty()).then_some(found)
        })
    }

    /// Adds those of one field value.
    pub fn read(&mut self, value: &[u8]) {
        for (name, arg) in Words::new(value) {
            self.take(&name.to_ascii_lowercase(), &arg);
        }
    }

    fn take(&mut self, name: &[u8], arg: &Arg<'_>) {
        match name {
            b"max-age" => self.max_age.take(arg),
            b"s-maxage" => self.s_maxage.take(arg),
            b"no-store" => self.no_store = true,
            b"no-cache" => self.no_cache.take(arg),
            b"private" => self.private.take(arg),
            b"public" => self.public |= arg.is_none(),
            b"must-revalidate" => self.must_revalidate = true,
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"must-understand" => self.must_understand |= arg.is_none(),
            b"stale-while-revalidate" => first(&mut self.stale_while_revalidate, arg),
            b"stale-if-error" => first(&mut self.stale_if_error, arg),
            _ => {}
        }
    }
}

impl RequestDirectives {
    /// Those of all Cache-Control fields of a request, or of Pragma where there is none.
    pub fn of(request: &Request) -> RequestDirectives {
        let mut found = RequestDirectives::default();
        let mut any = false;
        for value in request.fields_named("cache-control") {
            any = true;
            for (name, arg) in Words::new(value) {
                found.take(&name.to_ascii_lowercase(), &arg);
            }
        }
        if !any {
            found.no_cache = request
                .fields_named("pragma")
                .flat_map(Words::new)
                .any(|(name, _)| name.eq_ignore_ascii_case(b"no-cache"));
        }
        found
    }

    fn take(&mut self, name: &[u8], arg: &Arg<'_>) {
        match name {
            b"no-cache" => self.no_cache = true,
            b"no-store" => self.no_store = true,
            b"max-age" => first(&mut self.max_age, arg),
            b"min-fresh" => first(&mut self.min_fresh, arg),
            b"max-stale" if self.max_stale == MaxStale::Absent => {
                self.max_stale = match arg.seconds() {
                    Some(seconds) => MaxStale::Seconds(seconds),
                    None if arg.is_none() => MaxStale::Any,
                    None => MaxStale::Absent,
                };
            }
            b"only-if-cached" => self.only_if_cached = true,
            b"stale-if-error" => first(&mut self.stale_if_error, arg),
            _ => {}
        }
    }
}

/// The Age of a response: the first member of its first field, where that is a number (RFC 9111 5.1).
pub fn age(head: &Head) -> Option<u32> {
    let value = head.field("age")?;
    let member = value.split(|byte| *byte == b',').next()?;
    words::seconds(crate::http::fields::trim(member))
}

/// The values of all fields of a name, in order; the name compares case-insensitively.
pub fn values<'h>(head: &'h Head, name: &str) -> impl Iterator<Item = &'h [u8]> {
    head.fields()
        .filter(move |(have, _)| have.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| value)
}

fn first(place: &mut Option<u32>, arg: &Arg<'_>) {
    if place.is_none() {
        *place = arg.seconds();
    }
}

#[cfg(test)]
mod tests;
