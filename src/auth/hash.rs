//! What a password file knows of a password: bcrypt as of `htpasswd -B`, or SHA-crypt as of `openssl passwd -5` and `-6`.

use std::hint::black_box;

use sha_crypt::{Params, sha256_crypt, sha512_crypt};

use super::credentials::unpack;
use crate::http::base64::sextet;
use crate::scgi::decimal;

/// The most that a hash may cost: each step of bcrypt's doubles it. These take seconds on a fast machine and the better part
/// of a minute on a router; beyond, nobody would wait, and whoever guesses could keep the machine busy.
const MAX_COST: u32 = 16;
const MAX_ROUNDS: u32 = 1_000_000;

/// The letters of crypt(3), by their values.
const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A hash that passwords can be held against.
#[derive(Clone, PartialEq, Eq)]
pub enum Hash {
    Bcrypt {
        /// 4 to [`MAX_COST`].
        cost: u32,
        salt: [u8; 16],
        sum: [u8; 23],
    },
    Sha {
        /// SHA-512; else SHA-256.
        long: bool,
        rounds: Params,
        /// At most 16 bytes count.
        salt: Box<[u8]>,
        /// As it is written.
        sum: Box<[u8]>,
    },
}

impl Hash {
    /// Reads a hash.
    ///
    /// # Errors
    /// A phrase that says what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Hash, &'static str> {
        let Some((kind, rest)) = text.strip_prefix(b"$").and_then(|text| split(text, b'$')) else {
            return Err(match text {
                [b'{', ..] => "a hash of another kind, such as {SHA}, which is not safe",
                _ => "no hash of bcrypt or SHA-crypt",
            });
        };
        match kind {
            b"2a" | b"2b" | b"2y" => bcrypt(rest),
            b"5" => sha(rest, false),
            b"6" => sha(rest, true),
            b"apr1" | b"1" => Err("an MD5 hash, which is not safe"),
            _ => Err("a hash of a kind that is not supported"),
        }
    }

    /// Whether this is the password's hash. Takes as long as the hash asks for, whatever the answer.
    pub fn matches(&self, password: &[u8]) -> bool {
        match self {
            Hash::Bcrypt { cost, salt, sum } => {
                // More than 72 bytes never count; shorter ones end in a NUL.
                let mut key = [password, b"\0"].concat();
                key.truncate(72);
                let found = bcrypt::bcrypt(*cost, *salt, &key);
                same(found.get(..23).unwrap_or_default(), sum)
            }
            Hash::Sha {
                long,
                rounds,
                salt,
                sum,
            } => {
                let found = match long {
                    false => written(&sha256_crypt(password, salt, *rounds), *long),
                    true => written(&sha512_crypt(password, salt, *rounds), *long),
                };
                same(&found, sum)
            }
        }
    }
}

/// In a time that does not depend on where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    let pairs = one.iter().zip(other);
    let differ = pairs.fold(0, |all, (a, b)| black_box(all | (a ^ b)));
    one.len() == other.len() && differ == 0
}

fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|&byte| byte == at)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// A decimal number without a sign.
fn number(digits: &[u8]) -> Option<u32> {
    decimal::parse(digits)?.try_into().ok()
}

const BROKEN: &str = "a broken hash";

/// `05$`, 22 letters of salt and 31 of the sum.
fn bcrypt(text: &[u8]) -> Result<Hash, &'static str> {
    fn value(letter: u8) -> Option<u8> {
        match letter {
            b'.' => Some(0),
            b'/' => Some(1),
            b'+' => None,
            _ => sextet(letter).map(|value| value + 2),
        }
    }
    let (cost, rest) = split(text, b'$').ok_or(BROKEN)?;
    let cost = number(cost).filter(|_| cost.len() == 2).ok_or(BROKEN)?;
    let (salt, sum) = rest.split_at_checked(22).ok_or(BROKEN)?;
    let bytes = |text| unpack(text, value).map(|(bytes, _)| bytes);
    let salt = bytes(salt).and_then(|bytes| bytes.try_into().ok());
    let sum = bytes(sum).and_then(|bytes| bytes.try_into().ok());
    match (salt, sum) {
        (Some(salt), Some(sum)) if rest.len() == 53 && (4..=31).contains(&cost) => match cost {
            ..=MAX_COST => Ok(Hash::Bcrypt { cost, salt, sum }),
            _ => Err("a hash whose cost is over 16, which would take minutes to check"),
        },
        _ => Err(BROKEN),
    }
}

/// `rounds=N$` where that is not 5000, the salt, `$` and the sum.
fn sha(text: &[u8], long: bool) -> Result<Hash, &'static str> {
    let (rounds, rest) = match text.strip_prefix(b"rounds=") {
        Some(text) => {
            let (digits, rest) = split(text, b'$').ok_or(BROKEN)?;
            (number(digits).ok_or(BROKEN)?, rest)
        }
        None => (Params::RECOMMENDED_ROUNDS, text),
    };
    let (salt, sum) = split(rest, b'$').ok_or(BROKEN)?;
    let letters = if long { 86 } else { 43 };
    let sound = sum.len() == letters
        && sum.iter().all(|letter| LETTERS.contains(letter))
        && salt.len() <= 16;
    let params = Params::new(rounds).ok().filter(|_| sound).ok_or(BROKEN)?;
    if rounds > MAX_ROUNDS {
        return Err("a hash of more than 1000000 rounds, which would take minutes to check");
    }
    Ok(Hash::Sha {
        long,
        rounds: params,
        salt: salt.into(),
        sum: sum.into(),
    })
}

/// A sum of SHA-crypt as it is written: three bytes, from as many thirds of it, make four letters, of which the first has
/// the lowest bits. Which third comes first changes from group to group.
fn written(sum: &[u8], long: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(86);
    let mut put = |bytes: [u8; 3], letters: usize| {
        let [high, middle, low] = bytes.map(u32::from);
        let bits = high << 16 | middle << 8 | low;
        let letter = |at| LETTERS.get((bits >> (6 * at) & 63) as usize).copied();
        text.extend((0..letters).filter_map(letter));
    };
    let byte = |at: usize| sum.get(at).copied().unwrap_or(0);
    let third = sum.len() / 3;
    let (mut a, mut b, mut c) = (0, third, 2 * third);
    for _ in 0..third {
        put([byte(a), byte(b), byte(c)], 4);
        (a, b, c) = match long {
            false => (c + 1, a + 1, b + 1),
            true => (b + 1, c + 1, a + 1),
        };
    }
    match long {
        false => put([0, byte(31), byte(30)], 3),
        true => put([0, 0, byte(63)], 2),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passwords and hashes of them, by others than this program: the test vectors of jBCrypt (djmdjm/jBCrypt), and what
    /// libxcrypt, OpenSSL 3 and Apache's htpasswd 2.4 make.
    const VECTORS: &[(&str, &str)] = &[
        (
            "",
            "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
        ),
        (
            "a",
            "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
        ),
        (
            "abc",
            "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
        ),
        (
            "~!@#$%^&*()      ~!@#$%^&*()PNBFRD",
            "$2a$06$fPIsBO8qRqkjj273rfaOI.HtSV9jLDpTbZn782DC6/t7qT67P6FfO",
        ),
        (
            "Hello world!",
            "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
        ),
        (
            "Hello world!",
            "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
        ),
        (
            "we have a short salt string but not a short password",
            "$5$rounds=1400$anotherlongsalts$njY8e8Oazdt6LVB1IFQuzVqvw.kEeITfw0rzKvFXP9/",
        ),
        (
            "Hello world!",
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        (
            "secret",
            "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.",
        ),
        (
            "secret",
            "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.",
        ),
        (
            "pässword ☃",
            "$6$XyZ./019XyZ./019$Japau5WSMqcM9muwLjBDsNzf4OHvPuPszBA2gxd3ZhZuKWECBQlOinXGgwSYV1ZvMt741TR7QZOk.6cgKTZwl1",
        ),
        ("x", "$5$s$dW5XYXYClLA6gQlrluhRP/DxJYAevXA9e.Rufup9G5."),
        (
            "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
            "$6$longpasswd$v/V5dTY4IkdWJ.vDxFBSnt/lDfI6e7GSplCcSyJS1zZ8b99omexlDCHaSiAmvWdRLogp64P/Msx5i72XpBNLX1",
        ),
        (
            "secret",
            "$2y$04$5ZsEWJwUS5pvZWUv0WKAluq3P0.qWjRSpMWF4HTSQPmcFmG6NPaqW",
        ),
        (
            "pässword ☃",
            "$2y$05$QzRKof.6wggrXvTQz6iMPe4EIRsiu2askNuK/kXXlTCyh1G/SEUmi",
        ),
        (
            "0123456789012345678901234567890123456789012345678901234567890123456789ab",
            "$2y$04$NEV1WhL.efcsPL9OuR3opO2wtL2iCLA2QyBBQiCDbR9xCr23A9WGa",
        ),
        (
            "secret",
            "$6$yXqkV8DWbCfEWwxx$SyZapGu66LF.Kl2mCT66g3g92pYcOa12pFfdYcCfhkYJB1TlW8yqlXumTluNrC3P5tIIvlK1uKCWEKxVICHH1.",
        ),
        (
            "secret",
            "$6$rounds=1000$U1gQ3XWXUxP8o70I$KmpezwC2pdaUoiPyLlbzRsRjxajdvG3k7Por3UJ6hQR0OoZCdNX0fZ94CEzWto4SLdzHLHrJ..fJu6/EGrgc01",
        ),
        (
            "secret",
            "$5$Nr.rXFKXdqnlyfPl$6k7Rt7kC8i.e8PtGtO7qBFLG4OCUNLXSuPTcd8hdUgC",
        ),
        (
            "secret",
            "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
        ),
        (
            "we have a short salt string but not a short password",
            "$6$rounds=1400$anotherlongsalts$AP.vbZcNbWD30OfPAcUJe702LINHtb7RqILoLW9vJ/DHPMJyr6a.5rQHcOzBXuDOEzAqm8/9xW6EF/z3vOBQp0",
        ),
    ];

    #[test]
    fn known_hashes_match_their_passwords_alone() {
        for (password, text) in VECTORS {
            let hash = Hash::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert!(hash.matches(password.as_bytes()), "{text}");
            assert!(
                !hash.matches(format!("{password}x").as_bytes()) || password.len() >= 72,
                "{text}"
            );
            assert!(!hash.matches(b"wrong"), "{text}");
        }
    }

    #[test]
    fn a_byte_that_differs_is_a_difference_wherever_it_stands() {
        let sum = [7; 43];
        assert!(same(&sum, &sum));
        for at in 0..sum.len() {
            let mut other = sum;
            other[at] ^= 1;
            assert!(!same(&sum, &other), "{at}");
            assert!(!same(&sum, &sum[..at]), "{at}");
        }
    }

    #[test]
    fn what_is_no_hash_says_why() {
        let sum5 = "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8";
        for (text, part) in [
            ("", "no hash of"),
            ("secret", "no hash of"),
            ("rl0uE4zC0xbVI", "no hash of"),
            ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "{SHA}"),
            ("$apr1$Tf0.Qh9v$jl5i0TVsFqlIcdSJx5jGf1", "MD5"),
            ("$1$abc$Vn4fVX4uJrnXHx7xhpnYI/", "MD5"),
            ("$2x$05$0000000000000000000000", "not supported"),
            ("$y$j9T$abc$def", "not supported"),
            ("$argon2id$v=19$m=65536", "not supported"),
            ("$2y$", "broken"),
            ("$2y$05$", "broken"),
            (
                "$2y$5$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
                "broken",
            ),
            (
                "$2y$03$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
                "broken",
            ),
            (
                "$2y$32$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
                "broken",
            ),
            (
                "$2y$+5$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
                "broken",
            ),
            (
                "$2y$17$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
                "over 16",
            ),
            (
                "$2y$31$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
                "over 16",
            ),
            (
                "$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lw",
                "broken",
            ),
            (
                "$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwKK",
                "broken",
            ),
            (
                "$2y$05$CCCCCCCCCC+CCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
                "broken",
            ),
            (
                "$2y$05$CCCCCCCCCC\u{e4}CCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
                "broken",
            ),
            ("$5$saltstring", "broken"),
            (&format!("$5$saltstring${sum5}0"), "broken"),
            (&format!("$6$saltstring${sum5}"), "broken"),
            (&format!("$5$rounds=5000{sum5}"), "broken"),
            (&format!("$5$rounds=$saltstring${sum5}"), "broken"),
            (&format!("$5$rounds=999$saltstring${sum5}"), "broken"),
            (&format!("$5$rounds=+5000$saltstring${sum5}"), "broken"),
            (
                &format!("$5$rounds=99999999999$saltstring${sum5}"),
                "broken",
            ),
            (
                &format!("$5$rounds=1000001$saltstring${sum5}"),
                "1000000 rounds",
            ),
            (
                &format!("$5$rounds=999999999$saltstring${sum5}"),
                "1000000 rounds",
            ),
            (&format!("$5$saltthatistoolong${sum5}"), "broken"),
            (
                &format!("$5$saltstring${}", sum5.replace('5', ":")),
                "broken",
            ),
        ] {
            let why = Hash::parse(text.as_bytes()).err().unwrap_or("nothing");
            assert!(why.contains(part), "{text}: {why}");
        }
    }

    /// Whatever stands in a file is read or refused, and never a panic.
    #[test]
    fn any_bytes_are_parsed() {
        for (_, text) in VECTORS {
            for at in 0..text.len() {
                let _ = Hash::parse(&text.as_bytes()[..at]);
                for byte in [0, b'$', b'=', b'.', 0xff] {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes[at] = byte;
                    let _ = Hash::parse(&bytes);
                }
            }
        }
    }
}
