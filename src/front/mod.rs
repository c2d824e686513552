//! The front: one thread, the event loop, every client connection.
//!
//! [`event_loop`] waits and dispatches, [`ending`] hears signals and stops; [`listener`] opens sockets, [`passed`] are those
//! of a service manager, [`accepting`] takes connections in while there is room; [`hub`] is what all connections use, [`conn`]
//! one of them and its phases: [`input`] reads and lets [`intake`] say what the bytes are, [`client`] finds out whose they
//! are, [`requests`] follows a request's course and hands exchanges to the workers, [`answers`] is what the front says itself,
//! [`status`] what it says of the program; what a worker left is written when the client takes more; [`timers`] remembers
//! when to look again. It never waits for an application or a disk.
#![forbid(unsafe_code)]

mod accepting;
mod answers;
mod caching;
#[cfg(feature = "auth")]
mod checking;
mod client;
mod conn;
mod ending;
mod event_loop;
mod hub;
mod input;
mod intake;
pub mod listener;
mod passed;
mod requests;
mod status;
mod timers;

pub use event_loop::Front;
pub use hub::Only;
pub use listener::Accepted;
