//! HTTP/1.1 as bytes: request heads parsed and judged, paths normalised, body framing, response heads, dates, media types.
//!
//! Pure: no I/O, no clock, no thread. Everything here reads or writes slices, and has unit tests and fuzz targets.
#![forbid(unsafe_code)]

pub mod chunked;
pub mod request;
pub mod status;
