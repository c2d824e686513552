//! What is checked beyond the command line: files of passwords, and for `-t` directories that must be there when the program runs. Users and groups are
//! looked up by `ops`, for that takes the system's C library.

use std::path::Path;

#[cfg(feature = "auth")]
use crate::auth::file::{Entries, NOBODY};
#[cfg(feature = "auth")]
use crate::auth::reading::read;
use crate::config::address::ListenAddress;
use crate::config::content::Root;
use crate::config::{Config, Handler, Location};

use super::resolve::Remarks;
use super::scopes::complain;

/// The files of `--auth-basic`: an error for each that nobody could log in by, a warning for each line of no use.
#[cfg(feature = "auth")]
pub fn passwords(config: &Config, remarks: &mut Remarks) {
    for path in &config.password_files {
        let name = path.to_string_lossy();
        let mut wrong = |why: &str| remarks.error(complain("auth-basic", Some(&name), why));
        match read(path) {
            Err(why) => wrong(&why),
            Ok(text) => {
                let (entries, lines) = Entries::parse(&text);
                if entries.is_empty() {
                    let first = lines
                        .first()
                        .map_or(String::new(), |why| format!("; {why}"));
                    wrong(&format!("{NOBODY}{first}"));
                }
                for line in lines {
                    remarks.warn(complain("auth-basic", Some(&name), &line));
                }
            }
        }
    }
}

/// An error for each directory that is missing; the roots of files may still come, so theirs are warnings.
pub fn directories(config: &Config, remarks: &mut Remarks) {
    for location in config.servers.iter().flat_map(|server| &server.locations) {
        for error in needed(location) {
            remarks.error(error);
        }
        let missing = location.content.root.as_ref().and_then(missing);
        if let Some(warning) = missing {
            remarks.warn(warning);
        }
    }
    for error in files(config).into_iter().chain(caches(config)) {
        remarks.error(error);
    }
}

/// The directory of a cache is made when it is missing, below one that is there.
fn caches(config: &Config) -> Vec<String> {
    let broken = config.zones.iter().filter_map(|zone| {
        let there = zone
            .path
            .ancestors()
            .find(|dir| dir.symlink_metadata().is_ok());
        let why = is_directory(there.unwrap_or(&zone.path)).err()?;
        Some(complain(
            "cache-path",
            Some(&zone.path.to_string_lossy()),
            &why,
        ))
    });
    let temp = config
        .zones
        .iter()
        .filter(|zone| zone.use_temp_path)
        .filter_map(|zone| {
            let why = is_directory(&zone.temp).err()?;
            Some(complain(
                "temp-path",
                Some(&zone.temp.to_string_lossy()),
                &why,
            ))
        });
    broken.chain(temp).collect()
}

fn needed(location: &Location) -> Vec<String> {
    let mut dirs = vec![("temp-path", &location.client.temp.dir)];
    if let Handler::Scgi(scgi) = &location.handler {
        let roots = scgi.sendfile.iter().flat_map(|sendfile| &sendfile.roots);
        dirs.extend(roots.map(|dir| ("sendfile-root", dir)));
    }
    let broken = dirs
        .into_iter()
        .filter_map(|(flag, dir)| Some((flag, dir, is_directory(dir).err()?)));
    broken
        .map(|(flag, dir, why)| complain(flag, Some(&dir.to_string_lossy()), &why))
        .collect()
}

/// A root that holds variables is known to requests alone. An alias may stand for a file.
fn missing(root: &Root) -> Option<String> {
    let dir = std::str::from_utf8(root.dir.literal()?).ok()?;
    let (flag, found) = match root.alias {
        true => {
            let found = std::fs::metadata(dir).map(|_| ());
            ("alias", found.map_err(|error| format!("{dir}: {error}")))
        }
        false => ("root", is_directory(Path::new(dir))),
    };
    Some(complain(flag, Some(dir), &found.err()?))
}

fn files(config: &Config) -> Vec<String> {
    let mut errors = Vec::new();
    if let Some(path) = &config.process.pid {
        errors.extend(parent("pid", path));
    }
    for listen in &config.listens {
        if let ListenAddress::Unix(path) = &listen.address {
            // Where a directory is in the way, it is told at the start, as any file is.
            errors.extend(parent("listen", path).filter(|_| !path.is_dir()));
        }
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
