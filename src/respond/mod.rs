//! Responses: the client's response head made from the application's, and the pages the gateway answers with itself.

pub mod course;
pub mod files;
pub mod head;
pub mod local;
pub mod outcome;
pub mod page;
pub mod reply;
