//! What is refused, and in which words.

use super::*;

#[test]
fn a_flag_twice_on_one_level_is_an_error() {
    let text = error(&[P, "--buffer-size", "8k", "--buffer-size", "16k"]);
    assert_eq!(
        text,
        "--buffer-size '16k': given twice on one level (first '8k')"
    );
    assert!(error(&[P, "-p", "unix:/b"]).contains("given twice"));
    assert_eq!(error(&["--demo", "--demo"]), "--demo: given twice");
    config(&[
        "--buffer-size",
        "8k",
        "--location",
        "/",
        P,
        "--buffer-size",
        "16k",
    ]);
}

#[test]
fn a_flag_at_a_wrong_level_says_where_it_belongs() {
    assert!(
        error(&["--location", "/", P, "--listen", "80"])
            .contains("at the http and server levels only")
    );
    assert!(error(&["--server", "a", "--workers", "3", P]).contains("at the http level only"));
    assert!(
        error(&["--location", "/", P, "--log-level", "warn"]).contains("at the http level only")
    );
    assert!(errors(&[P, "--location", "/"])[0].contains("in a location only"));
    assert!(errors(&[P, "--server", "a"])[0].contains("in a location only"));
    assert!(errors(&["--server", "a", P, "--location", "/"])[0].contains("in a location only"));
    config(&["--server", "a", P]);
}

#[test]
fn odd_locations_are_refused() {
    for bad in [
        "a", "", "= a", "~ ^/x", "~*x", "/a /b", "@", "= /a b", "\"/a",
    ] {
        let text = error(&["--location", bad, P]);
        assert!(text.starts_with("--location '"), "{text}");
    }
    assert!(
        error(&["--location", "/a", P, "--location", "^~ /a", P])
            .contains("stands in its server twice")
    );
    config(&[
        "--server",
        "a",
        "--location",
        "/a",
        P,
        "--server",
        "b",
        "--location",
        "/a",
        P,
    ]);
}

#[test]
fn all_errors_are_reported_at_once() {
    let lines = errors(&[
        "--bufering",
        "on",
        "--frobnicate",
        "--health",
        "z",
        "stray",
        "--read-timeout",
        "10q",
        "--pass",
        "nowhere",
        "--busy-buffers-size",
        "1k",
        "-x",
        "--workers",
    ]);
    let expected = [
        "--bufering: unknown flag; did you mean --buffering?",
        "--frobnicate: unknown flag (see scgate --help)",
        "'stray' is not a flag (a value that contains blanks stands in quotes)",
        "-x: unknown flag (see scgate --help)",
        "--workers: needs a value (NUMBER)",
        "--read-timeout '10q': \"10q\" is not a time (examples: 30s, 1h30m, 500ms)",
        "--health 'z': there is no --upstream of a group \"z\"",
        "--pass 'nowhere': \"nowhere\" has no port (SCGI has no usual one); expected host:port or unix:/path; there is no --upstream group \"nowhere\"",
        "--busy-buffers-size is 1024 bytes but must be at least 4096, the larger of --buffer-size (4096) and one of the --buffers (4096)",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_mistake_at_an_outer_level_is_reported_once() {
    error(&[
        "--max-temp-file-size",
        "1k",
        "--location",
        "/a",
        P,
        "--location",
        "/b",
        P,
    ]);
}

#[test]
fn odd_arguments_are_refused() {
    use std::os::unix::ffi::OsStringExt;
    let args = [OsString::from_vec(vec![b'-', b'-', 0xff])];
    match parse(&args, Path::new("/d")) {
        Action::Fail(lines) => assert!(lines[0].contains("argument 1 is not UTF-8"), "{lines:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(error(&["--test=yes"]), "--test: takes no value");
    assert_eq!(
        error(&[P, "--", "x"]),
        "'x' is not a flag (a value that contains blanks stands in quotes)"
    );
    assert!(error(&[P, "-"]).contains("is not a flag"));
    assert_eq!(
        error(&[P, "-user", "x"]),
        "-user: unknown flag; did you mean --user?"
    );
    assert_eq!(
        error(&["--no\nsuch"]),
        "--no\\nsuch: unknown flag (see scgate --help)"
    );
}

#[test]
fn wrong_values_say_what_was_expected() {
    for (flag, value, part) in [
        ("buffering", "yes", "\"yes\" is neither on nor off"),
        ("buffering", "", "needs a value"),
        ("buffering", "on off", "takes one word"),
        ("buffering", "\"on", "a \" is not closed"),
        ("buffer-size", "1t", "is not a size"),
        ("buffer-size", "1", "is too small (at least 256)"),
        (
            "buffer-size",
            "17179869183g",
            "is more than this machine can address",
        ),
        ("socket-rcvbuf", "3g", "too large for a socket buffer"),
        ("buffers", "8", "needs a number and a size"),
        ("buffers", "1 4k", "is not between 2 and 65536"),
        ("buffers", "x 4k", "is not a number"),
        (
            "connect-timeout",
            "0",
            "is no time to wait; it must be more than 0",
        ),
        ("read-timeout", "1h 30m", "takes one word"),
        ("read-timeout", "max", "is not a time"),
        ("limit-rate", "$nope", "unknown variable \"$nope\""),
        ("limit-rate", "fast", "is not a rate"),
        ("client-limit-rate-after", "x", "is not a size"),
        ("temp-path", "/t 0", "is not between 1 and 10"),
        ("temp-path", "/t 1 2 3 4", "at most three levels"),
        ("temp-path", "/t 5 6", "of at most ten digits"),
        ("temp-path", "\"\"", "needs a directory"),
        ("bind", "localhost", "is not an IP address"),
        ("bind", "127.0.0.1 opaque", "is not \"transparent\""),
        ("bind", "off transparent", "exclude each other"),
        ("bind", "", "needs an address or off"),
        ("param", "A", "needs a name and a value"),
        ("param", "A b c", "\"c\" is not \"if_not_empty\""),
        ("param", "CONTENT_LENGTH 5", "CONTENT_LENGTH is always sent"),
        ("param", "SCGI 1", "SCGI is always sent"),
        ("param", "\"\" x", "is not the name of a parameter"),
        ("path-info", "cgi", "neither on, off nor an extension"),
        ("path-info", "", "needs on, off or extensions"),
        ("hide-header", "a:b", "is not the name of a field"),
        ("pass-header", "", "needs the name of a field"),
        ("ignore-headers", "X-Frob", "cannot be ignored"),
        ("params-max", "1k trimmed", "is not \"trim\""),
        ("listen", "80 frob", "is not one of backlog=N"),
        ("keepalive-requests", "0", "is not between 1"),
        ("root", "$", "starts no variable name"),
        ("allow", "10.0.0.0/33", "--allow '10.0.0.0/33'"),
        ("deny", "nobody", "--deny 'nobody'"),
        ("workers", "0", "is not between 1"),
        ("workers", "-1", "is not a number"),
        ("user", "a b c", "needs a user name"),
        ("pid", "\"\"", "a path may not be empty"),
        ("access-log", "/l frob", "there is no --log-format \"frob\""),
        ("log-format", "x", "needs a name and a text"),
        ("log-format", "x escape=xml y", "is no way to escape"),
        (
            "log-format",
            "json $uri",
            "there is a format of this name already",
        ),
        ("log-level", "loud", "is not off, error, warn"),
    ] {
        let text = error(&[P, &format!("--{flag}"), value]);
        assert!(
            text.starts_with(&format!("--{flag} '")) && text.contains(part),
            "--{flag} {value}: {text}"
        );
    }
}

#[test]
fn a_name_that_does_not_resolve_is_an_error() {
    let text = error(&["--pass", "no-such-host.invalid:9000"]);
    assert!(
        text.starts_with(
            "--pass 'no-such-host.invalid:9000': \"no-such-host.invalid\" does not resolve"
        ),
        "{text}"
    );
}

#[test]
fn servers_that_contradict_each_other_are_refused() {
    let pair =
        |a: &str, b: &str| error(&["--server", "a", "-l", a, P, "--server", "b", "-l", b, P]);
    assert!(
        pair("80 default_server", "80 default_server").contains("has a default_server already")
    );
    let outside = [
        "-l",
        "80 default_server",
        "--server",
        "a",
        P,
        "--server",
        "b",
        P,
    ];
    assert!(error(&outside).contains("every server would be the default_server"));
    assert!(pair("80 backlog=5", "80 backlog=6").contains("a different backlog"));
    assert!(pair("unix:/a mode=0600", "unix:/a mode=0660").contains("a different mode"));
    assert!(pair("unix:/a group=x", "unix:/a group=y").contains("a different group"));
    assert!(pair("[::]:80 ipv6only=on", "[::]:80 ipv6only=off").contains("a different ipv6only"));
    assert!(pair("80", "127.0.0.1:80").contains("overlap"));
    assert!(error(&[P, "-l", "80", "-l", "*:80"]).contains("listens there already"));
    assert!(
        error(&["--server", "a", P, "--server", "b A", P])
            .contains("the name \"a\" belongs to another server")
    );
    assert!(error(&["--server", "a*b", P]).contains("is not a server name"));
    assert!(error(&["--server", "example.org:8080", P]).contains("names have no port"));
    ok(&["--server", "[::1]", P]);
    assert!(error(&["--server", "", P]).contains("needs at least one name"));
}

#[test]
fn what_outlives_a_request_does_not_go_with_cgi() {
    for (flag, value) in [
        ("--listen", "80"),
        ("--workers", "3"),
        ("--queue", "3"),
        ("--connections", "3"),
        ("--user", "nobody"),
        ("--pid", "/run/pid"),
        ("--shutdown-timeout", "3"),
        ("--keepalive-timeout", "3"),
        ("--keepalive-requests", "3"),
        ("--client-header-timeout", "3"),
        ("--underscores-in-headers", "on"),
        ("--connection-drop", "3"),
        ("--resolve-interval", "3"),
        ("--cache-valid", "10m"),
        ("--cache-rules", "rfc9111"),
    ] {
        let expected = format!("{flag} '{value}': does not go with --cgi");
        assert_eq!(error(&["--cgi", P, flag, value]), expected);
        assert_eq!(error(&[flag, value, P, "--cgi"]), expected);
    }
    assert_eq!(
        error(&["--cgi", "--demo"]),
        "--demo: does not go with --cgi"
    );
    let lines = errors(&[
        "--cgi",
        P,
        "--cache",
        "a",
        "--cache-path",
        "/x keys_zone=a:1m",
    ]);
    assert!(lines.contains(&"--cache 'a': does not go with --cgi".into()));
    assert!(lines.contains(&"--cache-path '/x keys_zone=a:1m': does not go with --cgi".into()));
    let lines = error(&["--cgi", "--location", "/", "--status", "on"]);
    assert_eq!(lines, "--status 'on': does not go with --cgi");
    // In whatever scope.
    let lines = error(&[
        "--cgi",
        "--server",
        "a",
        "--location",
        "/",
        P,
        "--keepalive-timeout",
        "3",
    ]);
    assert_eq!(lines, "--keepalive-timeout '3': does not go with --cgi");
    for path in ["-", "/dev/stdout", "'-' main"] {
        let text = error(&["--cgi", P, "--access-log", path]);
        assert!(
            text.ends_with("': standard output is for the response with --cgi"),
            "{text}"
        );
    }
    assert!(error(&["--server", "a", P, "--cgi"]).contains("at the http level only"));
    config(&["--cgi", P, "--access-log", "/dev/stderr", "--memory", "8m"]);
}

/// The smallest build, of which `scripts/build --small` makes a program.
#[cfg(not(feature = "probe"))]
#[test]
fn what_is_not_in_this_build_is_refused() {
    let why = "not in this build, which was made without the feature";
    assert_eq!(
        error(&["--probe", "unix:/x"]),
        format!("--probe: {why} \"probe\"")
    );
    #[cfg(not(feature = "demo"))]
    assert_eq!(error(&["--demo"]), format!("--demo: {why} \"demo\""));
}

#[test]
fn mistakes_about_listeners_are_told_as_such() {
    for (value, why) in [
        ("unix:/a mode=0600 mode=0666", "\"mode\" is given twice"),
        ("80 backlog=5 backlog=5", "\"backlog\" is given twice"),
        ("80 reuseport reuseport", "\"reuseport\" is given twice"),
        (
            "127.0.0.1",
            "\"127.0.0.1\" has no port (example: 127.0.0.1:8080)",
        ),
        ("[::1]", "\"[::1]\" has no port (example: [::1]:8080)"),
        ("localhost:x", "\"x\" is not a port (0 to 65535)"),
    ] {
        let expected = format!("--listen '{value}': {why}");
        assert_eq!(error(&["-l", value, P]), expected);
    }
    let why = "--access-log 'off combined': off stands alone";
    assert_eq!(error(&["--access-log", "off combined", P]), why);
}

#[test]
fn a_location_that_is_never_met_is_warned_of() {
    for (path, met) in [("/a//b", "/a/b"), ("= /a/../b", "/b"), ("/%41", "/A")] {
        let (_, warnings) = ok(&["--location", path, P]);
        let [warning] = &warnings[..] else {
            panic!("{path}: {warnings:?}");
        };
        let meant = format!("did you mean {met}?");
        assert!(
            warning.starts_with("--location '") && warning.ends_with(&meant),
            "{warning}"
        );
    }
    // A percent sign that stands for itself, and the beginning of a name.
    for path in ["/100%", "/.", "/a/.."] {
        assert!(ok(&["--location", path, P]).1.is_empty(), "{path}");
    }
}
