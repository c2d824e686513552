//! The lists of upstream attempts (V15 to V18, V25): one entry for each attempt, `, ` between those of one pass,
//! ` : ` before those of the next.
#![forbid(unsafe_code)]

use std::time::Duration;

use super::super::calendar::{put_number, put_padded, put_seconds};
use super::Try;
use crate::template::Var;

/// Appends the list that `var` names; unset without an attempt (V26).
pub fn put(tries: &[Try], var: &Var, out: &mut Vec<u8>) -> bool {
    for (n, attempt) in tries.iter().enumerate() {
        if n > 0 {
            out.extend_from_slice(if attempt.new_pass { b" : " } else { b", " });
        }
        put_one(attempt, var, out);
    }
    !tries.is_empty()
}

fn put_one(attempt: &Try, var: &Var, out: &mut Vec<u8>) {
    match var {
        Var::UpstreamAddr => out.extend_from_slice(attempt.address.as_bytes()),
        Var::UpstreamStatus if attempt.status == 0 => out.push(b'-'),
        Var::UpstreamStatus => put_padded(out, attempt.status.into(), 3),
        Var::UpstreamConnectTime => put_time(attempt.connect_time, out),
        Var::UpstreamHeaderTime => put_time(attempt.header_time, out),
        Var::UpstreamResponseTime => put_time(attempt.response_time, out),
        Var::UpstreamResponseLength => put_number(out, attempt.response_length),
        Var::UpstreamBytesReceived => put_number(out, attempt.bytes_received),
        Var::UpstreamBytesSent => put_number(out, attempt.bytes_sent),
        _ => debug_assert!(false, "{var:?} is not a list of attempts"),
    }
}

fn put_time(time: Option<Duration>, out: &mut Vec<u8>) {
    match time {
        Some(time) => put_seconds(out, time),
        None => out.push(b'-'),
    }
}
