//! The cache: responses of applications, kept on the disk and partly in memory, and given again as long as the rules allow.
//!
//! [`rules`] decides, without I/O, what may be stored, reused, served stale and refreshed; [`directives`] and [`vary`] read the
//! fields that they go by. [`key`] says which entry a request is about. A [`zone::Zone`] is the index of one
//! `--cache-path`: which entries there are, who is filling one, who waits for it, what is held in memory. [`format`] and
//! [`disk`] are the files, [`fill`] writes one, `renew` its start, and [`keeper`] is the thread that loads, saves and removes them.
//!
//! The front asks the zone and answers hits; workers fill and refresh. Neither does I/O under a lock that the other takes.

#![forbid(unsafe_code)]

pub mod directives;
pub mod disk;
pub mod fill;
pub mod format;
mod index;
pub mod keeper;
pub mod key;
pub mod lookup;
mod meta;
pub mod purged;
mod renew;
pub mod rules;
mod temp;
pub mod vary;
pub mod view;
pub mod zone;

pub use meta::{Meta, Variant};

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

/// A stored response: immutable, shared by everyone who serves it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The literal key, compared at each use: hashes can be made to collide.
    pub key: Box<[u8]>,
    pub meta: Meta,
    pub variant: Variant,
    /// When the request for it began, as the zone counts it; purges by wildcard go by it.
    pub stamp: u64,
    /// The head as stored ([`rules::stored::head`]): cleaned, with a Date, without lengths.
    pub head: Head,
    /// Bytes of the body.
    pub len: u64,
    pub body: Body,
}

impl Entry {
    /// The same response with the fields and times of a later one about it. `None`: they make no head.
    pub fn renewed(&self, storable: &rules::Storable, stamp: u64) -> Option<Entry> {
        Some(Entry {
            meta: storable.meta,
            stamp,
            head: parse_head(&storable.head)?,
            ..self.clone()
        })
    }
}

/// A head as it is stored, all of the bytes; `None`: they are none.
fn parse_head(bytes: &[u8]) -> Option<Head> {
    match response::parse(bytes, &mut 0) {
        Ok(Parsed::Done(head, end)) if end == bytes.len() => Some(head),
        _ => None,
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
