//! What a zone tells about itself, for the status page.

/// One zone at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ZoneView {
    pub name: String,
    pub path: String,
    /// Stored responses.
    pub entries: u64,
    /// Bytes on the disk, each file in whole units of 4096 bytes, which is what most file systems take.
    pub size: u64,
    pub max_size: Option<u64>,
    /// Bytes of memory: index and what is held.
    pub memory_used: u64,
    pub memory_limit: u64,
    /// Responses held in memory.
    pub held: u64,
    /// Files kept open.
    pub open_files: u64,
    /// Not all files are known yet.
    pub loading: bool,
    /// Requests that wait for another to fill an entry.
    pub waiters: u64,
    /// Entries that are being filled.
    pub filling: u64,
    pub counts: ZoneCounts,
}

/// Counters of a zone, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ZoneCounts {
    pub miss: u64,
    pub bypass: u64,
    pub expired: u64,
    pub stale: u64,
    pub updating: u64,
    pub revalidated: u64,
    pub hit: u64,
    /// Responses stored.
    pub fills: u64,
    pub fills_failed: u64,
    /// Entries removed for want of room or use.
    pub evictions: u64,
    pub purges: u64,
}

impl ZoneCounts {
    /// What became of requests, by `$upstream_cache_status` in lowercase (C20); what came from the cache goes first.
    pub fn results(&self) -> [(&'static str, u64); 7] {
        [
            ("hit", self.hit),
            ("revalidated", self.revalidated),
            ("stale", self.stale),
            ("updating", self.updating),
            ("miss", self.miss),
            ("expired", self.expired),
            ("bypass", self.bypass),
        ]
    }
}
