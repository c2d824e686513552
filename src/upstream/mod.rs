//! Applications: which address a request goes to, and the connection to it.
//!
//! [`Upstreams`] has the groups and chooses the server of each try; [`connect()`] opens one socket as the location's settings
//! say; [`view`] shows how everything stands.
//! Blocking calls, made by workers only. Never connects before there is a request: a prefork application is blocked by an
//! idle connection.

pub mod connect;
pub mod groups;
pub mod view;

pub use connect::{Connection, connect};
pub use groups::Upstreams;
