//! The status as JSON. Names never change their meaning; new ones may come.
//!
//! ```text
//! version hostname pid uptime_seconds
//! connections  { accepted max reading_head reading_body waiting running writing idle closing }
//! requests
//! responses    { 1xx 2xx 3xx 4xx 5xx none }
//! bytes        { received sent }
//! queue        { length max wait }
//! workers      { busy started max }
//! memory       { used max }
//! temp_files   { spare spills spilled_bytes }
//! groups       [ { name implicit balance servers } ]
//!   servers    [ { address text state backup weight max_conns running requests fails recent_fails last_error
//!                  check bytes { received sent } responses { 1xx … 5xx } time } ]
//!   last_error { text seconds_ago }, or null
//!   check      { healthy checks failures last }, or null without --health
//!     last     { passed text seconds_ago }, or null
//! caches       [ { name path loading entries held open_files filling waiting size { used max } memory { used max }
//!                  results { hit revalidated stale updating miss expired bypass } fills failed_fills evictions purges } ]
//! wait, time   { count sum_seconds buckets [ { up_to_seconds count } ] }
//! ```
//! A `max` of 0 means no limit. Sizes are in bytes. Buckets are not cumulative; the last one's bound is null.
#![forbid(unsafe_code)]

use super::super::escape::Out;
use super::amounts::{put_bound, put_micros};
use super::{Snapshot, state_name};
use crate::cache::view::ZoneView;
use crate::upstream::view::{BUCKETS, CheckView, GroupView, ServerView};

/// Renders the whole of it, on one line.
pub fn render(snapshot: &Snapshot<'_>) -> Vec<u8> {
    let s = snapshot;
    let mut out = Out(Vec::with_capacity(4 * 1024));
    out.raw("{");
    text(&mut out, "version", s.version);
    text(&mut out, "hostname", s.hostname);
    number(&mut out, "pid", s.pid.into());
    number(&mut out, "uptime_seconds", s.uptime.as_secs());
    open(&mut out, "connections");
    number(&mut out, "accepted", s.totals.connections);
    count(&mut out, "max", s.max_connections);
    for (state, n) in s.census.states() {
        number(&mut out, state, n.into());
    }
    out.raw("}");
    number(&mut out, "requests", s.totals.requests);
    put_responses(&mut out, &s.totals.responses);
    number(&mut out, "none", s.totals.unanswered);
    out.raw("}");
    put_bytes(&mut out, s.totals.received, s.totals.sent);
    put_work(&mut out, s);
    out.key(b"groups").raw("[");
    for (at, group) in s.groups.iter().enumerate() {
        out.raw(if at > 0 { ",{" } else { "{" });
        put_group(&mut out, group);
    }
    out.raw("]").key(b"caches").raw("[");
    for (at, zone) in s.zones.iter().enumerate() {
        out.raw(if at > 0 { ",{" } else { "{" });
        put_zone(&mut out, zone);
    }
    out.raw("]}\n");
    out.0
}

fn put_work(out: &mut Out, s: &Snapshot<'_>) {
    open(out, "queue");
    count(out, "length", s.queue_length);
    count(out, "max", s.max_queue);
    put_times(out, "wait", &s.totals.waits, s.totals.wait_sum);
    out.raw("}");
    open(out, "workers");
    count(out, "busy", s.workers_busy);
    count(out, "started", s.workers_started);
    count(out, "max", s.max_workers);
    out.raw("}");
    open(out, "memory");
    count(out, "used", s.memory_used);
    count(out, "max", s.max_memory);
    out.raw("}");
    open(out, "temp_files");
    count(out, "spare", s.spare_files);
    number(out, "spills", s.totals.spills);
    number(out, "spilled_bytes", s.totals.spilled);
    out.raw("}");
}

fn put_zone(out: &mut Out, zone: &ZoneView) {
    text(out, "name", &zone.name);
    text(out, "path", &zone.path);
    out.key(b"loading").raw(boolean(zone.loading));
    number(out, "entries", zone.entries);
    number(out, "held", zone.held);
    number(out, "open_files", zone.open_files);
    number(out, "filling", zone.filling);
    number(out, "waiting", zone.waiters);
    open(out, "size");
    number(out, "used", zone.size);
    number(out, "max", zone.max_size.unwrap_or(0));
    out.raw("}");
    open(out, "memory");
    number(out, "used", zone.memory_used);
    number(out, "max", zone.memory_limit);
    out.raw("}");
    let counts = &zone.counts;
    open(out, "results");
    for (result, n) in counts.results() {
        number(out, result, n);
    }
    out.raw("}");
    number(out, "fills", counts.fills);
    number(out, "failed_fills", counts.fills_failed);
    number(out, "evictions", counts.evictions);
    number(out, "purges", counts.purges);
    out.raw("}");
}

fn put_group(out: &mut Out, group: &GroupView) {
    text(out, "name", &group.name);
    out.key(b"implicit").raw(boolean(group.implicit));
    text(out, "balance", group.balance);
    out.key(b"servers").raw("[");
    for (at, server) in group.servers.iter().enumerate() {
        out.raw(if at > 0 { ",{" } else { "{" });
        put_server(out, server);
    }
    out.raw("]}");
}

fn put_server(out: &mut Out, server: &ServerView) {
    text(out, "address", &server.address);
    text(out, "text", &server.text);
    text(out, "state", state_name(server.state));
    out.key(b"backup").raw(boolean(server.backup));
    number(out, "weight", server.weight.into());
    number(out, "max_conns", server.max_conns.into());
    number(out, "running", server.running.into());
    number(out, "requests", server.requests);
    number(out, "fails", server.fails);
    number(out, "recent_fails", server.recent_fails.into());
    match &server.last_error {
        None => drop(out.key(b"last_error").raw("null")),
        Some((what, ago)) => {
            open(out, "last_error");
            text(out, "text", what);
            number(out, "seconds_ago", ago.as_secs());
            out.raw("}");
        }
    }
    match &server.check {
        None => drop(out.key(b"check").raw("null")),
        Some(check) => put_check(out, check),
    }
    put_bytes(out, server.bytes_received, server.bytes_sent);
    put_responses(out, &server.responses);
    out.raw("}");
    let sum = server.time_sum;
    put_times(out, "time", &server.times, sum);
    out.raw("}");
}

fn put_check(out: &mut Out, check: &CheckView) {
    open(out, "check");
    out.key(b"healthy").raw(boolean(check.healthy));
    number(out, "checks", check.checks);
    number(out, "failures", check.failures);
    match &check.last {
        None => drop(out.key(b"last").raw("null")),
        Some((passed, what, ago)) => {
            open(out, "last");
            out.key(b"passed").raw(boolean(*passed));
            text(out, "text", what);
            number(out, "seconds_ago", ago.as_secs());
            out.raw("}");
        }
    }
    out.raw("}");
}

/// Left open: one kind of them has another member.
fn put_responses(out: &mut Out, responses: &[u64; 5]) {
    open(out, "responses");
    for (class, n) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().zip(responses) {
        number(out, class, *n);
    }
}

fn put_bytes(out: &mut Out, received: u64, sent: u64) {
    open(out, "bytes");
    number(out, "received", received);
    number(out, "sent", sent);
    out.raw("}");
}

/// `sum` is in microseconds.
fn put_times(out: &mut Out, name: &str, counts: &[u64; BUCKETS.len() + 1], sum: u64) {
    open(out, name);
    number(
        out,
        "count",
        counts.iter().fold(0, |sum, n| sum.saturating_add(*n)),
    );
    put_micros(out.key(b"sum_seconds"), sum);
    out.key(b"buckets").raw("[");
    for (at, n) in counts.iter().enumerate() {
        out.raw(if at > 0 { ",{" } else { "{" })
            .key(b"up_to_seconds");
        match BUCKETS.get(at) {
            Some(ms) => put_bound(out, *ms),
            None => drop(out.raw("null")),
        }
        number(out, "count", *n);
        out.raw("}");
    }
    out.raw("]}");
}

fn open(out: &mut Out, name: &str) {
    out.key(name.as_bytes()).raw("{");
}

fn text(out: &mut Out, name: &str, value: &str) {
    out.key(name.as_bytes()).string(value.as_bytes());
}

fn number(out: &mut Out, name: &str, value: u64) {
    out.key(name.as_bytes()).number(value);
}

fn count(out: &mut Out, name: &str, value: usize) {
    number(out, name, u64::try_from(value).unwrap_or(u64::MAX));
}

fn boolean(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}
