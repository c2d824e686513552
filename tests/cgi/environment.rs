//! What the application is told of what the server said.

use super::Call;
use crate::common::{App, Temp};

#[test]
fn what_the_server_says_arrives() {
    let app = App::echo();
    let answer = Call::to(&app)
        .env(&[
            "REMOTE_PORT=4711",
            "SERVER_ADDR=192.0.2.1",
            "SERVER_PORT=8443",
            "SERVER_PROTOCOL=HTTP/2.0",
            "HTTPS=on",
            "REMOTE_USER=joe",
            "AUTH_TYPE=Digest",
            "PATH_INFO=/a b",
            "QUERY_STRING=x=%20",
            "CONTENT_TYPE=text/odd",
            "HTTP_X_OWN=mine",
            "HTTP_COOKIE=a=1; b=2",
            "HTTP_PROXY=http://evil.example/",
            "HTTP_CONNECTION=X-Hop",
            "HTTP_X_HOP=this connection's",
        ])
        .run()
        .is("200 OK");
    for (name, value) in [
        ("CONTENT_LENGTH", "0"),
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", "/cgi-bin/app/a%20b?x=%20"),
        ("QUERY_STRING", "x=%20"),
        ("CONTENT_TYPE", "text/odd"),
        ("SERVER_PROTOCOL", "HTTP/2.0"),
        ("REQUEST_SCHEME", "https"),
        ("HTTPS", "on"),
        ("REMOTE_ADDR", "192.0.2.7"),
        ("REMOTE_PORT", "4711"),
        ("SERVER_ADDR", "192.0.2.1"),
        ("SERVER_PORT", "8443"),
        ("SERVER_NAME", "router.example"),
        ("SCRIPT_NAME", "/cgi-bin/app"),
        ("PATH_INFO", "/a b"),
        ("REMOTE_USER", "joe"),
        ("AUTH_TYPE", "Digest"),
        ("HTTP_HOST", "router.example"),
        ("HTTP_X_OWN", "mine"),
        ("HTTP_COOKIE", "a=1; b=2"),
        ("HTTP_PROXY", "-"),
        ("HTTP_X_HOP", "-"),
        ("HTTP_CONNECTION", "-"),
    ] {
        assert_eq!(answer.param(name), value, "{name}");
    }
}

#[test]
fn a_server_that_says_little_is_enough() {
    let app = App::echo();
    let silent = [
        "SERVER_PROTOCOL",
        "SERVER_NAME",
        "SERVER_PORT",
        "REMOTE_ADDR",
        "SCRIPT_NAME",
    ];
    let answer = Call::to(&app)
        .env(&silent)
        .env(&["HTTP_HOST=a.example:8080"])
        .run()
        .is("200 OK");
    for (name, value) in [
        ("REQUEST_URI", "/"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_NAME", "a.example"),
        ("SERVER_PORT", "8080"),
        ("REMOTE_ADDR", "unix:"),
        ("SERVER_ADDR", ""),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", ""),
        ("REMOTE_USER", "-"),
        ("AUTH_TYPE", "-"),
        ("HTTPS", "-"),
    ] {
        assert_eq!(answer.param(name), value, "{name}");
    }
}

#[test]
fn locations_are_chosen_by_path_info() {
    let app = App::echo();
    let addr = app.addr();
    for (path, script, info) in [
        ("", "/cgi-bin/app", ""),
        ("/", "/cgi-bin/app", "/"),
        ("/x/y", "/cgi-bin/app", "/x/y"),
        ("/x//y/../z", "/cgi-bin/app", "/x/z"),
        ("/blog", "/cgi-bin/app/blog", ""),
        ("/blog/1", "/cgi-bin/app/blog", "/1"),
        ("/off/1", "-", "-"),
    ] {
        let answer = Call::with(&["--location", "/", "--pass", &addr])
            .args(&["--location", "/blog", "--pass", &addr])
            .args(&["--location", "/off/", "--path-info", "off", "--pass", &addr])
            .env(&[&format!("PATH_INFO={path}")])
            .run()
            .is("200 OK");
        let found = (answer.param("SCRIPT_NAME"), answer.param("PATH_INFO"));
        assert_eq!(found, (script.into(), info.into()), "{path}");
    }
    let own = [
        "--param",
        "SCRIPT_NAME /app",
        "--param",
        "P \"$uri $request_uri\"",
    ];
    let answer = Call::to(&app)
        .args(&own)
        .env(&["PATH_INFO=/x"])
        .run()
        .is("200 OK");
    assert_eq!(answer.param("SCRIPT_NAME"), "/app");
    assert_eq!(answer.param("P"), "/x /cgi-bin/app/x");
}

#[test]
fn a_hostile_environment_is_a_bad_request() {
    let app = App::echo();
    for bad in [
        "REQUEST_METHOD=GET /x HTTP/1.1\r\nX:",
        "REQUEST_METHOD=g t",
        "REQUEST_METHOD=\u{e9}",
        "PATH_INFO=x",
        "PATH_INFO=/../x",
        "QUERY_STRING=a\r\nX-Evil: 1",
        "CONTENT_TYPE=a\r\nX-Evil: 1",
        "CONTENT_LENGTH=one",
        "HTTP_HOST=a\r\n\r\n",
        "HTTP_HOST=a b",
        "HTTP_HOST=a..b",
        "HTTP_X_A=b\r\nX-Evil: 1",
        "HTTP_X_A=b\u{7f}",
        "HTTP_X\n=b",
        "REQUEST_URI=/a\nb",
        "REMOTE_USER=a\nb",
    ] {
        let answer = Call::to(&app).env(&[bad]).run().is("400 Bad Request");
        assert!(
            answer.body.contains("400 Bad Request"),
            "{bad:?}: {answer:?}"
        );
    }
    let answer = Call::to(&app).env(&["REQUEST_METHOD=TRACE"]).run();
    answer.is("405 Method Not Allowed");
    assert_eq!(app.accepted(), 0);
}

#[test]
fn access_rules_and_logs_know_the_client() {
    let app = App::echo();
    let dir = Temp::new();
    let log = dir.file("log");
    let rules = ["--allow", "192.0.2.0/24", "--deny", "all"];
    let access = format!("{log} own");
    let format = "own '$remote_addr $remote_port $remote_user \"$request\" $status $scheme'";
    for (client, line) in [
        ("192.0.2.7", "200 OK"),
        ("198.51.100.1", "403 Forbidden"),
        ("odd", "403 Forbidden"),
    ] {
        Call::to(&app)
            .args(&rules)
            .args(&["--access-log", &access, "--log-format", format])
            .env(&[
                &format!("REMOTE_ADDR={client}"),
                "REMOTE_PORT=5",
                "REMOTE_USER=joe",
                "PATH_INFO=/a b",
            ])
            .run()
            .is(line);
    }
    let log = std::fs::read_to_string(log).expect("the log");
    let request = "joe \"GET /cgi-bin/app/a%20b HTTP/1.1\"";
    assert_eq!(
        log,
        format!(
            "192.0.2.7 5 {request} 200 http\n198.51.100.1 5 {request} 403 http\nodd - {request} 403 http\n"
        )
    );
}

#[test]
fn a_proxy_before_the_server_is_believed_where_it_should() {
    let app = App::echo();
    let call = |from: &str| {
        let args = [
            "--real-ip-from",
            from,
            "--real-ip-header",
            "X-Forwarded-For",
        ];
        let answer = Call::to(&app)
            .args(&args)
            .env(&["HTTP_X_FORWARDED_FOR=203.0.113.9"])
            .run();
        answer.is("200 OK").param("REMOTE_ADDR")
    };
    assert_eq!(
        (call("192.0.2.7"), call("192.0.2.8")),
        ("203.0.113.9".into(), "192.0.2.7".into())
    );
}

#[test]
fn a_name_that_nobody_has_checked_is_not_the_user() {
    let app = App::echo();
    let claims = "HTTP_AUTHORIZATION=Basic am9lOnNlY3JldA==";
    let answer = Call::to(&app).env(&[claims]).run().is("200 OK");
    assert_eq!(answer.param("REMOTE_USER"), "-");
    assert_eq!(answer.param("AUTH_TYPE"), "-");
}

/// Whose password has been checked here is the user, whatever the server found out about somebody else.
#[cfg(feature = "auth")]
#[test]
fn a_password_that_is_asked_for_here_names_the_user() {
    const HASH: &str = "$2y$04$5ZsEWJwUS5pvZWUv0WKAluq3P0.qWjRSpMWF4HTSQPmcFmG6NPaqW"; // secret
    let (app, dir) = (App::echo(), Temp::new());
    dir.write("users", &format!("joe:{HASH}\n"));
    let flag = format!("home {}", dir.file("users"));
    let servers = ["REMOTE_USER=ann", "AUTH_TYPE=Digest"];
    let call = || Call::to(&app).args(&["--auth-basic", &flag]).env(&servers);
    call().run().is("401 Unauthorized");
    let answer = call()
        .env(&["HTTP_AUTHORIZATION=Basic am9lOnNlY3JldA=="])
        .run()
        .is("200 OK");
    assert_eq!(answer.param("REMOTE_USER"), "joe");
    assert_eq!(answer.param("AUTH_TYPE"), "Basic");
    assert_eq!(answer.param("HTTP_AUTHORIZATION"), "-");
}
