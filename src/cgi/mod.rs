//! `--cgi`: one request as a CGI program gets it (RFC 3875), answered by the whole gateway.
//!
//! [`environment`] makes an HTTP request of the environment, pure; [`pump`] passes it, and standard input behind it, into a
//! socket whose other end the front serves as its only connection, and the response from there to standard output, on a
//! thread of its own; [`answer`] makes a CGI response of it on the way, pure. What the server in front says of the request
//! and no connection could say stands in [`crate::config::outer::Outer`]. So nothing behind the front knows of it.
//! Under inetd(8) there is no such server, and standard input is the client's [`connection`]: the front serves that itself.
#![forbid(unsafe_code)]

mod answer;
pub mod connection;
mod environment;
mod pump;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;

pub use environment::{Incoming, incoming};
pub use pump::start;

/// What a client is told when the program can not even begin.
pub const FAILED: &str = "Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\n\r\n500 Internal Server Error\n";

/// Whether standard input is a pipe: there the server marks the end.
pub fn input_is_pipe() -> bool {
    let stdin = io::stdin().as_fd().try_clone_to_owned().map(File::from);
    let kind = stdin.and_then(|stdin| stdin.metadata());
    kind.is_ok_and(|found| found.file_type().is_fifo())
}

/// Whether the command line means to.
fn is_meant<S: AsRef<OsStr>>(args: &[S]) -> bool {
    args.iter().any(|arg| arg.as_ref() == "--cgi")
}

/// Whether the program was called as a CGI program, with this command line.
pub fn is_called<S: AsRef<OsStr>>(args: &[S]) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    is_meant(args) && set("GATEWAY_INTERFACE") && set("REQUEST_METHOD")
}
