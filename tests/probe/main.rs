//! `--probe`: what it says of applications whose habits are known, and of all that is no application.
//!
//! The applications here are lenient where those of other tests are strict: the probe asks on purpose what a gateway never
//! would (CONTENT_LENGTH in another place, parameters left out, other protocols).

#[path = "../common/mod.rs"]
mod common;

mod faults;
mod findings;
mod real;

use std::io::Read;
use std::process::Command;

use common::Scgi;
use common::gate::{Stopped, run};

/// One request, as far as these applications care.
struct Asked {
    params: Vec<(String, String)>,
    /// Bytes of the block.
    block: usize,
    body: usize,
}

impl Asked {
    fn has(&self, name: &str) -> bool {
        self.params.iter().any(|(known, _)| known == name)
    }

    fn get(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// Reads the parameters of a request; `None` where it is no netstring.
fn params(scgi: &mut Scgi) -> Option<Asked> {
    let mut length = String::new();
    loop {
        let mut byte = [0];
        scgi.read_exact(&mut byte).ok()?;
        match byte[0] {
            b':' => break,
            b'0'..=b'9' if length.len() < 9 => length.push(byte[0].into()),
            _ => return None,
        }
    }
    let block: usize = length.parse().ok()?;
    let mut bytes = vec![0; block + 1];
    scgi.read_exact(&mut bytes).ok()?;
    assert_eq!(bytes[block], b',');
    let parts: Vec<String> = bytes[..block]
        .split(|byte| *byte == 0)
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect();
    let pairs = parts.chunks_exact(2);
    let params: Vec<(String, String)> = pairs.map(|p| (p[0].clone(), p[1].clone())).collect();
    let mut asked = Asked {
        params,
        block,
        body: 0,
    };
    asked.body = asked.get("CONTENT_LENGTH").parse().expect("CONTENT_LENGTH");
    Some(asked)
}

/// Reads a whole request.
fn whole(scgi: &mut Scgi) -> Option<Asked> {
    let asked = params(scgi)?;
    let mut body = vec![0; asked.body];
    scgi.read_exact(&mut body).ok()?;
    Some(asked)
}

/// What a probe printed.
struct Said(Stopped);

impl Said {
    /// What the line about this says. There must be one.
    #[track_caller]
    fn about(&self, what: &str) -> &str {
        let start = format!("{what}: ");
        let mut lines = self.0.stdout.lines();
        let line = lines.find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no line about {what} in:\n{}", self.0.stdout))
    }

    #[track_caller]
    fn answered(self) -> Said {
        let Stopped {
            status,
            stdout,
            stderr,
        } = &self.0;
        assert_eq!(status.code(), Some(0), "{stdout}{stderr}");
        assert_eq!(stderr, "", "{stdout}");
        self
    }

    /// There was no application; returns the line that says why.
    #[track_caller]
    fn refused(&self, what: &str) -> &str {
        assert_eq!(self.0.status.code(), Some(1), "{}", self.0.stdout);
        assert_eq!(self.0.stderr, "");
        assert!(!self.0.stdout.contains("What follows"));
        self.about(what)
    }

    /// The flags of the command line that it suggests, which must be in order.
    #[track_caller]
    fn flags(&self) -> &str {
        let mut lines = self.0.stdout.lines();
        let line = lines.find_map(|line| line.strip_prefix("  scgate --listen 127.0.0.1:8080 "));
        let flags = line.unwrap_or_else(|| panic!("no command line in:\n{}", self.0.stdout));
        let checked = Command::new("sh")
            .args([
                "-c",
                &format!("exec \"$0\" -t {flags}"),
                env!("CARGO_BIN_EXE_scgate"),
            ])
            .output()
            .expect("a shell");
        assert!(checked.status.success(), "{flags}: {checked:?}");
        flags
    }
}

/// Probes, with this flag and more. An answer may take a minute, so that a busy machine changes nothing.
#[track_caller]
fn probe(target: &str, more: &[&str]) -> Said {
    probe_within("60s", target, more)
}

/// Probes an application of which something is waited for in vain for `patience`.
#[track_caller]
fn probe_within(patience: &str, target: &str, more: &[&str]) -> Said {
    let args = ["--probe", target, "--read-timeout", patience];
    let stopped = run(args.iter().chain(more));
    let plain = |c: char| c == '\n' || !c.is_control();
    assert!(stopped.stdout.chars().all(plain), "{:?}", stopped.stdout);
    Said(stopped)
}
