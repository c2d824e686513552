//! Running the program: logging, the access log, signals, privileges, status, and the facts that variables speak of.

pub mod accesslog;
pub mod calendar;
pub mod logging;
pub mod privileges;
pub mod vars;
