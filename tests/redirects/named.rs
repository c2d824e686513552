//! Redirects to `@name`: method, path and body stay as they are.

use crate::common::{App, Gate, Pattern};
use crate::{app, asks, tree};

/// `/` sends all to `@name`, which is the other application.
fn gate(first: &App, second: &App, args: &[&str]) -> Gate {
    let (first, second) = (first.addr(), second.addr());
    let all = [
        "--client-max-body-size",
        "0",
        "--location",
        "/",
        "--pass",
        &first,
    ];
    let name = ["--location", "@name", "--pass", &second];
    Gate::start(all.iter().chain(args).chain(&name))
}

fn to_name() -> App {
    App::script(|scgi| {
        let request = scgi.request();
        let mut read = 0;
        let result = scgi.try_body(request.content_length, &mut |piece| read += piece.len());
        result.expect("the body");
        scgi.send("Status: 200 OK\r\nX-Accel-Redirect: @name\r\n\r\nnot this");
    })
}

/// Says how long the body was, once every byte of it has been checked.
fn checking() -> App {
    App::with_log(|scgi, log| {
        let request = scgi.request();
        let pattern = Pattern::new();
        let mut at = 0;
        let read = scgi.try_body(request.content_length, &mut |piece| {
            pattern.check(at, piece);
            at += piece.len() as u64;
        });
        read.expect("the whole body");
        log(&request);
        scgi.reply(format!(
            "{} {} {at}",
            request.method(),
            request.get("DOCUMENT_URI")
        ));
    })
}

#[test]
fn method_path_query_and_body_stay() {
    let (first, second) = (to_name(), app(&[]));
    let gate = gate(&first, &second, &[]);
    let mut client = gate.client();
    for (method, body) in [
        ("POST", &b"hello"[..]),
        ("PUT", b"hello"),
        ("DELETE", b""),
        ("GET", b""),
        ("PATCH", b"hello"),
    ] {
        let response = asks(
            &mut client,
            method,
            "/a%20b?c=d",
            "Content-Type: text/body\r\n",
            body,
        )
        .is(200);
        let param = |name| response.param(name).unwrap_or_default();
        assert_eq!(param("REQUEST_METHOD"), method);
        assert_eq!(param("REQUEST_URI"), "/a%20b?c=d");
        assert_eq!(param("DOCUMENT_URI"), "/a b");
        assert_eq!(param("QUERY_STRING"), "c=d");
        assert_eq!(param("CONTENT_TYPE"), "text/body");
        assert_eq!(param("CONTENT_LENGTH"), body.len().to_string());
        assert_eq!(param("BODY").as_bytes(), body);
    }
    assert!(
        asks(&mut client, "HEAD", "/a", "", b"")
            .is(200)
            .body
            .is_empty()
    );
    assert_eq!(
        second.requests().last().map(|r| r.method()).as_deref(),
        Some("HEAD")
    );
}

#[test]
fn a_body_in_memory_or_in_a_file_is_sent_again() {
    let (first, second) = (to_name(), checking());
    let gate = gate(&first, &second, &["--client-body-buffer-size", "8k"]);
    let mut client = gate.client();
    let pattern = Pattern::new();
    for length in [1, 8191, 8192, 8193, 100_000, 3_000_000] {
        let response = client.post("/x", &pattern.bytes(length)).is(200);
        assert_eq!(response.text(), format!("POST /x {length}"));
    }
    // Chunks, too, become one body with a length.
    let body = pattern.bytes(70_000);
    client.send("PUT /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in body.chunks(9_999) {
        client.send(format!("{:x}\r\n", piece.len()));
        client.send([piece, b"\r\n"].concat());
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.response().is(200).text(), "PUT /x 70000");
    gate.stop().clean();
}

/// What went by without being kept can not be had again.
#[test]
fn a_body_that_was_passed_on_as_it_came_is_a_plain_500() {
    let (first, second) = (to_name(), checking());
    let gate = gate(&first, &second, &["--request-buffering", "off"]);
    let mut client = gate.client();
    let body = Pattern::new().bytes(300_000);
    client.send(format!(
        "POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    client.send(&body[..100_000]);
    first.wait_accepted(1);
    client.send(&body[100_000..]);
    client.response().is(500);
    assert_eq!(second.accepted(), 0);
    gate.logs("redirect to \"@name\": the body was sent as it came, and can not be sent again");
    // Without a body there is nothing that could be missing.
    assert_eq!(gate.get("/x").is(200).text(), "GET /x 0");
}

/// With an error page of the same kind it is the error that the client gets.
#[test]
fn an_error_page_by_name_is_left_out_where_the_body_is_gone() {
    let first = App::script(|scgi| {
        let request = scgi.request();
        let _ = scgi.try_body(request.content_length, &mut |_| {});
        scgi.send("Status: 503 Later\r\n\r\n");
    });
    let second = checking();
    let args = [
        "--request-buffering",
        "off",
        "--intercept-errors",
        "on",
        "--error-page",
        "503 = @name",
    ];
    let gate = gate(&first, &second, &args);
    let mut client = gate.client();
    client.send("POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\n");
    first.wait_accepted(1);
    client.send("abcdef");
    client.response().is(503);
    assert_eq!(second.accepted(), 0);
    assert_eq!(gate.get("/x").is(200).text(), "GET /x 0");
}

#[test]
fn after_a_redirect_to_a_path_the_body_has_gone() {
    let app = app(&[
        ("/", "X-Accel-Redirect: /second\r\n\r\n"),
        ("/second", "X-Accel-Redirect: @name\r\n\r\n"),
    ]);
    let second = self::app(&[]);
    let gate = gate(&app, &second, &[]);
    let response = gate.client().post("/", b"hello").is(200);
    let param = |name| response.param(name).unwrap_or_default();
    assert_eq!(param("REQUEST_METHOD"), "GET");
    assert_eq!(param("DOCUMENT_URI"), "/second");
    assert_eq!(
        (param("CONTENT_LENGTH"), param("BODY")),
        ("0".into(), String::new())
    );
}

/// Then there is nothing that would have to be sent again.
#[test]
fn so_it_does_with_a_body_that_was_passed_on_as_it_came() {
    let first = App::script(|scgi| {
        let request = scgi.request();
        let _ = scgi.try_body(request.content_length, &mut |_| {});
        let target = match request.get("DOCUMENT_URI").as_str() {
            "/accel" | "/error" => "X-Accel-Redirect: /second",
            "/second" if request.uri() == "/accel" => "X-Accel-Redirect: @name",
            _ => "Status: 503 Later",
        };
        scgi.send(format!("{target}\r\n\r\n"));
    });
    let second = app(&[]);
    let args = [
        "--request-buffering",
        "off",
        "--intercept-errors",
        "on",
        "--error-page",
        "503 = @name",
    ];
    let gate = gate(&first, &second, &args);
    for path in ["/accel", "/error"] {
        let before = first.accepted();
        let mut client = gate.client();
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\n"
        ));
        // It has begun before the body has come.
        first.wait_accepted(before + 1);
        client.send("abcdef");
        let response = client.response().is(200);
        assert_eq!(
            response.param("REQUEST_METHOD").as_deref(),
            Some("GET"),
            "{path}"
        );
        assert_eq!(response.param("CONTENT_LENGTH").as_deref(), Some("0"));
    }
}

#[test]
fn a_name_that_is_none_is_500_and_said_in_the_log() {
    let app = app(&[("/", "X-Accel-Redirect: @other\r\n\r\n")]);
    let second = self::app(&[]);
    let gate = gate(&app, &second, &[]);
    gate.get("/").is(500);
    gate.logs("redirect to \"@other\": there is no such named location");
    assert_eq!(second.accepted(), 0);
}

#[test]
fn a_named_location_is_not_reached_from_outside() {
    let (first, second) = (app(&[]), app(&[]));
    let gate = gate(&first, &second, &[]);
    let mut client = gate.client();
    for target in ["/@name", "/%40name"] {
        client.get(target).is(200);
    }
    client.send("GET @name HTTP/1.1\r\nHost: test\r\n\r\n");
    client.response().is(400);
    assert_eq!((first.accepted(), second.accepted()), (2, 0));
}

#[test]
fn a_named_location_can_serve_files_or_a_text() {
    let tree = tree();
    let first = to_name();
    let root = tree.file("files");
    let addr = first.addr();
    let all = ["--location", "/", "--pass", &addr, "--location", "@name"];
    let gate = Gate::start(all.iter().chain(&["--root", &root]));
    let mut client = gate.client();
    assert_eq!(client.get("/a.txt").is(200).text(), "the file\n");
    client.get("/b.txt").is(404);
    assert_eq!(client.get("/dir").is(301).field("location"), Some("/dir/"));
    // The method has stayed, and files are not for it.
    client.post("/a.txt", b"x").is(405);
    let gate = Gate::start(
        all.iter()
            .chain(&["--return", "200 '$request_method $uri'"]),
    );
    assert_eq!(
        gate.client().post("/a.txt", b"x").is(200).text(),
        "POST /a.txt"
    );
}
