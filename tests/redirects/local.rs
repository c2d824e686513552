//! `--internal-redirect`: a local URI in Location is answered inside the gateway (RFC 3875 6.2.2, S21, Z22).

use crate::common::{App, Gate};
use crate::{Answers, app, asks};

const ANSWERS: Answers = &[
    ("/bare", "Location: /to/x?q=1\r\n\r\n"),
    ("/200", "Status: 200 OK\r\nLocation: /to/x\r\n\r\nnot this"),
    (
        "/line",
        "HTTP/1.1 200 OK\r\nLocation: /to/x\r\n\r\nnot this",
    ),
    ("/201", "Status: 201 Made\r\nLocation: /to/x\r\n\r\nmade"),
    ("/302", "Status: 302 Found\r\nLocation: /to/x\r\n\r\nfound"),
    ("/404", "Status: 404 No\r\nLocation: /to/x\r\n\r\nno"),
    ("/host", "Location: //host/to/x\r\n\r\n"),
    (
        "/host200",
        "Status: 200 OK\r\nLocation: //host/to/x\r\n\r\nbody",
    ),
    ("/url", "Location: http://host/to/x\r\n\r\n"),
    ("/relative", "Location: to/x\r\n\r\n"),
    ("/at", "Location: @name\r\n\r\n"),
    ("/fragment", "Location: /to/x?q=1#part\r\n\r\n"),
    ("/up", "Location: /to/../x\r\n\r\n"),
    (
        "/fields",
        "Location: /to/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Own: 1\r\nContent-Type: text/own\r\n\r\n",
    ),
    (
        "/to/plain",
        "Status: 203 Other\r\nSet-Cookie: c=3\r\n\r\nplain",
    ),
    ("/loop", "Location: /loop\r\n\r\n"),
    (
        "/field",
        "Status: 200 OK\r\nX-Go: /to/x\r\nLocation: /to/y\r\n\r\nbody",
    ),
    ("/field404", "Status: 404 No\r\nX-Go: /to/x\r\n\r\nno"),
    ("/fieldhost", "Status: 200 OK\r\nX-Go: //host/x\r\n\r\nbody"),
    (
        "/both",
        "Location: /to/x\r\nX-Accel-Redirect: /to/accel\r\n\r\n",
    ),
];

fn gate(args: &[&str]) -> (App, Gate) {
    let app = app(ANSWERS);
    let addr = app.addr();
    let all = ["--location", "/", "--pass", &addr];
    let inner = ["--location", "/to/", "--internal", "--pass", &addr];
    let gate = Gate::start(all.iter().chain(args).chain(&inner));
    (app, gate)
}

#[test]
fn a_local_location_is_followed_with_status_200_or_none() {
    let (app, gate) = gate(&[]);
    let mut client = gate.client();
    for path in ["/bare", "/200", "/line"] {
        let fields = "Content-Type: text/body\r\n";
        let response = asks(&mut client, "POST", path, fields, b"hello").is(200);
        let param = |name| response.param(name).unwrap_or_default();
        assert_eq!(param("DOCUMENT_URI"), "/to/x", "{path}");
        assert_eq!(param("REQUEST_METHOD"), "GET");
        assert_eq!(param("REQUEST_URI"), path);
        assert_eq!(
            (param("CONTENT_LENGTH"), param("BODY")),
            ("0".into(), String::new())
        );
        assert_eq!(response.field("location"), None);
    }
    assert_eq!(
        client.get("/bare").param("QUERY_STRING").as_deref(),
        Some("q=1")
    );
    asks(&mut client, "HEAD", "/bare", "", b"").is(200);
    assert_eq!(
        app.requests().last().map(|r| r.method()).as_deref(),
        Some("HEAD")
    );
}

#[test]
fn another_status_goes_to_the_client_with_its_location() {
    let (app, gate) = gate(&[]);
    let mut client = gate.client();
    for (path, status, body) in [
        ("/201", 201, "made"),
        ("/302", 302, "found"),
        ("/404", 404, "no"),
    ] {
        let response = client.get(path).is(status);
        assert_eq!(
            (response.field("location"), response.text().as_str()),
            (Some("/to/x"), body)
        );
    }
    assert_eq!(app.accepted(), 3);
}

#[test]
fn what_is_not_local_goes_to_the_client() {
    let (app, gate) = gate(&[]);
    let mut client = gate.client();
    for (path, status, location) in [
        ("/host", 302, "//host/to/x"),
        ("/host200", 200, "//host/to/x"),
        ("/url", 302, "http://host/to/x"),
        ("/relative", 302, "to/x"),
        ("/at", 302, "@name"),
    ] {
        assert_eq!(
            client.get(path).is(status).field("location"),
            Some(location),
            "{path}"
        );
    }
    assert_eq!(app.accepted(), 5);
}

#[test]
fn off_every_location_goes_to_the_client() {
    let (app, gate) = gate(&["--internal-redirect", "off"]);
    let mut client = gate.client();
    for (path, status) in [
        ("/bare", 302),
        ("/200", 200),
        ("/line", 200),
        ("/host", 302),
    ] {
        assert!(
            client.get(path).is(status).field("location").is_some(),
            "{path}"
        );
    }
    assert_eq!(client.get("/bare").field("location"), Some("/to/x?q=1"));
    assert_eq!(app.accepted(), 5);
}

#[test]
fn another_field_can_be_the_one() {
    let (_app, gate) = gate(&["--internal-redirect", "X-Go"]);
    let mut client = gate.client();
    assert_eq!(
        client.get("/field").param("DOCUMENT_URI").as_deref(),
        Some("/to/x")
    );
    assert_eq!(client.get("/field404").is(404).text(), "no");
    assert_eq!(client.get("/fieldhost").is(200).text(), "body");
    // Location is then the client's.
    assert_eq!(
        client.get("/bare").is(302).field("location"),
        Some("/to/x?q=1")
    );
    assert_eq!(client.get("/200").is(200).field("location"), Some("/to/x"));
}

#[test]
fn a_fragment_is_not_part_of_what_is_asked_for() {
    let (_app, gate) = gate(&[]);
    let response = gate.get("/fragment").is(200);
    assert_eq!(response.param("DOCUMENT_URI").as_deref(), Some("/to/x"));
    assert_eq!(response.param("QUERY_STRING").as_deref(), Some("q=1"));
}

#[test]
fn cookies_go_along_and_nothing_else() {
    let (_app, gate) = gate(&[]);
    let response = gate.get("/fields").is(203);
    let mut cookies = response.head.all("set-cookie");
    cookies.sort_unstable();
    assert_eq!(cookies, ["a=1", "b=2", "c=3"]);
    for name in ["x-own", "content-type", "location"] {
        assert_eq!(response.field(name), None, "{name}");
    }
    let (_app, gate) = self::gate(&["--hide-header", "set-cookie"]);
    assert_eq!(gate.get("/fields").is(203).head.all("set-cookie"), ["c=3"]);
}

#[test]
fn a_target_that_is_none_is_404_and_a_loop_500() {
    let (app, gate) = gate(&[]);
    let mut client = gate.client();
    client.get("/up").is(404);
    gate.logs("redirect to \"/to/../x\": the target of the redirect is no local URI");
    client.get("/loop").is(500);
    gate.logs("redirect to \"/loop\": more than 10 redirects");
    assert_eq!(app.accepted(), 12);
}

/// S18: all kinds together.
#[test]
fn there_is_one_budget_for_every_kind() {
    let app = App::script(|scgi| {
        let (request, _) = scgi.all();
        let path = request.get("DOCUMENT_URI");
        let left: u32 = path.trim_start_matches('/').parse().expect("a number");
        let field = ["Location", "X-Accel-Redirect"][left as usize % 2];
        scgi.send(match left.checked_sub(1) {
            Some(next) => format!("{field}: /{next}\r\n\r\n"),
            None => "Status: 404 No\r\n\r\n".into(),
        });
    });
    let pass = ["--pass", &app.addr(), "--intercept-errors", "on"];
    let page = [
        "--error-page",
        "404 /page",
        "--location",
        "/page",
        "--return",
        "200 page",
    ];
    let gate = Gate::start(["--location", "/"].iter().chain(&pass).chain(&page));
    assert_eq!(gate.get("/9").is(404).text(), "page");
    // The page would be the eleventh.
    assert!(
        gate.get("/10")
            .is(404)
            .text()
            .contains("<small>scgate</small>")
    );
    gate.logs("--error-page for 404: \"/page\": more than 10 redirects");
    gate.get("/11").is(500);
}

#[test]
fn accel_redirect_goes_before_location() {
    let (_app, gate) = gate(&[]);
    assert_eq!(
        gate.get("/both").param("DOCUMENT_URI").as_deref(),
        Some("/to/accel")
    );
}
