//! The command line as a whole: grammar, inheritance, every class of error, and what comes out of it.

mod auth;
mod cache;
mod cache_errors;
mod cache_listing;
mod cache_path;
mod config;
mod content;
mod errors;
mod examples;
mod groups;
mod health;
mod maps;
mod presets;
mod print;
mod probe;
mod response;
mod scopes;

use super::*;
use crate::config::{Handler, Location, Scgi};

fn run(args: &[&str]) -> Action {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    parse(&args, Path::new("/run/demo.sock"))
}

fn ok(args: &[&str]) -> (Config, Vec<String>) {
    match run(args) {
        Action::Run(config, warnings) => (*config, warnings),
        other => panic!("{args:?}: {other:?}"),
    }
}

fn config(args: &[&str]) -> Config {
    let (config, warnings) = ok(args);
    assert_eq!(warnings, Vec::<String>::new(), "{args:?}");
    config
}

/// The lines of a refusal, without the program's name, which each must have.
fn errors(args: &[&str]) -> Vec<String> {
    match run(args) {
        Action::Fail(lines) => {
            assert!(lines.iter().all(|line| !line.contains('\n')), "{lines:?}");
            let bare = |line: String| {
                line.strip_prefix("scgate: ")
                    .expect("the program's name")
                    .to_owned()
            };
            lines.into_iter().map(bare).collect()
        }
        other => panic!("{args:?}: {other:?}"),
    }
}

/// The only error of a command line.
fn error(args: &[&str]) -> String {
    let mut lines = errors(args);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

fn location(config: &Config, server: usize, index: usize) -> &Location {
    &config.servers[server].locations[index]
}

fn scgi(location: &Location) -> &Scgi {
    match &location.handler {
        Handler::Scgi(scgi) => scgi,
        _ => panic!("no --pass"),
    }
}

/// The settings of the one location of a command line with `--pass`.
fn one(args: &[&str]) -> Scgi {
    let args: Vec<&str> = ["--pass", "unix:/app"]
        .iter()
        .chain(args)
        .copied()
        .collect();
    let mut config = config(&args);
    match config.servers.remove(0).locations.remove(0).handler {
        Handler::Scgi(scgi) => *scgi,
        _ => panic!("no --pass"),
    }
}

const P: &str = "--pass=unix:/app";
