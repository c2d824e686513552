//! What becomes of a request when a server of its group fails: who is tried next, what the client gets, what is counted.

#[path = "../common/mod.rs"]
mod common;

mod chaos;
mod credit;
mod matrix;
mod rules;
mod telling;
mod tries;

use common::{App, Gate, Temp};

/// `--upstream` for each address with its parameters, in this order, all in the group `g`.
fn group(servers: &[(String, &str)]) -> Vec<String> {
    servers
        .iter()
        .flat_map(|(address, parameters)| {
            [
                "--upstream".to_owned(),
                format!("g {address} {parameters}").trim_end().to_owned(),
            ]
        })
        .collect()
}

/// The same for applications without parameters of their own: they stay in the group whatever they do, and are tried in
/// their order, for the first is chosen first and a request tries none twice.
fn group_of(apps: &[&App]) -> Vec<String> {
    let servers: Vec<_> = apps.iter().map(|a| (a.addr(), "max_fails=0")).collect();
    group(&servers)
}

/// The address of a socket file that nobody listens on any more.
fn stale(dir: &Temp, name: &str) -> String {
    let path = dir.file(name);
    drop(std::os::unix::net::UnixListener::bind(&path).expect("bind"));
    format!("unix:{path}")
}

/// Reads the whole request, notes it, and closes without a byte.
fn silent() -> App {
    App::with_log(|scgi, log| {
        let (request, _) = scgi.all();
        log(&request);
    })
}

/// Answers each request with this text.
fn good(text: &'static str) -> App {
    App::with_log(move |scgi, log| {
        let (request, _) = scgi.all();
        // Before the answer, so that who has it finds the note.
        log(&request);
        scgi.reply(text);
    })
}

/// Answers each request with this status.
fn refusing(status: u16) -> App {
    App::with_log(move |scgi, log| {
        let (request, _) = scgi.all();
        log(&request);
        scgi.send(format!("Status: {status}\r\nContent-Length: 3\r\n\r\nown"));
    })
}

/// A gateway in front of the group `g`.
#[track_caller]
fn gate(servers: Vec<String>, args: &[&str]) -> Gate {
    let args = args.iter().map(|&a| a.to_owned());
    Gate::start(
        servers
            .into_iter()
            .chain(["--pass".into(), "g".into()])
            .chain(args),
    )
}

fn seen(apps: &[&App]) -> Vec<usize> {
    apps.iter().map(|a| a.requests().len()).collect()
}

/// The whole access log, once the gateway has ended.
#[track_caller]
fn access_log(gate: Gate, path: &str) -> Vec<String> {
    gate.stop();
    let text = std::fs::read_to_string(path).expect("the access log");
    text.lines().map(str::to_owned).collect()
}
