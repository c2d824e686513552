//! Clients that stay with their server.

use std::collections::BTreeMap;

use crate::common::http::Response;
use crate::common::{App, Gate, status};
use crate::{gate, group, holding, named, times};

/// The cookie of a response: its value and its attributes, names in lowercase.
#[track_caller]
fn cookie(response: &Response, name: &str) -> (String, BTreeMap<String, String>) {
    let field = response.field("Set-Cookie").expect("Set-Cookie");
    let mut parts = field.split(';').map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (name.trim().to_owned(), value.trim().to_owned())
    });
    let (first, value) = parts.next().expect("a first part");
    assert_eq!(first, name, "{field}");
    (value, parts.map(|(n, v)| (n.to_lowercase(), v)).collect())
}

/// One GET with a cookie.
#[track_caller]
fn with_cookie(gate: &Gate, cookies: &str) -> Response {
    let mut client = gate.client();
    client.send(format!(
        "GET / HTTP/1.1\r\nHost: a\r\nCookie: {cookies}\r\n\r\n"
    ));
    client.response().is(200)
}

const COOKIE: [&str; 2] = ["--sticky", "g cookie srv"];

#[test]
fn a_cookie_keeps_a_client_with_its_server() {
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let gate = gate(group(&[(&a, ""), (&b, ""), (&c, "")]), &COOKIE);
    let mut ids = BTreeMap::new();
    for _ in 0..3 {
        let first = gate.get("/").is(200);
        let (id, _) = cookie(&first, "srv");
        for _ in 0..4 {
            let next = with_cookie(&gate, &format!("other=1; srv={id}; srv2=x"));
            assert_eq!(next.text(), first.text());
            // A cookie that is sent again is the same.
            if next.field("Set-Cookie").is_some() {
                assert_eq!(cookie(&next, "srv").0, id);
            }
        }
        ids.insert(id, first.text());
    }
    // Newcomers take turns.
    let mut names: Vec<_> = ids.into_values().collect();
    names.sort();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn a_plain_cookie_lives_until_the_browser_closes_and_holds_for_all_paths() {
    let a = named("a");
    let gate = gate(group(&[(&a, "")]), &COOKIE);
    let (value, attributes) = cookie(&gate.get("/some/where").is(200), "srv");
    assert!(!value.is_empty());
    let expected = BTreeMap::from([("path".to_owned(), "/".to_owned())]);
    assert_eq!(attributes, expected);
}

#[test]
fn a_cookie_has_the_attributes_that_were_given() {
    let a = named("a");
    let gate = gate(
        group(&[(&a, "")]),
        &[
            "--sticky",
            "g cookie srv expires=1h path=/app domain=example.org httponly secure",
        ],
    );
    let (_, attributes) = cookie(&gate.get("/").is(200), "srv");
    let has = |name: &str| attributes.get(name).map(String::as_str);
    assert_eq!(has("max-age"), Some("3600"), "{attributes:?}");
    assert_eq!(has("path"), Some("/app"));
    assert_eq!(has("domain"), Some("example.org"));
    assert_eq!((has("httponly"), has("secure")), (Some(""), Some("")));
}

/// N50: the id is the server's route, if it has one.
#[test]
fn a_route_is_the_value_of_the_cookie() {
    let (a, b) = (named("a"), named("b"));
    let gate = gate(group(&[(&a, "route=one"), (&b, "route=two")]), &COOKIE);
    assert_eq!(cookie(&gate.get("/").is(200), "srv").0, "one");
    assert_eq!(cookie(&gate.get("/").is(200), "srv").0, "two");
    for _ in 0..3 {
        assert_eq!(with_cookie(&gate, "srv=two").text(), "b");
    }
}

#[test]
fn an_unknown_cookie_is_replaced() {
    let (a, b) = (named("a"), named("b"));
    let gate = gate(group(&[(&a, "route=one"), (&b, "route=two")]), &COOKIE);
    let mut seen = String::new();
    for value in ["three", "", "one2", "%00"] {
        let response = with_cookie(&gate, &format!("srv={value}"));
        seen += &response.text();
        let id = cookie(&response, "srv").0;
        assert_eq!(id == "one", response.text() == "a");
    }
    assert_eq!((times(&seen, 'a'), times(&seen, 'b')), (2, 2));
}

#[test]
fn a_client_whose_server_is_gone_is_bound_to_another() {
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let gate = gate(
        group(&[(&a, "route=a"), (&b, "route=b"), (&c, "route=c")]),
        &COOKIE,
    );
    assert_eq!(with_cookie(&gate, "srv=b").text(), "b");
    status::order(&gate, "g", &b.addr(), "down");
    let moved = with_cookie(&gate, "srv=b");
    let id = cookie(&moved, "srv").0;
    assert_ne!(id, "b");
    assert_eq!(moved.text(), id);
    for _ in 0..3 {
        assert_eq!(with_cookie(&gate, &format!("srv={id}")).text(), id);
    }
    // Back again, for those who still have the old cookie.
    status::order(&gate, "g", &b.addr(), "revive");
    assert_eq!(with_cookie(&gate, "srv=b").text(), "b");
}

/// N51: the cookie names the server that answered, not the first that was tried; N54: a failed server binds nobody.
#[test]
fn failover_changes_the_cookie() {
    let bad = App::with_log(|scgi, log| log(&scgi.all().0));
    let good = named("b");
    let gate = gate(
        group(&[(&bad, "route=a fail_timeout=1h"), (&good, "route=b")]),
        &COOKIE,
    );
    for _ in 0..3 {
        let response = with_cookie(&gate, "srv=a");
        assert_eq!(response.text(), "b");
        assert_eq!(cookie(&response, "srv").0, "b");
    }
    assert_eq!(bad.requests().len(), 1);
}

#[test]
fn a_full_server_binds_nobody() {
    let ((a, go), b) = (holding("a"), named("b"));
    let gate = gate(
        group(&[(&a, "route=a max_conns=1"), (&b, "route=b")]),
        &COOKIE,
    );
    let mut held = crate::hold(&gate, &a);
    assert_eq!(with_cookie(&gate, "srv=a").text(), "b");
    go.open();
    held.response().is(200);
}

/// N49.
#[test]
fn a_draining_server_keeps_its_clients_and_gets_no_others() {
    let (a, b) = (named("a"), named("b"));
    let gate = gate(group(&[(&a, "route=a"), (&b, "route=b")]), &COOKIE);
    status::order(&gate, "g", &a.addr(), "drain");
    assert_eq!(crate::names(&gate, 4), "bbbb");
    for _ in 0..3 {
        assert_eq!(with_cookie(&gate, "srv=a").text(), "a");
    }
    status::order(&gate, "g", &a.addr(), "down");
    assert_eq!(with_cookie(&gate, "srv=a").text(), "b");
}

/// N53: the first that is not empty.
#[test]
fn a_route_comes_from_the_request() {
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let servers = group(&[(&a, "route=a"), (&b, "route=b"), (&c, "route=c")]);
    let start = || {
        let args = ["--sticky", "g route $cookie_route $arg_route"];
        gate(servers.clone(), &args)
    };
    let bound = start();
    for name in ["a", "b", "c", "b"] {
        let response = bound.get(&format!("/?route={name}")).is(200);
        assert_eq!(response.text(), name);
        assert_eq!(response.field("Set-Cookie"), None);
        let mut client = bound.client();
        client.send(format!(
            "GET /?route=a HTTP/1.1\r\nHost: a\r\nCookie: route={name}\r\n\r\n"
        ));
        assert_eq!(client.response().is(200).text(), name);
    }
    // Without a route, or with one that nobody has, in turn.
    let free = start();
    let in_turn = ["/", "/?route=x", "/?route=", "/?k=a", "/?route=A", "/"]
        .map(|target| free.get(target).is(200).text());
    assert_eq!(in_turn.concat(), "abcabc");
}
