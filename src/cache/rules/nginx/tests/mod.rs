//! The book in tables: each row names its rule. What the tables are written in is told in [`super::super::tests`].

use super::super::tests::*;
use super::super::{Freshened, Part};
use crate::http::request::Request;
use crate::scgi::response::{Parsed, parse};

mod freshening;
mod reusing;
mod storing;

/// C48: what the request says means nothing.
fn request(method: &str) -> Request {
    super::super::tests::request(&format!("{method} / ~ Cache-Control: no-store"))
}
