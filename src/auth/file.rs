//! Password files: a line for each user, `name:hash`, and perhaps more behind another colon. Lines that are empty or begin
//! with `#` are none.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::hash::Hash;

/// Bytes of a line.
const MAX_LINE: usize = 1024;
/// So many lines are complained of one by one.
const MAX_REMARKS: usize = 20;
/// What is wrong with a file that has no usable line.
pub const NOBODY: &str =
    "has no user with a hash of bcrypt or SHA-crypt (example: htpasswd -B -c FILE NAME)";
/// A file that was written so shortly before it was looked at may change again without its times showing that.
const SETTLES: Duration = Duration::from_secs(2);

/// What a file says.
#[derive(Default)]
pub struct Entries {
    list: Vec<(Box<[u8]>, Hash)>,
}

impl Entries {
    /// Reads the text of a file; also what is wrong with which line.
    pub fn parse(text: &[u8]) -> (Entries, Vec<String>) {
        let mut entries = Entries::default();
        let mut remarks = Vec::new();
        let mut more = 0;
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii_end();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            match entry(line) {
                Ok(entry) => entries.list.push(entry),
                Err(why) if remarks.len() < MAX_REMARKS => {
                    remarks.push(format!("line {}: {why}", index + 1));
                }
                Err(_) => more += 1,
            }
        }
        if more > 0 {
            remarks.push(format!("{more} more lines are of no use"));
        }
        (entries, remarks)
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether this is the user's password. An unknown user takes as long as a known one: the password is held against the hash
    /// of another, always the same for one `number`, which is to be made of the name in a way that nobody knows.
    pub fn admits(&self, user: &[u8], password: &[u8], number: u64) -> bool {
        let known = self.list.iter().find(|(name, _)| **name == *user);
        let other = || {
            let count = self.list.len() as u64;
            self.list.get(number.checked_rem(count)? as usize)
        };
        let matches = known
            .or_else(other)
            .is_some_and(|(_, hash)| hash.matches(password));
        matches && known.is_some()
    }
}

fn entry(line: &[u8]) -> Result<(Box<[u8]>, Hash), String> {
    let mut parts = line.split(|&byte| byte == b':');
    let user = parts.next().unwrap_or_default();
    let hash = match parts.next() {
        _ if line.len() > MAX_LINE => Err("is too long (1024 bytes)"),
        None => Err("lacks a colon; expected NAME:HASH"),
        Some(_) if user.is_empty() => Err("lacks a name; expected NAME:HASH"),
        Some(_) if user.iter().any(u8::is_ascii_control) => Err("has control bytes in its name"),
        Some(hash) => Ok(hash.trim_ascii()),
    };
    // What lacks a name or a colon may be a password as well: it is not shown.
    let hash = Hash::parse(hash?).map_err(|why| {
        let user = user.escape_ascii();
        format!("user \"{user}\" has {why} and can not log in; make a new one by htpasswd -B")
    })?;
    Ok((user.into(), hash))
}

/// By which a change of a file is seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    place: (u64, u64),
    size: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(found: &Metadata) -> Stamp {
        Stamp {
            place: (found.dev(), found.ino()),
            size: found.size(),
            written: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }

    /// The stamp of a file, unless it may change once more without another.
    ///
    /// # Errors
    /// A phrase: it can not be looked at.
    pub fn read(path: &Path, wall: SystemTime) -> Result<Option<Stamp>, String> {
        let found = std::fs::metadata(path).map_err(|error| error.to_string())?;
        let age = |time: SystemTime| wall.duration_since(time).ok();
        let age = found.modified().ok().and_then(age);
        Ok(age.filter(|age| *age >= SETTLES).map(|_| Stamp::of(&found)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "$2y$04$5ZsEWJwUS5pvZWUv0WKAluq3P0.qWjRSpMWF4HTSQPmcFmG6NPaqW"; // secret
    const SHA: &str = "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM."; // secret

    /// The names that can log in, and the remarks.
    fn parse(text: &str) -> (Vec<String>, Vec<String>) {
        let (entries, remarks) = Entries::parse(text.as_bytes());
        let names = entries.list.iter();
        let names = names.map(|(name, _)| String::from_utf8_lossy(name).into_owned());
        (names.collect(), remarks)
    }

    #[test]
    fn lines_name_users() {
        let text = format!(
            "# a comment\n\njoe:{GOOD}\r\nann:{SHA}:Ann, third floor:x\n  \nd\u{e4}n iel: {GOOD} \nlast:{SHA}"
        );
        let (names, remarks) = parse(&text);
        assert_eq!(names, ["joe", "ann", "d\u{e4}n iel", "last"]);
        assert_eq!(remarks, Vec::<String>::new());
    }

    #[test]
    fn a_line_of_no_use_is_named_and_shows_no_password() {
        for (line, part) in [
            ("secret", "lacks a colon"),
            (":secret", "lacks a name"),
            ("a\tb:secret", "control bytes"),
            ("joe:secret", "user \"joe\" has no hash"),
            ("joe:", "user \"joe\" has no hash"),
            ("j\u{e4}:secret", "user \"j\\xc3\\xa4\" has no hash"),
            ("joe:$apr1$a$secret", "an MD5 hash"),
            ("joe:{SHA}secret", "htpasswd -B"),
        ] {
            let (names, remarks) = parse(&format!("ok:{GOOD}\n\n{line}\nok2:{GOOD}\n"));
            assert_eq!(names, ["ok", "ok2"], "{line}");
            let [remark] = remarks.as_slice() else {
                panic!("{line}: {remarks:?}")
            };
            assert!(
                remark.starts_with("line 3: ") && remark.contains(part),
                "{remark}"
            );
            assert!(!remark.contains("secret"), "{remark}");
        }
        let long = format!("joe:{GOOD}:{}", "x".repeat(MAX_LINE));
        assert_eq!(
            parse(&long),
            (vec![], vec!["line 1: is too long (1024 bytes)".into()])
        );
    }

    #[test]
    fn complaints_have_an_end() {
        let (_, remarks) = parse(&"x\n".repeat(1000));
        assert_eq!(remarks.len(), MAX_REMARKS + 1);
        assert_eq!(remarks.last().unwrap(), "980 more lines are of no use");
    }

    #[test]
    fn only_the_right_password_of_a_known_user_lets_in() {
        let (entries, _) = Entries::parse(format!("joe:{GOOD}\nann:{SHA}\n").as_bytes());
        for number in 0..3 {
            assert!(entries.admits(b"joe", b"secret", number));
            assert!(entries.admits(b"ann", b"secret", number));
            for (user, password) in [
                ("joe", "Secret"),
                ("joe", ""),
                ("Joe", "secret"),
                ("jo", "secret"),
                ("nobody", "secret"),
            ] {
                assert!(
                    !entries.admits(user.as_bytes(), password.as_bytes(), number),
                    "{user}"
                );
            }
        }
        let nobody = Entries::default();
        assert!(!nobody.admits(b"joe", b"secret", 5));
    }

    #[test]
    fn the_first_line_of_a_user_counts() {
        let other = GOOD.replace("NPaqW", "NPaaW");
        let (entries, _) = Entries::parse(format!("joe:{other}\njoe:{GOOD}\n").as_bytes());
        assert!(!entries.admits(b"joe", b"secret", 0));
    }

    #[test]
    fn a_file_that_was_just_written_has_no_stamp_to_trust() {
        let path = std::env::temp_dir().join(format!("scgate-test-stamp-{}", std::process::id()));
        std::fs::write(&path, "x").unwrap();
        let written = std::fs::metadata(&path).unwrap().modified().unwrap();
        let at = |seconds| Stamp::read(&path, written + Duration::from_secs(seconds)).unwrap();
        let (soon, later, again) = (at(1), at(3), at(4));
        let before = Stamp::read(&path, written - Duration::from_secs(9)).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(soon.is_none() && before.is_none());
        assert!(later.is_some() && later == again);
        assert!(Stamp::read(&path, written).is_err());
    }
}
