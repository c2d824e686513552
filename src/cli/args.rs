//! From the arguments of the process to flags with their values, in order. getopts does the reading; because it stops
//! at its first complaint, the arguments are looked over before, and what it would refuse is reported and left out.

use std::ffi::OsString;

use getopts::Options;

use super::table::{self, Flag};
use super::words::printable;

/// One flag of the command line.
pub struct Given {
    pub flag: &'static Flag,
    /// `None`: the flag takes no value.
    pub value: Option<String>,
}

/// What the arguments say.
#[derive(Default)]
pub struct Args {
    /// In the order of the command line.
    pub given: Vec<Given>,
    /// `--help`, with the flag that was named after it.
    pub help: Option<Option<String>>,
    /// Without the program's name in front.
    pub errors: Vec<String>,
}

/// Reads the arguments (without the program's own name).
pub fn read(args: &[OsString]) -> Args {
    let mut out = Args::default();
    let Some(texts) = texts(args, &mut out.errors) else {
        return out;
    };
    let clean = look_over(&texts, &mut out);
    if out.help.is_some() {
        return out;
    }
    match options().parse(&clean) {
        Ok(matches) => out.given = in_order(&matches),
        Err(fail) => out.errors.push(printable(&fail.to_string())),
    }
    out
}

fn texts(args: &[OsString], errors: &mut Vec<String>) -> Option<Vec<String>> {
    let mut texts = Vec::with_capacity(args.len());
    for (index, arg) in args.iter().enumerate() {
        match arg.to_str() {
            Some(text) => texts.push(text.to_owned()),
            None => errors.push(format!(
                "argument {} is not UTF-8: '{}'",
                index + 1,
                printable(&arg.to_string_lossy())
            )),
        }
    }
    errors.is_empty().then_some(texts)
}

/// Keeps what getopts will understand, and reports the rest.
fn look_over(texts: &[String], out: &mut Args) -> Vec<String> {
    let mut clean = Vec::with_capacity(texts.len());
    let mut rest = texts.iter().peekable();
    while let Some(text) = rest.next() {
        if text == "--" {
            rest.by_ref().for_each(|text| out.errors.push(stray(text)));
        } else if let Some(body) = text.strip_prefix("--") {
            let (name, inline) = body
                .split_once('=')
                .map_or((body, None), |(name, value)| (name, Some(value)));
            long(name, inline, text, &mut rest, &mut clean, out);
        } else if text.len() > 1 && text.starts_with('-') {
            short(text, &mut rest, &mut clean, out);
        } else {
            out.errors.push(stray(text));
        }
    }
    clean
}

type Rest<'a> = std::iter::Peekable<std::slice::Iter<'a, String>>;

fn stray(text: &str) -> String {
    format!(
        "'{}' is not a flag (a value that contains blanks stands in quotes)",
        printable(text)
    )
}

fn long(
    name: &str,
    inline: Option<&str>,
    text: &str,
    rest: &mut Rest,
    clean: &mut Vec<String>,
    out: &mut Args,
) {
    let Some(flag) = table::find(name) else {
        out.errors.push(unknown(name));
        if inline.is_none() {
            skip_value(rest);
        }
        return;
    };
    if flag.long == "help" {
        out.help = Some(inline.map(str::to_owned).or_else(|| rest.next().cloned()));
        return;
    }
    match (flag.takes_value(), inline) {
        (false, Some(_)) => out.errors.push(format!("--{name}: takes no value")),
        (false, None) | (true, Some(_)) => clean.push(text.to_owned()),
        (true, None) => take_value(flag, text, rest, clean, out),
    }
}

/// What follows an unknown flag is most likely its value; complaining about that as well helps nobody.
fn skip_value(rest: &mut Rest) {
    if rest.peek().is_some_and(|next| !next.starts_with('-')) {
        rest.next();
    }
}

fn take_value(flag: &Flag, text: &str, rest: &mut Rest, clean: &mut Vec<String>, out: &mut Args) {
    match rest.next() {
        Some(value) => clean.extend([text.to_owned(), value.to_owned()]),
        None => out
            .errors
            .push(format!("--{}: needs a value ({})", flag.long, flag.arg)),
    }
}

/// `-p ADDRESS`, `-pADDRESS`, or flags without values put together (`-tV`).
fn short(text: &str, rest: &mut Rest, clean: &mut Vec<String>, out: &mut Args) {
    for (at, letter) in text.char_indices().skip(1) {
        let Some(flag) = table::find_short(letter) else {
            out.errors.push(unknown_short(text, letter));
            skip_value(rest);
            return;
        };
        if flag.long == "help" {
            out.help = Some(rest.next().cloned());
            return;
        }
        if flag.takes_value() {
            match at + letter.len_utf8() < text.len() {
                true => clean.push(text.to_owned()),
                false => take_value(flag, text, rest, clean, out),
            }
            return;
        }
    }
    clean.push(text.to_owned());
}

fn unknown(name: &str) -> String {
    match table::nearest(name) {
        Some(flag) => format!(
            "--{}: unknown flag; did you mean --{}?",
            printable(name),
            flag.long
        ),
        None => format!("--{}: unknown flag (see scgate --help)", printable(name)),
    }
}

/// A long name with one dash is the usual reason.
fn unknown_short(text: &str, letter: char) -> String {
    let name = text.trim_start_matches('-');
    let name = name.split_once('=').map_or(name, |(name, _)| name);
    match table::find(name) {
        Some(flag) => format!(
            "{}: unknown flag; did you mean --{}?",
            printable(text),
            flag.long
        ),
        None => format!(
            "-{}: unknown flag (see scgate --help)",
            printable(&letter.to_string())
        ),
    }
}

/// The error for a flag name given to `--help`.
pub fn unknown_for_help(name: &str) -> String {
    unknown(name)
}

fn options() -> Options {
    let mut options = Options::new();
    for flag in table::all() {
        let short = flag.short.map(String::from).unwrap_or_default();
        match flag.takes_value() {
            true => options.optmulti(&short, flag.long, flag.brief, flag.arg),
            false => options.optflagmulti(&short, flag.long, flag.brief),
        };
    }
    options
}

fn in_order(matches: &getopts::Matches) -> Vec<Given> {
    let mut found: Vec<(usize, Given)> = Vec::new();
    for flag in table::all() {
        if flag.takes_value() {
            let values = matches.opt_strs_pos(flag.long).into_iter();
            found.extend(values.map(|(at, value)| {
                (
                    at,
                    Given {
                        flag,
                        value: Some(value),
                    },
                )
            }));
        } else {
            let places = matches.opt_positions(flag.long).into_iter();
            found.extend(places.map(|at| (at, Given { flag, value: None })));
        }
    }
    // Every argument has its own place; a sort would be code for nothing.
    let places = found.iter().map(|(at, _)| *at + 1).max().unwrap_or(0);
    let mut ordered: Vec<Option<Given>> = (0..places).map(|_| None).collect();
    for (at, given) in found {
        if let Some(place) = ordered.get_mut(at) {
            *place = Some(given);
        }
    }
    ordered.into_iter().flatten().collect()
}
