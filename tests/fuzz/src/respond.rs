//! Of the room of responses, only what is pure to the last file.

#[path = "../../../src/respond/head/mod.rs"]
pub mod head;
