//! HTTP/1.1 as bytes: request heads parsed and judged, paths normalised, body framing, lists in fields, dates, names of
//! statuses; and the head of the PROXY protocol, which comes before. Responses are made in `respond`.
//!
//! Pure: no I/O, no clock, no thread. Everything here reads or writes slices, and has unit tests and fuzz targets.
//!
//! A request head passes through the files in this order: `head` (where does it end, is it too long), `line` (request line),
//! `uri` (path), `fields` (names, lists), `host`, `framing` (where the body ends), and becomes a [`request::Request`].
#![forbid(unsafe_code)]

pub mod base64;
pub mod chunked;
pub mod date;
pub mod fields;
mod framing;
mod head;
pub mod host;
mod line;
pub mod proxy_protocol;
pub mod request;
pub mod status;
pub mod uri;

#[cfg(test)]
mod tests;
