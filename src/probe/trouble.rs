//! Why there is no connection, in words that say what to do. Looks at the socket's file and the directories above it.

use std::fmt::Arguments;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::config::address::Address;
use crate::error::{Fault, Phase};
use crate::sys;

/// Takes a sentence.
type Say<'a> = dyn FnMut(Arguments) + 'a;

/// Says the likely cause and what to do.
#[inline(never)]
pub fn tell(fault: &Fault, address: &Address, say: &mut Say) {
    match (fault, address) {
        (Fault::Io(Phase::Connect, error), Address::Unix(path)) => match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => absent(path, say),
            Some(libc::ECONNREFUSED | libc::ENOTSOCK) => refused(path, say),
            Some(libc::EACCES | libc::EPERM) => denied(path, say),
            Some(libc::EPROTOTYPE) => say(format_args!(
                "{address} is a socket, but not one for streams: it belongs to another kind of program"
            )),
            _ => say(format_args!("connect to {address}: {error}")),
        },
        (Fault::Io(Phase::Connect, error), Address::Inet(addr)) => match error.raw_os_error() {
            Some(libc::ECONNREFUSED) => say(format_args!(
                "nobody listens at {addr}: the application is not started, or has another address or port \
                 (ss -ltn lists those that are open; 127.0.0.1 of a container is not that of its host)"
            )),
            Some(libc::EHOSTUNREACH | libc::ENETUNREACH) => say(format_args!(
                "no route to {addr} ({error}): look at the address and the network"
            )),
            Some(libc::EACCES | libc::EPERM) => say(format_args!(
                "the system does not permit a connection to {addr}: a firewall of this machine"
            )),
            _ => say(format_args!("connect to {addr}: {error}")),
        },
        (Fault::Io(_, error), _) => say(format_args!(
            "--bind: {error}: the address must be one of this machine (ip address lists them), and of the family of {address}"
        )),
        (Fault::QueueFull, _) => say(format_args!(
            "the queue of {address} stayed full for --connect-timeout: the application hangs, or serves too few at a time; \
             look at its log, start it anew"
        )),
        (Fault::Timeout(_), _) => say(format_args!(
            "{address} did not answer the connect within --connect-timeout: wrong address, a firewall, or the machine is down"
        )),
        (Fault::System(error), _) => say(format_args!("socket: {error}")),
        _ => say(format_args!(
            "the time is over before there was a connection to {address}"
        )),
    }
}

/// Where the path leaves what exists.
fn absent(path: &Path, say: &mut Say) {
    let missing = |dir: &&Path| !dir.as_os_str().is_empty() && dir.symlink_metadata().is_err();
    let shown = path.display();
    if path.symlink_metadata().is_ok() {
        return say(format_args!(
            "{shown} is a link that leads nowhere: start the application, or mend the link"
        ));
    }
    match path.ancestors().skip(1).filter(missing).last() {
        Some(dir) => say(format_args!(
            "there is no {shown}, and no directory {}: the path is misspelt, or what makes the directory has not run",
            dir.display()
        )),
        None => say(format_args!(
            "there is no {shown}, though its directory is there: the application is not started, or makes its socket elsewhere"
        )),
    }
}

fn refused(path: &Path, say: &mut Say) {
    let shown = path.display();
    match path.metadata() {
        Ok(meta) if !meta.file_type().is_socket() => {
            let kind = match meta.file_type() {
                kind if kind.is_dir() => "a directory",
                kind if kind.is_file() => "a plain file",
                _ => "a FIFO or a device",
            };
            say(format_args!(
                "{shown} is {kind}, not a socket: give the path at which the application listens"
            ))
        }
        _ => say(format_args!(
            "nobody listens on {shown}: the file is left of an application that has ended; start it (it may have to remove the file first)"
        )),
    }
}

/// Which of the directories, or the socket itself, keeps us out.
fn denied(path: &Path, say: &mut Say) {
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
    let place_shown = place.display();
    match place.metadata() {
        Err(error) => say(format_args!(
            "no permission for the {what} {place_shown} ({error}); {hint}"
        )),
        Ok(meta) => {
            let (user, group) = (
                named("/etc/passwd", meta.uid()),
                named("/etc/group", meta.gid()),
            );
            let mode = meta.mode() & 0o7777;
            say(format_args!(
                "no permission: the {what} {place_shown} can not be {right} by user {us}; it has user {user}, group {group}, \
                 mode {mode:04o}; {hint}"
            ));
        }
    }
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
