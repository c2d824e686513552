//! `--confine`: the process is held to the files that the command line names, by Landlock. On the main thread, before it
//! starts others: they inherit it.
//!
//! What a later request opens must be found here. A new flag with a path belongs into [`paths`].
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::accesslog::is_stdout;
use crate::config::address::{Destination, ListenAddress};
use crate::config::content::{Content, Store};
use crate::config::{Client, Config, Pass};
use crate::sys::{Confinement, MAY_ADD, MAY_MAKE_SOCKETS, MAY_READ, MAY_REMOVE, MAY_WRITE};
use crate::template::{Part, Template, Var};

/// What the C library reads to look up names, itself and by what it loads.
const FOR_NAMES: [&str; 6] = [
    "/etc",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/nix/store",
];
/// Often a link to a directory in which it is replaced now and then.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Begins the confinement. `temp` is where the demonstration has its socket.
///
/// # Errors
/// A line for the operator: the kernel can not do it, or a path can not be opened. The process must not go on.
pub fn begin(config: &Config, temp: &Path) -> Result<(), String> {
    let rules = Confinement::new().map_err(|e| {
        format!(
            "--confine: needs Landlock, and Linux 5.19 or later, which is not to be had here: {e}"
        )
    })?;
    for (path, rights) in paths(config, temp) {
        // What is a link is opened where it leads, in another directory.
        for path in [&path, &led_to(&path)] {
            let path = existing(path);
            rules
                .allow(path, rights)
                .map_err(|e| format!("--confine: {}: {e}", path.display()))?;
        }
    }
    if let Some(pid) = &config.process.pid {
        let _ = rules.allow(pid, MAY_READ);
    }
    if looks_up_names(config) {
        // No system has all of these.
        for path in FOR_NAMES {
            let _ = rules.allow(Path::new(path), MAY_READ);
        }
        if let Some(dir) = led_to(Path::new(RESOLV_CONF)).parent() {
            let _ = rules.allow(dir, MAY_READ);
        }
    }
    rules.begin().map_err(|e| format!("--confine: {e}"))
}

/// Where a path ends up when its last part is a link, to what need not be there: a log may just be being rotated.
fn led_to(path: &Path) -> PathBuf {
    /// As the kernel has it: more of them are a circle.
    const LINKS: usize = 40;
    let mut at = path.to_owned();
    for _ in 0..LINKS {
        let Ok(target) = at.read_link() else { break };
        at.pop();
        at.push(target);
    }
    at
}

/// The nearest directory that is there. Files are replaced by others of their name, so a rule about a file would not last;
/// devices and FIFOs are not.
fn existing(path: &Path) -> &Path {
    let mut at = path;
    loop {
        if let Ok(meta) = at.metadata() {
            let kind = meta.file_type();
            if kind.is_dir() || kind.is_char_device() || kind.is_fifo() {
                return at;
            }
        }
        at = match at.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => return Path::new("."),
        };
    }
}

fn looks_up_names(config: &Config) -> bool {
    let mut servers = config.groups.iter().flat_map(|group| &group.servers);
    let is_name = |to: &Destination| matches!(to, Destination::Name(..));
    servers.any(|server| is_name(&server.destination))
        || config
            .applications()
            .any(|(_, scgi)| matches!(scgi.pass, Pass::Template(_)))
}

/// Everything that is opened, made or removed once the program runs.
fn paths(config: &Config, temp: &Path) -> Vec<(PathBuf, u64)> {
    const BOTH: u64 = MAY_READ | MAY_WRITE;
    let mut found = vec![(PathBuf::from("/dev/null"), MAY_READ)];
    let process = &config.process;
    if let Some(pid) = &process.pid {
        found.push((pid.clone(), MAY_REMOVE));
    }
    let logs = process.access_logs.iter().map(|log| &log.path);
    for path in logs.filter(|path| !is_stdout(path)) {
        found.push((path.clone(), MAY_ADD));
    }
    if process.demo {
        found.push((temp.to_owned(), MAY_WRITE | MAY_MAKE_SOCKETS));
    }
    for listen in &config.listens {
        if let ListenAddress::Unix(path) = &listen.address {
            found.push((path.clone(), MAY_REMOVE));
        }
    }
    for zone in &config.zones {
        found.extend([(zone.path.clone(), BOTH), (zone.temp.clone(), BOTH)]);
    }
    let passwords = config.password_files.iter();
    found.extend(passwords.map(|file| (file.clone(), MAY_READ)));
    let mut level = |client: &Client, content: &Content| {
        found.push((client.temp.dir.clone(), BOTH));
        found.extend(root(content).map(|dir| (dir, MAY_READ)));
    };
    for server in &config.servers {
        level(&server.client, &server.content);
        for location in &server.locations {
            level(&location.client, &location.content);
        }
    }
    for (location, scgi) in config.applications() {
        let content = &location.content;
        let roots = scgi.sendfile.iter().flat_map(|sendfile| &sendfile.roots);
        found.extend(roots.map(|dir| (dir.clone(), MAY_READ)));
        if let Some(store) = &scgi.store {
            let place = match &store.place {
                Store::At(template) if begins_with_root(template) => root(content),
                Store::At(template) => Some(fixed(template)),
                Store::On => root(content),
            };
            found.extend(place.map(|dir| (dir, BOTH)));
        }
    }
    found
}

fn root(content: &Content) -> Option<PathBuf> {
    content.root.as_ref().map(|root| fixed(&root.dir))
}

fn begins_with_root(template: &Template) -> bool {
    matches!(template.parts(), [Part::Var(Var::DocumentRoot), ..])
}

/// The directory that a template's values can not leave: up to the last slash before the first variable; `$uri` brings its
/// own. One that begins with a variable can name any.
fn fixed(template: &Template) -> PathBuf {
    let bytes: &[u8] = match template.parts() {
        [Part::Text(whole)] | [Part::Text(whole), Part::Var(Var::Uri), ..] => whole,
        [Part::Text(begin), ..] => match begin.iter().rposition(|&b| b == b'/') {
            Some(at) => begin.get(..=at).unwrap_or_default(),
            None => b".",
        },
        _ => b"/",
    };
    PathBuf::from(OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_to_what_is_there_and_to_what_is_not() {
        let dir = std::env::temp_dir().join(format!("scgate-test-confine-{}", std::process::id()));
        for name in ["one", "two/deep"] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        symlink("../two/first", dir.join("one/log")).unwrap();
        symlink(dir.join("two/deep/log"), dir.join("two/first")).unwrap();
        symlink("round", dir.join("one/round")).unwrap();
        let leads = |name: &str| existing(&led_to(&dir.join(name))).canonicalize().unwrap();
        let real = dir.canonicalize().unwrap();
        assert_eq!(leads("one/log"), real.join("two/deep"));
        fs::write(dir.join("two/deep/log"), "").unwrap();
        assert_eq!(leads("one/log"), real.join("two/deep"));
        // What is no link, what is not there, and a circle.
        for name in ["one/other", "one/round", "one"] {
            assert_eq!(leads(name), real.join("one"), "{name}");
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
