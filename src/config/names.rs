//! Which server and which location a request belongs to: pure lookups over names and prefixes.

use super::{Location, Server};

/// The server names of one listen address (H24): exact before `*.suffix` (longest) before `prefix.*` (longest) before the default.
#[derive(Clone, Debug, Default)]
pub struct NameTable {
    /// Index into `Config::servers`.
    pub default: usize,
    /// Lowercased name to server, sorted by name.
    pub exact: Vec<(String, usize)>,
    /// `.example.org` of `*.example.org`, sorted by length, longest first.
    pub suffixes: Vec<(String, usize)>,
    pub prefixes: Vec<(String, usize)>,
}

impl NameTable {
    /// The server for a host that is lowercased and has no port; empty means the client gave none.
    pub fn find(&self, _host: &str) -> usize {
        todo!()
    }
}

impl Server {
    /// The location for a normalised path (H14): exact first, then the longest prefix. The index into `locations`.
    pub fn find(&self, _path: &[u8]) -> Option<&Location> {
        todo!()
    }
}
