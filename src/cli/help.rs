//! `--help`: the overview, and the manual of one flag.

use super::markup;
use super::table::{self, Flag, Topic};

const USAGE: &str = "\
usage: scgate [flag ...] [--server 'NAME ...' [flag ...]] [--location MATCH [flag ...]] ...
       scgate --demo

An SCGI gateway: HTTP in front, SCGI applications behind. Flags before the first --server or
--location hold for all; flags after one hold for it. --help FLAG explains a flag; * may be
repeated at one level.
";

/// All flags by topic, one line each.
pub fn overview() -> String {
    let mut out = USAGE.to_owned();
    for topic in Topic::ORDER {
        out.push_str(&format!("\n{}:\n", topic.title()));
        table::listed()
            .filter(|flag| flag.topic == topic)
            .for_each(|flag| line(flag, &mut out));
    }
    out
}

fn line(flag: &Flag, out: &mut String) {
    let short = flag
        .short
        .map_or("    ".to_owned(), |short| format!("-{short}, "));
    let star = if flag.many { " *" } else { "" };
    let arg = if flag.arg.is_empty() {
        String::new()
    } else {
        format!(" {}", shown(flag.arg))
    };
    let left = format!("{short}--{}{arg}{star}", flag.long);
    out.push_str(&format!("  {left:<38} {}\n", flag.brief));
}

/// Long lists of values are for the manual of the flag.
fn shown(arg: &str) -> &str {
    match arg.len() > 16 {
        true => "WORD",
        false => arg,
    }
}

/// The manual of one flag as plain text.
pub fn one(flag: &Flag) -> String {
    let short = flag
        .short
        .map_or(String::new(), |short| format!("-{short}, "));
    let arg = if flag.arg.is_empty() {
        String::new()
    } else {
        format!(" {}", flag.arg)
    };
    let mut out = format!("{short}--{}{arg}\n", flag.long);
    out.push_str(&markup::plain(&flag.text(), 4, 80));
    out.push('\n');
    for fact in facts(flag) {
        markup::fill(&fact, 4, 8, 80, &mut out);
    }
    out
}

/// What the table says of a flag beside its text.
pub fn facts(flag: &Flag) -> Vec<String> {
    let mut facts = Vec::new();
    if flag.topic != Topic::Info {
        facts.push(format!("Levels: {}.", flag.levels.list()));
    }
    if flag.many {
        facts.push("May be repeated at one level.".into());
    }
    if !flag.default.is_empty() {
        facts.push(format!("Default: {}", flag.default));
    }
    facts
}
