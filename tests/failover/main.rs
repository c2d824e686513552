//! What becomes of a request when a server of its group fails: who is tried next, what the client gets, what is counted.

#[path = "../common/mod.rs"]
mod common;

mod chaos;
mod credit;
mod matrix;
mod rules;
mod tries;

use common::{App, Temp};

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
