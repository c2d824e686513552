//! The manual page and the completions say what the program's table of flags says.

use std::process::{Command, Output};

fn scgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scgate"))
        .args(args)
        .output()
        .expect("scgate starts")
}

fn text(args: &[&str]) -> String {
    let output = scgate(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/man/scgate.8");
    std::fs::read_to_string(path).expect("the manual page")
}

/// Nothing may be left out.
fn all() -> bool {
    std::env::var_os("SCGATE_TEST_ALL").is_some_and(|all| all == "1")
}

/// Every long flag, as the overview names them.
fn flags() -> Vec<String> {
    let overview = text(&["--help"]);
    let (_, list) = overview.split_once("\n\n").expect("an introduction");
    let (_, list) = list.split_once("\n\n").expect("a list");
    let words = list.split(|c: char| c.is_whitespace() || c == ',');
    let mut flags: Vec<String> = words
        .filter(|word| word.starts_with("--"))
        .map(str::to_owned)
        .collect();
    flags.sort_unstable();
    flags.dedup();
    assert!(flags.len() > 100, "{flags:?}");
    flags
}

#[test]
fn the_option_list_is_the_one_that_the_program_prints() {
    let page = page();
    let (_, list) = page
        .split_once(".\\\" BEGIN OPTIONS")
        .expect("the beginning");
    let (_, list) = list.split_once('\n').expect("the end of its line");
    let (list, _) = list.split_once(".\\\" END OPTIONS").expect("the end");
    let printed = text(&["--man-options"]);
    assert!(
        list == printed,
        "put the output of scgate --man-options between the markers of man/scgate.8"
    );
}

#[test]
fn every_flag_is_in_the_manual() {
    let page = page();
    for flag in flags() {
        let item = format!("Fl {}", flag.strip_prefix('-').expect("a dash"));
        let found = page.lines().any(|line| {
            line.starts_with(".It ")
                && line.split(" , ").any(|part| {
                    let part = part.strip_prefix(".It ").unwrap_or(part);
                    part == item || part.starts_with(&format!("{item} "))
                })
        });
        assert!(found, "{flag}");
    }
}

#[test]
fn the_manual_page_has_no_faults() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/man/scgate.8");
    let lint = match Command::new("mandoc")
        .args(["-Tlint", "-Wwarning", path])
        .output()
    {
        Ok(lint) => lint,
        Err(error) if all() => panic!("mandoc is needed: {error}"),
        Err(_) => {
            return eprintln!("left out: the lint of the manual page (mandoc is not installed)");
        }
    };
    let said =
        String::from_utf8_lossy(&lint.stdout).into_owned() + &String::from_utf8_lossy(&lint.stderr);
    assert!(lint.status.success() && said.is_empty(), "{said}");
}

#[test]
fn the_completions_know_every_flag() {
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&["--completions", shell]);
        for flag in flags() {
            let wanted = match shell {
                "fish" => format!("-l {} ", flag.trim_start_matches('-')),
                _ => flag.clone(),
            };
            assert!(script.contains(&wanted), "{shell}: {flag}");
        }
    }
}

#[test]
fn bash_can_read_its_completions() {
    let script = text(&["--completions", "bash"]);
    let check = "COMP_WORDS=(scgate --buffering o); COMP_CWORD=2; _scgate; echo \"${COMPREPLY[@]}\"; \
                 COMP_WORDS=(scgate --keepalive-t); COMP_CWORD=1; _scgate; echo \"${COMPREPLY[@]}\"";
    let output = match Command::new("bash")
        .args(["--norc", "-c", &format!("{script}\n{check}")])
        .output()
    {
        Ok(output) => output,
        Err(error) if all() => panic!("bash is needed: {error}"),
        Err(_) => return eprintln!("left out: the completions in bash (bash is not installed)"),
    };
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "on off\n--keepalive-timeout\n",
        "{output:?}"
    );
}

#[test]
fn a_wrong_command_line_ends_with_status_2() {
    let output = scgate(&["--no-such-flag", "--buffer-size", "x"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr).lines().count(),
        2,
        "{output:?}"
    );
}

/// What is trusted, what is not, and what is a bug: each with something to say.
#[test]
fn the_manual_has_a_threat_model() {
    let page = page();
    let (_, rest) = page.split_once(".Sh THREAT MODEL\n").expect("the section");
    let model = rest.split("\n.Sh ").next().unwrap_or_default();
    for part in ["Trusted", "Not trusted", "What is a bug", "What is not"] {
        let heading = format!(".Ss {part}\n");
        let (_, text) = model.split_once(&heading).expect(part);
        let text = text.split("\n.Ss ").next().unwrap_or_default();
        assert!(text.matches(".It").count() >= 3, "{part}: {text}");
    }
}

#[test]
fn the_access_log_is_off_unless_it_is_asked_for() {
    let listing = text(&["-T", "--listen", "127.0.0.1:0", "--return", "204"]);
    let line = listing.lines().find(|line| line.contains("--access-log"));
    let line = line.expect("a line about the access log");
    assert!(line.contains("off") && line.contains("default"), "{line}");
}
