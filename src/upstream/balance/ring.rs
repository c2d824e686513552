//! By a key on a ring of points (N42): a server that comes or goes moves its own share of the keys only.
//!
//! The points come from the servers' text as the command line has it, not from addresses, so that a name that is looked up again
//! moves no key (N43).

use super::{MISSES, Turn, crc32, weighted};

/// Points for each unit of weight.
const POINTS: usize = 160;

/// The points in order. Made once for each set of members.
#[derive(Debug, Default)]
pub struct Ring {
    /// The hash in the upper half, the server's line in the lower.
    points: Vec<u64>,
}

impl Ring {
    /// The ring of these servers: text, line, weight.
    pub fn new<'a>(servers: impl Iterator<Item = (&'a str, usize, u32)>) -> Ring {
        let mut points = Vec::new();
        for (text, line, weight) in servers {
            let (host, port) = split(text);
            let base = crc32::update(crc32::START, host.as_bytes());
            let base = crc32::update(base, b"\0");
            let base = crc32::update(base, port.as_bytes());
            let mut last: u32 = 0;
            for _ in 0..weight as usize * POINTS {
                last = !crc32::update(base, &last.to_le_bytes());
                points.push(u64::from(last) << 32 | line as u64 & 0xffff_ffff);
            }
        }
        points.sort_unstable();
        // Of two servers at one point the first of the command line has it.
        points.dedup_by_key(|point| *point >> 32);
        Ring { points }
    }

    /// The first point that is not below `hash`; past the last one the ring begins again.
    pub fn find(&self, hash: u32) -> usize {
        self.points
            .partition_point(|point| point >> 32 < u64::from(hash))
    }

    /// The server at a point: of its addresses the next in turn. Where none is open, the next point. `None` after too many.
    pub fn pick(&self, turns: &mut [Turn], at: &mut usize, misses: &mut u32) -> Option<usize> {
        while *misses <= MISSES {
            let point = self.points.get(at.checked_rem(self.points.len())?)?;
            let line = (point & 0xffff_ffff) as usize;
            let found = weighted::pick(turns, &|turn| turn.open && turn.line == line);
            if found.is_some() {
                return found;
            }
            *at += 1;
            *misses += 1;
        }
        None
    }
}

/// Host and port of a server's text. The path of a Unix socket is all host.
fn split(text: &str) -> (&str, &str) {
    if let Some(path) = text.strip_prefix("unix:") {
        return (path, "");
    }
    match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port),
        _ => (text, ""),
    }
}
