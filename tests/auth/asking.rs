//! Who is let in, who is asked, and what the application is told.

use std::process::Command;

use crate::common::process::find_program;
use crate::common::{App, Gate, Temp, left_out};
use crate::{ANN, House, JOE, base64, checks, get, says, send};

const CHALLENGE: &str = r#"Basic realm="home", charset="UTF-8""#;

#[test]
fn whoever_knows_the_password_is_let_in_and_named() {
    let house = House::new(&format!("{JOE}{ANN}"));
    let gate = house.gate(&[]);
    for user in ["joe", "ann", "joe"] {
        let response = get(&gate, "/", &says(user, "secret")).is(200);
        assert_eq!(response.param("REMOTE_USER").as_deref(), Some(user));
        assert_eq!(response.param("AUTH_TYPE").as_deref(), Some("Basic"));
        assert_eq!(response.param("HTTP_AUTHORIZATION"), None);
        assert_eq!(response.field("www-authenticate"), None);
    }
    assert_eq!(checks(&gate), 2, "the third is remembered");
    gate.stop().clean();
}

#[test]
fn whoever_does_not_is_asked() {
    let house = House::new(&format!("{JOE}{ANN}"));
    let gate = house.gate(&[]);
    let raw = |text: &[u8]| format!("Authorization: Basic {}\r\n", base64(text));
    for fields in [
        String::new(),
        says("joe", "wrong"),
        says("joe", ""),
        says("joe", "secret "),
        says("Joe", "secret"),
        says("nobody", "secret"),
        says("", "secret"),
        says("joe", &"x".repeat(600)),
        raw(b"joe"),
        raw(b"joe:secret\0"),
        raw(b"joe\0:secret"),
        raw(b"\xff\xfe"),
        "Authorization: Basic joe:secret\r\n".into(),
        "Authorization: Basic am9lOnNlY3JldA\r\n".into(),
        "Authorization: Basic\r\n".into(),
        "Authorization: Bearer am9lOnNlY3JldA==\r\n".into(),
        "Authorization:\r\n".into(),
        "Proxy-Authorization: Basic am9lOnNlY3JldA==\r\n".into(),
    ] {
        let mut client = gate.client();
        send(&mut client, "GET", "/", &fields);
        let response = client.response().is(401);
        assert_eq!(
            response.field("www-authenticate"),
            Some(CHALLENGE),
            "{fields}"
        );
        assert!(!response.head.closes(), "{fields}");
        // The same connection may be tried again.
        send(&mut client, "GET", "/", &says("joe", "secret"));
        client.response().is(200);
    }
    assert_eq!(house.app.accepted(), 18);
    let log = gate.stop().stderr;
    for line in [
        "user \"joe\": wrong name or password: 401",
        "user \"nobody\": wrong name or password: 401",
    ] {
        let of = |l: &&str| l.contains(line) && l.contains("client 127.0.0.1:");
        assert!(
            log.lines().find(of).is_some_and(|l| l.contains(" info ")),
            "{line}\n{log}"
        );
    }
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn two_answers_are_none() {
    let house = House::new(JOE);
    let gate = house.gate(&[]);
    let right = says("joe", "secret");
    get(&gate, "/", &format!("{right}{right}")).is(400);
    get(&gate, "/", &format!("{}{right}", says("joe", "wrong"))).is(400);
    assert_eq!((house.app.accepted(), checks(&gate)), (0, 0));
}

/// Trac and others let in whom REMOTE_USER names.
#[test]
fn a_name_that_nobody_has_checked_is_not_the_user() {
    let app = App::echo();
    let gate = Gate::start([
        "--location",
        "/",
        "--pass",
        &app.addr(),
        "--location",
        "/said",
        "--pass",
        &app.addr(),
        "--param",
        "SAID $remote_user",
    ]);
    let claims = says("joe", "anything");
    let response = get(&gate, "/", &claims).is(200);
    assert_eq!(response.param("REMOTE_USER"), None);
    let value = claims.trim_end().strip_prefix("Authorization: ");
    assert_eq!(response.param("HTTP_AUTHORIZATION").as_deref(), value);
    let response = get(&gate, "/said", &claims).is(200);
    assert_eq!(response.param("SAID").as_deref(), Some("joe"));
}

#[test]
fn the_operator_decides_what_else_is_told() {
    let house = House::new(JOE);
    let right = says("joe", "secret");
    let gate = house.gate(&[
        "--param",
        "HTTP_AUTHORIZATION $http_authorization",
        "--param",
        "AUTH_TYPE own",
    ]);
    let response = get(&gate, "/", &right);
    let value = right.trim_end().strip_prefix("Authorization: ");
    assert_eq!(response.param("HTTP_AUTHORIZATION").as_deref(), value);
    assert_eq!(response.param("AUTH_TYPE").as_deref(), Some("own"));
    let gate = house.gate(&["--default-params", "off"]);
    let response = get(&gate, "/", &right);
    for name in ["AUTH_TYPE", "REMOTE_USER", "HTTP_AUTHORIZATION"] {
        assert_eq!(response.param(name), None);
    }
}

#[test]
fn a_location_without_it_is_as_ever() {
    let house = House::new(JOE);
    let (flag, pass) = (house.flag("home"), house.app.addr());
    let gate = Gate::start([
        "--auth-basic",
        &flag,
        "--location",
        "/",
        "--pass",
        &pass,
        "--location",
        "/open",
        "--pass",
        &pass,
        "--auth-basic",
        "off",
    ]);
    get(&gate, "/", "").is(401);
    let response = get(&gate, "/open", &says("ann", "whatever")).is(200);
    assert_eq!(response.param("REMOTE_USER"), None);
    assert_eq!(response.param("AUTH_TYPE"), None);
    assert!(response.param("HTTP_AUTHORIZATION").is_some());
}

#[test]
fn a_realm_is_text_and_may_come_from_the_request() {
    let house = House::new(JOE);
    let flag = house.flag(r#"'a "$host" \ $arg_x'"#);
    let gate = Gate::start(["--auth-basic", &flag, "--pass", &house.app.addr()]);
    let response = get(&gate, "/?x=off", "").is(401);
    let value = r#"Basic realm="a \"test\" \\ off", charset="UTF-8""#;
    assert_eq!(response.field("www-authenticate"), Some(value));
    // No variable turns it off.
    let flag = house.flag("$arg_x");
    let gate = Gate::start(["--auth-basic", &flag, "--pass", &house.app.addr()]);
    get(&gate, "/?x=off", "").is(401);
}

#[test]
fn rules_go_before_passwords_and_return_before_both() {
    let house = House::new(JOE);
    let (flag, pass) = (house.flag("home"), house.app.addr());
    let gate = Gate::start([
        "--auth-basic",
        &flag,
        "--location",
        "/denied",
        "--pass",
        &pass,
        "--deny",
        "all",
        "--location",
        "/said",
        "--return",
        "200 said",
        "--location",
        "/inside",
        "--internal",
        "--pass",
        &pass,
        "--location",
        "/status",
        "--status",
        "on",
        "--location",
        "/dir/",
        "--pass",
        &pass,
    ]);
    let right = says("joe", "secret");
    for fields in ["", &right] {
        let response = get(&gate, "/denied", fields).is(403);
        assert_eq!(response.field("www-authenticate"), None);
        assert_eq!(get(&gate, "/said", fields).is(200).text(), "said");
        get(&gate, "/inside", fields).is(404);
        get(&gate, "/none", fields).is(404);
        // As in nginx, this is told before anybody is asked.
        get(&gate, "/dir", fields).is(301);
    }
    get(&gate, "/status", "").is(401);
    get(&gate, "/status", &right).is(200);
    get(&gate, "/dir/", "").is(401);
}

#[test]
fn files_are_behind_it_too() {
    let house = House::new(JOE);
    let flag = house.flag("home");
    let root = Temp::new();
    root.write("a.txt", "a file");
    let gate = Gate::start([
        "--auth-basic",
        &flag,
        "--root",
        root.path().to_str().expect("text"),
    ]);
    let right = says("joe", "secret");
    for (method, target, fields, status) in [
        ("GET", "/a.txt", "", 401),
        ("HEAD", "/a.txt", "", 401),
        ("GET", "/none", "", 401),
        ("POST", "/a.txt", "", 401),
        ("GET", "/a.txt", right.as_str(), 200),
        ("HEAD", "/a.txt", &right, 200),
        ("GET", "/none", &right, 404),
        ("POST", "/a.txt", &right, 405),
    ] {
        let mut client = gate.client();
        send(&mut client, method, target, fields);
        let response = client.response_to(method).is(status);
        let asked = response.field("www-authenticate").is_some();
        assert_eq!(asked, status == 401, "{method} {target}");
    }
}

#[test]
fn the_log_knows_the_name() {
    let house = House::new(JOE);
    let log = [
        "--log-format",
        "own $remote_user $status",
        "--access-log",
        "- own",
    ];
    let gate = house.gate(&log);
    get(&gate, "/", &says("joe", "secret")).is(200);
    get(&gate, "/", &says("joe", "wrong")).is(401);
    get(&gate, "/", "").is(401);
    assert_eq!(gate.stop().stdout, "joe 200\njoe 401\n- 401\n");
}

#[test]
fn requests_in_a_row_are_answered_in_their_order() {
    let house = House::new(&format!("{JOE}{ANN}"));
    let gate = house.gate(&[]);
    let mut client = gate.client();
    let mut all = String::new();
    let row = [
        ("joe", "secret", 200),
        ("joe", "wrong", 401),
        ("ann", "secret", 200),
        ("nobody", "secret", 401),
        ("joe", "secret", 200),
    ];
    for (user, password, _) in row {
        all += &format!(
            "GET /{user} HTTP/1.1\r\nHost: test\r\n{}\r\n",
            says(user, password)
        );
    }
    client.send(all);
    for (user, _, status) in row {
        let response = client.response().is(status);
        if status == 200 {
            assert_eq!(response.param("REQUEST_URI"), Some(format!("/{user}")));
        }
    }
    assert_eq!(house.app.accepted(), 3);
}

#[test]
fn a_client_that_has_said_all_is_answered() {
    let house = House::new(JOE);
    let gate = house.gate(&[]);
    let mut client = gate.client();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: test\r\n{}\r\n",
        says("joe", "secret")
    );
    client.send_and_half_close(&request);
    client.response().is(200);
}

#[test]
fn bodies_come_whole_or_not_at_all() {
    let house = House::new(JOE);
    let gate = house.gate(&["--client-max-body-size", "8m"]);
    let body = vec![b'x'; 4 << 20];
    let length = format!("Content-Length: {}\r\n", body.len());
    let mut client = gate.client();
    send(
        &mut client,
        "POST",
        "/",
        &format!("{length}{}", says("joe", "secret")),
    );
    client.send(&body);
    let response = client.response().is(200);
    assert!(response.text().contains("body: 4194304 bytes"));
    // The body is not wanted: the connection ends once it is answered.
    let mut client = gate.client();
    send(
        &mut client,
        "POST",
        "/",
        &format!("{length}{}", says("joe", "wrong")),
    );
    let response = client.response().is(401);
    assert!(response.head.closes());
    // In pieces, some of which come with the head.
    let mut client = gate.client();
    let fields = format!("Transfer-Encoding: chunked\r\n{}", says("joe", "secret"));
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: test\r\n{fields}\r\n3\r\nabc\r\n"
    ));
    client.send("2\r\nde\r\n0\r\n\r\nGET /next HTTP/1.1\r\nHost: test\r\n\r\n");
    assert!(client.response().is(200).text().ends_with("body: abcde\n"));
    client.response().is(401);
    assert_eq!(house.app.accepted(), 2);
}

#[test]
fn a_body_that_goes_on_as_it_comes_waits_for_the_password() {
    let house = House::new(JOE);
    let gate = house.gate(&["--request-buffering", "off"]);
    let mut client = gate.client();
    let fields = format!("Content-Length: 6\r\n{}", says("joe", "secret"));
    client.send(format!("POST / HTTP/1.1\r\nHost: test\r\n{fields}\r\nabc"));
    client.send("def");
    assert!(client.response().is(200).text().ends_with("body: abcdef\n"));
    let fields = format!("Content-Length: 6\r\n{}", says("joe", "wrong"));
    client.send(format!("POST / HTTP/1.1\r\nHost: test\r\n{fields}\r\nabc"));
    client.response().is(401);
    assert_eq!(house.app.accepted(), 1);
}

#[test]
fn curl_is_let_in() {
    let Some(curl) = find_program(&["curl"]) else {
        return left_out("curl_is_let_in", "no curl");
    };
    let house = House::new("");
    house.users(&format!("{JOE}{ANN}"));
    let gate = house.gate(&[]);
    let run = |args: &[&str]| {
        let output = Command::new(&curl)
            .args([
                "-s",
                "-S",
                "--max-time",
                "30",
                "-w",
                "%{http_code}",
                "-o",
                "/dev/null",
            ])
            .args(args)
            .arg(gate.url())
            .output()
            .expect("curl starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(run(&["-u", "joe:secret"]), "200");
    assert_eq!(run(&["-u", "ann:secret", "--anyauth"]), "200");
    assert_eq!(run(&["-u", "joe:wrong"]), "401");
    assert_eq!(run(&[]), "401");
    // It asks leave to send so much, and gets none without a password.
    let large = house.dir.write("large", &"x".repeat(1 << 20));
    let data = format!("@{large}");
    assert_eq!(
        run(&[
            "-u",
            "joe:secret",
            "--data-binary",
            &data,
            "-H",
            "Expect: 100-continue"
        ]),
        "200"
    );
    assert_eq!(
        run(&[
            "-u",
            "joe:wrong",
            "--data-binary",
            &data,
            "-H",
            "Expect: 100-continue"
        ]),
        "401"
    );
    assert_eq!(house.app.accepted(), 3);
}
