//! What `-t` checks beyond the command line: directories that must be there when the program runs. Users and groups are
//! looked up by `ops`, for that takes the system's C library.

use std::path::Path;

use crate::config::Config;

use super::scopes::complain;

/// One line for each directory that is missing.
pub fn directories(config: &Config) -> Vec<String> {
    let mut errors = Vec::new();
    for location in config.servers.iter().flat_map(|server| &server.locations) {
        let dir = &location.client.temp.dir;
        if let Err(why) = is_directory(dir) {
            errors.push(complain("temp-path", Some(&dir.to_string_lossy()), &why));
        }
    }
    if let Some(path) = &config.process.pid {
        errors.extend(parent("pid", path));
    }
    for log in &config.process.access_logs {
        let stdout = log.path == Path::new("-");
        errors.extend((!stdout).then(|| parent("access-log", &log.path)).flatten());
    }
    errors
}

fn parent(flag: &str, path: &Path) -> Option<String> {
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let why = match path.is_dir() {
        true => "is a directory".to_owned(),
        false => is_directory(dir).err()?,
    };
    Some(complain(flag, Some(&path.to_string_lossy()), &why))
}

fn is_directory(dir: &Path) -> Result<(), String> {
    match std::fs::metadata(dir) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(format!("{} is not a directory", dir.display())),
        Err(error) => Err(format!("{}: {error}", dir.display())),
    }
}
