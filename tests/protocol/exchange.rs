//! Well-formed requests: connections that are kept or closed, pipelines, interim responses, bodies.

use crate::common::http::Framing;
use crate::common::{App, Gate};
use crate::echo;

#[test]
fn a_connection_is_kept_until_one_side_wants_it_closed() {
    let (app, gate) = echo(&[]);
    let mut client = gate.client();
    for i in 0..10 {
        let response = client.get(&format!("/{i}")).is(200);
        assert!(!response.head.closes());
        assert_eq!(response.param("REQUEST_URI"), Some(format!("/{i}")));
    }
    client.send("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(client.response().is(200).head.closes());
    assert_eq!(app.accepted(), 11);
    drop(client); // the gateway lingers for a client that does not close
    gate.stop().clean();
}

#[test]
fn connection_close_is_found_in_a_list() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo , CLOSE\r\n\r\n");
    assert!(client.response().is(200).head.closes());
    // A longer word that contains it is another word.
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n");
    assert!(!client.response().is(200).head.closes());
    client.get("/").is(200);
}

#[test]
fn an_http_1_0_client_gets_no_chunks_and_a_closed_connection() {
    let app = App::script(|scgi| {
        scgi.all();
        scgi.send("Content-Type: text/plain\r\n\r\nuntil the end");
    });
    let gate = Gate::start(["--pass", &app.addr()]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.0\r\n\r\n");
    let response = client.response().is(200);
    assert_eq!(response.head.framing, Framing::Close);
    assert_eq!(response.text(), "until the end");
}

#[test]
fn an_http_1_0_client_may_ask_to_keep_the_connection() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let response = client.response().is(200);
        assert!(matches!(response.head.framing, Framing::Length(_)));
        let connection = response.field("Connection").map(str::to_ascii_lowercase);
        assert_eq!(connection.as_deref(), Some("keep-alive"));
    }
}

#[test]
fn a_response_without_length_is_chunked_for_http_1_1() {
    let app = App::script(|scgi| {
        scgi.all();
        scgi.send("Content-Type: text/plain\r\n\r\nsome text");
    });
    let gate = Gate::start(["--pass", &app.addr()]);
    let mut client = gate.client();
    for _ in 0..3 {
        let response = client.get("/").is(200);
        assert_eq!(response.head.framing, Framing::Chunked);
        assert_eq!(response.text(), "some text");
    }
}

#[test]
fn the_number_of_requests_on_a_connection_is_limited() {
    let (_app, gate) = echo(&["--keepalive-requests", "3"]);
    let mut client = gate.client();
    assert!(!client.get("/").head.closes());
    assert!(!client.get("/").head.closes());
    assert!(client.get("/").head.closes());
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let (_app, gate) = echo(&["--keepalive-timeout", "300ms"]);
    let mut client = gate.client();
    client.get("/").is(200);
    client.closed();
}

#[test]
fn without_keep_alive_every_response_closes() {
    let (_app, gate) = echo(&["--keepalive-timeout", "0"]);
    assert!(gate.get("/").is(200).head.closes());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    let mut all = String::new();
    for i in 0..40 {
        if i % 3 == 0 {
            all += &format!("POST /{i} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n{i:04}");
        } else if i % 3 == 1 {
            all += &format!("GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n");
        } else {
            all += &format!(
                "PUT /{i} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{i:04}\r\n0\r\n\r\n"
            );
        }
    }
    client.send(all);
    for i in 0..40 {
        let response = client.response().is(200);
        assert_eq!(response.param("REQUEST_URI"), Some(format!("/{i}")));
        let body = if i % 3 == 1 {
            String::new()
        } else {
            format!("{i:04}")
        };
        assert!(
            response.text().ends_with(&format!("body: {body}\n")),
            "{}",
            response.text()
        );
    }
}

/// The end of its side comes with its requests: the client waits for all its answers.
#[test]
fn a_pipeline_that_ends_the_clients_side_is_answered_to_the_last_request() {
    let (app, gate) = echo(&[]);
    let mut client = gate.client();
    let all: String = (0..5)
        .map(|i| format!("GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .collect();
    client.send_and_half_close(&all);
    for i in 0..5 {
        let response = client.response().is(200);
        assert_eq!(response.param("REQUEST_URI"), Some(format!("/{i}")));
        assert!(
            i == 4 || !response.head.closes(),
            "closed with requests unanswered"
        );
    }
    client.closed();
    assert_eq!(app.accepted(), 5);
    gate.stop();
}

#[test]
fn a_pipeline_that_comes_in_pieces_is_understood() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    let one = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /g HTTP/1.1\r\nHost: a\r\n\r\n";
    for cut in [1, 10, 20, 45, 52, 54, 60, 75] {
        client.send(&one[..cut]);
        client.send(&one[cut..]);
        assert_eq!(
            client.response().param("REQUEST_URI").as_deref(),
            Some("/p")
        );
        assert_eq!(
            client.response().param("REQUEST_URI").as_deref(),
            Some("/g")
        );
    }
}

#[test]
fn empty_lines_before_a_request_are_ignored() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    client.send("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.response().is(200);
    client.send("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.response().is(200);
}

#[test]
fn a_client_that_expects_100_is_told_to_go_on() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n");
    assert_eq!(
        String::from_utf8_lossy(&client.some()),
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    client.send("hello");
    let response = client.response().is(200);
    assert_eq!(response.param("CONTENT_LENGTH").as_deref(), Some("5"));
    assert!(response.text().ends_with("body: hello\n"));
    // And the connection goes on.
    client.get("/").is(200);
}

#[test]
fn a_body_that_does_not_wait_for_100_is_taken() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    );
    assert!(client.response().is(200).text().ends_with("body: hello\n"));
    client.get("/").is(200);
}

#[test]
fn a_chunked_client_may_expect_100_too() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(
        String::from_utf8_lossy(&client.some()),
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    client.send("5\r\nhello\r\n0\r\n\r\n");
    assert!(client.response().is(200).text().ends_with("body: hello\n"));
}

#[test]
fn a_refused_request_gets_no_100() {
    let (_app, gate) = echo(&["--client-max-body-size", "10"]);
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
    let response = client.response().is(413);
    assert_eq!(response.head.interim, []);
}

#[test]
fn an_http_1_0_client_gets_no_100() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    client.send("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
    assert_eq!(client.response().is(200).head.interim, []);
}

#[test]
fn head_gets_the_fields_of_get_and_no_body() {
    let app = App::script(|scgi| {
        let request = scgi.answer("twelve bytes");
        assert!(["GET", "HEAD"].contains(&request.method().as_str()));
    });
    let gate = Gate::start(["--pass", &app.addr()]);
    let mut client = gate.client();
    for _ in 0..3 {
        client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        let response = client.response_to("HEAD").is(200);
        assert_eq!(response.field("Content-Length"), Some("12"));
        assert_eq!(client.get("/").is(200).text(), "twelve bytes");
    }
}

#[test]
fn head_of_an_error_has_no_body_either() {
    let gate = Gate::start(["--pass", "unix:/nonexistent/socket"]);
    let mut client = gate.client();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.response_to("HEAD").is(502);
    client.response().is(502);
}

#[test]
fn an_absolute_target_decides_the_host() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    client.send("GET http://Other.Example/a/b?c HTTP/1.1\r\nHost: ignored\r\n\r\n");
    let response = client.response().is(200);
    assert_eq!(response.param("REQUEST_URI").as_deref(), Some("/a/b?c"));
    assert_eq!(
        response
            .param("HTTP_HOST")
            .map(|h| h.to_ascii_lowercase())
            .as_deref(),
        Some("other.example")
    );
    client.send("GET http://other.example HTTP/1.1\r\nHost: other.example\r\n\r\n");
    assert_eq!(
        client.response().is(200).param("REQUEST_URI").as_deref(),
        Some("/")
    );
}

#[test]
fn options_for_the_whole_server_is_accepted() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = client.try_response("OPTIONS").expect("a response");
    assert!((200..300).contains(&response.status), "{}", response.status);
    // The asterisk is for OPTIONS alone.
    let mut client = gate.client();
    client.send("GET * HTTP/1.1\r\nHost: a\r\n\r\n");
    client.response().is(400);
}

#[test]
fn chunked_bodies_reach_the_application_with_a_length() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n";
    for (body, text) in [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\nhello\r\n7\r\n, world\r\n00\r\n\r\n", "hello, world"),
        ("5;ext=1;other=\"q\"\r\nhello\r\n0;last\r\n\r\n", "hello"),
        (
            "5\r\nhello\r\n0\r\nTrailer: yes\r\nOther: 1\r\n\r\n",
            "hello",
        ),
        ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
    ] {
        client.send(head);
        client.send(body);
        let response = client.response().is(200);
        assert_eq!(
            response.param("CONTENT_LENGTH"),
            Some(text.len().to_string()),
            "{body:?}"
        );
        assert_eq!(response.param("HTTP_TRAILER"), None);
        assert!(
            response.text().ends_with(&format!("body: {text}\n")),
            "{}",
            response.text()
        );
    }
}

#[test]
fn a_chunked_body_may_come_byte_by_byte() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    for byte in b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: 1\r\n\r\n" {
        client.send([*byte]);
    }
    assert!(client.response().is(200).text().ends_with("body: abcde\n"));
    client.get("/").is(200);
}

#[test]
fn the_standard_parameters_are_those_of_the_contract() {
    let app = App::echo();
    let gate = Gate::start([
        "--server",
        "site.example",
        "--location",
        "/app",
        "--pass",
        &app.addr(),
    ]);
    let mut client = gate.client();
    client.send(
        "POST /app/x%20y?q=1 HTTP/1.1\r\nHost: Site.Example:99\r\nContent-Type: text/x\r\nContent-Length: 2\r\n\
         Cookie: a=1\r\nX-Two: 1\r\nCookie: b=2\r\nX-Two: 2\r\nProxy: evil\r\nConnection: x-named\r\nX-Named: gone\r\n\
         Upgrade: h2c\r\nTE: trailers\r\nKeep-Alive: 5\r\n\r\nok",
    );
    let response = client.response().is(200);
    let is = |name: &str, value: &str| {
        assert_eq!(response.param(name).as_deref(), Some(value), "{name}")
    };
    is("CONTENT_LENGTH", "2");
    is("SCGI", "1");
    is("REQUEST_METHOD", "POST");
    is("REQUEST_URI", "/app/x%20y?q=1");
    is("QUERY_STRING", "q=1");
    is("CONTENT_TYPE", "text/x");
    is("DOCUMENT_URI", "/app/x y");
    is("SERVER_PROTOCOL", "HTTP/1.1");
    is("REQUEST_SCHEME", "http");
    is("REMOTE_ADDR", "127.0.0.1");
    is("SERVER_ADDR", "127.0.0.1");
    is("SERVER_PORT", &gate.addr().port().to_string());
    is("SERVER_NAME", "site.example");
    is("SCRIPT_NAME", "/app");
    is("PATH_INFO", "/x y");
    is("GATEWAY_INTERFACE", "CGI/1.1");
    is("HTTP_COOKIE", "a=1; b=2");
    is("HTTP_X_TWO", "1, 2");
    assert!(
        response
            .param("SERVER_SOFTWARE")
            .is_some_and(|s| s.starts_with("scgate"))
    );
    assert!(
        response
            .param("REMOTE_PORT")
            .is_some_and(|p| p.parse::<u16>().is_ok())
    );
    for absent in [
        "HTTPS",
        "HTTP_PROXY",
        "HTTP_X_NAMED",
        "HTTP_UPGRADE",
        "HTTP_TE",
        "HTTP_KEEP_ALIVE",
        "HTTP_CONNECTION",
    ] {
        assert_eq!(response.param(absent), None, "{absent}");
    }
}

#[test]
fn a_client_over_a_unix_socket_is_served() {
    let app = App::echo();
    let gate = crate::common::gate::Starter::new()
        .unix()
        .args(["--pass", &app.addr()])
        .start();
    let mut client = gate.client();
    client.get("/a").is(200);
    assert_eq!(
        client.get("/b").is(200).param("REQUEST_URI").as_deref(),
        Some("/b")
    );
    gate.stop().clean();
}
