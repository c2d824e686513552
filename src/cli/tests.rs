//! The command line as a whole: grammar, inheritance, every class of error, and what comes out of it.

use std::time::Duration;

use super::*;
use crate::config::access::Who;
use crate::config::address::{Address, ListenAddress};
use crate::config::{
    Bind, BindTo, Handler, Ignore, Location, LogEscape, Match, Pass, PathInfo, Scgi,
};
use crate::template::Var;

fn run(args: &[&str]) -> Action {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    parse(&args, Path::new("/run/demo.sock"))
}

fn ok(args: &[&str]) -> (Config, Vec<String>) {
    match run(args) {
        Action::Run(config, warnings) => (*config, warnings),
        other => panic!("{args:?}: {other:?}"),
    }
}

fn config(args: &[&str]) -> Config {
    let (config, warnings) = ok(args);
    assert_eq!(warnings, Vec::<String>::new(), "{args:?}");
    config
}

/// The lines of a refusal, without the program's name, which each must have.
fn errors(args: &[&str]) -> Vec<String> {
    match run(args) {
        Action::Fail(lines) => {
            assert!(lines.iter().all(|line| !line.contains('\n')), "{lines:?}");
            let bare = |line: String| {
                line.strip_prefix("scgate: ")
                    .expect("the program's name")
                    .to_owned()
            };
            lines.into_iter().map(bare).collect()
        }
        other => panic!("{args:?}: {other:?}"),
    }
}

/// The only error of a command line.
fn error(args: &[&str]) -> String {
    let mut lines = errors(args);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

fn location(config: &Config, server: usize, index: usize) -> &Location {
    &config.servers[server].locations[index]
}

fn scgi(location: &Location) -> &Scgi {
    match &location.handler {
        Handler::Scgi(scgi) => scgi,
        Handler::None => panic!("no --pass"),
    }
}

/// The settings of the one location of a command line with `--pass`.
fn one(args: &[&str]) -> Scgi {
    let args: Vec<&str> = ["--pass", "unix:/app"]
        .iter()
        .chain(args)
        .copied()
        .collect();
    let mut config = config(&args);
    match config.servers.remove(0).locations.remove(0).handler {
        Handler::Scgi(scgi) => *scgi,
        Handler::None => panic!("no --pass"),
    }
}

const P: &str = "--pass=unix:/app";

#[test]
fn an_address_alone_is_enough() {
    let c = config(&["--pass", "unix:/app"]);
    assert_eq!(
        (c.servers.len(), c.listens.len(), c.targets.len()),
        (1, 1, 1)
    );
    assert_eq!(
        c.listens[0].address,
        ListenAddress::Inet("127.0.0.1:8080".parse().expect("an address"))
    );
    assert_eq!((c.listens[0].backlog, c.listens[0].names.default), (511, 0));
    assert_eq!(c.servers[0].name, "");
    let l = location(&c, 0, 0);
    assert_eq!(l.matching, Match::Prefix("/".into()));
    assert!(matches!(scgi(l).pass, Pass::Target(0)));
    assert_eq!(c.targets[0].addresses, vec![Address::Unix("/app".into())]);
    assert_eq!(
        (
            c.process.workers,
            c.process.queue,
            c.process.connections,
            c.process.memory
        ),
        (64, 1024, 1024, 0)
    );
    assert_eq!(c.process.log_level, log::LevelFilter::Info);
    assert!(!c.process.hostname.is_empty());
}

#[test]
fn a_value_follows_or_is_joined_by_an_equals_sign() {
    for args in [
        &["--buffer-size", "8k", P][..],
        &["--buffer-size=8k", P],
        &["-p", "unix:/app", "--buffer-size=8k"],
        &["-punix:/app", "--buffer-size", "8k"],
    ] {
        assert_eq!(
            scgi(location(&config(args), 0, 0)).buffer_size,
            8192,
            "{args:?}"
        );
    }
}

#[test]
fn a_value_may_begin_with_a_dash() {
    assert_eq!(
        error(&[P, "--buffering", "--listen"]),
        "--buffering '--listen': \"--listen\" is neither on nor off"
    );
}

#[test]
fn position_is_scope() {
    let c = config(&[
        "--read-timeout",
        "1s",
        "--server",
        "a A2",
        "--read-timeout",
        "2s",
        "--location",
        "/x",
        "-p",
        "unix:/1",
        "--read-timeout",
        "3s",
        "--location",
        "/y",
        "-p",
        "unix:/2",
        "--server",
        "b",
        "--location",
        "/z",
        "-p",
        "unix:/1",
    ]);
    let read = |server, index| scgi(location(&c, server, index)).read_timeout.as_secs();
    assert_eq!((read(0, 0), read(0, 1), read(1, 0)), (3, 2, 1));
    assert_eq!(
        (c.servers[0].name.as_str(), c.servers[1].name.as_str()),
        ("a", "b")
    );
    assert_eq!(c.targets.len(), 2, "equal targets share an entry");
    assert_eq!(c.listens.len(), 1, "servers share an address");
    let names = &c.listens[0].names;
    assert_eq!(
        (names.find("a2"), names.find("b"), names.find("else")),
        (0, 1, 0)
    );
}

#[test]
fn repeatable_flags_add_up_on_a_level_and_hide_those_outside() {
    let c = config(&[
        "--hide-header",
        "a",
        "--hide-header",
        "B",
        "--pass-header",
        "Status",
        "--location",
        "/1",
        P,
        "--location",
        "/2",
        P,
        "--hide-header",
        "c",
        "--location",
        "/3",
        P,
        "--pass-header",
        "a",
    ]);
    let hidden = |index| scgi(location(&c, 0, index)).hidden.join(" ");
    let rest =
        "x-accel-buffering x-accel-charset x-accel-expires x-accel-limit-rate x-accel-redirect";
    assert_eq!(hidden(0), format!("a b {rest}"));
    assert_eq!(hidden(1), format!("c {rest}"));
    assert_eq!(
        hidden(2),
        format!("b status {rest}"),
        "each of the two lists is inherited by itself (R25)"
    );
}

#[test]
fn allow_and_deny_keep_their_order() {
    let c = config(&[
        "--deny",
        "all",
        "--location",
        "/1",
        P,
        "--location",
        "/2",
        P,
        "--allow",
        "10.0.0.0/8",
        "--deny",
        "unix:",
        "--allow",
        "all",
    ]);
    assert_eq!(location(&c, 0, 0).access.rules, vec![(false, Who::All)]);
    let allowed: Vec<bool> = location(&c, 0, 1)
        .access
        .rules
        .iter()
        .map(|(allow, _)| *allow)
        .collect();
    assert_eq!(allowed, vec![true, false, true]);
}

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
fn a_location_stands_in_a_server() {
    assert!(
        error(&["--location", "/", P, "--server", "a", P])
            .contains("stands before the first --server")
    );
}

#[test]
fn every_form_of_location_is_read() {
    let c = config(&[
        "--location",
        "/a",
        P,
        "--location",
        "= /a",
        P,
        "--location",
        "=/b",
        P,
        "--location",
        "^~ /c",
        P,
        "--location",
        "@n",
        P,
    ]);
    let found: Vec<&Match> = c.servers[0].locations.iter().map(|l| &l.matching).collect();
    let expected = [
        Match::Prefix("/a".into()),
        Match::Exact("/a".into()),
        Match::Exact("/b".into()),
        Match::Prefix("/c".into()),
        Match::Named("@n".into()),
    ];
    assert_eq!(found, expected.iter().collect::<Vec<_>>());
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
        "--cache",
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
        "--cache: not supported yet",
        "--read-timeout '10q': \"10q\" is not a time (examples: 30s, 1h30m, 500ms)",
        "--pass 'nowhere': \"nowhere\" has no port (SCGI has no usual one); expected host:port or unix:/path",
        "--busy-buffers-size is 1024 bytes but must be at least 4096, the larger of --buffer-size (4096) and one of the --buffers (4096)",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn later_flags_are_known_and_refused() {
    for flag in table::all().filter(|flag| flag.is_later()) {
        let name = format!("--{}", flag.long);
        let args = if flag.takes_value() {
            vec![P, &name, "x"]
        } else {
            vec![P, &name]
        };
        assert_eq!(error(&args), format!("{name}: not supported yet"));
    }
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
        (
            "listen",
            "80 proxy_protocol",
            "proxy_protocol: not supported yet",
        ),
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
fn a_name_stands_for_all_its_addresses() {
    let c = config(&["--pass", "localhost:9000"]);
    let expected = |a: &Address| matches!(a, Address::Inet(addr) if addr.port() == 9000 && addr.ip().is_loopback());
    assert!(!c.targets[0].addresses.is_empty() && c.targets[0].addresses.iter().all(expected));
}

#[test]
fn settings_reach_the_location() {
    let s = one(&[
        "--bind",
        "192.0.2.1:99 transparent",
        "--socket-keepalive",
        "on",
        "--socket-rcvbuf",
        "8k",
        "--socket-sndbuf",
        "16k",
        "--connect-timeout",
        "1",
        "--send-timeout",
        "2s",
        "--read-timeout",
        "\"1h 30m\"",
        "--buffering",
        "off",
        "--limit-rate",
        "1k",
        "--request-buffering",
        "off",
        "--pass-request-body",
        "off",
        "--ignore-client-abort",
        "on",
        "--path-info",
        ".cgi .PY",
        "--ignore-headers",
        "Vary expires X-Accel-Redirect",
    ]);
    assert!(
        matches!(s.bind, Some(Bind { address: BindTo::Fixed(a), transparent: true }) if a.port == 99)
    );
    assert!(
        s.socket_keepalive
            && !s.buffering
            && !s.request_buffering
            && !s.pass_request_body
            && s.ignore_client_abort
    );
    assert_eq!((s.socket_rcvbuf, s.socket_sndbuf), (8192, 16384));
    assert_eq!(
        (s.connect_timeout, s.send_timeout, s.read_timeout).2,
        Duration::from_secs(5400)
    );
    assert_eq!(
        s.limit_rate.as_ref().and_then(|t| t.literal()),
        Some(&b"1k"[..])
    );
    assert_eq!(
        s.path_info,
        PathInfo::Extensions(vec![".cgi".into(), ".PY".into()])
    );
    assert_eq!(
        s.ignore,
        Ignore {
            vary: true,
            expires: true,
            redirect: true,
            ..Ignore::default()
        }
    );
}

#[test]
fn off_cancels_what_is_outside() {
    let c = config(&[
        "--bind",
        "192.0.2.1",
        "--limit-rate",
        "5k",
        "--location",
        "/",
        P,
        "--bind",
        "off",
        "--limit-rate",
        "0",
    ]);
    let s = scgi(location(&c, 0, 0));
    assert!(s.bind.is_none() && s.limit_rate.is_none());
}

#[test]
fn client_settings_reach_the_server_and_the_location() {
    let c = config(&[
        P,
        "--client-header-timeout",
        "1s",
        "--client-max-header-size",
        "8k",
        "--underscores-in-headers",
        "on",
        "--client-max-body-size",
        "0",
        "--client-body-buffer-size",
        "1k",
        "--client-body-timeout",
        "2s",
        "--client-send-timeout",
        "3s",
        "--keepalive-timeout",
        "0",
        "--keepalive-requests",
        "5",
        "--client-limit-rate",
        "$arg_rate",
        "--client-limit-rate-after",
        "1m",
        "--root",
        "/srv/$host",
        "--temp-path",
        "/var/spool 1 2",
    ]);
    let (server, client) = (&c.servers[0], &location(&c, 0, 0).client);
    assert_eq!(
        (
            server.client_header_timeout.as_secs(),
            server.client_max_header_size,
            server.underscores
        ),
        (1, 8192, true)
    );
    assert_eq!(
        (
            client.max_body_size,
            client.body_buffer_size,
            client.keepalive_requests
        ),
        (0, 1024, 5)
    );
    assert_eq!(
        (client.body_timeout.as_secs(), client.send_timeout.as_secs()),
        (2, 3)
    );
    assert!(client.keepalive_timeout.is_zero() && server.keepalive_timeout.is_zero());
    assert!(
        client.limit_rate.is_some() && client.limit_rate_after.is_some() && client.root.is_some()
    );
    assert_eq!(client.temp.levels, vec![1, 2]);
}

#[test]
fn process_settings_reach_the_process() {
    let c = config(&[
        P,
        "--workers",
        "4",
        "--queue",
        "0",
        "--connections",
        "9",
        "--memory",
        "64m",
        "--user",
        "www daemon",
        "--pid",
        "/p",
        "--log-level",
        "debug",
        "--shutdown-timeout",
        "0",
        "--access-log",
        "/a",
        "--access-log",
        "/b json",
        "--access-log",
        "/c mine",
        "--log-format",
        "mine escape=json '$status ' \"$uri\" x y",
    ]);
    let p = &c.process;
    assert_eq!(
        (p.workers, p.queue, p.connections, p.memory),
        (4, 0, 9, 64 << 20)
    );
    assert_eq!(p.user, Some(("www".into(), Some("daemon".into()))));
    assert!(p.shutdown_timeout.is_zero());
    let escapes: Vec<LogEscape> = p.access_logs.iter().map(|log| log.format.escape).collect();
    assert_eq!(
        escapes,
        vec![LogEscape::Default, LogEscape::Json, LogEscape::Json]
    );
    // "$status " and "$uri" are joined as they are, bare words by blanks.
    assert_eq!(p.access_logs[2].format.template.parts().len(), 4);
    assert!(
        config(&[P, "--access-log", "off"])
            .process
            .access_logs
            .is_empty()
    );
    assert!(
        error(&[P, "--access-log", "off", "--access-log", "/a"]).contains("does not go together")
    );
}

#[test]
fn the_standard_set_is_in_the_order_of_the_manual() {
    let names = |args: &[&str]| {
        one(args)
            .params
            .list()
            .iter()
            .map(|p| p.name.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let front = "REQUEST_METHOD REQUEST_URI QUERY_STRING CONTENT_TYPE DOCUMENT_URI DOCUMENT_ROOT SERVER_PROTOCOL \
                 REQUEST_SCHEME HTTPS REMOTE_ADDR REMOTE_PORT SERVER_ADDR SERVER_PORT SERVER_NAME";
    let back = "GATEWAY_INTERFACE SERVER_SOFTWARE REMOTE_USER";
    assert_eq!(names(&[]), format!("{front} SCRIPT_NAME PATH_INFO {back}"));
    assert_eq!(names(&["--path-info", "off"]), format!("{front} {back}"));
    assert_eq!(names(&["--default-params", "off"]), "");
    assert_eq!(
        names(&[
            "--default-params",
            "off",
            "--param",
            "A 1",
            "--param",
            "B 2"
        ]),
        "A B"
    );
    assert_eq!(
        names(&["--param", "A 1", "--param", "HTTPS on"]),
        format!("{front} SCRIPT_NAME PATH_INFO {back} A")
    );
}

#[test]
fn a_param_replaces_the_standard_one_where_it_stands() {
    let s = one(&[
        "--param",
        "SCRIPT_NAME /x",
        "--param",
        "HTTP_COOKIE \"\"",
        "--param",
        "U $remote_user if_not_empty",
    ]);
    let find = |name: &str| {
        s.params
            .list()
            .iter()
            .find(|p| &*p.name == name)
            .expect("the parameter")
    };
    assert_eq!(find("SCRIPT_NAME").value.literal(), Some(&b"/x"[..]));
    assert_eq!(
        find("HTTP_COOKIE").value.literal(),
        Some(&b""[..]),
        "kept, so that the client's field is dropped (P11)"
    );
    assert!(find("U").if_not_empty);
    assert_eq!(
        find("PATH_INFO").value.parts(),
        [crate::template::Part::Var(Var::PathInfo)]
    );
}

#[test]
fn a_param_given_twice_holds_last_and_warns() {
    let (c, warnings) = ok(&[P, "--param", "A 1", "--param", "B 2", "--param", "A 3"]);
    let list = scgi(location(&c, 0, 0)).params.list();
    let a: Vec<_> = list
        .iter()
        .filter(|p| &*p.name == "A")
        .map(|p| p.value.literal())
        .collect();
    assert_eq!(a, vec![Some(&b"3"[..])]);
    assert_eq!(
        warnings,
        vec!["--param 'A': given more than once on one level; the last one holds"]
    );
}

#[test]
fn discarded_outer_params_are_warned_of() {
    let (_, warnings) = ok(&[
        "--param",
        "A 1",
        "--param",
        "B 1",
        "--location",
        "/x",
        P,
        "--param",
        "B 2",
        "--location",
        "/y",
        P,
    ]);
    assert_eq!(
        warnings,
        vec!["--location '/x': its --param flags discard those of the level outside it: A"]
    );
    config(&["--location", "/x", P, "--param", "B 2"]);
}

#[test]
fn a_location_without_a_pass_is_warned_of() {
    let (c, warnings) = ok(&["--location", "/", P, "--location", "/no", "--deny", "all"]);
    assert!(matches!(location(&c, 0, 1).handler, Handler::None));
    assert_eq!(
        warnings,
        vec!["--location '/no': has no --pass: requests are answered with 404"]
    );
    assert_eq!(
        ok(&["--server", "a", P, "--server", "b"]).1,
        vec!["--server 'b': has no --pass: requests are answered with 404"]
    );
    assert!(error(&[]).starts_with("nothing to serve"));
    assert!(error(&["--location", "/"]).starts_with("nothing to serve"));
}

#[test]
fn the_demo_takes_the_place_of_a_pass() {
    let c = config(&["--demo"]);
    assert!(c.process.demo);
    assert_eq!(
        c.targets[0].addresses,
        vec![Address::Unix("/run/demo.sock".into())]
    );
    assert!(matches!(scgi(location(&c, 0, 0)).pass, Pass::Target(0)));
    config(&["--demo", "--location", "/a", "--location", "/b"]);
    assert!(error(&["--demo", P]).contains("--demo: does not go together with --pass"));
    assert!(
        error(&["--demo", "--location", "/", P])
            .contains("--demo: does not go together with --pass")
    );
}

#[test]
fn a_pass_may_be_a_template() {
    let c = config(&["--pass", "unix:/run/$host.sock"]);
    assert!(matches!(&scgi(location(&c, 0, 0)).pass, Pass::Template(_)));
    assert!(c.targets.is_empty());
    assert!(error(&["--pass", "$nope:1"]).contains("unknown variable"));
}

#[test]
fn default_server_goes_before_the_first() {
    let c = config(&[
        "--server",
        "a",
        "-l",
        "80",
        P,
        "--server",
        "b",
        "-l",
        "80 default_server backlog=9",
        P,
        "--server",
        "c",
        "-l",
        "81",
        P,
    ]);
    assert_eq!(c.listens.len(), 2);
    assert_eq!((c.listens[0].names.default, c.listens[0].backlog), (1, 9));
    assert_eq!(c.listens[1].names.default, 2);
    assert_eq!(
        c.listens[1].names.find("a"),
        2,
        "names belong to their address"
    );
}

#[test]
fn servers_that_contradict_each_other_are_refused() {
    let pair =
        |a: &str, b: &str| error(&["--server", "a", "-l", a, P, "--server", "b", "-l", b, P]);
    assert!(
        pair("80 default_server", "80 default_server").contains("has a default_server already")
    );
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
    assert!(error(&["--server", "", P]).contains("needs at least one name"));
}

#[test]
fn names_without_meaning_do_not_become_server_name() {
    let name = |given: &str| config(&["--server", given, P]).servers[0].name.clone();
    assert_eq!((name("_"), name("\"\"")), (String::new(), String::new()));
    assert_eq!(
        (name(".Example.org"), name("A b")),
        ("example.org".into(), "a".into())
    );
}

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
        &[P, "--location=/"][1..],
        &["--location", "/x", P, "--keepalive-timeout", "3"],
        &long,
    ] {
        if args == ["--location=/"] {
            continue;
        }
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
