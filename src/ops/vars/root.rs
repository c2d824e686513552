//! Variables made from `--root` and `--alias` (V10).
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Facts, paths, put_bytes};
use crate::config::content::Root;
use crate::http::request::Request;
use crate::template::{Values, Var};

impl<'a> Facts<'a> {
    fn root(&self) -> Option<&'a Root> {
        self.location?.content.root.as_ref()
    }

    /// The directory without a trailing slash: with `--alias` that one, as in nginx.
    pub(super) fn put_document_root(&self, out: &mut Vec<u8>) -> bool {
        let Some(root) = self.root() else {
            return false;
        };
        let start = out.len();
        root.dir.render(&Rootless(self), out);
        while out.len() > start + 1 && out.ends_with(b"/") {
            out.pop();
        }
        true
    }

    /// The root and the path; with `--alias` the directory and what of the path the location has not matched. Unset
    /// where the path leads out of the directory, or is not the location's.
    pub(super) fn put_request_filename(&self, out: &mut Vec<u8>) -> bool {
        let (Some(root), Some(path)) = (self.root(), self.request.map(Request::path)) else {
            return false;
        };
        let below = match (root.alias, self.location) {
            (true, Some(location)) => paths::below(&location.matching, path),
            // The asterisk of OPTIONS is no path.
            _ => path.strip_prefix(b"/").map(|rest| (true, rest)),
        };
        let Some((slash, rest)) = below else {
            return false;
        };
        let start = out.len();
        self.put_document_root(out);
        if slash && !out.get(start..).is_some_and(|root| root.ends_with(b"/")) {
            out.push(b'/');
        }
        put_bytes(out, rest)
    }

    /// The root with symbolic links resolved: the one variable that asks the file system. Unset when that fails.
    pub(super) fn put_realpath_root(&self, out: &mut Vec<u8>) -> bool {
        let mut root = Vec::new();
        if !self.put_document_root(&mut root) {
            return false;
        }
        match std::fs::canonicalize(Path::new(OsStr::from_bytes(&root))) {
            Ok(path) => put_bytes(out, path.as_os_str().as_bytes()),
            Err(_) => false,
        }
    }
}

/// The facts inside `--root`, where variables made from the root are unset: it would need itself for ever. A map, too,
/// gets its values from here, for one of them may be the root.
struct Rootless<'f, 'a>(&'f Facts<'a>);

impl Values for Rootless<'_, '_> {
    fn put(&self, var: &Var, out: &mut Vec<u8>) -> bool {
        match var {
            Var::DocumentRoot | Var::RealpathRoot | Var::RequestFilename => false,
            Var::Map(index) => self.0.put_map(*index, self, self, out),
            other => self.0.put(other, out),
        }
    }
}
