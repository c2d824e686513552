//! Vary: which of a key's variants a request is about (RFC 9111 4.1, C51 to C56, Z44): pure.

use crate::http::request::Request;
use crate::scgi::response::Head;

/// The names that the Vary fields of a response list, lowercased, sorted, without repeats, joined with `,`; empty where there is
/// none.
///
/// # Errors
/// `*` is among them: no later request can be known to want this response.
pub fn names(_head: &Head) -> Result<Box<[u8]>, &'static str> {
    Ok(Box::default())
}

/// The hash of what a request has in the fields of `names`. Values that mean the same have the same hash. Zero for no names.
pub fn variant(_names: &[u8], _request: &Request) -> [u8; 16] {
    [0; 16]
}
