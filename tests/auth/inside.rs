//! Redirects inside the gateway, error pages and the cache: none is a way round a password.

use crate::common::{App, Gate, Temp, until};
use crate::{ANN, House, JOE, SLOW, checks, get, says, send};

/// Pages to be found below a root.
fn tree() -> Temp {
    let tree = Temp::new();
    for dir in ["open", "shut"] {
        std::fs::create_dir(tree.path().join(dir)).expect("a directory");
    }
    tree.write("open/page", "an open page");
    tree.write("shut/page", "a shut page");
    tree
}

#[test]
fn an_error_page_keeps_the_question() {
    let (house, tree) = (House::new(JOE), tree());
    let (flag, root, pass) = (house.flag("home"), tree.file(""), house.app.addr());
    let gate = |page: &str| {
        Gate::start([
            "--auth-basic",
            &flag,
            "--root",
            &root,
            "--error-page",
            page,
            "--location",
            "/",
            "--location",
            "/open",
            "--auth-basic",
            "off",
            "--location",
            "@app",
            "--pass",
            &pass,
            "--auth-basic",
            "off",
            "--location",
            "/said",
            "--return",
            "200 said",
        ])
    };
    for (page, status, text) in [
        ("401 /open/page", 401, "an open page"),
        ("401 =200 /open/page", 200, "an open page"),
        ("401 /said", 401, "said"),
        ("401 @app", 401, "REQUEST_URI=/shut/page"),
        ("401 /shut/page", 401, "401 Unauthorized"),
        ("401 /open/none", 401, "401 Unauthorized"),
        ("401 http://login.example/", 302, "302"),
    ] {
        let gate = gate(page);
        let response = get(&gate, "/shut/page", &says("joe", "wrong")).is(status);
        assert!(!response.text().contains("REMOTE_USER"), "{page}");
        assert!(
            response.text().contains(text),
            "{page}: {}",
            response.text()
        );
        let asks = response.field("www-authenticate");
        assert_eq!(
            asks,
            Some(r#"Basic realm="home", charset="UTF-8""#),
            "{page}"
        );
        let response = get(&gate, "/shut/page", &says("joe", "secret")).is(200);
        assert_eq!(response.field("www-authenticate"), None);
    }
}

#[test]
fn an_error_page_may_want_a_password_itself() {
    let (house, tree) = (House::new(JOE), tree());
    let (flag, root) = (house.flag("home"), tree.file(""));
    let dead = format!("unix:{}", tree.file("none.sock"));
    let gate = Gate::start([
        "--root",
        &root,
        "--error-page",
        "404 502 405 413 /shut/page",
        "--location",
        "/open",
        "--location",
        "/shut",
        "--auth-basic",
        &flag,
        "--location",
        "/dead",
        "--pass",
        &dead,
        "--client-max-body-size",
        "1",
    ]);
    // Found missing by the front, and failed in a worker.
    for (target, status) in [("/open/none", 404), ("/dead", 502)] {
        let response = get(&gate, target, &says("joe", "secret")).is(status);
        assert_eq!(response.text(), "a shut page", "{target}");
        for fields in ["", &says("joe", "wrong")] {
            let response = get(&gate, target, fields).is(status);
            assert!(!response.text().contains("a shut page"), "{target}");
            assert_eq!(response.field("www-authenticate"), None, "{target}");
        }
    }
    // A body that is not read leaves no time to ask.
    let mut client = gate.client();
    let fields = format!("Content-Length: 5\r\n{}", says("joe", "secret"));
    client.send(format!("POST /dead HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
    assert!(client.response().is(413).text().contains("413"));
}

/// An application that sends every request elsewhere, as its query says.
fn sender() -> App {
    App::script(|scgi| {
        let (request, _) = scgi.all();
        let target = request.get("QUERY_STRING");
        let _ = scgi.try_send(format!("X-Accel-Redirect: {target}\r\n\r\n"));
    })
}

#[test]
fn guesses_by_way_of_a_redirect_leave_workers_for_others() {
    let (house, app) = (House::new(SLOW), sender());
    let (flag, pass) = (house.flag("home"), app.addr());
    let gate = Gate::start([
        "--workers",
        "2",
        "--location",
        "/send",
        "--pass",
        &pass,
        "--location",
        "/open",
        "--pass",
        &house.app.addr(),
        "--location",
        "/shut",
        "--pass",
        &house.app.addr(),
        "--auth-basic",
        &flag,
    ]);
    let mut guesses = [1, 2].map(|number| {
        let mut client = gate.client();
        let fields = says("sam", &number.to_string());
        send(&mut client, "GET", "/send?/shut", &fields);
        client
    });
    // One worker waits for the answer, which takes seconds; the other does not.
    let mut refused = None;
    until("one of the two to be refused", || {
        refused = guesses
            .iter()
            .position(|client| client.stream().is_readable());
        refused.is_some()
    });
    let response = guesses[refused.expect("one")].response().is(503);
    assert_eq!(response.field("retry-after"), Some("1"));
    for _ in 0..3 {
        get(&gate, "/open", "").is(200);
    }
    let other = &guesses[1 - refused.expect("one")];
    assert!(!other.stream().is_readable(), "the other has its answer");
}

#[test]
fn a_redirect_is_checked_where_it_leads() {
    let (house, tree, app) = (House::new(&format!("{JOE}{ANN}")), tree(), sender());
    let theirs = tree.write("theirs", ANN);
    let (flag, theirs, root, pass) = (
        house.flag("home"),
        format!("theirs {theirs}"),
        tree.file(""),
        app.addr(),
    );
    let gate = Gate::start([
        "--log-level",
        "debug",
        "--root",
        &root,
        "--location",
        "/send",
        "--pass",
        &pass,
        "--location",
        "/both",
        "--pass",
        &pass,
        "--auth-basic",
        &flag,
        "--location",
        "/shut",
        "--auth-basic",
        &flag,
        "--location",
        "/theirs",
        "--alias",
        &root,
        "--auth-basic",
        &theirs,
        "--location",
        "@shut",
        "--auth-basic",
        &flag,
        "--internal",
        "--location",
        "/echo",
        "--pass",
        &house.app.addr(),
        "--auth-basic",
        &flag,
    ]);
    let (joe, ann) = (says("joe", "secret"), says("ann", "secret"));
    for target in ["/send?/shut/page", "/send?/theirs/shut/page", "/send?@shut"] {
        for fields in ["", &says("ann", "wrong")] {
            let response = get(&gate, target, fields).is(401);
            assert!(response.field("www-authenticate").is_some(), "{target}");
        }
    }
    assert_eq!(
        get(&gate, "/send?/shut/page", &joe).is(200).text(),
        "a shut page"
    );
    get(&gate, "/send?/theirs/shut/page", &joe).is(401);
    assert_eq!(
        get(&gate, "/send?/theirs/shut/page", &ann).is(200).text(),
        "a shut page"
    );
    // From one file's place to another's, and to the same file's, which is not asked again.
    assert_eq!(
        get(&gate, "/both?/shut/page", &joe).is(200).text(),
        "a shut page"
    );
    get(&gate, "/both?/theirs/shut/page", &joe).is(401);
    let response = get(&gate, "/send?/echo", &joe).is(200);
    assert_eq!(response.param("REMOTE_USER").as_deref(), Some("joe"));
    assert_eq!(response.param("AUTH_TYPE").as_deref(), Some("Basic"));
    assert_eq!(response.param("HTTP_AUTHORIZATION"), None);
    // joe and ann here, each wrong and right, and joe there: none was checked twice within its time.
    let count = checks(&gate);
    assert!((5..=9).contains(&count), "{count}");
}

#[test]
fn what_is_cached_is_behind_the_password() {
    let (house, tree) = (House::new(JOE), tree());
    let (flag, pass) = (house.flag("home"), house.app.addr());
    let zone = format!("{} keys_zone=z:1m", tree.file("cache"));
    let gate = Gate::start([
        "--cache-path",
        &zone,
        "--auth-basic",
        &flag,
        "--pass",
        &pass,
        "--cache",
        "z",
        "--cache-valid",
        "1h",
        "--cache-status",
        "own",
    ]);
    for _ in 0..3 {
        get(&gate, "/a", &says("joe", "secret")).is(200);
        get(&gate, "/a", &says("joe", "wrong")).is(401);
        get(&gate, "/a", "").is(401);
    }
    let response = get(&gate, "/a", &says("joe", "secret")).is(200);
    assert_eq!(
        response
            .field("cache-status")
            .map(|s| s.starts_with("own; hit")),
        Some(true)
    );
    assert_eq!(house.app.accepted(), 1);
}

#[test]
fn a_guess_is_one_line_in_the_log_whatever_page_there_is_for_it() {
    let (house, tree) = (House::new(JOE), tree());
    let gate = Gate::start([
        "--auth-basic",
        &house.flag("home"),
        "--root",
        &tree.file(""),
        "--error-page",
        "401 /shut/page",
        "--location",
        "/",
    ]);
    for guess in ["one", "two"] {
        get(&gate, "/open/page", &says("joe", guess)).is(401);
    }
    let log = gate.stop().stderr;
    assert_eq!(log.matches("wrong name or password").count(), 2, "{log}");
}
