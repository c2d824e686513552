//! Applications: which address a request goes to, and the connection to it.
//!
//! [`Rotation`] gives the addresses of a target in turn; [`connect()`] opens one socket as the location's settings say.
//! Blocking calls, made by workers only. Never connects before there is a request: a prefork application is blocked by an
//! idle connection.

pub mod connect;
pub mod rotation;

pub use connect::{Connection, connect};
pub use rotation::Rotation;
