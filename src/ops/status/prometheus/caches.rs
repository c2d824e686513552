//! The zones of the cache, each with its name as a label.
#![forbid(unsafe_code)]

use super::{Labels, each, sample};
use crate::cache::view::ZoneView;
use crate::ops::escape::Out;

/// A zone and the label that names it.
type Named<'a> = (&'a ZoneView, Labels);

/// All families of the cache; nothing where there is no zone.
pub fn put_caches(out: &mut Out, zones: &[ZoneView]) {
    let mut named: Vec<Named<'_>> = Vec::new();
    for zone in zones {
        named.push((zone, Labels::default().with("zone", &zone.name)));
    }
    type Value = fn(&ZoneView) -> u64;
    let gauges: [(&str, &str, Value); 10] = [
        ("cache_entries", "Stored responses.", |z| z.entries),
        ("cache_size_bytes", "Bytes on the disk.", |z| z.size),
        ("cache_size_max_bytes", "The limit of that.", |z| {
            z.max_size.unwrap_or(0)
        }),
        (
            "cache_memory_bytes",
            "Bytes of memory, for the index and for responses.",
            |z| z.memory_used,
        ),
        ("cache_memory_max_bytes", "The limit of that.", |z| {
            z.memory_limit
        }),
        ("cache_held", "Responses held in memory.", |z| z.held),
        ("cache_open_files", "Files kept open.", |z| z.open_files),
        (
            "cache_loading",
            "1 while not all files are known yet.",
            |z| z.loading.into(),
        ),
        (
            "cache_waiting",
            "Requests that wait for another to fill an entry.",
            |z| z.waiters,
        ),
        ("cache_filling", "Entries that are being filled.", |z| {
            z.filling
        }),
    ];
    let counters: [(&str, &str, Value); 4] = [
        ("cache_fills_total", "Responses stored.", |z| z.counts.fills),
        (
            "cache_failed_fills_total",
            "Responses that could not be stored.",
            |z| z.counts.fills_failed,
        ),
        (
            "cache_evictions_total",
            "Entries removed for want of room or use.",
            |z| z.counts.evictions,
        ),
        ("cache_purges_total", "Entries purged.", |z| z.counts.purges),
    ];
    let gauges = gauges.into_iter().map(|row| ("gauge", row));
    let counters = counters.into_iter().map(|row| ("counter", row));
    for (kind, (name, help, value)) in gauges.chain(counters) {
        each(out, &named, name, kind, help, |out, (zone, labels)| {
            sample(out, name, labels, value(zone));
        });
    }
    let name = "cache_requests_total";
    let help = "Requests by what the cache did.";
    each(out, &named, name, "counter", help, |out, (zone, labels)| {
        for (result, n) in zone.counts.results() {
            sample(out, name, &labels.clone().with("result", result), n);
        }
    });
}
