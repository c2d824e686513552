//! The rule book `rfc9111`: not written yet, so nothing is stored.

use super::{Book, Freshened, Part, Reuse, Storable, Times, Trouble};
use crate::cache::{Entry, Meta};
use crate::http::request::Request;
use crate::scgi::response::Head;

pub fn part(_: &Book<'_>, _: &Request) -> Part {
    Part::None
}

pub fn only_if_cached(_: &Book<'_>, _: &Request) -> bool {
    false
}

pub fn reuse(_: &Book<'_>, _: &Meta, _: &Request, _: u64) -> Reuse {
    Reuse::Expired {
        while_updating: false,
    }
}

pub fn stale_on(_: &Book<'_>, _: &Meta, _: &Request, _: Trouble, _: u64) -> bool {
    false
}

pub fn store(_: &Book<'_>, _: &Request, _: &Head, _: Times) -> Result<Storable, &'static str> {
    Err("nothing is")
}

pub fn freshen(_: &Book<'_>, _: &Request, _: &Entry, _: &Head, _: Times) -> Freshened {
    Freshened::Drop
}

pub fn head_seen(_: &Book<'_>, _: &Request, _: &Entry, _: &Head, _: Times) -> Option<Freshened> {
    None
}

pub fn invalidates(_: &Book<'_>, _: &Request, _: &Head) -> Option<Vec<Vec<u8>>> {
    None
}

pub fn converts_head(_: &Book<'_>) -> bool {
    false
}
