//! What is known of a stored response besides its head and body: plain values, which the file has in front (`format`).

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
}

/// Stored responses are told apart by Vary: which request fields, and what this response was the answer to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variant {
    /// The names of Vary, lowercased, sorted, without repeats, joined with `,`; empty: no Vary.
    pub names: Box<[u8]>,
    /// The values that the request had, normalised and hashed (`vary::variant`); zero without Vary.
    pub hash: [u8; 16],
    /// All variants of one key that belong together have the same number; a purge of the key begins a new family.
    pub family: u64,
}
