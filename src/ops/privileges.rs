//! `--user`, `--pid`, limits of the process.
