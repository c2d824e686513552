//! Temp files: where bytes go that memory has no room for. A file has no name once it is open, so nothing is left
//! behind by a crash and nobody else can open it (mode 0600, created exclusively; rules B12 and B13).

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::sys;

/// Names already in use are skipped, but not for ever: a directory full of strangers' files is an error.
const ATTEMPTS: usize = 1000;

/// Files of up to this many bytes are used again; longer ones would keep too much of the disk.
pub const REUSE_MAX: u64 = 4 << 20;

/// Files that are kept for the next body.
const KEPT: usize = 4;

/// Files that were used and may be used again: writing over pages that are there costs a tenth of making a file anew (1 MiB:
/// 27 us against 300 on ext4). Shared by all threads. They are closed when the program has been idle for a while, before the
/// system would write them to the disk.
///
/// A file may come back only if none of its pages are on their way through a socket: one that was read and sent, never one
/// that sendfile took its pages from.
#[derive(Debug, Default)]
pub struct Files {
    spare: Mutex<Vec<(PathBuf, File)>>,
}

impl Files {
    /// A file below `dir`: a spare one, whose old content the caller writes over, or a new one.
    ///
    /// # Errors
    /// As [`open`].
    pub fn take(&self, dir: &Path, levels: &[u8]) -> io::Result<File> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = spare.iter().rposition(|(place, _)| place == dir) {
            return Ok(spare.swap_remove(at).1);
        }
        drop(spare);
        open(dir, levels)
    }

    /// Keeps a file for the next that asks for one below `dir`, if there is room.
    pub fn give_back(&self, dir: &Path, file: File) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < KEPT {
            spare.push((dir.to_path_buf(), file));
        }
    }

    /// How many spare files there are.
    pub fn spare(&self) -> usize {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.len()
    }

    /// Closes the spare files.
    pub fn trim(&self) {
        let spare = std::mem::take(&mut *self.spare.lock().unwrap_or_else(PoisonError::into_inner));
        drop(spare);
    }
}

/// The counter that file names are made of.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Opens a new, empty, nameless file below `dir`, which is made if only its last part is missing. `levels` are the digits of up to three directory levels.
///
/// # Errors
/// As open(2) and mkdir(2): the directory is missing, not writable, or the disk is full.
pub fn open(dir: &Path, levels: &[u8]) -> io::Result<File> {
    if !dir.exists() && dir.parent().is_some_and(Path::is_dir) {
        // As nginx does at its start, but only now that it is needed. Somebody else may be making it too.
        match DirBuilder::new().mode(0o700).create(dir) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
    }
    if levels.is_empty() {
        // No name is ever visible where the system can do it; anything it can not do is tried by name.
        let place = sys::open_directory(dir);
        if let Ok(file) = place.and_then(|place| sys::unnamed_file_in(place.as_fd())) {
            return Ok(file);
        }
    }
    let base = std::process::id() as usize % 10_000 * 100_000;
    for _ in 0..ATTEMPTS {
        let number = base.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let path = path_for(dir, levels, number);
        match create(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(e) if e.kind() == io::ErrorKind::NotFound && !levels.is_empty() => {
                make_levels(dir, &path)?;
                match create(&path) {
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                    other => return other,
                }
            }
            other => return other,
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// The directories between `dir`, which the operator provides, and the file.
fn make_levels(dir: &Path, path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if parent != dir && dir.is_dir() => {
            DirBuilder::new().recursive(true).mode(0o700).create(parent)
        }
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

/// `levels` 1 2 put number 0000012345 at `5/34/0000012345`: taken from the end of the name (B12).
fn path_for(dir: &Path, levels: &[u8], number: usize) -> PathBuf {
    let name = format!("{number:010}");
    let mut path = dir.to_path_buf();
    let mut end = name.len();
    for &digits in levels {
        let start = end.saturating_sub(usize::from(digits));
        path.push(&name[start..end]);
        end = start;
    }
    path.push(name);
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("scgate-spill-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn levels_are_taken_from_the_end_of_the_name() {
        let path = path_for(Path::new("/t"), &[1, 2], 12345);
        assert_eq!(path, Path::new("/t/5/34/0000012345"));
        assert_eq!(
            path_for(Path::new("/t"), &[], 7),
            Path::new("/t/0000000007")
        );
    }

    #[test]
    fn a_file_has_no_name_and_no_rights_for_others() {
        for levels in [&[][..], &[1, 2][..]] {
            let dir = scratch(&format!("mode{}", levels.len()));
            let file = open(&dir, levels).unwrap();
            let meta = file.metadata().unwrap();
            assert_eq!(meta.mode() & 0o777, 0o600);
            assert_eq!(meta.nlink(), 0);
            std::fs::remove_dir_all(dir).unwrap();
        }
    }

    #[test]
    fn a_file_that_came_back_is_used_again_below_its_own_directory_only() {
        let (one, two) = (scratch("one"), scratch("two"));
        let files = Files::default();
        let inode = |file: &File| file.metadata().unwrap().ino();
        let file = files.take(&one, &[]).unwrap();
        let first = inode(&file);
        files.give_back(&one, file);
        let other = files.take(&two, &[]).unwrap();
        let again = files.take(&one, &[]).unwrap();
        assert_eq!(inode(&again), first);
        assert_ne!(inode(&other), first);
        files.give_back(&one, again);
        assert_eq!(files.spare(), 1);
        files.trim();
        assert_eq!(files.spare(), 0);
        std::fs::remove_dir_all(one).unwrap();
        std::fs::remove_dir_all(two).unwrap();
    }

    #[test]
    fn a_missing_directory_is_made_but_not_its_parent() {
        let top = scratch("made");
        open(&top.join("spool"), &[]).unwrap();
        assert_eq!(
            std::fs::metadata(top.join("spool")).unwrap().mode() & 0o777,
            0o700
        );
        std::fs::remove_dir_all(top).unwrap();
        let dir = scratch("gone").join("missing").join("spool");
        assert!(open(&dir, &[]).is_err());
        assert!(open(&dir, &[2]).is_err());
        assert!(!dir.exists());
        std::fs::remove_dir_all(dir.ancestors().nth(2).unwrap()).unwrap();
    }
}
