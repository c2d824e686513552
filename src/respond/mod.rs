//! Responses: the client's response head made from the application's, and the pages the gateway answers with itself.

pub mod head;
pub mod page;
