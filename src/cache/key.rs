//! Which entry a request is about: the hash of its key, and the file that hash names (C2).

use std::path::PathBuf;

use crate::config::cache::Zone;

/// The MD5 of a key.
pub type Hash = [u8; 16];

/// The hash of a key. Methods other than GET and HEAD have entries of their own.
pub fn hash(key: &[u8]) -> Hash {
    md5::compute(key).0
}

/// The hash under which a variant is kept that is not the one of the key itself (C54).
pub fn variant_hash(main: &Hash, variant: &[u8; 16]) -> Hash {
    let mut both = main.to_vec();
    both.extend_from_slice(variant);
    md5::compute(&both).0
}

/// The name of an entry's file: lowercase hexadecimal digits.
pub fn file_name(hash: &Hash) -> String {
    let digits = hash.iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// Where an entry's file is: the last digits name the first level, those before it the second, and so on (C2).
pub fn file_path(zone: &Zone, hash: &Hash) -> PathBuf {
    let name = file_name(hash);
    let mut path = zone.path.clone();
    let mut end = name.len();
    for digits in &zone.levels {
        let start = end.saturating_sub(usize::from(*digits));
        path.push(name.get(start..end).unwrap_or_default());
        end = start;
    }
    path.push(name);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_named_by_the_last_digits() {
        assert_eq!(
            file_name(&hash(b"http://a/b")),
            format!("{:x}", md5::compute(b"http://a/b"))
        );
    }
}
