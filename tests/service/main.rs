//! The program under a service manager: what it tells it, how it logs to the journal, the sockets it is given.

#[path = "../common/mod.rs"]
mod common;

mod activation;
mod journal;
mod manager;
mod notify;
