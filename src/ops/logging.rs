//! The error log: log and env_logger on stderr.
//!
//! A line is `2026-11-21T03:04:05.123Z error message`, or, when stderr is the journal of systemd, `<3>message`: the
//! journal knows the time and reads the priority. Control bytes are escaped, for messages quote what strangers sent.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use log::{Level, LevelFilter};

use super::calendar::Civil;
use crate::sys;

/// Starts logging at this level, which `RUST_LOG` overrides. Panics become log lines too, unless `RUST_BACKTRACE` asks
/// for more. A second call changes nothing.
pub fn init(level: LevelFilter) {
    let journal = is_journal();
    let mut builder = env_logger::Builder::new();
    builder
        .target(env_logger::Target::Pipe(Box::new(Stderr {
            lost: 0,
            journal,
        })))
        .filter_level(level)
        .parse_env("RUST_LOG")
        .format(move |out, record| {
            let mut line = Vec::with_capacity(160);
            compose(
                record.level(),
                &record.args().to_string(),
                journal,
                SystemTime::now(),
                &mut line,
            );
            cut(&mut line);
            out.write_all(&line)
        });
    if builder.try_init().is_ok() {
        log_panics();
    }
}

/// Standard error that nobody ever waits for: what a full pipe does not take is lost, and counted. A log that nobody reads
/// must not stop the front.
struct Stderr {
    lost: usize,
    /// Each line needs its priority.
    journal: bool,
}

/// A pipe that poll calls writable takes this much at once (PIPE_BUF), in bytes.
const AT_ONCE: usize = 4096;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let stderr = io::stderr();
        let wanted = (stderr.as_fd(), false, true);
        let ready =
            |wanted| matches!(sys::poll(wanted, None, Duration::ZERO), Ok((r, _)) if r.write);
        if ready(wanted) && self.lost > 0 {
            let note = format!(
                "{}{} log lines lost: nobody reads standard error\n",
                prefix(Level::Warn, self.journal),
                self.lost
            );
            let _ = stderr.lock().write(note.as_bytes());
            self.lost = 0;
        }
        if ready(wanted) {
            let _ = stderr.lock().write(line);
        } else {
            self.lost += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Cuts a line that is too long to be written at once, between two characters. It stays a line.
fn cut(line: &mut Vec<u8>) {
    if line.len() <= AT_ONCE {
        return;
    }
    let is_inner = |b: Option<&u8>| b.is_some_and(|b| b & 0xc0 == 0x80);
    let mut end = AT_ONCE - 1;
    while is_inner(line.get(end)) {
        end -= 1;
    }
    line.truncate(end);
    line.push(b'\n');
}

/// Writes to standard error what is said before there is a log, or besides it, with a priority for the journal. What can not
/// be written (`2>/dev/full`) must not end the program.
pub fn complain(level: Level, messages: &[String]) {
    let prefix = prefix(level, is_journal());
    let mut stderr = io::stderr().lock();
    for line in messages.iter().flat_map(|message| message.split('\n')) {
        let _ = writeln!(stderr, "{prefix}{line}");
    }
}

/// Whether standard error goes to the journal of systemd.
fn is_journal() -> bool {
    goes_to_journal(io::stderr().as_fd())
}

/// Whether a descriptor is the journal of systemd, as that tells it: then what stands in `<>` at the beginning of a line is a
/// priority.
pub fn goes_to_journal(fd: BorrowedFd<'_>) -> bool {
    std::env::var("JOURNAL_STREAM").is_ok_and(|text| is_stream(fd, &text))
}

/// Whether `DEVICE:INODE` is this descriptor, and not a stream of which we only inherited the variable.
fn is_stream(fd: BorrowedFd<'_>, text: &str) -> bool {
    let Some((device, inode)) = text.split_once(':') else {
        return false;
    };
    let file = fd.try_clone_to_owned().map(std::fs::File::from);
    file.and_then(|file| file.metadata())
        .is_ok_and(|meta| device.parse() == Ok(meta.dev()) && inode.parse() == Ok(meta.ino()))
}

fn log_panics() {
    let usual = std::panic::take_hook();
    let verbose = std::env::var_os("RUST_BACKTRACE").is_some_and(|text| text != "0");
    std::panic::set_hook(Box::new(move |info| {
        if verbose || !log::log_enabled!(Level::Error) {
            return usual(info);
        }
        let thread = std::thread::current();
        log::error!(
            "thread {} {info}",
            thread.name().unwrap_or("without a name")
        );
    }));
}

fn compose(level: Level, message: &str, journal: bool, now: SystemTime, line: &mut Vec<u8>) {
    line.extend_from_slice(prefix(level, journal).as_bytes());
    if !journal {
        Civil::utc(now).put_iso_millis(line);
        line.push(b' ');
        line.extend_from_slice(name(level).as_bytes());
        line.push(b' ');
    }
    put_escaped(message, line);
    line.push(b'\n');
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

/// How a line for the journal begins: the priorities of syslog (sd-daemon(3)). Elsewhere: with nothing.
fn prefix(level: Level, journal: bool) -> &'static str {
    match level {
        _ if !journal => "",
        Level::Error => "<3>",
        Level::Warn => "<4>",
        Level::Info => "<6>",
        Level::Debug | Level::Trace => "<7>",
    }
}

/// One message stays one line and moves no cursor.
fn put_escaped(message: &str, line: &mut Vec<u8>) {
    if !message.contains(char::is_control) {
        return line.extend_from_slice(message.as_bytes());
    }
    for c in message.chars() {
        if c.is_control() {
            line.extend(c.escape_default().map(|c| u8::try_from(c).unwrap_or(b'?'))); // ASCII by definition
        } else {
            line.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn line(level: Level, message: &str, journal: bool) -> String {
        let mut out = Vec::new();
        compose(
            level,
            message,
            journal,
            UNIX_EPOCH + Duration::from_millis(784_111_777_123),
            &mut out,
        );
        String::from_utf8(out).expect("lines are UTF-8")
    }

    #[test]
    fn a_line_has_time_level_and_message() {
        assert_eq!(
            line(Level::Error, "no socket", false),
            "1994-11-06T08:49:37.123Z error no socket\n"
        );
    }

    #[test]
    fn the_journal_gets_a_priority_instead() {
        assert_eq!(line(Level::Warn, "slow", true), "<4>slow\n");
        assert_eq!(line(Level::Trace, "x", true), "<7>x\n");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(
            line(Level::Info, "a\nb\x1b[2Jä\u{9b}", true),
            "<6>a\\nb\\u{1b}[2Jä\\u{9b}\n"
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_between_characters() {
        let mut long = "ä".repeat(AT_ONCE).into_bytes();
        cut(&mut long);
        let text = String::from_utf8(long).expect("whole characters");
        assert!(text.len() <= AT_ONCE && text.len() > AT_ONCE - 3);
        assert!(text.ends_with("ä\n"));
        let mut fits = vec![b'x'; AT_ONCE];
        cut(&mut fits);
        assert_eq!(fits, vec![b'x'; AT_ONCE]);
    }

    #[test]
    fn another_stream_is_not_the_journal() {
        assert!(!is_stream(io::stderr().as_fd(), "1:2"));
        assert!(!is_stream(io::stderr().as_fd(), ""));
        assert!(!is_stream(io::stderr().as_fd(), "x:y"));
    }
}
