//! What is printed: help, version, the listing of `-T`, the checks of `-t`.

use super::*;

#[test]
fn version_and_help_are_printed() {
    let text = |args: &[&str]| match run(args) {
        Action::Print(text) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        text(&["-V"]),
        concat!("scgate ", env!("CARGO_PKG_VERSION"), "\n")
    );
    let overview = text(&["-h"]);
    assert!(
        overview.lines().all(|line| line.chars().count() <= 100),
        "{overview}"
    );
    assert_eq!(text(&["--bogus", "--help"]), overview);
    for flag in table::listed() {
        assert!(
            overview.contains(&format!("--{}", flag.long)),
            "{}",
            flag.long
        );
        let page = text(&["--help", flag.long]);
        assert!(
            page.lines().all(|line| line.chars().count() <= 80),
            "{page}"
        );
        assert!(
            page.contains(&format!("--{}", flag.long)) && !page.contains('`'),
            "{page}"
        );
        assert_eq!(text(&[&format!("--help=--{}", flag.long)]), page);
    }
    assert!(text(&["-h", "-p"]).starts_with("-p, --pass"));
    assert_eq!(
        error(&["--help", "pss"]),
        "--pss: unknown flag; did you mean --pass?"
    );
    assert_eq!(
        error(&["--completions", "csh"]),
        "--completions 'csh': is not bash, zsh or fish"
    );
}

#[test]
fn a_test_checks_directories() {
    let dir = std::env::temp_dir();
    let dir = dir.to_string_lossy();
    assert!(matches!(
        run(&[P, "-t", "--temp-path", &dir]),
        Action::Test(..)
    ));
    let lines = errors(&[
        P,
        "-t",
        "--temp-path",
        "/no/such",
        "--pid",
        "/no/pid",
        "--access-log",
        "/no/log",
        "--access-log",
        "-",
    ]);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines[0].starts_with("--temp-path '/no/such': "),
        "{lines:?}"
    );
    assert!(error(&[P, "-t", "--pid", &dir]).contains("is a directory"));
}

fn listing(args: &[&str]) -> (Config, String) {
    let args: Vec<&str> = args.iter().copied().chain(["-T"]).collect();
    match run(&args) {
        Action::Test(config, text, _) => (*config, text),
        other => panic!("{other:?}"),
    }
}

/// The listing read as a shell reads it.
fn unlist(text: &str) -> Vec<String> {
    let mut args = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("--")) {
        let (line, _) = line.rsplit_once(" # ").expect("an origin");
        let (name, value) = line
            .trim_end()
            .split_once(' ')
            .unwrap_or((line.trim_end(), ""));
        args.push(name.to_owned());
        let value = value
            .strip_prefix('\'')
            .and_then(|v| v.strip_suffix('\''))
            .unwrap_or(value);
        args.extend((!value.is_empty()).then(|| value.replace(r"'\''", "'")));
    }
    args
}

#[test]
fn the_listing_is_the_same_command_line() {
    let long = [
        "--buffer-size",
        "64k",
        "--deny",
        "10.0.0.1",
        "--allow",
        "all",
        "--param",
        "A 'b c'",
        "--keepalive-timeout",
        "5s",
        "--log-format",
        "x \"it's $uri\"",
        "--access-log",
        "/tmp/a x",
        "-l",
        "81",
        "--server",
        "a .b",
        "--client-limit-rate",
        "5k",
        "--location",
        "= /x",
        "-p",
        "unix:/a",
        "--param",
        "B \"\" if_not_empty",
        "--location",
        "/",
        "-p",
        "127.0.0.1:4",
        "--server",
        "c",
        "-l",
        "82 default_server",
        "--pass",
        "unix:/c$host",
        "--server",
        "d",
        "--location",
        "/empty",
    ];
    for args in [
        &["--demo"][..],
        &[P],
        &["--location", "/x", P, "--keepalive-timeout", "3"],
        &long,
    ] {
        let (config, text) = listing(args);
        let again = unlist(&text);
        let (config2, text2) = listing(&again.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(format!("{config:?}"), format!("{config2:?}"), "{text}");
        assert_eq!(unlist(&text2), again);
    }
}

#[test]
fn the_listing_tells_the_origin() {
    let (_, text) = listing(&[
        "--read-timeout",
        "1s",
        "--buffer-size",
        "8k",
        "--server",
        "a",
        "--send-timeout",
        "2s",
        "--location",
        "/",
        P,
        "--connect-timeout",
        "3s",
    ]);
    let origin = |start: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap_or_else(|| panic!("{start}: {text}"));
        line.rsplit_once(" # ")
            .map(|(_, origin)| origin.to_owned())
            .unwrap_or_default()
    };
    assert_eq!(origin("--read-timeout 1s"), "inherited from http");
    assert_eq!(origin("--send-timeout 2s"), "inherited from server");
    assert_eq!(origin("--connect-timeout 3s"), "given");
    assert_eq!(origin("--bind off"), "default");
    assert_eq!(origin("--buffers '8 8k'"), "derived");
    assert_eq!(origin("--server a"), "given");
}
