//! Shell completions, generated from the table.

use super::table::{self, Flag};

/// What may follow a flag.
enum Follows {
    Nothing,
    Choices(Vec<&'static str>),
    Files,
    Flags,
    Anything,
}

fn follows(flag: &Flag) -> Follows {
    match flag.arg {
        "" => Follows::Nothing,
        "FILE" | "DIRECTORY" | "DIRECTORY PARAMETER" => Follows::Files,
        "[FLAG]" => Follows::Flags,
        _ => match flag.choices() {
            list if list.is_empty() => Follows::Anything,
            list => Follows::Choices(list),
        },
    }
}

/// The completions for a shell; `None` when it is none of the three.
pub fn shell(name: &str) -> Option<String> {
    match name {
        "bash" => Some(bash()),
        "zsh" => Some(zsh()),
        "fish" => Some(fish()),
        _ => None,
    }
}

fn names() -> String {
    let names: Vec<String> = table::listed()
        .map(|flag| format!("--{}", flag.long))
        .collect();
    names.join(" ")
}

fn bash() -> String {
    let mut out = String::from(
        "# bash completion for scgate\n_scgate() {\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n\
         \x20   local flags=\"FLAGS\"\n    case $prev in\n",
    )
    .replace("FLAGS", &names());
    for flag in table::listed() {
        let words = match follows(flag) {
            Follows::Nothing => continue,
            Follows::Choices(list) => format!("compgen -W \"{}\"", list.join(" ")),
            Follows::Files => "compgen -f".into(),
            Follows::Flags => "compgen -W \"$flags\"".into(),
            Follows::Anything => "true".into(),
        };
        let short = flag
            .short
            .map_or(String::new(), |short| format!("-{short}|"));
        let reply = match words.as_str() {
            "true" => "COMPREPLY=()".to_owned(),
            words => format!("COMPREPLY=( $({words} -- \"$cur\") )"),
        };
        out.push_str(&format!("    {short}--{}) {reply}; return ;;\n", flag.long));
    }
    out.push_str("    esac\n    COMPREPLY=( $(compgen -W \"$flags\" -- \"$cur\") )\n}\ncomplete -F _scgate scgate\n");
    out
}

fn zsh() -> String {
    let mut out = String::from("#compdef scgate\n_arguments -s \\\n");
    for flag in table::listed() {
        let brief = flag
            .brief
            .replace('\'', "'\\''")
            .replace('[', "\\[")
            .replace(']', "\\]")
            .replace(':', "\\:");
        let arg = flag.arg.replace(':', "\\:");
        let value = match follows(flag) {
            Follows::Nothing => String::new(),
            Follows::Choices(list) => format!(":{arg}:({})", list.join(" ")),
            Follows::Files => format!(":{arg}:_files"),
            Follows::Flags => format!("::{arg}:({})", names()),
            Follows::Anything => format!(":{arg}: "),
        };
        let shorts = flag.short.map(|short| format!("-{short}"));
        for name in shorts.into_iter().chain([format!("--{}", flag.long)]) {
            out.push_str(&format!("  '*{name}[{brief}]{value}' \\\n"));
        }
    }
    out.push_str("  && return 0\n");
    out
}

fn fish() -> String {
    let mut out = String::from("# fish completion for scgate\ncomplete -c scgate -f\n");
    for flag in table::listed() {
        let short = flag
            .short
            .map_or(String::new(), |short| format!(" -s {short}"));
        let value = match follows(flag) {
            Follows::Nothing => String::new(),
            Follows::Choices(list) => format!(" -x -a '{}'", list.join(" ")),
            Follows::Files => " -r -F".into(),
            Follows::Flags => format!(" -x -a '{}'", names()),
            Follows::Anything => " -x".into(),
        };
        let brief = flag.brief.replace('\\', "\\\\").replace('\'', "\\'");
        out.push_str(&format!(
            "complete -c scgate{short} -l {}{value} -d '{brief}'\n",
            flag.long
        ));
    }
    out
}
