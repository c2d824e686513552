//! The status location: its page, its JSON, its exposition for Prometheus, and the orders that it takes. By curl, by
//! Prometheus's own parser and by a browser, as those who will use it.

#[path = "../common/mod.rs"]
mod common;

mod browser;
mod counts;
mod formats;
mod orders;
mod zones;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::process::find_program;
use common::{App, Gate, Response, left_out};

/// A status location that takes orders from this machine.
const WRITABLE: [&str; 8] = [
    "--location",
    "/status",
    "--status",
    "writable",
    "--allow",
    "127.0.0.1",
    "--deny",
    "all",
];

/// One that takes none.
const READABLE: [&str; 4] = ["--location", "/status", "--status", "on"];

/// A gateway with a group `g` of these applications at `/`, and a status location.
#[track_caller]
fn gate(apps: &[&App], status: &[&str]) -> Gate {
    let mut args: Vec<String> = Vec::new();
    for app in apps {
        args.extend(["--upstream".into(), format!("g {}", app.addr())]);
    }
    args.extend(status.iter().map(|arg| (*arg).to_owned()));
    args.extend(["--location", "/", "--pass", "g"].map(str::to_owned));
    Gate::start(args)
}

/// The status as JSON, on one line.
#[track_caller]
fn json(gate: &Gate) -> String {
    gate.get("/status?format=json").is(200).text()
}

/// What follows the strings of `path`, one after the other: names, and values such as an address that lead to the right
/// place. Enough for a document whose names come in a known order.
#[track_caller]
fn at<'a>(json: &'a str, path: &[&str]) -> &'a str {
    let mut rest = json;
    for name in path {
        let key = format!("\"{name}\"");
        let found = rest
            .find(&key)
            .unwrap_or_else(|| panic!("no {name} of {path:?} in {json}"));
        rest = &rest[found + key.len()..];
    }
    rest.trim_start_matches(':')
}

/// A number of it.
#[track_caller]
fn number(json: &str, path: &[&str]) -> u64 {
    let digits = at(json, path).split(|c: char| !c.is_ascii_digit()).next();
    let number = digits.and_then(|digits| digits.parse().ok());
    number.unwrap_or_else(|| panic!("no number at {path:?} in {json}"))
}

/// A text of it that has no escapes.
#[track_caller]
fn text<'a>(json: &'a str, path: &[&str]) -> &'a str {
    let quoted = at(json, path).strip_prefix('"');
    let text = quoted.and_then(|rest| rest.split('"').next());
    text.unwrap_or_else(|| panic!("no text at {path:?} in {json}"))
}

/// Posts a form; `fields` are further lines of the head.
#[track_caller]
fn post(gate: &Gate, fields: &str, form: &str) -> Response {
    let mut client = gate.client();
    client.send(format!(
        "POST /status HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-www-form-urlencoded\r\n{fields}\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    ));
    client.response()
}

/// The form of an order about an application of the group `g`.
fn form(app: &App, action: &str) -> String {
    let server: String = app
        .addr()
        .bytes()
        .map(|b| match b {
            b if b.is_ascii_alphanumeric() => (b as char).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect();
    format!("group=g&server={server}&action={action}")
}

/// Python with the packages that `scripts/test` installs, if this one is there.
fn python(package: &str) -> Option<PathBuf> {
    let venv = std::env::var_os("SCGATE_TEST_VENV").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/test-venv"),
        PathBuf::from,
    );
    let own = venv.join("bin/python3");
    [Some(own), find_program(&["python3"])]
        .into_iter()
        .flatten()
        .find(|python| {
            let has = Command::new(python)
                .args(["-c", &format!("import {package}")])
                .stderr(Stdio::null())
                .status();
            has.is_ok_and(|status| status.success())
        })
}

/// What a Python script of this directory says to this input. `None`, and a word about it, where Python or the package is
/// missing.
#[track_caller]
fn ask_python(test: &str, package: &str, script: &str, input: &str) -> Option<String> {
    let Some(python) = python(package) else {
        left_out(test, &format!("no python3 with {package} (scripts/test)"));
        return None;
    };
    let script = format!("{}/tests/status/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new(python)
        .arg(script)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start Python");
    // The scripts read all of their input before they write.
    let sent = child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_bytes());
    let output = child.wait_with_output().expect("wait for Python");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && sent.is_ok(),
        "{errors}\nabout\n{input}"
    );
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
