//! What a location answers with, and what is added to or taken from a response: `--return`, `--add-header`, `--map`, ranges of
//! responses, and responses kept as files.

#[path = "../common/mod.rs"]
mod common;

mod headers;
mod keeping;
mod maps;
mod places;
mod ranges;
mod returns;
mod store;
mod unstored;

use common::{Client, Gate, Response};

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
