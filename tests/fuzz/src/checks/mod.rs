//! What has to hold for any bytes, one function for each fuzz target. A violation panics; the answer says whether the
//! bytes were accepted, so that a loop can tell whether its inputs test anything.
//!
//! Used twice: by the targets of the fuzz package and by the integration test `fuzz_loop`.

#[cfg(feature = "auth")]
mod auth;
mod cached;
mod cgi;
mod chunks;
mod proxy;
mod request;
mod response;
mod text;
mod values;
mod wire;
mod words;

#[cfg(feature = "auth")]
pub use auth::{credentials, password_file};
pub use cached::cache_file;
pub use cgi::{cgi_answer, cgi_environment};
pub use chunks::chunked;
pub use proxy::proxy_protocol;
pub use request::request_head;
pub use response::response_head;
pub use text::{template, units};
pub use values::{cache_control, conditions, http_date, ranges, vary};
pub use wire::scgi_encode;
pub use words::{address, path, words};

/// Bytes as they can be read in a failure.
fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
