//! The SCGI codec: requests encoded, response heads parsed. Pure: no I/O, no clock, no thread; fuzzed.
#![forbid(unsafe_code)]

pub mod decimal;
pub mod request;
pub mod response;
