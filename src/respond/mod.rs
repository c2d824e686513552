//! Responses, and what a request goes through before it has one.
//!
//! [`course`] says where a request is and where redirects inside the gateway send it; [`local`] makes the answers that need no
//! application; [`outcome`] decides what becomes of an application's response, and [`head`] makes the client's head from it;
//! [`page`] is what the gateway says itself. A file is served in three steps: [`files::place`] says where it is,
//! [`files::find`] opens it, [`reply::file_reply`] makes the response, of which the caller sends head and body. [`store`] keeps
//! responses as files.

pub mod cache_status;
pub mod caching;
pub mod conditions;
pub mod cookie;
pub mod course;
pub mod files;
#[cfg(feature = "auth")]
pub mod guard;
pub mod head;
pub mod hit;
pub mod local;
pub mod media;
pub mod outcome;
pub mod page;
pub mod ranges;
pub mod reply;
pub mod store;
pub mod window;

#[cfg(test)]
pub(crate) mod scratch;
