//! Bytes on their way: blocks from a shared pool, chains of bytes that wait, and the temp files they spill to.
//!
//! [`memory::Memory`] counts every byte of buffer the program holds and keeps a few blocks warm. A [`chain::Chain`] is a
//! queue of bytes, in memory first, then in one temp file. Nothing here knows a socket, a policy or a thread: the sink
//! and the front stand above it and decide what spills, and when.
#![forbid(unsafe_code)]

pub mod chain;
pub mod memory;
pub mod spill;
