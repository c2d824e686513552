//! Reads a file of passwords, whatever stands at its path.

use std::fs::Metadata;
use std::io::Read;
use std::path::Path;

use crate::sys::open_content;

/// Bytes of a file.
const MAX_FILE: u64 = 1 << 20;

/// Reads a file.
///
/// # Errors
/// A phrase: it can not be read, or is no file that passwords could be in.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    let say = |error: std::io::Error| error.to_string();
    // Before it is opened, which means something to devices; and then, for it may be another.
    let plain = |found: Metadata| match found.is_file() {
        true => Ok(()),
        false => Err("is not a plain file".to_owned()),
    };
    plain(std::fs::metadata(path).map_err(say)?)?;
    let mut text = Vec::new();
    let file = open_content(path).map_err(say)?;
    plain(file.metadata().map_err(say)?)?;
    file.take(MAX_FILE + 1)
        .read_to_end(&mut text)
        .map_err(say)?;
    match text.len() as u64 {
        ..=MAX_FILE => Ok(text),
        _ => Err("is too large (more than 1m)".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn what_is_no_file_of_passwords_is_not_read() {
        let dir = std::env::temp_dir();
        assert_eq!(read(&dir).unwrap_err(), "is not a plain file");
        assert_eq!(
            read(Path::new("/dev/zero")).unwrap_err(),
            "is not a plain file"
        );
        assert!(
            read(&dir.join("no such file here"))
                .unwrap_err()
                .contains("No such file")
        );
        let large = dir.join(format!("scgate-test-large-{}", std::process::id()));
        let file = File::create(&large).unwrap();
        file.set_len(MAX_FILE + 1).unwrap();
        let result = read(&large);
        file.set_len(MAX_FILE).unwrap();
        let fits = read(&large);
        std::fs::remove_file(&large).unwrap();
        assert_eq!(result.unwrap_err(), "is too large (more than 1m)");
        assert_eq!(fits.unwrap().len() as u64, MAX_FILE);
    }

    /// Between the look at it and the opening, it becomes a pipe that nobody writes to.
    #[test]
    fn a_file_that_is_swapped_for_a_pipe_holds_nobody_up() {
        let dir = std::env::temp_dir().join(format!("scgate-test-swap-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let at = |name: &str| dir.join(name);
        let made = std::process::Command::new("mkfifo")
            .arg(at("pipe"))
            .status();
        assert!(made.unwrap().success());
        std::fs::write(at("plain"), "x").unwrap();
        std::fs::hard_link(at("plain"), at("users")).unwrap();
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    for name in ["pipe", "plain"] {
                        std::fs::hard_link(at(name), at("next")).unwrap();
                        std::fs::rename(at("next"), at("users")).unwrap();
                        let _ = std::fs::remove_file(at("next"));
                    }
                }
            });
            for _ in 0..5000 {
                if let Err(why) = read(&at("users")) {
                    assert_eq!(why, "is not a plain file");
                }
            }
            over.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
