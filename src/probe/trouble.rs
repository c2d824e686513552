//! Why there is no connection, in words that say what to do. Looks at the socket's file and the directories above it.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::config::address::Address;
use crate::error::{Fault, Phase};
use crate::sys;

/// The likely cause and what to do.
pub fn words(fault: &Fault, address: &Address) -> String {
    match (fault, address) {
        (Fault::Io(Phase::Connect, error), Address::Unix(path)) => match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => absent(path),
            Some(libc::ECONNREFUSED | libc::ENOTSOCK) => refused(path),
            Some(libc::EACCES | libc::EPERM) => denied(path),
            Some(libc::EPROTOTYPE) => format!(
                "{address} is a socket, but not one for streams: it belongs to another kind of program"
            ),
            _ => format!("connect to {address}: {error}"),
        },
        (Fault::Io(Phase::Connect, error), Address::Inet(addr)) => match error.raw_os_error() {
            Some(libc::ECONNREFUSED) => format!(
                "nobody listens at {addr}: the application is not started, or has another address or port \
                 (ss -ltn lists those that are open; 127.0.0.1 of a container is not that of its host)"
            ),
            Some(libc::EHOSTUNREACH | libc::ENETUNREACH) => {
                format!("no route to {addr} ({error}): look at the address and the network")
            }
            Some(libc::EACCES | libc::EPERM) => {
                format!(
                    "the system does not permit a connection to {addr}: a firewall of this machine"
                )
            }
            _ => format!("connect to {addr}: {error}"),
        },
        (Fault::Io(_, error), _) => format!(
            "--bind: {error}: the address must be one of this machine (ip address lists them), and of the family of {address}"
        ),
        (Fault::QueueFull, _) => format!(
            "the queue of {address} stayed full for --connect-timeout: the application hangs, or serves too few at a time; \
             look at its log, start it anew"
        ),
        (Fault::Timeout(_), _) => format!(
            "{address} did not answer the connect within --connect-timeout: wrong address, a firewall, or the machine is down"
        ),
        (Fault::System(error), _) => format!("socket: {error}"),
        _ => format!("the time is over before there was a connection to {address}"),
    }
}

/// Where the path leaves what exists.
fn absent(path: &Path) -> String {
    let missing = |dir: &&Path| !dir.as_os_str().is_empty() && dir.symlink_metadata().is_err();
    let shown = path.display();
    if path.symlink_metadata().is_ok() {
        return format!(
            "{shown} is a link that leads nowhere: start the application, or mend the link"
        );
    }
    match path.ancestors().skip(1).filter(missing).last() {
        Some(dir) => format!(
            "there is no {shown}, and no directory {}: the path is misspelt, or what makes the directory has not run",
            dir.display()
        ),
        None => format!(
            "there is no {shown}, though its directory is there: the application is not started, or makes its socket elsewhere"
        ),
    }
}

fn refused(path: &Path) -> String {
    let shown = path.display();
    match path.metadata() {
        Ok(meta) if !meta.file_type().is_socket() => {
            let kind = match meta.file_type() {
                kind if kind.is_dir() => "a directory",
                kind if kind.is_file() => "a plain file",
                _ => "a FIFO or a device",
            };
            format!(
                "{shown} is {kind}, not a socket: give the path at which the application listens"
            )
        }
        _ => format!(
            "nobody listens on {shown}: the file is left of an application that has ended; start it (it may have to remove the file first)"
        ),
    }
}

/// Which of the directories, or the socket itself, keeps us out.
fn denied(path: &Path) -> String {
    let us = named("/etc/passwd", sys::effective_uid());
    let hint =
        "a gateway that changes its user (--user) must be let in as that user: probe as that one";
    let closed = |dir: &&Path| {
        let inside = dir.symlink_metadata();
        inside.is_err_and(|e| e.kind() == ErrorKind::PermissionDenied)
    };
    let outermost = path.ancestors().filter(closed).last();
    let (what, right, place) = match outermost.and_then(Path::parent) {
        Some(dir) => ("directory", "entered", dir),
        None => ("socket", "written to", path),
    };
    let owner = place.metadata().map(|meta| owner(&meta));
    format!(
        "no permission: the {what} {} can not be {right} by user {us}; it has {}; {hint}",
        place.display(),
        owner.unwrap_or_else(|e| e.to_string())
    )
}

fn owner(meta: &Metadata) -> String {
    format!(
        "user {}, group {}, mode {:04o}",
        named("/etc/passwd", meta.uid()),
        named("/etc/group", meta.gid()),
        meta.mode() & 0o7777
    )
}

/// The name of a number in a file of accounts, or the number where it has none.
fn named(file: &str, id: u32) -> String {
    let text = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let id = id.to_string();
    let line = text
        .lines()
        .find(|line| line.split(':').nth(2) == Some(&*id));
    let name = line.and_then(|line| line.split(':').next());
    let plain = |name: &&str| name.bytes().all(|b| b.is_ascii_graphic());
    name.filter(plain).map_or(id.clone(), str::to_owned)
}
