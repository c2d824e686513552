//! Where a request goes inside the gateway: X-Accel-Redirect, local redirects, X-Sendfile, error pages.

#[path = "../common/mod.rs"]
mod common;

mod accel;
mod carried;
mod earlier;
mod levels;
mod local;
mod named;
mod pages;
mod peers;
mod sendfile;
mod targets;
mod troubles;

use std::fmt::Write as _;

use common::scgi::Request;
use common::{App, Client, Gate, Response, Temp};

/// What an application answers, by the path that it is asked for.
type Answers = &'static [(&'static str, &'static str)];

/// An application that answers each path with the bytes that stand for it, and any other with what it was asked.
fn app(answers: Answers) -> App {
    App::with_log(move |scgi, log| {
        let (request, body) = scgi.all();
        log(&request);
        let path = request.get("DOCUMENT_URI");
        let answer = answers.iter().find(|(key, _)| *key == path);
        let _ = match answer {
            Some((_, bytes)) => scgi.try_send(bytes),
            None => scgi.try_send(told(&request, &body)),
        };
    })
}

/// What a request was, as `NAME=value` lines.
fn told(request: &Request, body: &[u8]) -> String {
    let mut text = String::new();
    for name in [
        "REQUEST_METHOD",
        "REQUEST_URI",
        "DOCUMENT_URI",
        "QUERY_STRING",
        "CONTENT_TYPE",
        "CONTENT_LENGTH",
    ] {
        let value = request.param(name).unwrap_or_default();
        let _ = writeln!(text, "{name}={value}");
    }
    if body.len() <= 1000 {
        let _ = writeln!(text, "BODY={}", String::from_utf8_lossy(body));
    }
    format!(
        "Status: 200 OK\r\nContent-Type: text/told\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )
}

/// A gateway whose access log, on standard output, has a line in this form for each request.
fn logging(form: &str, args: &[&str]) -> Gate {
    let form = format!("own {form}");
    let log = ["--log-format", &form, "--access-log", "- own"];
    Gate::start(log.iter().chain(args))
}

/// Ends the gateway and asserts that its access log has these lines.
#[track_caller]
fn logged(gate: Gate, wanted: &[&str]) {
    let log = gate.stop().stdout;
    for line in wanted {
        assert!(log.lines().any(|l| l == *line), "no line {line:?} in {log}");
    }
}

/// A request with these fields, each with its line end, and this body.
fn asks(client: &mut Client, method: &str, target: &str, fields: &str, body: &[u8]) -> Response {
    let length = match (body.len(), fields.contains("Content-Length")) {
        (0, _) | (_, true) => String::new(),
        (length, false) => format!("Content-Length: {length}\r\n"),
    };
    client.send(format!(
        "{method} {target} HTTP/1.1\r\nHost: test\r\n{fields}{length}\r\n"
    ));
    client.send(body);
    client.response_to(method)
}

/// A directory with a few files: `a.txt`, `dir/index.html`, `404.html`.
fn tree() -> Temp {
    let tree = Temp::new();
    for dir in ["files/dir", "dir", "empty"] {
        std::fs::create_dir_all(tree.path().join(dir)).expect("a directory");
    }
    tree.write("files/a.txt", "the file\n");
    tree.write("404.html", "<p>lost\n");
    tree
}
