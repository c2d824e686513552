//! Passwords: `--auth-basic`, HTTP Basic (RFC 7617) against files as htpasswd makes them.
//!
//! [`Credentials`] is what a client says of itself, [`hash`] what a file knows of a password, [`mod@file`] what the lines of a file say, [`reading`] reads it, and
//! [`Verifier`] brings them together: on a thread of its own, for a good hash takes long on purpose, and neither the front
//! nor a worker of somebody else may wait for it. What came out is remembered for a while, under a hash keyed with
//! randomness of the process; passwords themselves are kept no longer than a check lasts.
#![forbid(unsafe_code)]

mod credentials;
pub mod file;
mod hash;
mod memory;
pub mod reading;
pub mod verifier;

pub use credentials::{Credentials, challenge};
pub use verifier::{Asked, Ticket, Verdict, Verifier};
