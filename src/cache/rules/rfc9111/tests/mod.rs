//! The book in tables: each row names its section, of RFC 9111 where no other is named. What the tables are written in is told in
//! [`super::super::tests`].

use super::super::tests::*;

mod freshening;
mod reusing;
mod storing;
mod targets;

/// Settings with this book.
fn settings(words: &str) -> Settings {
    Settings::of(&format!("rfc9111 {words}"))
}
