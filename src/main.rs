//! scgate: an SCGI gateway. HTTP/1.1 in front, SCGI applications behind, told everything by flags.
//!
//! `main` turns flags into a [`config::Config`] and runs it; it is the only place that ends the process.
//! The rooms import only downwards; `tests/levels.rs` holds them to it.
#![deny(unsafe_code)]
#![allow(dead_code)]

mod buffer;
mod cli;
mod config;
mod error;
mod front;
mod http;
mod ops;
mod respond;
mod scgi;
mod sink;
mod sys;
mod template;
mod units;
mod upstream;
mod worker;

fn main() -> std::process::ExitCode {
    let args: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    let demo = std::env::temp_dir().join(format!("scgate-demo-{}.sock", std::process::id()));
    let (text, warnings) = match cli::parse(&args, &demo) {
        cli::Action::Fail(lines) => {
            lines.iter().for_each(|line| eprintln!("{line}"));
            return 2.into();
        }
        cli::Action::Print(text) => (text, Vec::new()),
        cli::Action::Test(_, text, warnings) => (text, warnings),
        cli::Action::Run(_, warnings) => (String::new(), warnings),
    };
    warnings
        .iter()
        .for_each(|line| eprintln!("scgate: warning: {line}"));
    print!("{text}");
    0.into()
}
