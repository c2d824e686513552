//! One exchange on a connection: a request goes out, what comes back is kept. Nothing here outlasts the time it is given.

use std::time::{Duration, Instant};

use super::answer::{Answer, End, Seen};
use crate::error::Phase;
use crate::sys;
use crate::upstream::Connection;

/// What is kept of one answer, and so read.
pub const KEPT: usize = 64 << 10;

/// When an answer is over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When anything has come.
    Begun,
    /// When its head is complete.
    Head,
    /// When it is complete.
    Complete,
    /// When the connection is closed, or when it has been complete for so long.
    Closed(Duration),
}

/// Sends `request` and reads until `until`, or until `end`.
pub fn exchange(connection: &Connection, request: &[u8], until: Until, end: Instant) -> Answer {
    let mut end = end;
    let start = Instant::now();
    let mut answer = Answer {
        bytes: Vec::new(),
        end: End::Silent,
        first: None,
        sent: false,
    };
    let mut rest = request;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let wanted = (connection.fd(), true, !rest.is_empty());
        let ready = match sys::poll(wanted, None, left) {
            Ok((ready, _)) => ready,
            Err(_) => return answer,
        };
        if ready.write && !rest.is_empty() {
            match sys::send(connection.fd(), rest, false) {
                Ok(count) => {
                    rest = rest.get(count..).unwrap_or_default();
                    answer.sent = rest.is_empty();
                }
                Err(e) if sys::is_passing(&e) => {}
                // It takes no more; what it has answered is still heard.
                Err(_) => rest = &[],
            }
        }
        if ready.read {
            let over = read(connection, &mut answer, until);
            answer.first = answer.first.or_else(|| answer.has_begun(start));
            if let Some(over) = over {
                answer.end = over;
                return answer;
            }
            if let Until::Closed(patience) = until
                && answer.is_complete()
            {
                end = end.min(Instant::now() + patience);
            }
        }
        if left.is_zero() {
            return answer;
        }
    }
}

/// Reads what is there; says how the answer ended, if it did.
fn read(connection: &Connection, answer: &mut Answer, until: Until) -> Option<End> {
    let mut piece = [0; 8 << 10];
    match connection.read_now(&mut piece, Phase::Head) {
        Ok(None) => return None,
        Ok(Some(0)) => return Some(End::Closed),
        Ok(Some(count)) => {
            let piece = piece.get(..count).unwrap_or_default();
            answer.bytes.extend_from_slice(piece);
        }
        Err(_) => return Some(End::Broken),
    }
    let enough = match until {
        Until::Begun => true,
        Until::Head => !matches!(answer.seen(), Seen::Part),
        Until::Complete => answer.is_complete(),
        Until::Closed(_) => false,
    };
    (enough || answer.bytes.len() >= KEPT).then_some(End::Enough)
}
