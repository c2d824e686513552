//! Applications: which address a request goes to, and the connection to it.
//!
//! [`Upstreams`] has the groups. A request begins a [`groups::Run`] with one, and gets a [`groups::Picked`] for each try; [`connect()`]
//! opens one socket as the location's settings say; [`view`] shows how everything stands.
//! Blocking calls, made by workers and the threads of this room only. Never connects before there is a request: a prefork application is blocked by an
//! idle connection.
//!
//! Inside, from the bottom up: `balance` has the methods (pure), `health` what is known of each address, `leaving` the exchanges
//! that end when an address leaves, `peer` an address of a server with its counters, `set` the members of a group at one time, `run`
//! the choice for one request, `groups` the groups and the orders, `names` the thread that looks names up again. `verdict` counts what
//! the checks of `--health` have found (pure), `check` makes one, `checks` has the threads that do.
#![forbid(unsafe_code)]

mod balance;
mod check;
mod checks;
pub mod connect;
pub mod groups;
mod health;
mod leaving;
mod names;
mod peer;
mod run;
mod set;
mod verdict;
pub mod view;

#[cfg(test)]
mod tests;

pub use connect::{Connection, Dial, connect};
pub use groups::Upstreams;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; a panic elsewhere while the lock was held does not matter, since each change is whole in one statement or harmless in part.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
