//! Responses: the client's response head made from the application's, files with their conditions and ranges, responses
//! stored as files, and the pages the gateway answers with itself.
//!
//! A file is served in three steps: [`files::place`] says where it is, [`files::find`] opens it, [`reply::file_reply`] makes
//! the response, of which the caller sends head and body.

pub mod conditions;
pub mod files;
pub mod head;
pub mod media;
pub mod page;
pub mod ranges;
pub mod reply;
pub mod store;

#[cfg(test)]
pub(crate) mod scratch;
