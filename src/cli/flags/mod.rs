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

use super::table::{Flag, ROW};

/// The rows by topic, in the order of the manual.
const TABLES: [&[Flag]; 12] = [
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

/// How many rows there are.
pub const COUNT: usize = {
    let (mut count, mut table) = (0, 0);
    while table < TABLES.len() {
        count += TABLES[table].len();
        table += 1;
    }
    count
};

/// Every row with its text, for the compiler alone: nothing of this is in the program.
pub const FLAGS: [Flag; COUNT] = {
    let mut flags = [ROW; COUNT];
    let (mut count, mut table) = (0, 0);
    while table < TABLES.len() {
        let mut row = 0;
        while row < TABLES[table].len() {
            flags[count] = TABLES[table][row];
            count += 1;
            row += 1;
        }
        table += 1;
    }
    flags
};

/// Every row, with its text left out: `texts` has it.
pub static ROWS: [Flag; COUNT] = {
    let mut flags = FLAGS;
    let mut row = 0;
    while row < COUNT {
        flags[row].manual = "";
        row += 1;
    }
    flags
};
