//! The Cache-Status field (RFC 9211): pure.

use crate::cache::{CacheStatus, Meta};

/// Adds the field of a response that came from the cache.
pub fn push_hit(_name: &str, _meta: &Meta, _how: CacheStatus, _now: u64, _lines: &mut Vec<u8>) {}
