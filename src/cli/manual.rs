//! The option list of the manual page, generated from the table.

use super::help::facts;
use super::markup::{escape, mdoc};
use super::table::{self, Flag, Topic};

/// mdoc source: a subsection for each topic.
pub fn options() -> String {
    let mut out = String::new();
    for topic in Topic::ORDER {
        out.push_str(&format!(".Ss {}\n.Bl -tag -width Ds\n", topic.title()));
        table::listed()
            .filter(|flag| flag.topic == topic)
            .for_each(|flag| option(flag, &mut out));
        out.push_str(".El\n");
    }
    out
}

fn option(flag: &Flag, out: &mut String) {
    let arg = argument(flag.arg);
    let short = flag
        .short
        .map_or(String::new(), |short| format!("Fl {short}{arg} , "));
    out.push_str(&format!(".It {short}Fl -{}{arg}\n", flag.long));
    out.push_str(&mdoc(&flag.text()));
    let facts = facts(flag);
    if !facts.is_empty() {
        out.push_str(".Pp\n");
    }
    for fact in facts {
        match fact.strip_prefix("Default: ") {
            Some(prose) if prose.contains("buffers") => {
                out.push_str(&format!("Default: {prose}.\n"))
            }
            Some(default) => out.push_str(&format!("Default:\n.Ql \"{}\" .\n", escape(default))),
            None => out.push_str(&format!("{fact}\n")),
        }
    }
}

/// `on|off|NAME` as words and arguments.
fn argument(arg: &str) -> String {
    let mut out = String::new();
    for (at, part) in arg.split('|').filter(|part| !part.is_empty()).enumerate() {
        let kind = if part.contains(|c: char| c.is_ascii_lowercase()) {
            "Cm"
        } else {
            "Ar"
        };
        let bar = if at > 0 { " |" } else { "" };
        if let Some(optional) = part.strip_prefix('[') {
            out.push_str(&format!(" Op Ar {}", optional.trim_end_matches(']')));
            continue;
        }
        out.push_str(&format!("{bar} {kind} {part}"));
    }
    out
}
