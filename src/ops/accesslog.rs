//! The access log: lines built from templates, collected in memory, written in larger pieces, reopened on USR1.
//!
//! Any thread adds lines; one thread writes them. Each log has two locks: one for the lines collected so far, held for an
//! append alone, and one for the file, held while a piece is written. When the disk, or the reader of a pipe, is slower
//! than the requests, [`BACKLOG`] bounds what is kept, and the lines lost are counted and reported.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use super::escape;
use super::logging::goes_to_journal;
use super::privileges::Account;
use super::trust;
use super::vars::Facts;
use crate::config::{AccessLog, LogEscape, LogFormat};
use crate::template::{Part, Template, Values};

/// Lines are written once this many bytes have come together.
const PIECE: usize = 32 * 1024;
/// What one log keeps at most while its file can not be written.
const BACKLOG: usize = 1024 * 1024;

const COMBINED: &str = concat!(
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent ",
    "\"$http_referer\" \"$http_user_agent\""
);
const MAIN: &str = concat!(
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent ",
    "\"$http_referer\" \"$http_user_agent\" $request_time $upstream_connect_time $upstream_header_time ",
    "$upstream_response_time $upstream_addr $upstream_status"
);
// Only what is always set stands without quotes: an unset value is empty, which is no JSON.
const JSON: &str = concat!(
    r#"{"time":"$time_iso8601","request_id":"$request_id","remote_addr":"$remote_addr","remote_user":"$remote_user","#,
    r#""host":"$host","method":"$request_method","uri":"$request_uri","protocol":"$server_protocol","#,
    r#""status":"$status","request_length":$request_length,"bytes_sent":$bytes_sent,"#,
    r#""body_bytes_sent":$body_bytes_sent,"request_time":$request_time,"complete":"$request_completion","#,
    r#""referer":"$http_referer","user_agent":"$http_user_agent","upstream_addr":"$upstream_addr","#,
    r#""upstream_status":"$upstream_status","upstream_connect_time":"$upstream_connect_time","#,
    r#""upstream_header_time":"$upstream_header_time","upstream_response_time":"$upstream_response_time"}"#
);

/// The names of the formats that need no `--log-format`.
pub const BUILT_IN: [&str; 3] = ["combined", "main", "json"];

/// The text of a format that needs no `--log-format`.
pub fn built_in(name: &str) -> Option<(&'static str, LogEscape)> {
    match name {
        "combined" => Some((COMBINED, LogEscape::Default)),
        "main" => Some((MAIN, LogEscape::Default)),
        "json" => Some((JSON, LogEscape::Json)),
        _ => None,
    }
}

/// How long the writer collects lines before it writes a piece that is not full.
const COLLECT: Duration = Duration::from_secs(1);
/// How long the end of the process waits for it.
const FINISH: Duration = Duration::from_secs(1);
/// Its stack in bytes: it calls little.
const STACK: usize = 64 * 1024;

/// All access logs of the process. Shared by every thread.
#[derive(Debug)]
pub struct AccessLogs {
    logs: Vec<Log>,
    orders: Mutex<Orders>,
    /// Rung for the writer, and by it when it has ended.
    bell: Condvar,
}

/// What the writer is to do.
#[derive(Debug, Default)]
struct Orders {
    /// The writer runs; without it whoever fills a piece writes it.
    runs: bool,
    /// Lines wait.
    lines: bool,
    /// A piece is full: do not collect any longer.
    full: bool,
    reopen: bool,
    end: bool,
    ended: bool,
}

#[derive(Debug)]
struct Log {
    path: PathBuf,
    format: LogFormat,
    /// It is standard output, and that the journal: a line needs a priority, lest a client gives it one.
    journal: bool,
    lines: Mutex<Lines>,
    output: Mutex<Output>,
}

/// Collected and not yet written.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    /// Lines for which there was no room.
    lost: usize,
}

#[derive(Debug)]
struct Output {
    file: File,
    /// The buffer of the last piece, kept for the next.
    spare: Vec<u8>,
    /// The last write failed, which has been reported; it may have ended within a line.
    failing: bool,
}

thread_local! {
    /// Where this thread composes its lines.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl AccessLogs {
    /// Opens every log for appending; a new file has mode 0640, and belongs to the `account` that the process is about to
    /// take on, so that it can reopen it.
    ///
    /// # Errors
    /// The first file that can not be opened, with its path in the message.
    pub fn open(logs: &[AccessLog], account: Option<&Account>) -> io::Result<AccessLogs> {
        logs.iter()
            .map(|log| Log::open(log, account))
            .collect::<io::Result<_>>()
            .map(|logs| AccessLogs {
                logs,
                orders: Mutex::default(),
                bell: Condvar::new(),
            })
    }

    /// Starts the thread that writes: neither the front nor a worker waits for a disk, or for whoever reads a pipe. Call
    /// after privileges have been dropped. Without logs, or without a thread, nothing is started.
    pub fn start(&'static self) {
        if self.logs.is_empty() {
            return;
        }
        let writer = thread::Builder::new()
            .name("log".into())
            .stack_size(STACK)
            .spawn(|| self.run());
        match writer {
            Ok(_) => lock(&self.orders).runs = true,
            Err(e) => log::error!("access log: no thread to write it ({e}); workers do"),
        }
    }

    fn run(&self) {
        loop {
            let orders = lock(&self.orders);
            let idle = |o: &mut Orders| !(o.lines || o.full || o.reopen || o.end);
            let orders = self.bell.wait_while(orders, idle);
            let orders = orders.unwrap_or_else(PoisonError::into_inner);
            // Lines are collected for a while, unless something is urgent.
            let patient = |o: &mut Orders| !(o.full || o.reopen || o.end);
            let orders = self.bell.wait_timeout_while(orders, COLLECT, patient);
            let (mut orders, _) = orders.unwrap_or_else(PoisonError::into_inner);
            let (reopen, end) = (orders.reopen, orders.end);
            (orders.lines, orders.full, orders.reopen) = (false, false, false);
            drop(orders);
            if reopen {
                self.reopen_now();
            }
            self.drain_all();
            if end {
                lock(&self.orders).ended = true;
                self.bell.notify_all();
                return;
            }
        }
    }

    /// Tells the writer of lines. False: there is no writer.
    fn order(&self, full: bool) -> bool {
        let mut orders = lock(&self.orders);
        let news = !orders.lines || (full && !orders.full);
        orders.lines = true;
        orders.full |= full;
        if orders.runs && news {
            self.bell.notify_all();
        }
        orders.runs
    }

    /// Whether no request needs to be logged.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// Adds one line to each log. Where the thread that writes does not run, writes to a file only when a piece is full and no
    /// other thread is writing.
    pub fn write(&self, facts: &Facts<'_>) {
        for log in &self.logs {
            LINE.with_borrow_mut(|line| {
                line.clear();
                line.reserve(256);
                if log.journal {
                    line.extend_from_slice(b"<6>");
                }
                compose(&log.format.template, log.format.escape, facts, line);
                let full = log.append(line);
                if !self.order(full) && full {
                    log.flush();
                }
                line.shrink_to(4096); // one giant request does not stay in memory for ever
            });
        }
    }

    /// Writes what is left, but does not wait for ever: a pipe that nobody reads must not keep the process. For its end.
    pub fn finish(&self) {
        let mut orders = lock(&self.orders);
        if !orders.runs {
            drop(orders);
            return self.drain_all();
        }
        orders.end = true;
        self.bell.notify_all();
        let waiting = |o: &mut Orders| !o.ended;
        let _ = self.bell.wait_timeout_while(orders, FINISH, waiting);
    }

    /// Opens every file anew by its path, after its owner has renamed it. A log that can not be opened keeps its file.
    pub fn reopen(&self) {
        let mut orders = lock(&self.orders);
        if !orders.runs {
            drop(orders);
            return self.reopen_now();
        }
        orders.reopen = true;
        self.bell.notify_all();
    }

    fn drain_all(&self) {
        for log in &self.logs {
            log.drain(&mut lock(&log.output));
        }
    }

    fn reopen_now(&self) {
        for log in &self.logs {
            let mut output = lock(&log.output);
            log.drain(&mut output);
            match open_file(&log.path) {
                Ok(file) => output.file = file,
                Err(e) => log::error!(
                    "access log {}: not reopened, the old file stays in use: {e}",
                    log.path.display()
                ),
            }
        }
    }
}

impl Log {
    fn open(log: &AccessLog, account: Option<&Account>) -> io::Result<Log> {
        let opened = match account {
            Some(account) if account.is_to_come() => open_for(account, &log.path),
            _ => open_file(&log.path),
        };
        let file = opened.map_err(|e| {
            io::Error::new(e.kind(), format!("access log {}: {e}", log.path.display()))
        })?;
        Ok(Log {
            path: log.path.clone(),
            format: log.format.clone(),
            journal: is_stdout(&log.path) && goes_to_journal(io::stdout().as_fd()),
            lines: Mutex::default(),
            output: Mutex::new(Output {
                file,
                spare: Vec::new(),
                failing: false,
            }),
        })
    }

    /// Adds a line. True: a piece is full.
    fn append(&self, line: &[u8]) -> bool {
        let mut lines = lock(&self.lines);
        if lines.bytes.len().saturating_add(line.len()) > BACKLOG {
            lines.lost = lines.lost.saturating_add(1);
        } else {
            lines.bytes.extend_from_slice(line);
        }
        lines.bytes.len() >= PIECE
    }

    fn flush(&self) {
        match self.output.try_lock() {
            Ok(mut output) => self.drain(&mut output),
            Err(TryLockError::Poisoned(e)) => self.drain(&mut e.into_inner()),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// Takes the collected lines and writes them.
    fn drain(&self, output: &mut Output) {
        let mut piece = std::mem::take(&mut output.spare);
        let mut lines = lock(&self.lines);
        std::mem::swap(&mut lines.bytes, &mut piece);
        let lost = std::mem::take(&mut lines.lost);
        drop(lines);
        if lost > 0 {
            log::error!(
                "access log {}: {lost} lines lost, the file can not be written fast enough",
                self.path.display()
            );
        }
        if !piece.is_empty() {
            self.put(output, &piece);
        }
        piece.clear();
        piece.shrink_to(2 * PIECE);
        output.spare = piece;
    }

    /// A failure is reported when it begins and when it ends, and not for each piece between.
    fn put(&self, output: &mut Output, piece: &[u8]) {
        let start: &[u8] = if output.failing { b"\n" } else { b"" };
        let result = output
            .file
            .write_all(start)
            .and_then(|()| output.file.write_all(piece));
        match (result, output.failing) {
            (Ok(()), false) | (Err(_), true) => {}
            (Ok(()), true) => {
                output.failing = false;
                log::warn!("access log {}: written again", self.path.display());
            }
            (Err(e), false) => {
                output.failing = true;
                log::error!(
                    "access log {}: lines are lost until it can be written again: {e}",
                    self.path.display()
                );
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `-`, or the name that the system has for it.
pub fn is_stdout(path: &Path) -> bool {
    path == Path::new("-") || path == Path::new("/dev/stdout")
}

fn open_file(path: &Path) -> io::Result<File> {
    if is_stdout(path) {
        return io::stdout().as_fd().try_clone_to_owned().map(File::from);
    }
    File::options()
        .append(true)
        .create(true)
        .mode(0o640)
        // A FIFO without a reader is an error then, not a wait for ever.
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
}

/// Opens a log as the account would. Where it may not, root does and gives the file away, unless the account could have led
/// the path to any other file.
fn open_for(account: &Account, path: &Path) -> io::Result<File> {
    if is_stdout(path) {
        return open_file(path);
    }
    let tried = account.with_files(|groups| {
        let opened = open_file(path);
        let denied = matches!(&opened, Err(e) if e.kind() == ErrorKind::PermissionDenied);
        (opened, denied, groups.to_vec())
    })?;
    let (opened, denied, groups) = tried;
    if !denied {
        return opened;
    }
    if !trust::is_roots(path, &groups) {
        let why = "permission denied to the account of --user, and root follows no path that others can change";
        return Err(io::Error::new(ErrorKind::PermissionDenied, why));
    }
    let file = open_file(path)?;
    // A device is not ours to give away: /dev/null is every program's.
    if file.metadata()?.is_file() {
        std::os::unix::fs::fchown(&file, Some(account.uid), Some(account.gid)).unwrap_or_else(
            |e| log::warn!("access log {}: owner not changed: {e}", path.display()),
        );
    }
    Ok(file)
}

/// Appends one line, its values escaped and its text as it stands.
fn compose(template: &Template, escape: LogEscape, values: &dyn Values, line: &mut Vec<u8>) {
    for part in template.parts() {
        match part {
            Part::Text(text) => line.extend_from_slice(text),
            Part::Var(var) => {
                let start = line.len();
                match (values.put(var, line), escape) {
                    (true, _) => escape_tail(line, start, escape),
                    (false, LogEscape::Default) => line.push(b'-'),
                    (false, LogEscape::Json) => {}
                }
            }
        }
    }
    line.push(b'\n');
}

/// Escapes what stands in `line` from `start` on. Nearly every value is clean and stays where it is.
fn escape_tail(line: &mut Vec<u8>, start: usize, escape: LogEscape) {
    let clean = |b: &u8| (0x20..=0x7e).contains(b) && !matches!(b, b'"' | b'\\');
    let Some(first) = line
        .get(start..)
        .and_then(|tail| tail.iter().position(|b| !clean(b)))
    else {
        return;
    };
    let tail = line.split_off(start + first);
    match escape {
        LogEscape::Default => {
            for byte in &tail {
                if clean(byte) {
                    line.push(*byte);
                } else {
                    line.extend_from_slice(b"\\x");
                    escape::hex(line, *byte);
                }
            }
        }
        LogEscape::Json => escape::json(line, &tail),
    }
}

#[cfg(test)]
mod tests;
