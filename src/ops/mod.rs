//! Running the program: logging, the access log, privileges and whose word root takes for a path, the service manager, status, the facts that variables speak of, and
//! the built-in application of `--demo`.

pub mod accesslog;
pub mod calendar;
pub mod confine;
pub mod demo;
pub mod escape;
pub mod logging;
pub mod notify;
pub mod privileges;
pub mod stats;
pub mod status;
mod trust;
pub mod vars;
