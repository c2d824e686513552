//! The cache: responses of applications, kept on the disk and partly in memory, and given again as long as the rules allow.
//!
//! [`rules`] decides, without I/O, what may be stored, reused, served stale and refreshed; [`directives`] and [`vary`] read the
//! fields that they go by. [`key`] says which entry a request is about. A [`zone::Zone`] is the index of one
//! `--cache-path`: which entries there are, who is filling one, who waits for it, what is held in memory. `format` and
//! `disk` are the files, `fill` writes one, and `keeper` is the thread that loads, saves and removes them.
//!
//! The front asks the zone and answers hits; workers fill and refresh. Neither does I/O under a lock that the other takes.
#![allow(dead_code)]
#![forbid(unsafe_code)]

pub mod directives;
pub mod disk;
pub mod fill;
mod index;
pub mod key;
pub mod lookup;
pub mod rules;
pub mod vary;
pub mod view;
pub mod zone;

use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use crate::scgi::response::{self, Head, Parsed};

/// `$upstream_cache_status` (C20).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheStatus {
    Miss,
    Bypass,
    Expired,
    Stale,
    Updating,
    Revalidated,
    Hit,
}

impl CacheStatus {
    /// As the variable has it.
    pub fn name(self) -> &'static str {
        match self {
            CacheStatus::Miss => "MISS",
            CacheStatus::Bypass => "BYPASS",
            CacheStatus::Expired => "EXPIRED",
            CacheStatus::Stale => "STALE",
            CacheStatus::Updating => "UPDATING",
            CacheStatus::Revalidated => "REVALIDATED",
            CacheStatus::Hit => "HIT",
        }
    }
}

/// What the rules need to know of a stored response, found out once, when it was stored. Times are wall clock seconds since
/// 1970; both rule books write and read the same. Goes into the file's prefix as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meta {
    /// When the response was received, or last validated.
    pub received: u64,
    /// Its age then, in seconds (RFC 9111 4.2.3, corrected_initial_age).
    pub initial_age: u32,
    /// The last second in which it is fresh (C21: that second included); before `received`: it was stale from the start.
    pub fresh_until: u64,
    /// How many seconds beyond that it may be served while it is refreshed (stale-while-revalidate).
    pub stale_while: u32,
    /// How many seconds beyond that it may be served in place of an error (stale-if-error).
    pub stale_error: u32,
    /// must-revalidate, proxy-revalidate or s-maxage, where the rule book obeys them: never served stale.
    pub must_revalidate: bool,
    /// no-cache without field names: stored, but validated before each use.
    pub no_cache: bool,
    /// The freshness is heuristic (RFC 9111 4.2.2).
    pub heuristic: bool,
    /// A `--cache-valid` time, X-Accel-Expires or the like gave the freshness, not the standard's fields.
    pub by_settings: bool,
}

/// Stored responses are told apart by Vary: which request fields, and what this response was the answer to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variant {
    /// The names of Vary, lowercased, sorted, without repeats, joined with `,`; empty: no Vary.
    pub names: Box<[u8]>,
    /// The values that the request had, normalised and hashed ([`vary::variant`]); zero without Vary.
    pub hash: [u8; 16],
    /// All variants of one key that belong together have the same number; a purge of the key begins a new family.
    pub family: u64,
}

/// A stored response: immutable, shared by everyone who serves it.
#[derive(Debug)]
pub struct Entry {
    /// The literal key, compared at each use: hashes can be made to collide.
    pub key: Box<[u8]>,
    pub meta: Meta,
    pub variant: Variant,
    /// When the request for it began, as the zone counts it; purges by wildcard go by it.
    pub stamp: u64,
    /// The head as stored ([`rules::stored_head`]): cleaned, with a Date, without lengths.
    pub head: Head,
    /// Bytes of the body.
    pub len: u64,
    pub body: Body,
}

impl Entry {
    /// The same response with the fields and times of a later one about it. `None`: they make no head.
    pub fn renewed(&self, storable: &rules::Storable, stamp: u64) -> Option<Entry> {
        let Ok(Parsed::Done(head, _)) = response::parse(&storable.head, &mut 0) else {
            return None;
        };
        Some(Entry {
            key: self.key.clone(),
            meta: storable.meta,
            variant: self.variant.clone(),
            stamp,
            head,
            len: self.len,
            body: self.body.clone(),
        })
    }
}

/// Where the body of an entry is.
#[derive(Debug, Clone)]
pub enum Body {
    Memory(Arc<[u8]>),
    /// In a kept descriptor, from this offset.
    File(Arc<File>, u64),
}

/// The zones of a configuration, which live as long as the process.
pub fn open(zones: &'static [crate::config::cache::Zone]) -> &'static [zone::Zone] {
    let now = Instant::now();
    let zones: Vec<zone::Zone> = zones.iter().map(|z| zone::Zone::new(z, now)).collect();
    Box::leak(zones.into_boxed_slice())
}
