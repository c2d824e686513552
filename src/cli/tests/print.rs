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
    assert!(
        !overview.contains(":\n\n") && !overview.ends_with(":\n"),
        "a heading without flags: {overview}"
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
    let text = error(&[P, "-t", "--listen", "unix:/no/such/socket"]);
    assert!(text.starts_with("--listen '/no/such/socket': "), "{text}");
}

#[test]
fn a_test_looks_for_the_roots() {
    let check = |args: &[&str]| match run(args) {
        Action::Test(_, _, warnings) => warnings,
        other => panic!("{other:?}"),
    };
    let dir = std::env::temp_dir();
    let dir = dir.to_string_lossy();
    let file = std::env::current_exe().expect("this program");
    let file = file.to_string_lossy();
    assert_eq!(check(&["-t", "--root", &dir]), Vec::<String>::new());
    assert_eq!(check(&["-t", "--root", "/no/$host"]), Vec::<String>::new());
    assert_eq!(
        check(&["-t", "--location", "= /a", "--alias", &file]),
        Vec::<String>::new(),
        "an alias may stand for a file"
    );
    let missing = check(&[
        "-t",
        "--root",
        "/no/such",
        "--location",
        "/",
        "--location",
        "/b/",
        "--alias",
        "/no/b",
    ]);
    assert_eq!(missing.len(), 2, "each once: {missing:?}");
    assert!(missing[0].starts_with("--root '/no/such': /no/such: "));
    assert!(missing[1].starts_with("--alias '/no/b': /no/b: "));
    assert!(check(&["-t", "--root", &file])[0].contains("is not a directory"));
    let sendfile = ["-t", P, "--sendfile", "on", "--sendfile-root"];
    let with = |root| sendfile.iter().copied().chain([root]).collect::<Vec<_>>();
    assert_eq!(check(&with(&*dir)), Vec::<String>::new());
    let text = error(&with("/no/such"));
    assert!(
        text.starts_with("--sendfile-root '/no/such': /no/such: "),
        "{text}"
    );
}

pub fn listing(args: &[&str]) -> (Config, String) {
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
        holds_again(args);
    }
}

/// The listing of a command line, read back, means the same and warns of nothing else.
pub fn holds_again(args: &[&str]) {
    let (config, text) = listing(args);
    let again = unlist(&text);
    let again: Vec<&str> = again.iter().map(String::as_str).collect();
    let (config2, text2) = listing(&again);
    assert_eq!(format!("{config:?}"), format!("{config2:?}"), "{text}");
    assert_eq!(unlist(&text2), again);
    let warnings = ok(args).1;
    for warning in ok(&again).1 {
        assert!(warnings.contains(&warning), "{warning}: {text}");
    }
}

#[test]
fn a_listing_of_groups_and_content_is_the_same_command_line() {
    holds_again(&[
        "--upstream",
        "a unix:/a weight=2 route=x",
        "--upstream",
        "b localhost:1 resolve",
        "--upstream",
        "A unix:/c backup slow_start=1s",
        "--balance",
        "a least_conn",
        "--balance",
        "b hash \"$it's $uri\" consistent",
        "--sticky",
        "a cookie srv expires=1h path=/",
        "--sticky",
        "b route $arg_r $cookie_r",
        "--resolve-interval",
        "1m",
        "--map",
        "$host $first a b # x \\default c",
        "--map",
        "$first $it x y default \"it's\"",
        "--map",
        "$it$first $its x y",
        "--real-ip-from",
        "10.0.0.0/8",
        "--add-header",
        "X-A \"$its b\" always",
        "--error-page",
        "404 = @n",
        "--error-page",
        "500 502 =200 /e",
        "--next-upstream",
        "error http_500",
        "--next-upstream-tries",
        "2",
        "--next-upstream-timeout",
        "3s",
        "--connection-drop",
        "1m",
        "--intercept-errors",
        "on",
        "--force-ranges",
        "on",
        "--internal-redirect",
        "X-Local",
        "--sendfile",
        "on",
        "--sendfile-root",
        "/",
        "--store-access",
        "group:r",
        "--root",
        "/outer",
        "--default-type",
        "text/html",
        "--server",
        "s",
        "-l",
        "81 proxy_protocol",
        "--real-ip-header",
        "proxy_protocol",
        "--return",
        "301 https://$host$request_uri",
        "--location",
        "@n",
        "--pass",
        "a",
        "--server",
        "t",
        "-l",
        "81",
        "--location",
        "/i/",
        "--alias",
        "/",
        "--internal",
        "--auto-redirect",
        "on",
        "--location",
        "@n",
        "--pass",
        "B",
        "--store",
        "on",
        "--next-upstream",
        "off",
        "--location",
        "/r",
        "--return",
        "200 \"it's\"",
        "--error-page",
        "403 http://x.org/",
        "--location",
        "/s",
        "--status",
        "writable",
        "--allow",
        "all",
    ]);
}

#[test]
fn a_listing_of_what_stands_for_itself_is_the_same_command_line() {
    for args in [
        &["--return", "204"][..],
        &["--server", "a", "--return", "204"],
        &["--return", "503", "--location", "/", P],
        &["--status", "on", "--internal"],
        &["--alias", "/"],
        &["--root", "/", "--server", "a", "--alias", "/tmp"],
        &[
            "--root",
            "/",
            "--location",
            "/a/",
            "--alias",
            "/tmp",
            "--location",
            "/b",
        ],
        &["--server", "a", "--real-ip-header", "X", P],
        &[
            "--demo",
            "--location",
            "/a",
            "--return",
            "204",
            "--location",
            "/b",
        ],
    ] {
        holds_again(args);
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

#[test]
fn the_listing_of_a_cgi_program_is_the_same_command_line() {
    holds_again(&["--cgi", "--pass", "unix:/a"]);
    holds_again(&[
        "--cgi",
        "--internal-redirect",
        "on",
        "--server",
        "a",
        "--location",
        "/b",
        "--pass",
        "unix:/a",
    ]);
    let (config, text) = listing(&["--cgi", "--pass", "unix:/a"]);
    assert!(config.process.cgi);
    for line in [
        "--listen",
        "--workers",
        "--cache-rules",
        "--keepalive-timeout",
        "--status",
    ] {
        assert!(!text.contains(line), "{line}: {text}");
    }
    assert!(
        text.contains("--internal-redirect 'off'") || text.contains("--internal-redirect off"),
        "{text}"
    );
}

#[test]
fn a_place_with_quotes_is_the_same_place_again() {
    for dir in ["/a b", "/a\"b", "/a\\ \"b", "\"q", "/it's"] {
        let quoted = crate::cli::print::quoted(dir);
        let value = crate::cli::words::Value::parse(&quoted).expect("a value");
        assert_eq!(value.one(), Ok(dir), "{quoted}");
    }
    assert_eq!(crate::cli::print::quoted("/plain"), "/plain");
}
