//! The Cache-Status field (RFC 9211): pure.

use crate::cache::lookup::Reason;
use crate::cache::{CacheStatus, Meta};
use crate::scgi::decimal;

/// A response that the application was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarded {
    /// `None`: by its method it is none of the cache's.
    pub reason: Option<Reason>,
    /// The status of the application's response, where the client gets another.
    pub status: Option<u16>,
    /// It is being stored.
    pub stored: bool,
    /// The request has waited for another of its key.
    pub collapsed: bool,
}

/// Adds the field of a response that came from the cache. `now` in wall clock seconds.
pub fn push_hit(name: &str, meta: &Meta, how: CacheStatus, now: u64, lines: &mut Vec<u8>) {
    begin(name, lines);
    match how {
        // It was validated just now.
        CacheStatus::Revalidated => lines.extend_from_slice(b"; fwd=stale; fwd-status=304"),
        _ => lines.extend_from_slice(b"; hit"),
    }
    lines.extend_from_slice(b"; ttl=");
    // The last fresh second is one in which it is fresh: for so many more seconds it is.
    let ttl = match meta.fresh_until.checked_sub(now) {
        // RFC 8941 has integers of 15 digits.
        Some(left) => left.min(999_999_999_999_999),
        None => {
            lines.push(b'-');
            now - meta.fresh_until
        }
    };
    decimal::push(ttl, lines);
    lines.extend_from_slice(b"\r\n");
}

/// Adds the field of a response that came from the application.
pub fn push_forwarded(name: &str, what: &Forwarded, lines: &mut Vec<u8>) {
    begin(name, lines);
    let reason = match what.reason {
        None => "method",
        Some(Reason::Bypass) => "bypass",
        Some(Reason::UriMiss) => "uri-miss",
        Some(Reason::VaryMiss) => "vary-miss",
        Some(Reason::Stale) => "stale",
        Some(Reason::Request) => "request",
    };
    lines.extend_from_slice(b"; fwd=");
    lines.extend_from_slice(reason.as_bytes());
    if let Some(status) = what.status {
        lines.extend_from_slice(b"; fwd-status=");
        decimal::push(u64::from(status), lines);
    }
    if what.stored {
        lines.extend_from_slice(b"; stored");
    }
    if what.collapsed {
        lines.extend_from_slice(b"; collapsed");
    }
    lines.extend_from_slice(b"\r\n");
}

fn begin(name: &str, lines: &mut Vec<u8>) {
    lines.extend_from_slice(b"Cache-Status: ");
    lines.extend_from_slice(name.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_says_how_long_it_is_good() {
        let meta = Meta {
            fresh_until: 100,
            ..Meta::default()
        };
        for (how, now, expected) in [
            (CacheStatus::Hit, 40, "; hit; ttl=60"),
            (CacheStatus::Hit, 100, "; hit; ttl=0"),
            (CacheStatus::Hit, 0, "; hit; ttl=100"),
            (CacheStatus::Stale, 130, "; hit; ttl=-30"),
            (CacheStatus::Updating, 101, "; hit; ttl=-1"),
            (
                CacheStatus::Revalidated,
                90,
                "; fwd=stale; fwd-status=304; ttl=10",
            ),
        ] {
            let mut lines = Vec::new();
            push_hit("gate", &meta, how, now, &mut lines);
            let expected = format!("Cache-Status: gate{expected}\r\n");
            assert_eq!(String::from_utf8(lines).unwrap(), expected);
        }
    }

    #[test]
    fn what_was_asked_for_says_why() {
        let plain = |reason| Forwarded {
            reason,
            status: None,
            stored: false,
            collapsed: false,
        };
        let all = Forwarded {
            status: Some(200),
            stored: true,
            collapsed: true,
            ..plain(Some(Reason::Stale))
        };
        for (what, expected) in [
            (plain(None), "fwd=method"),
            (plain(Some(Reason::Bypass)), "fwd=bypass"),
            (plain(Some(Reason::UriMiss)), "fwd=uri-miss"),
            (plain(Some(Reason::VaryMiss)), "fwd=vary-miss"),
            (plain(Some(Reason::Request)), "fwd=request"),
            (all, "fwd=stale; fwd-status=200; stored; collapsed"),
        ] {
            let mut lines = Vec::new();
            push_forwarded("gate", &what, &mut lines);
            let expected = format!("Cache-Status: gate; {expected}\r\n");
            assert_eq!(String::from_utf8(lines).unwrap(), expected);
        }
    }
}
