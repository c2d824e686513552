//! The pure rooms of scgate, compiled from the program's own source, and what has to hold for any bytes they are given.
//!
//! With cargo-fuzz and a nightly toolchain, from the root of the project:
//!
//! ```text
//! cargo +nightly fuzz run --fuzz-dir tests/fuzz request_head tests/fuzz/corpus.new tests/fuzz/corpus/request_head
//! ```
//!
//! New inputs go to the first directory, `corpus` only gives the seeds. `tests/fuzz_loop.rs` runs the same checks on the
//! seeds and on changed copies of them with any toolchain, as a part of `cargo test`.
#![allow(dead_code, unused_imports)]

// The rooms name each other as `crate::ROOM`, so here they stand at the root too.
// Without what calls on the clock and on threads.
#[cfg(feature = "auth")]
#[path = "../../../src/auth"]
mod auth {
    mod credentials;
    pub mod file;
    pub mod hash;
    pub use credentials::{Credentials, challenge};
}
// Of this room only what reads foreign bytes; the rest works with files and threads.
#[path = "../../../src/cache"]
mod cache {
    pub mod directives;
    pub mod format;
    mod meta;
    pub mod vary;
    pub use meta::{Meta, Variant};
}
// Its pure part.
#[path = "../../../src/cgi"]
mod cgi {
    pub mod answer;
    pub mod environment;
}
// As of the cache.
#[path = "../../../src/cli"]
mod cli {
    pub mod words;
}
#[path = "../../../src/config/mod.rs"]
mod config;
#[path = "../../../src/http/mod.rs"]
mod http;
// As of the cache.
#[path = "../../../src/respond"]
mod respond {
    pub mod conditions;
    pub mod head;
    pub mod ranges;
}
#[path = "../../../src/scgi/mod.rs"]
mod scgi;
#[path = "../../../src/template/mod.rs"]
mod template;
#[path = "../../../src/units/mod.rs"]
mod units;

pub mod checks;
