//! What the settings become.

use super::*;
use crate::config::Bind;
use crate::config::BindTo;
use crate::config::Ignore;
use crate::config::LogEscape;
use crate::config::Pass;
use crate::config::PathInfo;
use crate::config::address::Address;
use crate::template::Var;
use std::time::Duration;

#[test]
fn a_name_stands_for_all_its_addresses() {
    let c = config(&["--pass", "localhost:9000"]);
    let expected = |a: &Address| matches!(a, Address::Inet(addr) if addr.port() == 9000 && addr.ip().is_loopback());
    assert!(
        !c.groups[0].servers[0].addresses.is_empty()
            && c.groups[0].servers[0].addresses.iter().all(expected)
    );
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
    assert!(client.keepalive_timeout.is_zero() && server.client.keepalive_timeout.is_zero());
    assert!(client.limit_rate.is_some() && client.limit_rate_after.is_some());
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
    assert!(matches!(location(&c, 0, 1).handler, Handler::Files));
    assert_eq!(
        warnings,
        vec![
            "--location '/no': has no --pass, --return, --status, --root or --alias: requests are answered with 404"
        ]
    );
    assert_eq!(
        ok(&["--server", "a", P, "--server", "b"]).1,
        vec![
            "--server 'b': has no --pass, --return, --status, --root or --alias: requests are answered with 404"
        ]
    );
    assert!(error(&[]).starts_with("nothing to serve"));
    assert!(error(&["--location", "/"]).starts_with("nothing to serve"));
}

#[test]
fn the_demo_takes_the_place_of_a_pass() {
    let c = config(&["--demo"]);
    assert!(c.process.demo);
    assert_eq!(
        c.groups[0].servers[0].addresses,
        vec![Address::Unix("/run/demo.sock".into())]
    );
    assert!(matches!(scgi(location(&c, 0, 0)).pass, Pass::Group(0)));
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
    assert!(c.groups.is_empty());
    assert!(error(&["--pass", "$nope:1"]).contains("unknown variable"));
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
