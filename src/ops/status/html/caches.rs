//! The zones of the cache on the page, a card for each.
#![forbid(unsafe_code)]

use super::{begin_table, item, percent, put_grouped, put_size, row};
use crate::cache::view::{ZoneCounts, ZoneView};
use crate::ops::escape::Out;

/// All zones under one headline; nothing where there is none.
pub fn put_caches(out: &mut Out, zones: &[ZoneView]) {
    if zones.is_empty() {
        return;
    }
    out.raw("<h2>Caches</h2>\n<div class=\"grid\">\n");
    for zone in zones {
        put_zone(out, zone);
    }
    out.raw("</div>\n");
}

fn put_zone(out: &mut Out, zone: &ZoneView) {
    out.raw("<section class=\"card\"><div class=\"top\"><h3>")
        .text(zone.name.as_bytes());
    out.raw("</h3>");
    if zone.loading {
        out.raw("<span class=\"state starting\"><span aria-hidden=\"true\">\u{25b2}</span> loading</span>");
    }
    out.raw("</div>\n<p class=\"sub\"><code>")
        .text(zone.path.as_bytes());
    out.raw("</code></p>\n<dl>");
    for (name, n) in [
        ("Responses", zone.entries),
        ("In memory", zone.held),
        ("Open files", zone.open_files),
        ("Being filled", zone.filling),
        ("Waiting requests", zone.waiters),
    ] {
        item(out, name, &|out| put_grouped(out, n));
    }
    item(out, "On the disk", &|out| {
        put_bytes(out, zone.size, zone.max_size);
    });
    item(out, "Memory", &|out| {
        put_bytes(out, zone.memory_used, Some(zone.memory_limit));
    });
    item(out, "From the cache", &|out| put_share(out, &zone.counts));
    out.raw("</dl>\n");
    put_counts(out, &zone.counts);
    out.raw("</section>\n");
}

fn put_counts(out: &mut Out, counts: &ZoneCounts) {
    begin_table(out, "Since the start", "rows");
    let results = counts.results().map(|(name, n)| {
        let name = match name {
            "hit" => "Hits",
            "revalidated" => "Revalidated, unchanged",
            "stale" => "Stale, served all the same",
            "updating" => "Stale, served while updated",
            "miss" => "Misses",
            "expired" => "Expired, asked for again",
            _ => "Passed by",
        };
        (name, n)
    });
    let works = [
        ("Stored", counts.fills),
        ("Not stored: failed", counts.fills_failed),
        ("Removed for want of room or use", counts.evictions),
        ("Purged", counts.purges),
    ];
    for (name, n) in results.into_iter().chain(works) {
        put_grouped(row(out, name), n);
        out.raw("\n");
    }
    out.raw("</table></div>\n");
}

/// How many of all requests were answered with a stored response.
fn put_share(out: &mut Out, counts: &ZoneCounts) {
    let (mut stored, mut all) = (0u64, 0u64);
    for (name, n) in counts.results() {
        all = all.saturating_add(n);
        if !matches!(name, "miss" | "expired" | "bypass") {
            stored = stored.saturating_add(n);
        }
    }
    match all {
        0 => drop(out.raw("no requests yet")),
        _ => drop(out.number(percent(stored, all)).raw(" %")),
    }
}

/// ` of 1 GiB` where there is a limit.
fn put_bytes(out: &mut Out, n: u64, limit: Option<u64>) {
    put_size(out, n);
    if let Some(limit) = limit {
        put_size(out.raw(" <small>of "), limit);
        out.raw("</small>");
    }
}
