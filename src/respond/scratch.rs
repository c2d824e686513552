//! For tests: a directory of files that goes away at the end.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

static SERIAL: AtomicUsize = AtomicUsize::new(0);

/// Removed when dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Scratch {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("scgate-files-{}-{serial}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a scratch directory");
        Scratch(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file, and the directories it needs.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(&path, content).expect("a file");
        path
    }

    pub fn dir(&self, name: &str) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(&path).expect("directories");
        path
    }

    /// A symbolic link at `name`.
    pub fn link(&self, target: impl AsRef<Path>, name: &str) {
        symlink(target, self.at(name)).expect("a link");
    }

    /// Every entry below, sorted.
    pub fn list(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut todo = vec![self.0.clone()];
        while let Some(dir) = todo.pop() {
            for entry in fs::read_dir(dir).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() && !path.is_symlink() {
                    todo.push(path.clone());
                }
                let name = path.strip_prefix(&self.0).expect("below");
                found.push(name.display().to_string());
            }
        }
        found.sort();
        found
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
