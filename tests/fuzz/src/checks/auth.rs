//! Passwords: what a client says of itself, and what a file says of its users.

use super::shown;
use crate::auth::file::Entries;
use crate::auth::{Credentials, challenge};

/// The value of an Authorization field. Accepted: it names somebody.
pub fn credentials(data: &[u8]) -> bool {
    let value = challenge(data);
    let inside = value
        .strip_prefix(b"Basic realm=\"")
        .and_then(|rest| rest.strip_suffix(b"\", charset=\"UTF-8\""))
        .unwrap_or_else(|| panic!("no challenge: {}", shown(&value)));
    let mut escaped = false;
    for &byte in inside {
        assert!(byte >= b' ' && byte != 0x7f, "{}", shown(inside));
        assert!(escaped || byte != b'"', "{}", shown(inside));
        escaped = byte == b'\\' && !escaped;
    }
    assert!(!escaped, "{}", shown(inside));

    let Some(who) = Credentials::parse(data) else {
        return false;
    };
    assert!(!who.user.is_empty(), "{}", shown(data));
    assert!(
        !who.user.iter().any(|b| b.is_ascii_control() || *b == b':'),
        "{}",
        shown(data)
    );
    assert!(
        who.password.len() <= 512 && !who.password.contains(&0),
        "{}",
        shown(data)
    );
    // One coding for one pair: what is remembered of it has no second name.
    let coded = base64(&[&*who.user, b":", &who.password].concat());
    assert_eq!(data[6..].trim_ascii(), coded, "{}", shown(data));
    true
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| {
            bits << 8 | u32::from(*group.get(at).unwrap_or(&0))
        });
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= group.len() { letter } else { b'=' });
        }
    }
    text
}

/// The text of a password file. Accepted: somebody can log in.
pub fn password_file(data: &[u8]) -> bool {
    let (entries, remarks) = Entries::parse(data);
    // Each line stands for itself.
    let (mut all, mut somebody) = (Vec::new(), false);
    for (index, line) in data.split(|&byte| byte == b'\n').enumerate() {
        let (entries, remarks) = Entries::parse(line);
        assert!(remarks.len() <= 1, "{}", shown(line));
        assert!(entries.is_empty() || remarks.is_empty(), "{}", shown(line));
        somebody |= !entries.is_empty();
        for remark in remarks {
            // A log gets it: one line of text, and of a line that may be a password nothing.
            let plain = |b: u8| (b' '..0x7f).contains(&b);
            assert!(remark.bytes().all(plain), "{remark:?}");
            let why = remark.strip_prefix("line 1: ").unwrap_or_default();
            let fixed = ["lacks a colon", "lacks a name", "is too long"];
            assert!(
                line.contains(&b':') || fixed.iter().any(|start| why.starts_with(start)),
                "{remark:?}"
            );
            all.push(format!("line {}: {why}", index + 1));
        }
    }
    assert_eq!(entries.is_empty(), !somebody, "{}", shown(data));
    let shown_alone = all.len().min(20);
    assert_eq!(remarks[..shown_alone], all[..shown_alone]);
    assert_eq!(remarks.len() - shown_alone, usize::from(all.len() > 20));
    somebody
}
