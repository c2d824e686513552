//! The command line: from arguments to a [`Config`], or to what is to be printed instead.
//!
//! One table of flags (`flags/`) drives parser, help, manual page and completions. The way of an argument: `args` finds
//! flags and values, `scopes` sorts them by position, the setters of the table fill the `settings` of each level, and
//! `resolve` lets levels inherit and checks what needs the whole picture. Known to `main` alone.
#![forbid(unsafe_code)]

mod args;
mod check;
mod completions;
mod flags;
mod help;
mod listen;
mod manual;
mod markup;
mod presets;
mod print;
mod probe;
mod resolve;
mod scopes;
mod settings;
mod table;
#[cfg(any(feature = "manual", test))]
mod texts;
mod values;
mod words;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::probe::Plan;
use scopes::{Tree, complain};

/// What the command line asks for.
#[derive(Debug)]
pub enum Action {
    /// Run; the warnings are for the log.
    Run(Box<Config>, Vec<String>),
    /// Print on standard output, exit status 0.
    Print(String),
    /// Check only: the text is printed when all is well; the warnings are for the log.
    Test(Box<Config>, String, Vec<String>),
    /// Ask an application what it needs; exit status 0 where it has answered.
    Probe(Box<Plan>),
    /// Lines for standard error, exit status 2.
    Fail(Vec<String>),
}

/// Where files go for want of another place: $TMPDIR, or else /tmp.
pub fn temp_dir() -> PathBuf {
    resolve::default_temp().dir
}

/// Reads the arguments, without the program's own name. `demo_socket` is where `--demo` will serve its application.
/// Host names are looked up here, which may take a while, and files of passwords and the machine's name are read; nothing else is touched unless `-t` or `-T` asks for it.
pub fn parse(args: &[OsString], demo_socket: &Path) -> Action {
    let args = args::read(args);
    if let Some(name) = args.help {
        return help(name.as_deref());
    }
    let mut tree = scopes::build(args.given);
    if args.errors.is_empty() && tree.commands.iter().any(|(name, _)| *name == "version") {
        return Action::Print(concat!("scgate ", env!("CARGO_PKG_VERSION"), "\n").into());
    }
    if args.errors.is_empty()
        && let Some(action) = generated(&tree)
    {
        return action;
    }
    tree.errors.splice(0..0, args.errors);
    if tree.commands.iter().any(|(name, _)| *name == "probe") {
        return match cfg!(feature = "probe") {
            true => probe::action(tree, demo_socket),
            false => fail(&[complain("probe", None, &values::left_out("probe"))]),
        };
    }
    configured(tree, demo_socket)
}

fn configured(tree: Tree, demo_socket: &Path) -> Action {
    let asked = |name: &str| tree.commands.iter().any(|(known, _)| *known == name);
    let mut remarks = resolve::Remarks {
        errors: tree.errors.clone(),
        warnings: Vec::new(),
    };
    let config = resolve::resolve(&tree, demo_socket, &mut remarks);
    #[cfg(feature = "auth")]
    check::passwords(&config, &mut remarks);
    let testing = asked("test") || asked("print-config");
    if testing {
        check::directories(&config, &mut remarks);
    }
    if !remarks.errors.is_empty() {
        return fail(&remarks.errors);
    }
    let config = Box::new(config);
    match (testing, asked("print-config")) {
        (false, _) => Action::Run(config, remarks.warnings),
        (true, false) => Action::Test(
            config,
            "scgate: the command line is in order\n".into(),
            remarks.warnings,
        ),
        (true, true) => {
            let text = print::print(&tree, &config);
            Action::Test(config, text, remarks.warnings)
        }
    }
}

fn fail(errors: &[String]) -> Action {
    Action::Fail(
        errors
            .iter()
            .map(|error| format!("scgate: {error}"))
            .collect(),
    )
}

fn help(name: Option<&str>) -> Action {
    let Some(name) = name else {
        return Action::Print(help::overview());
    };
    let bare = name.trim_start_matches('-');
    let short = Some(bare)
        .filter(|bare| bare.chars().count() == 1)
        .and_then(|bare| bare.chars().next());
    match table::find(bare).or_else(|| table::find_short(short?)) {
        Some(flag) => Action::Print(help::one(flag)),
        None => fail(&[args::unknown_for_help(bare)]),
    }
}

/// What packagers ask for: `--completions SHELL`, `--man-options`.
fn generated(tree: &Tree) -> Option<Action> {
    tree.commands
        .iter()
        .find_map(|(name, value)| match (*name, value) {
            ("man-options", _) => Some(match cfg!(feature = "manual") {
                true => Action::Print(manual::options()),
                false => fail(&[complain("man-options", None, "this build has no texts")]),
            }),
            ("completions", Some(shell)) => Some(match completions::shell(shell) {
                Some(text) => Action::Print(text),
                None => fail(&[complain(
                    "completions",
                    Some(shell),
                    "is not bash, zsh or fish",
                )]),
            }),
            _ => None,
        })
}
