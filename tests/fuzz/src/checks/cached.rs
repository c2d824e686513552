//! The start of a cache file: whatever is there, it is refused, or is what would be written again.

use super::shown;
use crate::cache::format::{Label, PAST, PREFIX, Prefix, START_MAX, checksum};

/// A file, to whose start a checksum is given that fits, since one that does not ends everything.
pub fn cache_file(data: &[u8]) -> bool {
    let Ok(prefix) = Prefix::read(data) else {
        return false;
    };
    assert!((PREFIX..=prefix.offset).contains(&prefix.end()) && prefix.offset <= START_MAX);
    assert_eq!(prefix.size(), prefix.len.checked_add(prefix.offset as u64));
    let was_right = prefix.parts(data).is_ok();
    let mut start = match data.get(..prefix.end()) {
        Some(start) => start.to_vec(),
        None => {
            assert!(!was_right, "{}", shown(data));
            return false;
        }
    };
    let sum = checksum(&start).to_le_bytes();
    assert_eq!(was_right, start[8..16] == sum, "{}", shown(data));
    // They are not written any more. The flags are in the low byte.
    start[60] &= !(PAST as u8);
    let sum = checksum(&start).to_le_bytes();
    start[8..16].copy_from_slice(&sum);
    let prefix = Prefix::read(&start).expect("only the sum and a past flag are others");
    let parts = prefix.parts(&start).expect("the sum is right");
    let label = Label {
        meta: &prefix.meta,
        variant: &parts.variant,
        stamp: prefix.stamp,
        key: parts.key,
        head: parts.head,
    };
    let again = label.encode(prefix.len, prefix.offset);
    assert_eq!(again.as_deref(), Some(&*start), "{}", shown(data));
    true
}
