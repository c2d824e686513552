//! Responses kept as files (`--store`, S1 to S10): written while they are delivered, under their final name only when complete.
//!
//! The file begins without a name, in the directory where it will be found. So its name comes by a rename on one file system,
//! and a reader finds the old file, or the whole new one, wherever `--temp-path` lies. Where the file system has no nameless
//! files (or there is no `/proc` to give them a name by), it has a name of its own until then, which begins with
//! [`TEMP_PREFIX`] and is never served; a crash leaves that behind. Everything stays below the place's base, as in
//! [`super::files`].
//!
//! One thread owns a store, and its calls wait for the disk. An error is the store's alone: the response goes on without it
//! (S7).
#![forbid(unsafe_code)]

use std::ffi::{CString, OsStr};
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use super::files::{Place, TEMP_PREFIX};
use crate::http::date;
use crate::sys::{self, Way};

/// Names already in use are skipped, but not for ever.
const ATTEMPTS: usize = 1000;

/// The counter that names are made of.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A response that is being stored. Dropped without [`Store::commit`] it leaves nothing behind.
#[derive(Debug)]
pub struct Store {
    file: File,
    dir: OwnedFd,
    name: CString,
    /// The name it has for the time being.
    temp: Option<CString>,
    mode: u32,
    /// For error messages.
    path: PathBuf,
}

impl Store {
    /// Begins a file that will stand at `place` with `mode` (as of chmod(2)). Directories that are missing are made, with the
    /// same mode and the right to search wherever it grants reading (S6), and all rights for the owner, who has
    /// to write there.
    ///
    /// # Errors
    /// With the path: the place leads out of its base, the place is a directory's, no right to write, disk full.
    pub fn begin(place: &Place, mode: u32) -> io::Result<Store> {
        Store::begin_by(sys::way(), place, mode)
    }

    /// The same, in the way of following paths that is asked for.
    pub fn begin_by(way: Way, place: &Place, mode: u32) -> io::Result<Store> {
        let path = place.path();
        Store::open(way, place, mode).map_err(|e| at(&path, &e))
    }

    fn open(way: Way, place: &Place, mode: u32) -> io::Result<Store> {
        let (base, dirs, name) = target(place)?;
        let dir_mode = mode | (mode & 0o444) >> 2 | 0o700;
        let make = || sys::make_directories_beneath(way, &base, dirs, dir_mode);
        let dir = match make() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                make_base(&base, dir_mode)?;
                make()?
            }
            other => other?,
        };
        let (file, temp) = match sys::unnamed_file_in(dir.as_fd()) {
            Ok(file) if sys::can_link() => (file, None),
            _ => {
                let (file, temp) = named(|name| sys::create_file_in(dir.as_fd(), name))?;
                (file, Some(temp))
            }
        };
        Ok(Store {
            file,
            dir,
            name: CString::new(name)?,
            temp,
            mode,
            path: place.path(),
        })
    }

    /// Appends a piece of the body.
    ///
    /// # Errors
    /// As write(2), with the path. The store is of no use after that.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).map_err(|e| at(&self.path, &e))
    }

    /// Gives the file its name, in place of whatever file had it before. Its time is `last_modified`, the value of the response's
    /// field, if that is a date. Nothing is forced to the disk: flash
    /// wears out, and a store can be filled again.
    ///
    /// # Errors
    /// As the calls behind it, with the path; nothing is left behind then. A directory of that name stays (EISDIR).
    pub fn commit(mut self, last_modified: Option<&[u8]>) -> io::Result<()> {
        let result = self.name_it(last_modified);
        result.map_err(|e| at(&self.path, &e))
    }

    fn name_it(&mut self, last_modified: Option<&[u8]>) -> io::Result<()> {
        self.file
            .set_permissions(Permissions::from_mode(self.mode & 0o777))?;
        let modified = last_modified.and_then(date::parse);
        if let Some(time) = modified.and_then(|s| UNIX_EPOCH.checked_add(Duration::from_secs(s))) {
            match self.file.set_modified(time) {
                // The C library has no such date (after 2038, with 32 bits for it): no reason to keep nothing.
                Err(e) if e.kind() == io::ErrorKind::InvalidInput => {}
                set => set?,
            }
        }
        let dir = self.dir.as_fd();
        let temp = match self.temp.take() {
            Some(temp) => temp,
            None => named(|name| sys::link_in(&self.file, dir, name))?.1,
        };
        // Dropped with it still there when the rename fails.
        let temp = self.temp.insert(temp);
        sys::rename_in(dir, temp, &self.name)?;
        self.temp = None;
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(temp) = &self.temp {
            // What can not be removed was reported as an error of something else, or never.
            let _ = sys::remove_in(self.dir.as_fd(), temp);
        }
    }
}

/// Makes what is missing of the base itself, which is the operator's word (S5).
fn make_base(base: &Path, mode: u32) -> io::Result<()> {
    if base.is_dir() {
        return Ok(());
    }
    if let Some(parent) = base.parent().filter(|p| !p.as_os_str().is_empty()) {
        make_base(parent, mode)?;
    }
    match std::fs::create_dir(base) {
        // The umask had its say.
        Ok(()) => std::fs::set_permissions(base, Permissions::from_mode(mode)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}

/// The base, the directories below it, and the name of the file.
fn target(place: &Place) -> io::Result<(PathBuf, &[u8], &[u8])> {
    if place.index {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let (base, dirs, name) = if place.rest.is_empty() {
        let (Some(parent), Some(name)) = (place.base.parent(), place.base.file_name()) else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        // `name` alone is below the working directory.
        let is_bare = parent.as_os_str().is_empty();
        let base = if is_bare {
            OsStr::new(".").as_ref()
        } else {
            parent
        };
        (base.to_path_buf(), &[][..], name.as_bytes())
    } else {
        let slash = place.rest.iter().rposition(|&b| b == b'/');
        let name = place.rest.get(slash.map_or(0, |at| at + 1)..);
        let dirs = place.rest.get(..slash.unwrap_or(0));
        let (dirs, name) = (dirs.unwrap_or_default(), name.unwrap_or_default());
        (place.base.clone(), dirs, name)
    };
    let is_bad = matches!(name, b"" | b"." | b"..") || name.starts_with(TEMP_PREFIX);
    match is_bad {
        true => Err(io::ErrorKind::InvalidInput.into()),
        false => Ok((base, dirs, name)),
    }
}

/// Makes something under a name that nobody has.
fn named<T>(make: impl Fn(&CString) -> io::Result<T>) -> io::Result<(T, CString)> {
    for _ in 0..ATTEMPTS {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut name = TEMP_PREFIX.to_vec();
        name.extend_from_slice(format!("{}-{number}", std::process::id()).as_bytes());
        let name = CString::new(name)?;
        match make(&name) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
            other => return other.map(|made| (made, name)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The error with the path it is about.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
