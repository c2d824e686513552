//! Error pages for what goes wrong with an application or a request, and `--intercept-errors` (S25 to S27, S31, S32).

use std::sync::Mutex;
use std::sync::mpsc;

use crate::common::http::Broken;
use crate::common::{App, Gate};
use crate::{Answers, app, asks, logged, logging, tree};

const ANSWERS: Answers = &[
    ("/300", "Status: 300 Many\r\nX-Own: 1\r\n\r\nown"),
    ("/299", "Status: 299 Odd\r\nX-Own: 1\r\n\r\nown"),
    (
        "/401",
        "Status: 401 Who\r\nWWW-Authenticate: Basic realm=a\r\nX-Own: 1\r\nWWW-Authenticate: Other x\r\nSet-Cookie: a=1\r\n\r\nown",
    ),
    (
        "/403",
        "Status: 403 No\r\nWWW-Authenticate: Basic realm=a\r\nSet-Cookie: a=1\r\n\r\nown",
    ),
    (
        "/404",
        "Status: 404 No\r\nContent-Type: text/own\r\nX-Own: 1\r\nContent-Length: 3\r\n\r\nown",
    ),
    ("/500", "Status: 500 Oh\r\n\r\nown"),
    (
        "/accel",
        "Status: 404 No\r\nX-Accel-Redirect: /page\r\n\r\nown",
    ),
    ("/local", "Status: 200 OK\r\nLocation: /404\r\n\r\nown"),
    ("/bad", "a page without a head"),
    ("/cut", "Status: 200 OK\r\nContent-Length: 10\r\n\r\nown"),
];

fn gate(app: &App, args: &[&str]) -> Gate {
    let addr = app.addr();
    let all = ["--location", "/", "--pass", &addr];
    let page = ["--location", "/page", "--return", "200 page"];
    Gate::start(all.iter().chain(args).chain(&page))
}

#[test]
fn errors_of_applications_pass_unless_intercepted_and_listed() {
    let app = app(ANSWERS);
    let pages = ["--error-page", "300 401 404 /page"];
    for (intercept, listed) in [("off", "own"), ("on", "page")] {
        let gate = gate(
            &app,
            &[&pages[..], &["--intercept-errors", intercept]].concat(),
        );
        let mut client = gate.client();
        for (path, status, text) in [
            ("/300", 300, listed),
            ("/299", 299, "own"),
            ("/401", 401, listed),
            ("/403", 403, "own"),
            ("/404", 404, listed),
            ("/500", 500, "own"),
        ] {
            let response = client.get(path).is(status);
            assert_eq!(response.text(), text, "{intercept} {path}");
            if text == "page" {
                assert_eq!(
                    (response.field("x-own"), response.field("content-type")),
                    (None, Some("text/plain"))
                );
                assert!(response.head.all("set-cookie").is_empty());
            }
        }
    }
}

#[test]
fn a_challenge_goes_along_in_every_copy_and_with_401_alone() {
    let app = app(ANSWERS);
    let gate = gate(
        &app,
        &["--intercept-errors", "on", "--error-page", "401 403 /page"],
    );
    let mut client = gate.client();
    assert_eq!(
        client.get("/401").is(401).head.all("www-authenticate"),
        ["Basic realm=a", "Other x"]
    );
    assert_eq!(
        client.get("/403").is(403).head.all("www-authenticate"),
        [""; 0]
    );
    let gate = self::gate(
        &app,
        &[
            "--intercept-errors",
            "on",
            "--error-page",
            "401 /page",
            "--hide-header",
            "WWW-Authenticate",
        ],
    );
    assert_eq!(
        gate.get("/401").is(401).head.all("www-authenticate"),
        [""; 0]
    );
}

/// S15 and S27: the error page goes before the redirect that the response asks for, and after a local one has been followed.
#[test]
fn interception_goes_before_redirects() {
    let app = app(ANSWERS);
    let gate = gate(
        &app,
        &["--intercept-errors", "on", "--error-page", "404 =410 /page"],
    );
    let mut client = gate.client();
    client.get("/accel").is(410);
    client.get("/local").is(410);
    let gate = self::gate(&app, &["--intercept-errors", "on"]);
    assert_eq!(gate.get("/accel").is(200).text(), "page");
}

#[test]
fn pages_for_the_gateways_own_errors_need_no_interception() {
    let tree = tree();
    let app = app(ANSWERS);
    let none = format!("unix:{}", tree.file("none.sock"));
    let (_done, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let silent = App::script(move |scgi| {
        scgi.request();
        let _ = wait.lock().expect("lock").recv();
    });
    let silent = silent_gate(&silent, &app, &none);
    let mut client = silent.1.client();
    for (path, status) in [
        ("/dead", 502),
        ("/silent", 504),
        ("/bad", 502),
        ("/params", 431),
    ] {
        assert_eq!(client.get(path).is(status).text(), "page", "{path}");
    }
    // What has begun is cut, and no page follows.
    client.send("GET /cut HTTP/1.1\r\nHost: test\r\n\r\n");
    match client.try_response("GET") {
        Err(Broken::InBody(head, body)) => assert_eq!((head.status, body), (200, b"own".to_vec())),
        other => panic!("{other:?}"),
    }
}

fn silent_gate<'a>(silent: &'a App, app: &App, none: &str) -> (&'a App, Gate) {
    let (addr, quiet) = (app.addr(), silent.addr());
    let gate = Gate::start([
        "--error-page",
        "431 502 504 /page",
        "--location",
        "/",
        "--pass",
        &addr,
        "--location",
        "/dead",
        "--pass",
        none,
        "--location",
        "/silent",
        "--pass",
        &quiet,
        "--read-timeout",
        "50ms",
        "--location",
        "/params",
        "--pass",
        &addr,
        "--params-max",
        "20",
        "--location",
        "/page",
        "--return",
        "200 page",
    ]);
    (silent, gate)
}

/// S32: the tries that the first pass has used up are not the second's.
#[test]
fn a_fallback_has_tries_of_its_own() {
    let tree = tree();
    let app = app(&[]);
    let none: Vec<String> = (0..4)
        .map(|n| format!("unix:{}", tree.file(&format!("none{n}"))))
        .collect();
    let (first, second) = (format!("first {}", none[0]), format!("first {}", none[1]));
    let (third, last) = (
        format!("last {}", none[2]),
        format!("last {} backup", app.addr()),
    );
    let gate = logging(
        "$status $upstream_status $upstream_addr",
        &[
            "--upstream",
            &first,
            "--upstream",
            &second,
            "--upstream",
            &third,
            "--upstream",
            &last,
            "--next-upstream-tries",
            "2",
            "--location",
            "/",
            "--pass",
            "first",
            "--error-page",
            "502 = @last",
            "--location",
            "@last",
            "--pass",
            "last",
        ],
    );
    let mut client = gate.client();
    let response = asks(
        &mut client,
        "POST",
        "/x",
        "Content-Type: text/body\r\n",
        b"hello",
    )
    .is(200);
    assert_eq!(response.param("BODY").as_deref(), Some("hello"));
    assert_eq!(app.requests().len(), 1);
    let addr = app.addr();
    logged(
        gate,
        &[&format!(
            "200 502, 502 : 502, 200 {}, {} : {}, {addr}",
            none[0], none[1], none[2]
        )],
    );
}

#[test]
fn a_body_that_is_too_large_is_not_read_for_its_page() {
    let app = app(&[]);
    for (how, told) in [("/page", false), ("= /app", true)] {
        let addr = app.addr();
        let page = format!("413 {how}");
        let gate = gate(
            &app,
            &[
                "--client-max-body-size",
                "10",
                "--error-page",
                &page,
                "--location",
                "/app",
                "--pass",
                &addr,
            ],
        );
        for length in ["Content-Length: 11", "Transfer-Encoding: chunked"] {
            let mut client = gate.client();
            // Nothing of the body has been sent when the answer comes, or just what is too much.
            let body = if length.starts_with('C') {
                ""
            } else {
                "b\r\nhello world\r\n"
            };
            client.send(format!(
                "POST /x HTTP/1.1\r\nHost: test\r\n{length}\r\n\r\n{body}"
            ));
            let response = client.response().is(if told { 200 } else { 413 });
            assert!(response.head.closes());
            match told {
                true => assert_eq!(response.param("REQUEST_METHOD").as_deref(), Some("GET")),
                false => assert_eq!(response.text(), "page"),
            }
        }
    }
    // By name it would need the body.
    let gate = gate(
        &app,
        &[
            "--client-max-body-size",
            "10",
            "--error-page",
            "413 = @app",
            "--location",
            "@app",
            "--pass",
            &app.addr(),
        ],
    );
    let mut client = gate.client();
    client.send("POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 11\r\n\r\n");
    assert!(
        client
            .response()
            .is(413)
            .text()
            .contains("<small>scgate</small>")
    );
    assert_eq!(app.accepted(), 2);
}

/// Who waits for a word before it sends its body gets it where the body will be read, and only there.
#[test]
fn a_client_that_expects_a_word_gets_it_for_a_fallback() {
    let app = app(&[]);
    let shut = [
        "--location",
        "/shut",
        "--deny",
        "all",
        "--location",
        "/kept",
    ];
    let kept = [
        "--deny",
        "all",
        "--error-page",
        "403 = @app",
        "--location",
        "@app",
    ];
    let addr = app.addr();
    let args = [&shut[..], &kept, &["--pass", &addr]].concat();
    let gate = gate(&app, &args);
    let ask = |path: &str| {
        let head = "Host: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n";
        let mut client = gate.client();
        client.send(format!("POST {path} HTTP/1.1\r\n{head}\r\n"));
        client
    };
    let response = ask("/shut").response().is(403);
    assert_eq!(
        (response.head.interim.len(), response.head.closes()),
        (0, true)
    );
    let mut client = ask("/kept");
    assert_eq!(client.some(), b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello");
    assert_eq!(
        client.response().is(200).param("BODY").as_deref(),
        Some("hello")
    );
}

#[test]
fn a_broken_body_gets_its_page_and_ends_the_connection() {
    let app = app(&[]);
    let gate = gate(&app, &["--error-page", "400 /page"]);
    for broken in ["x\r\n", "1\r\nab\r\n", "-1\r\n"] {
        let mut client = gate.client();
        client.send(format!("POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n{broken}"));
        let response = client.response().is(400);
        assert_eq!(
            (response.text().as_str(), response.head.closes()),
            ("page", true)
        );
    }
    // What never became a request has no location, and no page.
    let mut client = gate.client();
    client.send("GET /x HTTP/1.1\r\n\r\n");
    let response = client.response().is(400);
    assert!(response.text().contains("<small>scgate</small>") && response.head.closes());
    assert_eq!(app.accepted(), 0);
}

#[test]
fn a_body_that_does_not_come_gets_its_page() {
    let app = app(&[]);
    let gate = gate(
        &app,
        &["--client-body-timeout", "50ms", "--error-page", "408 /page"],
    );
    let mut client = gate.client();
    client.send("POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nab");
    let response = client.response().is(408);
    assert_eq!(
        (response.text().as_str(), response.head.closes()),
        ("page", true)
    );
    assert_eq!(app.accepted(), 0);
}

#[test]
fn a_full_queue_gets_its_page_but_none_that_needs_a_worker() {
    let (done, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let app = App::script(move |scgi| {
        let _ = scgi.request();
        let _ = wait.lock().expect("lock").recv();
        let _ = scgi.try_send("Status: 200 OK\r\n\r\nat last");
    });
    for (page, text) in [
        ("503 /page", true),
        ("503 = /app", false),
        ("503 @app", false),
    ] {
        let addr = app.addr();
        let gate = Gate::start([
            "--workers",
            "1",
            "--queue",
            "1",
            "--error-page",
            page,
            "--location",
            "/",
            "--pass",
            &addr,
            "--location",
            "/app",
            "--pass",
            &addr,
            "--location",
            "@app",
            "--pass",
            &addr,
            "--location",
            "/page",
            "--return",
            "200 page",
        ]);
        let before = app.accepted();
        let mut first = gate.client();
        first.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        app.wait_accepted(before + 1);
        let mut second = gate.client();
        second.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        gate.has_read_everything();
        let mut third = gate.client();
        let response = third.get("/").is(503);
        assert_eq!(response.text() == "page", text, "{page}");
        assert_eq!(
            response.text().contains("<small>scgate</small>"),
            !text,
            "{page}"
        );
        for client in [&mut first, &mut second] {
            done.send(()).expect("the application waits");
            assert_eq!(client.response().is(200).text(), "at last");
        }
        // The connection that was turned away is kept.
        done.send(()).expect("the application waits");
        third.get("/").is(200);
    }
    drop(done);
}

#[test]
fn connections_are_kept_through_pages() {
    let tree = tree();
    let app = app(ANSWERS);
    let none = format!("unix:{}", tree.file("none.sock"));
    let gate = gate(
        &app,
        &[
            "--intercept-errors",
            "on",
            "--error-page",
            "404 502 /page",
            "--location",
            "/dead",
            "--pass",
            &none,
            "--error-page",
            "502 = /404",
        ],
    );
    let mut client = gate.client();
    client.send(
        ["/404", "/dead", "/401", "/404", "/bad", "/x"]
            .map(|path| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
            .concat(),
    );
    for (status, text) in [
        (404, "page"),
        (404, "own"),
        (401, "own"),
        (404, "page"),
        (502, "page"),
        (200, ""),
    ] {
        let response = client.response().is(status);
        assert!(
            response.text() == text || text.is_empty(),
            "{}",
            response.text()
        );
    }
}
