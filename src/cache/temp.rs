//! Files that are not complete yet, and how they get their place.
//!
//! A file is written under a name that no request looks for and renamed when it is whole, so a crash leaves an orphan and never
//! a cut entry. Names end in `.` and ten digits (C86). The numbers in use are remembered, so that the loader can sweep what an earlier
//! process left (Z51, C97) while workers already write.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::key::{self, Hash};
use crate::config::cache::Zone;

/// Names already in use are skipped, but not for ever.
const ATTEMPTS: usize = 1000;
/// Digits at the end of a name.
const DIGITS: usize = 10;

/// The last number that was given, and those whose files are there.
static NUMBERS: Mutex<(u32, Vec<u32>)> = Mutex::new((0, Vec::new()));

/// A file that is being written, by one thread. Dropped before [`Temp::place`] it leaves nothing behind.
#[derive(Debug)]
pub struct Temp {
    file: Arc<File>,
    path: PathBuf,
    /// Held while the file is there.
    _number: Number,
    /// It has its place: there is nothing left to remove.
    placed: bool,
}

/// A number in use.
#[derive(Debug)]
struct Number(u32);

impl Number {
    fn next() -> Number {
        let mut numbers = lock();
        let (last, live) = &mut *numbers;
        *last = last.wrapping_add(1);
        live.push(*last);
        Number(*last)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        lock().1.retain(|number| *number != self.0);
    }
}

fn lock() -> MutexGuard<'static, (u32, Vec<u32>)> {
    NUMBERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Temp {
    /// An empty file for the entry of this hash: in `--temp-path` where that is on the same file system, else in `PATH/temp`; with
    /// `use_temp_path=off` beside the place it will have. Mode 0600; directories that are missing get 0700.
    ///
    /// # Errors
    /// As open(2) and mkdir(2), with the path.
    pub fn create(zone: &Zone, hash: &Hash) -> io::Result<Temp> {
        if !zone.use_temp_path {
            return Temp::make(&key::file_path(zone, hash));
        }
        let name = orphan_stem(zone);
        if is_one_device(&zone.temp, &zone.path)
            && let Ok(temp) = Temp::open(&zone.temp.join(&name))
        {
            return Ok(temp);
        }
        Temp::make(&own_dir(zone).join(&name))
    }

    /// A file of this name and a number, and the directory it is in.
    pub fn make(stem: &Path) -> io::Result<Temp> {
        match Temp::open(stem) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                make_parent(stem)?;
                Temp::open(stem)
            }
            other => other,
        }
    }

    fn open(stem: &Path) -> io::Result<Temp> {
        for _ in 0..ATTEMPTS {
            let number = Number::next();
            let mut name = stem.as_os_str().to_owned();
            name.push(format!(".{:0DIGITS$}", number.0));
            let path = PathBuf::from(name);
            let opened = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            match opened {
                Ok(file) => {
                    return Ok(Temp {
                        file: Arc::new(file),
                        path,
                        _number: number,
                        placed: false,
                    });
                }
                Err(e) if e.kind() == ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(at(&path, &e)),
            }
        }
        Err(at(stem, &ErrorKind::AlreadyExists.into()))
    }

    /// What is written to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// For error messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file the place of the entry of this hash, instead of whatever file was there. Callers hold the zone's file lock.
    /// Nothing is forced to the disk: flash wears out, and what a power cut takes is found out by the checksum and the length.
    ///
    /// # Errors
    /// As rename(2) and mkdir(2), with the path; EISDIR where a directory is in the way. The file is gone then.
    pub fn place(self, zone: &Zone, hash: &Hash) -> io::Result<Arc<File>> {
        let to = key::file_path(zone, hash);
        match self.rename(&to) {
            // Two mounts of one file system.
            Err((temp, e)) if e.kind() == ErrorKind::CrossesDevices => {
                let copy = Temp::make(&own_dir(zone).join(orphan_stem(zone)))?;
                io::Seek::rewind(&mut &*temp.file)?;
                io::copy(&mut &*temp.file, &mut &*copy.file)?;
                copy.rename(&to).map_err(|(_, e)| at(&to, &e))
            }
            other => other.map_err(|(_, e)| at(&to, &e)),
        }
    }

    /// The same for a file that is no entry's.
    pub fn rename(mut self, to: &Path) -> Result<Arc<File>, (Temp, io::Error)> {
        let renamed = match fs::rename(&self.path, to) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                make_parent(to).and_then(|()| fs::rename(&self.path, to))
            }
            other => other,
        };
        match renamed {
            Ok(()) => {
                self.placed = true;
                Ok(Arc::clone(&self.file))
            }
            Err(e) => Err((self, e)),
        }
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.placed {
            // What can not be removed was reported as an error of something else, or is swept at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// `PATH/temp`.
fn own_dir(zone: &Zone) -> PathBuf {
    zone.path.join("temp")
}

/// What names of a zone's files in a directory for temp files begin with: those of other zones and processes are no concern.
fn orphan_stem(zone: &Zone) -> String {
    let mut name = key::file_name(&key::hash(zone.path.as_os_str().as_bytes()));
    name.insert_str(0, "cache-");
    name.truncate(14);
    name
}

fn make_parent(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
    made.map_err(|e| at(parent, &e))
}

fn is_one_device(one: &Path, other: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|meta| meta.dev()).ok();
    let found = device(one);
    found.is_some() && found == device(other)
}

/// What comes before the `.` and ten digits at the end of a name that is a temp file's, and whether that is being written now.
fn stem(name: &[u8]) -> Option<(&[u8], bool)> {
    let at = name.len().checked_sub(DIGITS + 1)?;
    let (stem, rest) = name.split_at_checked(at)?;
    let digits = rest.strip_prefix(b".")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(digits).ok()?.parse::<u32>().ok();
    let is_live = number.is_some_and(|number| lock().1.contains(&number));
    Some((stem, is_live))
}

/// Whether a file of this name, found among the entries, was left by an earlier process.
pub fn is_orphan(name: &[u8]) -> bool {
    stem(name).is_some_and(|(stem, is_live)| !is_live && key::from_file_name(stem).is_some())
}

/// Whether a file of this name is one of ours, though not an entry: it is being written, or [`sweep`] removes it.
pub fn is_known(zone: &Zone, name: &[u8]) -> bool {
    stem(name).is_some_and(|(stem, _)| {
        stem == orphan_stem(zone).as_bytes() || key::from_file_name(stem).is_some()
    })
}

/// Keeper: removes what earlier processes left in the directories for temp files, and of the file of purges.
pub fn sweep(zone: &Zone) {
    let of_zone = orphan_stem(zone);
    for dir in [own_dir(zone), zone.temp.clone(), zone.path.clone()] {
        let Ok(entries) = fs::read_dir(&dir) else {
            continue;
        };
        for entry in entries.flatten() {
            let is_ours = stem(entry.file_name().as_bytes())
                .is_some_and(|(stem, is_live)| !is_live && stem == of_zone.as_bytes());
            if is_ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                // What can not be removed does no harm.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// The name of a file beside the entries that is no entry's, while it is written.
pub fn beside(zone: &Zone) -> PathBuf {
    zone.path.join(orphan_stem(zone))
}

/// The error with the path it is about.
pub fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::disk::tests::{Scratch, files, place};
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_temp_file_is_beside_its_place_or_in_a_directory_of_its_own() {
        let scratch = Scratch::new();
        let mut zone = place(&scratch);
        let hash = key::hash(b"x");
        // No --temp-path there.
        let temp = Temp::create(&zone, &hash).unwrap();
        assert_eq!(temp.path().parent(), Some(&*zone.path.join("temp")));
        assert_eq!(mode(&zone.path.join("temp")), 0o700);
        assert_eq!(mode(temp.path()), 0o600);
        drop(temp);
        fs::create_dir(&zone.temp).unwrap();
        let temp = Temp::create(&zone, &hash).unwrap();
        assert_eq!(temp.path().parent(), Some(&*zone.temp));
        drop(temp);
        // Another file system.
        zone.temp = PathBuf::from("/proc");
        let temp = Temp::create(&zone, &hash).unwrap();
        assert_eq!(temp.path().parent(), Some(&*zone.path.join("temp")));
        drop(temp);
        zone.use_temp_path = false;
        zone.levels = vec![1, 2];
        let temp = Temp::create(&zone, &hash).unwrap();
        let place = key::file_path(&zone, &hash);
        assert_eq!(temp.path().parent(), place.parent());
        assert_eq!(mode(place.parent().unwrap()), 0o700);
        let name = temp.path().to_str().unwrap().to_owned();
        let digits = name.strip_prefix(place.to_str().unwrap()).unwrap();
        assert_eq!((digits.len(), &digits[..1]), (11, "."));
        drop(temp);
        assert_eq!(files(scratch.path()), [] as [PathBuf; 0]);
    }

    #[test]
    fn a_place_is_made_with_its_directories() {
        let scratch = Scratch::new();
        let mut zone = place(&scratch);
        zone.levels = vec![2, 1, 2];
        let hash = key::hash(b"x");
        let temp = Temp::create(&zone, &hash).unwrap();
        temp.place(&zone, &hash).unwrap();
        let place = key::file_path(&zone, &hash);
        assert_eq!(files(&zone.path), [&*place]);
        for dir in place.ancestors().skip(1).take(3) {
            assert_eq!(mode(dir), 0o700);
        }
        assert_eq!(mode(&place), 0o600);
    }

    #[test]
    fn a_directory_in_the_way_stays() {
        let scratch = Scratch::new();
        let zone = place(&scratch);
        let hash = key::hash(b"x");
        let place = key::file_path(&zone, &hash);
        fs::create_dir_all(&place).unwrap();
        let temp = Temp::create(&zone, &hash).unwrap();
        let path = temp.path().to_owned();
        let error = temp.place(&zone, &hash).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IsADirectory);
        assert!(error.to_string().contains(place.to_str().unwrap()));
        assert!(place.is_dir() && !path.exists());
    }

    #[test]
    fn orphans_are_swept_and_nothing_else() {
        let scratch = Scratch::new();
        let zone = place(&scratch);
        fs::create_dir(&zone.temp).unwrap();
        let live = Temp::create(&zone, &key::hash(b"x")).unwrap();
        let dir = zone.path.join("temp");
        fs::create_dir(&dir).unwrap();
        let stem = orphan_stem(&zone);
        for dir in [&dir, &zone.temp] {
            fs::write(dir.join(format!("{stem}.4294967290")), "").unwrap();
            fs::write(dir.join(format!("{stem}.9999999999")), "").unwrap();
            fs::write(dir.join(format!("{stem}.999999999")), "").unwrap();
            fs::write(dir.join("cache-00000000.0000000001"), "").unwrap();
            fs::write(dir.join("other"), "").unwrap();
        }
        let target = scratch.path().join("kept");
        fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, dir.join(format!("{stem}.9999999998"))).unwrap();
        sweep(&zone);
        let found = files(scratch.path());
        assert!(found.contains(&live.path().to_owned()) && target.exists());
        // Of each directory three, the link, its target and what is being written.
        assert_eq!(found.len(), 9);
    }

    #[test]
    fn names_of_orphans_are_known() {
        let name = key::file_name(&[7; 16]);
        assert!(is_orphan(format!("{name}.4294967291").as_bytes()));
        for other in ["", ".0123456789", "x.0123456789", &name] {
            assert!(!is_orphan(other.as_bytes()), "{other}");
        }
        let number = Number::next();
        assert!(!is_orphan(format!("{name}.{:010}", number.0).as_bytes()));
    }
}
