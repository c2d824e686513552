//! The front: one thread, the event loop, every client connection.
//!
//! [`event_loop`] waits and dispatches; [`listener`] opens sockets and accepts; [`conn`] is one connection: it reads, lets
//! [`intake`] say what the bytes are, routes ([`route`]), hands exchanges to the workers and writes what they left behind;
//! [`timers`] remembers when to look again. It never waits for an application or a disk.
#![forbid(unsafe_code)]

mod conn;
mod event_loop;
mod intake;
pub mod listener;
mod requests;
mod route;
mod timers;

pub use event_loop::Front;
