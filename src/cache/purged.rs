//! `PATH/purged`: the purges by wildcard that files on the disk may not know of, so that a restart brings nothing back (C80).
//!
//! One line each: the stamp, a space, the prefix with `%XX` for what is not a plain character. It is replaced as a whole.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::temp::{self, Temp, at};
use super::zone::{Rule, Zone};
use crate::config::cache::Zone as Settings;

/// The name of the file.
pub const NAME: &str = "purged";

/// Held while the rules are written, so that no older list replaces a newer one.
static WRITING: Mutex<()> = Mutex::new(());

fn path(zone: &Settings) -> PathBuf {
    zone.path.join(NAME)
}

/// Workers and keeper: writes down the rules that hold.
///
/// # Errors
/// As the calls behind it, with the path. The purge holds until the process ends.
pub fn save(zone: &Zone) -> io::Result<()> {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let (rules, path) = (zone.rules(), path(zone.settings));
    if rules.is_empty() {
        return match fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(at(&path, &e)),
            _ => Ok(()),
        };
    }
    let text: Vec<u8> = rules.iter().flat_map(line).collect();
    let temp = Temp::make(&temp::beside(zone.settings))?;
    let written = (&mut temp.file()).write_all(&text);
    written.map_err(|e| at(temp.path(), &e))?;
    temp.rename(&path).map_err(|(_, e)| at(&path, &e)).map(drop)
}

/// At start: the rules of earlier processes. A line that can not be read may have been about anything, so it stands for a purge of
/// everything, now.
///
/// # Errors
/// The file is there, but can not be read; with its path.
pub fn load(zone: &Settings) -> io::Result<Vec<Rule>> {
    let path = path(zone);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(at(&path, &e)),
    };
    let lines = text.strip_suffix(b"\n").unwrap_or(&text);
    let rules: Option<Vec<Rule>> = lines.split(|b| *b == b'\n').map(rule).collect();
    Ok(rules.unwrap_or_else(|| {
        log::warn!("cache: {}: damaged; all is purged", path.display());
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let stamp = now.map_or(0, |time| time.as_micros());
        vec![Rule {
            stamp: u64::try_from(stamp).unwrap_or(u64::MAX),
            prefix: Box::default(),
        }]
    }))
}

fn line(rule: &Rule) -> Vec<u8> {
    let mut line = rule.stamp.to_string().into_bytes();
    line.push(b' ');
    for byte in &rule.prefix {
        if byte.is_ascii_graphic() && *byte != b'%' {
            line.push(*byte);
        } else {
            line.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    line.push(b'\n');
    line
}

fn rule(line: &[u8]) -> Option<Rule> {
    let space = line.iter().position(|b| *b == b' ')?;
    let stamp = std::str::from_utf8(line.get(..space)?).ok()?;
    let mut rest = line.get(space + 1..)?;
    let mut prefix = Vec::new();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            prefix.push(u8::from_str_radix(digits, 16).ok()?);
            rest = rest.get(2..)?;
        } else {
            prefix.push(*byte);
        }
    }
    Some(Rule {
        stamp: stamp.parse().ok()?,
        prefix: prefix.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::disk::tests::{Scratch, files, place, zone};

    #[test]
    fn rules_outlive_the_process() {
        let scratch = Scratch::new();
        let wall = SystemTime::now();
        let first = zone(place(&scratch));
        assert_eq!(load(first.settings).unwrap(), []);
        first.purge_prefix(b"http://a/ %\n\xff", wall);
        first.purge_prefix(b"", wall);
        first.purge_prefix(b"x", wall);
        save(first).unwrap();
        let rules = load(first.settings).unwrap();
        assert_eq!(rules, first.rules());
        let second = zone(place(&scratch));
        second.set_rules(rules.clone(), UNIX_EPOCH);
        assert!(second.stamp(UNIX_EPOCH) > rules[0].stamp);
        second.drop_rules(&rules);
        save(second).unwrap();
        assert_eq!(files(scratch.path()), [] as [PathBuf; 0]);
    }

    #[test]
    fn every_byte_of_a_prefix_is_kept() {
        let all: Vec<u8> = (0..=255).collect();
        let one = Rule {
            stamp: 7,
            prefix: all.into(),
        };
        let text = line(&one);
        let text = text.strip_suffix(b"\n").unwrap();
        assert!(text.iter().all(|b| (b' '..=b'~').contains(b)));
        assert_eq!(rule(text), Some(one));
    }

    #[test]
    fn what_is_damaged_purges_everything() {
        let scratch = Scratch::new();
        let zone = place(&scratch);
        for text in ["", "7", "7 a%4\n", "7 a%zz\n", "x a\n", "7 a\n\n8 b\n"] {
            fs::write(path(&zone), text).unwrap();
            let rules = load(&zone).unwrap();
            assert!(rules.len() == 1 && rules[0].prefix.is_empty(), "{text:?}");
            assert!(rules[0].stamp > 1 << 40);
        }
    }
}
