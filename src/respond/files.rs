//! From a path to an open file: where `--root` and `--alias` put it, and what is found there.
//!
//! A path is followed below a directory and never leaves it (`crate::sys::open_beneath`): symbolic links that lead out are
//! refused, absolute ones too. The directory is the whole of a root without variables. Of a template it is the text before
//! the first variable, if a slash follows, else up to its last slash: of `/data/www$uri` it is `/data/www`, of `/data/$host` and
//! of `/data/www-$host` it is `/data/`. Whatever values the variables have, nothing above that is reached.
//!
//! Only regular files are content. A directory has no listing: its `index.html` is served where the path ends in a slash.
//! The calls here are short, but they ask the disk: a thread that must not wait for one should not make them.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::media;
use crate::config::Match;
use crate::config::content::Root;
use crate::sys::{self, Way};
use crate::template::{Part, Template, Values, Var};

/// What a directory is shown by, as in nginx.
const INDEX: &[u8] = b"index.html";

/// Names of files that are being written begin so (`super::store`): they are never content.
pub const TEMP_PREFIX: &[u8] = b".scgate-";

/// Where content is to be found, or to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What is never left. The operator's word: links in it are followed.
    pub base: PathBuf,
    /// Relative to `base`, segments with one slash between them; not checked for `..`. Empty: `base` itself.
    pub rest: Vec<u8>,
    /// The path ended in a slash: the directory's index is meant.
    pub index: bool,
}

/// An open regular file.
#[derive(Debug)]
pub struct OpenFile {
    pub file: File,
    /// Bytes.
    pub size: u64,
    /// Last modification in seconds after the start of 1970; earlier times are 0.
    pub mtime: u64,
    /// The media type that the file's name stands for.
    pub media: Option<&'static str>,
}

/// What stands at a place.
#[derive(Debug)]
pub enum Found {
    File(OpenFile),
    /// A directory, asked for without its last slash: the client is sent to the path with it.
    Directory,
    /// An error for the client, and its reason for the log: 404 where there is nothing (a path that leads out counts as
    /// nothing), 403 for what may not be read or is not content, 503 where descriptors or memory are short, else 500.
    Status(u16, io::Error),
}

/// Where `path` (normalised, beginning with a slash) lies for a location. Root: the path is appended. Alias: the part of it
/// after the location's own; of an exact location the alias is the file itself. `None`: the template came to nothing, and so
/// there is nothing.
///
/// Unlike nginx's, an alias names a directory whether or not it ends in a slash: `--location /i/ --alias /img` puts `/i/x` at
/// `/img/x`, and `/i../x` in a location `/i` with the alias `/img/` is refused rather than found at `/img/../x`.
pub fn place(root: &Root, matching: &Match, path: &[u8], values: &dyn Values) -> Option<Place> {
    let own: &[u8] = match (root.alias, matching) {
        (false, _) | (true, Match::Named(_)) => b"",
        (true, Match::Exact(text) | Match::Prefix(text)) => text.as_bytes(),
    };
    // A redirect inside the gateway may have come here by name, with any path.
    let tail = path.strip_prefix(own).unwrap_or(path);
    let mut place = Place::rendered(&root.dir, None, values)?;
    place.append(tail);
    place.index = path.ends_with(b"/");
    Some(place)
}

/// The place that an absolute path names, if it is below one of `roots` (X-Sendfile): the longest of them. A root may be
/// meant by its own name or by the one it has with all links resolved.
pub fn below(roots: &[PathBuf], path: &[u8]) -> Option<Place> {
    let rest_in = |root: &Path| -> Option<Vec<u8>> {
        let rest = Path::new(OsStr::from_bytes(path)).strip_prefix(root).ok()?;
        Some(rest.as_os_str().as_bytes().to_vec())
    };
    let mut best: Option<(&PathBuf, Vec<u8>)> = None;
    for root in roots {
        let resolved = || rest_in(&std::fs::canonicalize(root).ok()?);
        let rest = rest_in(root).or_else(resolved);
        if let Some(rest) = rest
            && best
                .as_ref()
                .is_none_or(|(_, best)| rest.len() < best.len())
        {
            best = Some((root, rest));
        }
    }
    let (root, rest) = best.filter(|(_, rest)| !rest.is_empty())?;
    let mut place = Place {
        base: root.clone(),
        rest: Vec::new(),
        index: false,
    };
    place.append(&rest);
    Some(place)
}

impl Place {
    /// The place that a template's value names. Where it begins with `$document_root` and `root` is given (without alias), the root's directory
    /// is the one that is not left. `None`: the value is empty.
    pub fn rendered(
        template: &Template,
        root: Option<&Root>,
        values: &dyn Values,
    ) -> Option<Place> {
        let parts = template.parts();
        if let (Some((Part::Var(Var::DocumentRoot), after)), Some(root)) =
            (parts.split_first(), root)
        {
            let mut place = Place::rendered(&root.dir, None, values)?;
            let text = render(after, values);
            place.append(&text);
            place.index = text.ends_with(b"/");
            return Some(place);
        }
        if let Some(text) = template.literal() {
            return Place::new(text, b"");
        }
        let text = render(parts, values);
        let fixed = match parts.first() {
            Some(Part::Text(fixed)) if text.get(fixed.len()) == Some(&b'/') => Some(fixed.len()),
            Some(Part::Text(fixed)) => fixed.iter().rposition(|&b| b == b'/').map(|at| at + 1),
            _ => None,
        };
        let mut place = match (fixed, text.first()) {
            (_, None) => None,
            (Some(end), _) => {
                let (base, rest) = text.split_at_checked(end)?;
                Place::new(base, rest)
            }
            (None, Some(b'/')) => Place::new(b"/", &text),
            (None, Some(_)) => Place::new(b".", &text),
        }?;
        place.index = text.ends_with(b"/");
        Some(place)
    }

    /// `None` for an empty base.
    fn new(base: &[u8], rest: &[u8]) -> Option<Place> {
        let mut place = Place {
            base: PathBuf::from(OsStr::from_bytes(base)),
            rest: Vec::new(),
            index: false,
        };
        place.append(rest);
        (!base.is_empty()).then_some(place)
    }

    /// Appends segments; slashes at either end, and repeated ones, vanish.
    fn append(&mut self, path: &[u8]) {
        self.rest.reserve(path.len());
        for segment in path.split(|&b| b == b'/').filter(|s| !s.is_empty()) {
            if !self.rest.is_empty() {
                self.rest.push(b'/');
            }
            self.rest.extend_from_slice(segment);
        }
    }

    /// The whole path, for logs.
    pub fn path(&self) -> PathBuf {
        match self.rest.is_empty() {
            true => self.base.clone(),
            false => self.base.join(OsStr::from_bytes(&self.rest)),
        }
    }

    /// The last segment.
    fn name(&self) -> &[u8] {
        if self.rest.is_empty() {
            return self.base.file_name().unwrap_or_default().as_bytes();
        }
        last_segment(&self.rest)
    }
}

fn render(parts: &[Part], values: &dyn Values) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => out.extend_from_slice(text),
            Part::Var(var) => {
                values.put(var, &mut out);
            }
        }
    }
    out
}

fn last_segment(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').next().unwrap_or_default()
}

/// Opens what stands at `place`.
pub fn find(place: &Place) -> Found {
    find_by(sys::way(), place)
}

/// The same, in the way that is asked for.
pub fn find_by(way: Way, place: &Place) -> Found {
    match look(way, place) {
        Ok(found) => found,
        Err(error) => Found::Status(status_of(&error), error),
    }
}

fn look(way: Way, place: &Place) -> io::Result<Found> {
    if place.index {
        return look_for_index(way, place);
    }
    if place.name().starts_with(TEMP_PREFIX) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let file = match place.rest.is_empty() {
        true => sys::open_content(&place.base)?,
        false => sys::open_beneath(way, &place.base, &place.rest)?,
    };
    judge(file, place.name())
}

fn look_for_index(way: Way, place: &Place) -> io::Result<Found> {
    let mut index = place.clone();
    index.append(INDEX);
    match sys::open_beneath(way, &index.base, &index.rest) {
        Ok(file) => Ok(match judge(file, INDEX)? {
            Found::Directory => forbidden("its index is a directory"),
            found => found,
        }),
        // The alias of an exact location such as `= /`: a file, whatever the path ends in.
        Err(e) if e.raw_os_error() == Some(libc::ENOTDIR) && place.rest.is_empty() => {
            judge(sys::open_content(&place.base)?, place.name())
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            sys::open_directory_beneath(way, &place.base, &place.rest)?;
            Ok(forbidden("a directory without index"))
        }
        Err(e) => Err(e),
    }
}

/// What was opened: a regular file, or not content.
fn judge(file: File, name: &[u8]) -> io::Result<Found> {
    let meta = file.metadata()?;
    if meta.is_dir() {
        return Ok(Found::Directory);
    }
    if !meta.is_file() {
        return Ok(forbidden("not a regular file"));
    }
    Ok(Found::File(OpenFile {
        size: meta.len(),
        mtime: sys::modified(&file, &meta),
        media: media::of(name),
        file,
    }))
}

fn forbidden(reason: &'static str) -> Found {
    Found::Status(403, io::Error::new(io::ErrorKind::PermissionDenied, reason))
}

/// What an error of opening means to the client.
fn status_of(error: &io::Error) -> u16 {
    let Some(code) = error.raw_os_error() else {
        // A path that was not even tried.
        return 404;
    };
    match code {
        libc::ENOENT | libc::ENOTDIR | libc::ENAMETOOLONG => 404,
        // Ways out: to say more would tell what is there.
        libc::EXDEV | libc::ELOOP => 404,
        // ENXIO and ENODEV: sockets, and devices without a driver.
        libc::EACCES | libc::EPERM | libc::ENXIO | libc::ENODEV => 403,
        libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EAGAIN => 503,
        _ => 500,
    }
}

#[cfg(test)]
mod tests;
