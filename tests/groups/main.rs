//! Groups of servers over real requests: who is chosen, who is spared, who stays with whom.

#[path = "../common/mod.rs"]
mod common;

mod drain;
mod hash;
mod health;
mod names;
mod sticky;
mod turns;

use std::sync::Arc;

use common::gate::Starter;
use common::http::Client;
use common::status::STATUS;
use common::{App, Gate, Latch};

/// An application that answers each request with its name, and notes it. Names have one letter.
fn named(name: &'static str) -> App {
    App::with_log(move |scgi, log| {
        let (request, _) = scgi.all();
        // Before the answer, so that who has it finds the note.
        log(&request);
        scgi.reply(name);
    })
}

/// The same, but `/hold` is answered only when the latch is opened.
fn holding(name: &'static str) -> (App, Arc<Latch>) {
    let latch = Arc::new(Latch::default());
    let shut = Arc::clone(&latch);
    let app = App::with_log(move |scgi, log| {
        let (request, _) = scgi.all();
        log(&request);
        if request.uri().starts_with("/hold") {
            shut.wait();
        }
        let head = format!("Status: 200\r\nContent-Length: {}\r\n\r\n", name.len());
        // Who asked to be held may have gone.
        let _ = scgi.try_send(head + name);
    });
    (app, latch)
}

/// A group `g` of these servers with their parameters.
fn group(servers: &[(&App, &str)]) -> Vec<String> {
    let addresses: Vec<_> = servers.iter().map(|(app, p)| (app.addr(), *p)).collect();
    group_at("g", &addresses)
}

fn group_at(name: &str, servers: &[(String, &str)]) -> Vec<String> {
    let flags = servers.iter().flat_map(|(address, parameters)| {
        [
            "--upstream".to_owned(),
            format!("{name} {address} {parameters}")
                .trim_end()
                .to_owned(),
        ]
    });
    flags.collect()
}

/// The command line of a gateway that passes everything to the group `g`, except for its status.
fn flags(servers: Vec<String>, args: &[&str]) -> Vec<String> {
    let mut flags = servers;
    flags.extend(args.iter().map(|&a| a.to_owned()));
    flags.extend(["--location", "/", "--pass", "g"].map(str::to_owned));
    flags.extend(STATUS.map(str::to_owned));
    flags
}

#[track_caller]
fn gate(servers: Vec<String>, args: &[&str]) -> Gate {
    Gate::start(flags(servers, args))
}

/// The names of those who answer `n` requests, one after the other.
#[track_caller]
fn names(gate: &Gate, n: usize) -> String {
    let mut client = gate.client();
    (0..n).map(|_| client.get("/").is(200).text()).collect()
}

/// A request that the one who gets it holds; returns when it has got there.
#[track_caller]
fn hold(gate: &Gate, app: &App) -> Client {
    let before = app.requests().len();
    let mut client = gate.client();
    client.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    common::until("the request to be held", || app.requests().len() > before);
    client
}

/// How often a name stands in a sequence.
fn times(sequence: &str, name: char) -> usize {
    sequence.chars().filter(|&c| c == name).count()
}

/// A gateway whose names are looked up in this file.
#[track_caller]
fn gate_with_hosts(hosts: &str, flags: Vec<String>) -> Gate {
    Starter::new().args(flags).hosts(hosts).start()
}
