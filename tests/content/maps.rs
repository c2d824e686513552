//! `--map`: its variable in a template of each kind.

use crate::common::{App, Gate, Temp};
use crate::{asks, logged, logging};

const MAP: &str = "$arg_k $v One first TWO second '' none default other";

#[test]
fn a_value_is_looked_up_without_regard_to_case() {
    let gate = Gate::start(["--map", MAP, "--location", "/", "--return", "200 '<$v>'"]);
    let mut client = gate.client();
    for (query, value) in [
        ("?k=one", "first"),
        ("?k=ONE", "first"),
        ("?k=two", "second"),
        ("?k=", "none"),
        ("", "none"),
        ("?k=x", "other"),
        ("?k=on", "other"),
    ] {
        assert_eq!(
            client.get(&format!("/{query}")).is(200).text(),
            format!("<{value}>"),
            "{query}"
        );
    }
}

#[test]
fn without_a_default_it_is_empty_and_a_map_may_use_another() {
    let gate = Gate::start([
        "--map",
        "$arg_a $inner x 1 \\default 2 '\\\\\\\\b' 3",
        "--map",
        "$inner$arg_b $outer 1y 'both $uri' 2 '${inner}!' default <$inner>",
        "--location",
        "/",
        "--return",
        "200 '[$inner][$outer]'",
    ]);
    let mut client = gate.client();
    for (query, value) in [
        ("a=x&b=y", "[1][both /p]"),
        ("a=default", "[2][2!]"),
        ("a=\\b", "[3][<3>]"),
        ("a=z", "[][<>]"),
        ("a=x", "[1][<1>]"),
    ] {
        assert_eq!(
            client.get(&format!("/p?{query}")).is(200).text(),
            value,
            "{query}"
        );
    }
}

#[test]
fn it_chooses_application_parameter_and_directory() {
    let tree = Temp::new();
    for (dir, text) in [("one", "of one"), ("two", "of two")] {
        std::fs::create_dir(tree.path().join(dir)).expect("a directory");
        tree.write(&format!("{dir}/f.txt"), text);
    }
    let (one, two) = (App::echo(), App::echo());
    let apps = format!(
        "$http_x_app $app one {} two {} group pair default unix:/nowhere",
        one.addr(),
        two.addr()
    );
    let root = format!(
        "$host $dir one {0}/one default {0}/two",
        tree.path().display()
    );
    let group = format!("pair {}", two.addr());
    let gate = Gate::start([
        "--upstream",
        &group,
        "--map",
        &apps,
        "--map",
        &root,
        "--map",
        MAP,
        "--location",
        "/app",
        "--pass",
        "$app",
        "--param",
        "CHOSEN $v",
        "--location",
        "/",
        "--root",
        "$dir",
    ]);
    let mut client = gate.client();
    for (app, counts) in [("one", (1, 0)), ("two", (1, 1)), ("group", (1, 2))] {
        let response = asks(
            &mut client,
            "GET",
            "/app?k=two",
            &format!("X-App: {app}\r\n"),
            b"",
        )
        .is(200);
        assert_eq!(response.param("CHOSEN").as_deref(), Some("second"));
        assert_eq!((one.accepted(), two.accepted()), counts);
    }
    client.get("/app").is(502);
    for (host, text) in [("one", "of one"), ("ONE", "of one"), ("three", "of two")] {
        client.send(format!("GET /f.txt HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(client.response().is(200).text(), text);
    }
}

#[test]
fn it_stands_in_logs_fields_error_pages_and_redirects() {
    let tree = Temp::new();
    let map = "$status $class 200 good 404 lost default odd";
    let gate = logging(
        "$uri $v $class",
        &[
            "--map",
            MAP,
            "--map",
            map,
            "--root",
            &tree.file(""),
            "--error-page",
            "404 =210 /say/$v?$v",
            "--add-header",
            "X-V $v-$class always",
            "--location",
            "/",
            "--location",
            "/say/",
            "--return",
            "200 '$uri $args'",
            "--location",
            "/go",
            "--return",
            "302 http://$v/",
        ],
    );
    let mut client = gate.client();
    let response = client.get("/x?k=one").is(210);
    assert_eq!(response.text(), "/say/first first");
    let response = client.get("/go?k=two").is(302);
    assert_eq!(
        (response.field("location"), response.field("x-v")),
        (Some("http://second/"), Some("second-odd"))
    );
    assert_eq!(client.get("/say/?k=one").field("x-v"), Some("first-good"));
    drop(client);
    logged(gate, &["/go second odd", "/say/ first good"]);
}

/// What a map takes from the path is encoded like the path itself, where a URI is made of it.
#[test]
fn a_path_through_a_map_stays_a_path() {
    let app = App::echo();
    let tree = Temp::new();
    let gate = Gate::start([
        "--map",
        "$uri $p '/a b' '/found here' default $uri",
        "--root",
        &tree.file(""),
        "--error-page",
        "404 = /fetch$p",
        "--location",
        "/",
        "--location",
        "/fetch",
        "--internal",
        "--pass",
        &app.addr(),
        "--location",
        "/go",
        "--return",
        "302 http://x$p",
    ]);
    let mut client = gate.client();
    for (path, uri) in [
        ("/x%3Fy%2541%23", "/fetch/x?y%41#"),
        ("/a%20b", "/fetch/found here"),
    ] {
        let response = client.get(path).is(200);
        assert_eq!(response.param("DOCUMENT_URI").as_deref(), Some(uri));
        assert_eq!(response.param("QUERY_STRING").as_deref(), Some(""));
    }
    let response = client.get("/go/%C3%A9%20%3F%25").is(302);
    assert_eq!(
        response.field("location"),
        Some("http://x/go/%C3%A9%20%3F%25")
    );
}
