//! Scratch directories, one for each use, removed at the end.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A directory that lives as long as this value. Below the system's temporary directory, because the path of a Unix
/// socket has at most 107 bytes and a checkout may lie deep.
#[derive(Debug)]
pub struct Temp(PathBuf);

static SERIAL: AtomicUsize = AtomicUsize::new(0);

impl Temp {
    pub fn new() -> Temp {
        let name = format!(
            "scgate-test.{}.{}",
            std::process::id(),
            SERIAL.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("make a scratch directory");
        Temp(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of an entry, as text for a command line.
    pub fn file(&self, name: &str) -> String {
        self.0
            .join(name)
            .to_str()
            .expect("scratch paths are text")
            .to_owned()
    }

    /// Writes an entry and returns its path.
    pub fn write(&self, name: &str, content: &str) -> String {
        let path = self.file(name);
        std::fs::write(&path, content).expect("write a scratch file");
        path
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
