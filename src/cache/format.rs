//! The start of an entry's file, as bytes: pure, and the same on every machine (little endian).
//!
//! ```text
//!   0  magic, the format's version in its last byte        60  flags, u32
//!   8  checksum of what follows up to the end of the head  64  hash of the variant, 16 bytes
//!  16  bytes of the body, u64                              80  family of the variant, u64
//!  24  stamp, u64                                          88  bytes of the names of Vary, u32
//!  32  received, u64                                       92  bytes of the key, u32
//!  40  fresh until, u64                                    96  bytes of the head, u32
//!  48  initial age, u32                                   100  where the body begins, u32
//!  52  stale while revalidating, u32                      104  key, names, head
//!  56  stale if error, u32                                     spare room, then the body to the end of the file
//! ```
//!
//! The spare room lets a head that a 304 made a little longer be written in the old one's place. A write that was cut short
//! (a crash, a reader in its middle) is found by the checksum; the body is vouched for by the length of the file alone (Z51).
#![forbid(unsafe_code)]

use super::{Meta, Variant};

/// Bytes before the key. A shorter file is none of ours, or was cut.
pub const PREFIX: usize = 104;
/// Long bodies begin at a multiple of this: what begins within a page costs sendfile more than twice the time (64 KiB: 32 us
/// against 13), for it ends in one page more than fits into one go.
const PAGE: usize = 4096;
/// Where a body begins at the latest. Whoever reads a file sets aside no more than this for what precedes the body.
pub const START_MAX: usize = 1 << 20;
/// The version is part of it: whatever another version wrote is unknown.
const MAGIC: [u8; 8] = *b"scgate\x00\x01";
/// What the checksum does not cover: the magic and itself.
const UNSUMMED: usize = 16;
/// Spare room behind a head, at least, and the multiple at which bodies begin.
const ROOM: usize = 256;

const MUST_REVALIDATE: u32 = 1;
const NO_CACHE: u32 = 2;
/// Flags that are read and not written: who gave a response its time, which makes no difference.
pub const PAST: u32 = 4 | 8;
const FLAGS: u32 = MUST_REVALIDATE | NO_CACHE | PAST;

/// What stands in front of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label<'a> {
    pub meta: &'a Meta,
    pub variant: &'a Variant,
    pub stamp: u64,
    pub key: &'a [u8],
    pub head: &'a [u8],
}

/// What the fixed part says, with lengths that agree with each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    pub meta: Meta,
    pub stamp: u64,
    /// Bytes of the body.
    pub len: u64,
    /// Where the body begins: at least [`Prefix::end`], at most [`START_MAX`].
    pub offset: usize,
    hash: [u8; 16],
    family: u64,
    key: usize,
    names: usize,
    head: usize,
    sum: u64,
}

/// What follows the fixed part, its checksum found right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts<'a> {
    pub key: &'a [u8],
    pub head: &'a [u8],
    pub variant: Variant,
}

impl Label<'_> {
    /// Bytes up to the end of the head.
    fn end(&self) -> usize {
        PREFIX + self.key.len() + self.variant.names.len() + self.head.len()
    }

    /// Where the body of a new file begins; a long one's at a page. `None`: key and head are too long to be stored.
    pub fn offset(&self, is_long: bool) -> Option<usize> {
        let unit = if is_long { PAGE } else { ROOM };
        let offset = (self.end() + ROOM).next_multiple_of(unit);
        (offset <= START_MAX).then_some(offset)
    }

    /// The start of a file whose body has `len` bytes and begins at `offset`; without the spare room. `None`: it does not fit.
    pub fn encode(&self, len: u64, offset: usize) -> Option<Vec<u8>> {
        if self.end() > offset || offset > START_MAX {
            return None;
        }
        // All lengths are below START_MAX now.
        let narrow = |bytes: &[u8]| u32::try_from(bytes.len()).ok();
        let meta = self.meta;
        let mut out = Vec::with_capacity(self.end());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[0; 8]);
        for number in [len, self.stamp, meta.received, meta.fresh_until] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [
            meta.initial_age,
            meta.stale_while,
            meta.stale_error,
            flags(meta),
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.variant.hash);
        out.extend_from_slice(&self.variant.family.to_le_bytes());
        for number in [
            narrow(&self.variant.names)?,
            narrow(self.key)?,
            narrow(self.head)?,
            u32::try_from(offset).ok()?,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(self.key);
        out.extend_from_slice(&self.variant.names);
        out.extend_from_slice(self.head);
        let sum = checksum(&out);
        out.get_mut(8..UNSUMMED)?
            .copy_from_slice(&sum.to_le_bytes());
        Some(out)
    }
}

impl Prefix {
    /// Reads the fixed part from the first bytes of a file. What it says is not vouched for before [`Prefix::parts`].
    ///
    /// # Errors
    /// Why it is none of this version's.
    pub fn read(start: &[u8]) -> Result<Prefix, &'static str> {
        if start.len() < PREFIX {
            return Err("shorter than the fixed part");
        }
        if !start.starts_with(&MAGIC) {
            return Err("not of this format and version");
        }
        let flags = u32_at(start, 60);
        if flags & !FLAGS != 0 {
            return Err("unknown flags");
        }
        let prefix = Prefix {
            meta: Meta {
                received: u64_at(start, 32),
                initial_age: u32_at(start, 48),
                fresh_until: u64_at(start, 40),
                stale_while: u32_at(start, 52),
                stale_error: u32_at(start, 56),
                must_revalidate: flags & MUST_REVALIDATE != 0,
                no_cache: flags & NO_CACHE != 0,
            },
            stamp: u64_at(start, 24),
            len: u64_at(start, 16),
            offset: len_at(start, 100)?,
            hash: array_at(start, 64),
            family: u64_at(start, 80),
            names: len_at(start, 88)?,
            key: len_at(start, 92)?,
            head: len_at(start, 96)?,
            sum: u64_at(start, 8),
        };
        if prefix.end() > prefix.offset {
            return Err("lengths that contradict each other");
        }
        match prefix.size() {
            Some(_) => Ok(prefix),
            None => Err("a body of impossible length"),
        }
    }

    /// Bytes up to the end of the head: what [`Prefix::parts`] needs. At most [`START_MAX`].
    pub fn end(&self) -> usize {
        // Each is at most START_MAX.
        PREFIX + self.key + self.names + self.head
    }

    /// Bytes of the whole file.
    pub fn size(&self) -> Option<u64> {
        self.len.checked_add(self.offset as u64)
    }

    /// What follows the fixed part. `start` is the file's start, at least up to [`Prefix::end`].
    ///
    /// # Errors
    /// The checksum does not fit.
    pub fn parts<'a>(&self, start: &'a [u8]) -> Result<Parts<'a>, &'static str> {
        let label = start.get(..self.end()).ok_or("cut in its head")?;
        if checksum(label) != self.sum {
            return Err("a wrong checksum");
        }
        let names = PREFIX + self.key;
        let head = names + self.names;
        Ok(Parts {
            key: label.get(PREFIX..names).unwrap_or_default(),
            head: label.get(head..).unwrap_or_default(),
            variant: Variant {
                names: label.get(names..head).unwrap_or_default().into(),
                hash: self.hash,
                family: self.family,
            },
        })
    }
}

/// FNV-1a of what it covers of a start. Against accidents, not against whoever can write to the directory.
pub fn checksum(label: &[u8]) -> u64 {
    let covered = label.get(UNSUMMED..).unwrap_or_default();
    covered.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

fn flags(meta: &Meta) -> u32 {
    let flag = |is_set: bool, bit: u32| if is_set { bit } else { 0 };
    flag(meta.must_revalidate, MUST_REVALIDATE) | flag(meta.no_cache, NO_CACHE)
}

/// Bytes at a place that is known to be there; zeros elsewhere.
fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let found = bytes
        .get(at..at + N)
        .and_then(|found| found.try_into().ok());
    found.unwrap_or([0; N])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

/// A length of something in front of the body.
fn len_at(bytes: &[u8], at: usize) -> Result<usize, &'static str> {
    let len = usize::try_from(u32_at(bytes, at)).ok();
    len.filter(|len| *len <= START_MAX)
        .ok_or("a length over all limits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant() -> Variant {
        Variant {
            names: (*b"accept,cookie").into(),
            hash: *b"0123456789abcdef",
            family: 7,
        }
    }

    fn meta() -> Meta {
        Meta {
            received: 1 << 33,
            initial_age: 1,
            fresh_until: u64::MAX,
            stale_while: 2,
            stale_error: u32::MAX,
            must_revalidate: true,
            no_cache: false,
        }
    }

    fn label<'a>(meta: &'a Meta, variant: &'a Variant) -> Label<'a> {
        Label {
            meta,
            variant,
            stamp: 99,
            key: b"http://a/b",
            head: b"Status: 200\r\n\r\n",
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let (meta, variant) = (meta(), variant());
        let label = label(&meta, &variant);
        let offset = label.offset(false).unwrap();
        assert!(offset.is_multiple_of(256) && offset >= label.end() + 256);
        let bytes = label.encode(12, offset).unwrap();
        let prefix = Prefix::read(&bytes).unwrap();
        assert_eq!((prefix.len, prefix.offset), (12, offset));
        assert_eq!(prefix.size(), Some(offset as u64 + 12));
        assert_eq!((prefix.meta, prefix.stamp), (meta, 99));
        let parts = prefix.parts(&bytes).unwrap();
        assert_eq!(parts.variant, variant);
        assert_eq!((parts.key, parts.head), (label.key, label.head));
    }

    #[test]
    fn flags_are_told_apart() {
        for bits in 0..16_u32 {
            let meta = Meta {
                must_revalidate: bits & 1 != 0,
                no_cache: bits & 2 != 0,
                ..Meta::default()
            };
            let variant = Variant::default();
            let mut bytes = label(&meta, &variant).encode(0, 512).unwrap();
            // Those of older files are read, and mean nothing.
            bytes[60] |= (bits & PAST) as u8;
            assert_eq!(Prefix::read(&bytes).unwrap().meta, meta);
            bytes[60] |= 16;
            assert!(Prefix::read(&bytes).is_err());
        }
    }

    #[test]
    fn no_changed_bit_and_no_prefix_passes() {
        let (meta, variant) = (meta(), variant());
        let bytes = label(&meta, &variant).encode(12, 512).unwrap();
        let passes =
            |bytes: &[u8]| Prefix::read(bytes).is_ok_and(|prefix| prefix.parts(bytes).is_ok());
        assert!(passes(&bytes));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!passes(&changed), "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert!(!passes(&bytes[..end]), "{end} bytes");
        }
    }

    #[test]
    fn what_is_too_long_is_not_written() {
        let (meta, variant) = (Meta::default(), Variant::default());
        let long = vec![b'a'; START_MAX];
        let mut label = label(&meta, &variant);
        assert_eq!(label.encode(0, label.end() - 1), None);
        assert!(label.encode(0, label.end()).is_some());
        label.key = &long;
        assert_eq!(label.offset(false), None);
        assert_eq!(label.encode(0, label.end()), None);
    }
}
