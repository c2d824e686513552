//! Which entry a request is about: the hash of its key, and the file that hash names (C2).

use std::path::PathBuf;

use crate::config::cache::Zone;

/// The MD5 of a key.
pub type Hash = [u8; 16];

/// The hash of a key. What is in it beside what `--cache-key` says (the method, a place) is the caller's business.
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
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    let digits = hash.iter().flat_map(|byte| [byte >> 4, *byte]);
    digits.map(digit).collect()
}

/// The hash that a file name is made of; `None`: it is none of ours.
pub fn from_file_name(name: &[u8]) -> Option<Hash> {
    if name.len() != 32 {
        return None;
    }
    let mut hash = [0; 16];
    for (byte, digits) in hash.iter_mut().zip(name.chunks(2)) {
        for digit in digits {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *byte = *byte << 4 | value;
        }
    }
    Some(hash)
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
    use crate::cache::disk::tests::settings;
    use std::path::Path;

    #[test]
    fn levels_are_named_by_the_last_digits() {
        let hash = hash(b"http://a/b");
        let name = file_name(&hash);
        assert_eq!(name, format!("{:x}", md5::compute(b"http://a/b")));
        let mut zone = settings(Path::new("/c"));
        zone.levels = vec![1, 2];
        let (two, one) = (&name[29..31], &name[31..]);
        let path = format!("/c/{one}/{two}/{name}");
        assert_eq!(file_path(&zone, &hash), Path::new(&path));
        zone.levels = vec![];
        let path = format!("/c/{name}");
        assert_eq!(file_path(&zone, &hash), Path::new(&path));
    }

    #[test]
    fn names_of_files_are_read_back() {
        let hash = hash(b"x");
        let name = file_name(&hash);
        assert_eq!(from_file_name(name.as_bytes()), Some(hash));
        assert_eq!(from_file_name(name.to_uppercase().as_bytes()), None);
        assert_eq!(from_file_name(&name.as_bytes()[1..]), None);
        assert_eq!(
            from_file_name(format!("{name}.0000000001").as_bytes()),
            None
        );
    }

    #[test]
    fn variants_have_hashes_of_their_own() {
        let main = hash(b"x");
        assert_ne!(variant_hash(&main, &[0; 16]), main);
        assert_ne!(variant_hash(&main, &[0; 16]), variant_hash(&main, &[1; 16]));
    }
}
