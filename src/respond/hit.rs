//! The response that a stored entry makes: conditions, ranges, Age, and the head that goes with them. No I/O.
#![allow(dead_code)]
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::head::Ask;
use super::reply::Answer;
use crate::cache::{CacheStatus, Entry};
use crate::config::Scgi;
use crate::http::request::Request;

/// How an entry is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct HitManner<'a> {
    pub request: &'a Request,
    pub ask: &'a Ask<'a>,
    /// Settings of the location: what is hidden, which X-Accel fields are heard (C4).
    pub scgi: &'a Scgi,
    /// The status of an error page that the entry stands in for (S29).
    pub status: Option<u16>,
    /// Whole lines to be added: `--add-header`, fields of an earlier response.
    pub lines: &'a [u8],
    pub how: CacheStatus,
    /// Wall clock seconds.
    pub now: u64,
}

/// Answers with `entry`.
pub fn hit_reply(_entry: &Arc<Entry>, _manner: &HitManner<'_>) -> Answer {
    Answer::Refused(500, None)
}
