//! scgate: an SCGI gateway. HTTP/1.1 in front, SCGI applications behind, told everything by flags.
//!
//! `main` turns flags into a [`config::Config`] and runs it; it is the only place that ends the process.
//! The rooms import only downwards; `tests/levels.rs` holds them to it.
#![deny(unsafe_code)]
#![allow(dead_code)]

mod buffer;
mod cli;
mod config;
mod error;
mod front;
mod http;
mod ops;
mod respond;
mod scgi;
mod sink;
mod sys;
mod template;
mod units;
mod upstream;
mod worker;

fn main() {}
