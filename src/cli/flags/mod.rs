//! The flag table: rows by topic, in the order of the manual.

mod buffers;
mod cache;
mod client;
mod content;
mod failover;
mod groups;
mod info;
mod params;
mod process;
mod response;
mod scgi;
mod scopes;

use super::table::Flag;

/// Every row of the program.
pub static TABLES: [&[Flag]; 12] = [
    scopes::FLAGS,
    scgi::FLAGS,
    params::FLAGS,
    response::FLAGS,
    buffers::FLAGS,
    failover::FLAGS,
    cache::FLAGS,
    groups::FLAGS,
    client::FLAGS,
    content::FLAGS,
    process::FLAGS,
    info::FLAGS,
];
