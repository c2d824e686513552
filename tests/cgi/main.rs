//! `--cgi`: the program as a CGI program (RFC 3875), by hand and under real web servers, and under inetd.

#[path = "../common/mod.rs"]
mod common;

mod bodies;
mod ends;
mod environment;
mod inetd;
mod real;
mod responses;

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, ExitStatus};

use common::App;
use common::gate::program;
use common::process::{self, Running, Setup};

/// What a server sets for every request.
const SERVER: [(&str, &str); 8] = [
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("REQUEST_METHOD", "GET"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("SERVER_NAME", "router.example"),
    ("SERVER_PORT", "80"),
    ("REMOTE_ADDR", "192.0.2.7"),
    ("SCRIPT_NAME", "/cgi-bin/app"),
    ("HTTP_HOST", "router.example"),
];

/// One call of the program, as a web server makes it.
pub struct Call {
    args: Vec<String>,
    env: Vec<(String, String)>,
    fds: Vec<(OwnedFd, i32)>,
}

/// What came of it.
#[derive(Debug)]
pub struct Answer {
    pub status: ExitStatus,
    /// The value of the Status line.
    pub line: String,
    pub fields: Vec<(String, String)>,
    pub body: String,
    pub stdout: String,
    pub stderr: String,
}

impl Call {
    /// Passes everything to this application.
    pub fn to(app: &App) -> Call {
        Call::with(&["--pass", &app.addr()])
    }

    pub fn with(args: &[&str]) -> Call {
        let own = |text: &&str| (*text).to_owned();
        Call {
            args: args.iter().map(own).collect(),
            env: SERVER
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
            fds: Vec::new(),
        }
    }

    pub fn args(mut self, args: &[&str]) -> Call {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// Sets `NAME=value`, or unsets `NAME`.
    pub fn env(mut self, lines: &[&str]) -> Call {
        for line in lines {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            self.env.retain(|(known, _)| known != name);
            if line.contains('=') {
                self.env.push((name.into(), value.into()));
            }
        }
        self
    }

    pub fn post(self, length: usize) -> Call {
        let length = format!("CONTENT_LENGTH={length}");
        self.env(&["REQUEST_METHOD=POST", &length])
    }

    pub fn stdin(mut self, from: impl Into<OwnedFd>) -> Call {
        self.fds.push((from.into(), 0));
        self
    }

    pub fn stdout(mut self, to: impl Into<OwnedFd>) -> Call {
        self.fds.push((to.into(), 1));
        self
    }

    /// Standard input is a pipe from which these bytes come, and then the end.
    pub fn input(self, bytes: &[u8]) -> Call {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let bytes = bytes.to_vec();
        // The program may end before it has read them.
        std::thread::spawn(move || writer.write_all(&bytes));
        self.stdin(reader)
    }

    /// Standard input is a file of these bytes.
    pub fn file(self, bytes: &[u8]) -> Call {
        let dir = common::Temp::new();
        std::fs::write(dir.file("body"), bytes).expect("a file");
        self.stdin(File::open(dir.file("body")).expect("the file"))
    }

    #[track_caller]
    pub fn start(self) -> Running {
        let mut command = Command::new(program());
        command.arg("--cgi").args(&self.args).env_clear();
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let setup = Setup {
            fds: self
                .fds
                .iter()
                .map(|(fd, at)| (fd.as_raw_fd(), *at))
                .collect(),
            ..Setup::default()
        };
        process::start("scgate --cgi", command, setup)
    }

    /// Waits for the end.
    #[track_caller]
    pub fn run(self) -> Answer {
        let mut running = self.start();
        let status = running.wait();
        answer(status, running.stdout(), running.stderr())
    }
}

/// Takes apart what the program wrote.
fn answer(status: ExitStatus, stdout: String, stderr: String) -> Answer {
    assert!(!stderr.contains("panicked"), "{stderr}");
    let (head, body) = stdout.split_once("\r\n\r\n").unwrap_or((&stdout, ""));
    let mut lines = head
        .split("\r\n")
        .map(|line| line.split_once(": ").unwrap_or((line, "")));
    let (name, line) = lines.next().unwrap_or_default();
    assert!(name == "Status" || stdout.is_empty(), "{stdout}");
    Answer {
        status,
        line: line.to_owned(),
        fields: lines
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        body: body.to_owned(),
        stdout: stdout.clone(),
        stderr,
    }
}

impl Answer {
    /// All of a response with this status line is out.
    #[track_caller]
    pub fn is(self, line: &str) -> Answer {
        assert_eq!(
            (self.line.as_str(), self.status.code()),
            (line, Some(0)),
            "{self:?}"
        );
        self
    }

    /// The values of a field, joined with `|`.
    pub fn field(&self, name: &str) -> String {
        let named = self
            .fields
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let values: Vec<&str> = named.map(|(_, value)| value.as_str()).collect();
        values.join("|")
    }

    /// A parameter that [`App::echo`] shows; `-`: it was not sent.
    pub fn param(&self, name: &str) -> String {
        let value = |line: &str| {
            line.strip_prefix(name)?
                .strip_prefix('=')
                .map(str::to_owned)
        };
        self.body
            .lines()
            .find_map(value)
            .unwrap_or_else(|| "-".into())
    }
}
