//! From Host and path to server and location, and what the application is told about it.

use crate::common::{App, Gate, Response};
use crate::echo;

fn with_host(gate: &Gate, host: &str, target: &str) -> Response {
    let mut client = gate.client();
    client.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    client.response()
}

#[test]
fn paths_are_normalised() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    for (target, path) in [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a//b", "/a/b"),
        ("//a///b//", "/a/b/"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/b/.", "/a/b/"),
        ("/a/.b/..c/...", "/a/.b/..c/..."),
        ("/a%20b", "/a b"),
        ("/%41%62", "/Ab"),
        ("/a%2fb", "/a/b"),
        ("/a/%2e%2e/b", "/b"),
        ("/a%2f..%2fb", "/b"),
        ("/a%2F%2e/b", "/a/b"),
        ("/a+b", "/a+b"),
        ("/100%25", "/100%"),
        ("/%252e%252e/b", "/%2e%2e/b"),
        ("/a%3Fb", "/a?b"),
        ("/a%23b", "/a#b"),
        ("/%c3%a4", "/\u{c3}\u{a4}"),
    ] {
        let response = client.get(&format!("{target}?q=%2e%2e/x")).is(200);
        assert_eq!(
            response.param("DOCUMENT_URI").as_deref(),
            Some(path),
            "{target}"
        );
        assert_eq!(
            response.param("REQUEST_URI"),
            Some(format!("{target}?q=%2e%2e/x"))
        );
        assert_eq!(
            response.param("QUERY_STRING").as_deref(),
            Some("q=%2e%2e/x")
        );
    }
}

#[test]
fn paths_that_leave_the_root_or_are_not_paths_are_refused() {
    let (app, gate) = echo(&[]);
    for target in [
        "/..",
        "/../a",
        "/a/../../b",
        "/%2e%2e/a",
        "/..%2fa",
        "/a/..//../b",
        "/%",
        "/%4",
        "/%zz",
        "/%00",
        "/a%00b",
        "/%4g",
    ] {
        gate.get(target).is(400);
    }
    assert_eq!(app.accepted(), 0);
}

#[test]
fn script_name_and_path_info_follow_the_location() {
    let app = App::echo();
    let addr = app.addr();
    let gate = Gate::start([
        "--location",
        "/",
        "--pass",
        &addr,
        "--location",
        "/app",
        "--pass",
        &addr,
        "--location",
        "/slash/",
        "--pass",
        &addr,
        "--location",
        "/off",
        "--pass",
        &addr,
        "--path-info",
        "off",
        "--location",
        "/cgi",
        "--pass",
        &addr,
        "--path-info",
        ".cgi .pl",
    ]);
    let check = |target: &str, script: Option<&str>, info: Option<&str>| {
        let response = gate.get(target).is(200);
        assert_eq!(
            response.param("SCRIPT_NAME").as_deref(),
            script,
            "SCRIPT_NAME of {target}"
        );
        assert_eq!(
            response.param("PATH_INFO").as_deref(),
            info,
            "PATH_INFO of {target}"
        );
    };
    check("/", Some(""), Some("/"));
    check("/x/y?z", Some(""), Some("/x/y"));
    check("/app", Some("/app"), Some(""));
    check("/app/", Some("/app"), Some("/"));
    check("/app/a/b?c", Some("/app"), Some("/a/b"));
    check("/app/a%2Fb%20c", Some("/app"), Some("/a/b c"));
    check("/slash/a", Some("/slash"), Some("/a"));
    check("/off/a", None, None);
    check("/cgi/x.cgi/rest/of", Some("/cgi/x.cgi"), Some("/rest/of"));
    check("/cgi/x.CGI", Some("/cgi/x.CGI"), Some(""));
    check("/cgi/dir/y.pl/a.cgi", Some("/cgi/dir/y.pl"), Some("/a.cgi"));
}

#[test]
fn the_longest_prefix_wins_and_an_exact_location_before_it() {
    let app = App::echo();
    let addr = app.addr();
    let at = |name: &'static str| {
        [
            "--pass".to_owned(),
            addr.clone(),
            "--param".into(),
            format!("WHERE {name}"),
        ]
    };
    let mut args: Vec<String> = Vec::new();
    for (location, name) in [
        ("/", "root"),
        ("/a", "a"),
        ("/a/b", "ab"),
        ("= /a/b/c", "exact"),
        ("^~ /img/", "images"),
        ("/a/bc", "abc"),
    ] {
        args.extend(["--location".to_owned(), location.to_owned()]);
        args.extend(at(name));
    }
    let gate = Gate::start(&args);
    for (target, name) in [
        ("/", "root"),
        ("/x", "root"),
        ("/a", "a"),
        ("/a/x", "a"),
        ("/a/b", "ab"),
        ("/a/b/", "ab"),
        ("/a/b/c", "exact"),
        ("/a/b/c/", "ab"),
        ("/a/./b/x/../c", "exact"),
        ("/a/bc", "abc"),
        ("/img/x.png", "images"),
        ("/A", "root"),
    ] {
        assert_eq!(
            gate.get(target).param("WHERE").as_deref(),
            Some(name),
            "{target}"
        );
    }
}

#[test]
fn a_param_of_ours_adds_to_the_standard_set_and_beats_the_client() {
    let (_app, gate) = echo(&[
        "--param",
        "HTTP_X_USER nobody",
        "--param",
        "DOCUMENT_ROOT /srv/www",
        "--param",
        "ORIGIN \"$remote_addr on $host\"",
        "--param",
        "EMPTY $arg_missing",
        "--param",
        "GONE $arg_missing if_not_empty",
        "--param",
        "THERE $arg_there if_not_empty",
    ]);
    let mut client = gate.client();
    client.send("GET /?there=yes HTTP/1.1\r\nHost: h\r\nX-User: root\r\n\r\n");
    let response = client.response().is(200);
    let is = |name: &str, value: Option<&str>| {
        assert_eq!(response.param(name).as_deref(), value, "{name}")
    };
    is("HTTP_X_USER", Some("nobody"));
    is("DOCUMENT_ROOT", Some("/srv/www"));
    is("ORIGIN", Some("127.0.0.1 on h"));
    is("EMPTY", Some(""));
    is("GONE", None);
    is("THERE", Some("yes"));
    is("REQUEST_METHOD", Some("GET"));
}

#[test]
fn without_the_standard_set_only_what_is_asked_for_is_sent() {
    let (_app, gate) = echo(&[
        "--default-params",
        "off",
        "--param",
        "REQUEST_URI $request_uri",
        "--pass-request-headers",
        "off",
    ]);
    let response = gate.get("/x").is(200);
    let names: Vec<String> = response
        .text()
        .lines()
        .filter_map(|l| l.split_once('=').map(|(n, _)| n.to_owned()))
        .collect();
    assert_eq!(names[0], "CONTENT_LENGTH");
    assert!(
        names.contains(&"SCGI".to_owned()) && names.contains(&"REQUEST_URI".to_owned()),
        "{names:?}"
    );
    for absent in [
        "REQUEST_METHOD",
        "SCRIPT_NAME",
        "SERVER_NAME",
        "QUERY_STRING",
    ] {
        assert!(!names.contains(&absent.to_owned()), "{names:?}");
    }
}

#[test]
fn a_body_that_is_not_passed_on_has_no_length_either() {
    let (_app, gate) = echo(&["--pass-request-body", "off"]);
    let mut client = gate.client();
    let response = client.post("/", b"hello").is(200);
    assert_eq!(response.param("CONTENT_LENGTH").as_deref(), Some("0"));
    assert!(response.text().ends_with("body: \n"));
    client.get("/").is(200);
}

#[test]
fn the_host_decides_the_server() {
    let app = App::echo();
    let addr = app.addr();
    let mut args: Vec<String> = Vec::new();
    for names in [
        "first.example alias.example",
        "*.wild.example",
        ".dot.example",
        "deep.wild.example",
    ] {
        let first = names.split(' ').next().unwrap_or_default();
        args.extend(["--server", names, "--location", "/", "--pass", &addr].map(str::to_owned));
        args.extend(["--param".to_owned(), format!("WHERE {first}")]);
    }
    let gate = Gate::start(args);
    for (host, name) in [
        ("first.example", "first.example"),
        ("FIRST.Example.", "first.example"),
        ("alias.example:8080", "first.example"),
        ("x.wild.example", "*.wild.example"),
        ("x.y.wild.example", "*.wild.example"),
        ("deep.wild.example", "deep.wild.example"),
        ("dot.example", ".dot.example"),
        ("a.dot.example", ".dot.example"),
        ("unknown.example", "first.example"),
        ("127.0.0.1", "first.example"),
        ("[::1]:80", "first.example"),
    ] {
        let response = with_host(&gate, host, "/");
        assert_eq!(response.param("WHERE").as_deref(), Some(name), "{host}");
        // A pattern is no name that an application could make a link with.
        let server = response.param("SERVER_NAME").unwrap_or_default();
        assert!(
            !server.is_empty() && !server.contains('*') && !server.starts_with('.'),
            "{host}: {server}"
        );
    }
    // A client of HTTP/1.0 may leave the name out.
    let mut client = gate.client();
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(
        client.response().param("SERVER_NAME").as_deref(),
        Some("first.example")
    );
}

#[test]
fn a_server_has_its_own_locations_and_settings() {
    let app = App::echo();
    let addr = app.addr();
    let gate = Gate::start([
        "--client-max-body-size",
        "5",
        "--server",
        "a.example",
        "--location",
        "/only-a",
        "--pass",
        &addr,
        "--server",
        "b.example",
        "--client-max-body-size",
        "50",
        "--location",
        "/",
        "--pass",
        &addr,
    ]);
    with_host(&gate, "a.example", "/only-a").is(200);
    with_host(&gate, "a.example", "/other").is(404);
    with_host(&gate, "b.example", "/other").is(200);
    for (host, status) in [("a.example", 413), ("b.example", 200)] {
        let mut client = gate.client();
        client.send(format!(
            "POST /only-a HTTP/1.1\r\nHost: {host}\r\nContent-Length: 6\r\n\r\n"
        ));
        let _ = client.try_send("sixsix");
        client.response().is(status);
    }
}

#[test]
fn access_rules_are_read_in_order() {
    let app = App::echo();
    let addr = app.addr();
    let gate = Gate::start([
        "--location",
        "/open",
        "--pass",
        &addr,
        "--location",
        "/closed",
        "--pass",
        &addr,
        "--deny",
        "all",
        "--location",
        "/local",
        "--pass",
        &addr,
        "--allow",
        "127.0.0.0/8",
        "--allow",
        "::1",
        "--deny",
        "all",
        "--location",
        "/foreign",
        "--pass",
        &addr,
        "--deny",
        "127.0.0.1",
        "--allow",
        "all",
        "--location",
        "/unix",
        "--pass",
        &addr,
        "--allow",
        "unix:",
        "--deny",
        "all",
    ]);
    gate.get("/open").is(200);
    gate.get("/closed").is(403);
    gate.get("/local").is(200);
    gate.get("/foreign").is(403);
    gate.get("/unix").is(403);
    assert_eq!(app.accepted(), 2);
    let gate = crate::common::gate::Starter::new()
        .unix()
        .args([
            "--location",
            "/unix",
            "--pass",
            &addr,
            "--allow",
            "unix:",
            "--deny",
            "all",
        ])
        .args(["--location", "/closed", "--pass", &addr, "--deny", "unix:"])
        .start();
    gate.get("/unix").is(200);
    gate.get("/closed").is(403);
}

#[test]
fn a_forbidden_post_keeps_the_stream_in_order() {
    let (app, gate) = echo(&["--deny", "all"]);
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 36\r\n\r\n");
    let _ = client.try_send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n..");
    let first = client.try_response("POST").expect("a response");
    assert_eq!(first.status, 403);
    // Either the body is read and dropped, or the connection is closed; never is the body taken for a request.
    client.half_close();
    let rest = client.rest();
    assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    assert_eq!(app.accepted(), 0);
}
