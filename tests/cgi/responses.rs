//! From the application's response to what the server gets.

use std::fs::File;
use std::io::Read;
use std::os::unix::net::UnixStream;

use super::Call;
use crate::common::{App, Pattern, Temp};

/// An application that answers every request with this.
fn app(response: &'static str) -> App {
    App::script(move |scgi| {
        scgi.all();
        scgi.send(response);
    })
}

#[test]
fn heads_are_translated() {
    for (method, response, line, fields, body) in [
        (
            "GET",
            "Status: 200 Fine\nContent-Type: text/a\nContent-Length: 3\n\nabc",
            "200 Fine",
            "content-type: text/a; content-length: 3",
            "abc",
        ),
        (
            "GET",
            "Content-Type: text/a\n\nabc",
            "200 OK",
            "content-type: text/a",
            "abc",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "200 OK",
            "",
            "abc",
        ),
        (
            "HEAD",
            "Status: 200 OK\nContent-Type: text/a\nContent-Length: 3\n\nabc",
            "200 OK",
            "content-type: text/a; content-length: 3",
            "",
        ),
        (
            "HEAD",
            "Content-Type: text/a\n\nabc",
            "200 OK",
            "content-type: text/a",
            "",
        ),
        (
            "GET",
            "Status: 204 No Content\n\n",
            "204 No Content",
            "",
            "",
        ),
        (
            "GET",
            "Status: 304 Not Modified\nETag: \"a\"\n\n",
            "304 Not Modified",
            "etag: \"a\"",
            "",
        ),
        (
            "GET",
            "Status: 301 Moved Permanently\nLocation: http://a.example/x\nContent-Length: 0\n\n",
            "301 Moved Permanently",
            "location: http://a.example/x; content-length: 0",
            "",
        ),
        // A path is one of the server's, which the client asks for.
        (
            "GET",
            "Location: /else?a\n\n",
            "302 Found",
            "location: /else?a",
            "",
        ),
        (
            "GET",
            "Set-Cookie: a=1\nContent-Length: 0\nSet-Cookie: b=2\nServer: own\n\n",
            "200 OK",
            "set-cookie: a=1; set-cookie: b=2; server: own; content-length: 0",
            "",
        ),
        (
            "GET",
            "Status: 404 Gone Fishing\nContent-Length: 2\n\nno",
            "404 Gone Fishing",
            "content-length: 2",
            "no",
        ),
    ] {
        let app = app(response);
        let answer = Call::to(&app)
            .env(&[&format!("REQUEST_METHOD={method}")])
            .run()
            .is(line);
        let rest = answer.fields.iter().filter(|(name, _)| name != "Date");
        let rest: Vec<String> = rest
            .map(|(n, v)| format!("{}: {v}", n.to_lowercase()))
            .collect();
        assert_eq!(
            (rest.join("; ").as_str(), answer.body.as_str()),
            (fields, body),
            "{response}"
        );
    }
}

#[test]
fn a_large_response_goes_to_a_pipe_a_file_or_a_socket() {
    const LEN: u64 = 5 << 20;
    let app = App::script(|scgi| {
        scgi.all();
        scgi.send("Content-Type: a/b\r\n\r\n");
        Pattern::new().write(scgi, LEN).1.expect("sent");
    });
    let check = |bytes: &[u8]| {
        let head = bytes
            .windows(4)
            .position(|end| end == b"\r\n\r\n")
            .expect("a head");
        let body = &bytes[head + 4..];
        assert_eq!(body.len() as u64, LEN);
        Pattern::new().check(0, body);
    };
    let read = |mut from: Box<dyn Read>, mut running: crate::common::process::Running| {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("the response");
        assert_eq!(running.wait().code(), Some(0));
        check(&bytes);
    };
    let (reader, writer) = std::io::pipe().expect("a pipe");
    read(Box::new(reader), Call::to(&app).stdout(writer).start());
    let (ours, theirs) = UnixStream::pair().expect("sockets");
    // As some servers leave them.
    theirs.set_nonblocking(true).expect("non-blocking");
    read(Box::new(ours), Call::to(&app).stdout(theirs).start());
    let dir = Temp::new();
    let file = File::create(dir.file("out")).expect("a file");
    assert_eq!(Call::to(&app).stdout(file).start().wait().code(), Some(0));
    check(&std::fs::read(dir.file("out")).expect("the file"));
}

#[test]
fn a_response_that_is_cut_ends_with_status_1() {
    for response in [
        "Content-Length: 10\n\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
    ] {
        let app = app(response);
        let answer = Call::to(&app).run();
        assert_eq!(
            (answer.line.as_str(), answer.status.code()),
            ("200 OK", Some(1))
        );
        assert_eq!(answer.body, "abc");
        assert!(answer.stderr.contains("cut short"), "{}", answer.stderr);
    }
}

#[test]
fn the_whole_gateway_is_behind_it() {
    let app = App::echo();
    let dead = "unix:/nonexistent/app";
    // Another server of the group.
    let group = [format!("g {dead}"), format!("g {}", app.addr())];
    let upstream = [
        "--upstream",
        &group[0],
        "--upstream",
        &group[1],
        "--pass",
        "g",
    ];
    Call::with(&upstream).run().is("200 OK");
    // An error page.
    Call::with(&[
        "--error-page",
        "502 /sorry",
        "--location",
        "/",
        "--pass",
        dead,
    ])
    .args(&["--location", "/sorry", "--return", "502 sorry"])
    .run()
    .is("502 Bad Gateway");
    // No application at all.
    let answer = Call::with(&["--return", "307 http://a.example$request_uri"])
        .env(&["PATH_INFO=/a b"])
        .run()
        .is("307 Temporary Redirect");
    assert_eq!(
        answer.field("location"),
        "http://a.example/cgi-bin/app/a%20b"
    );
    // Files, by PATH_INFO.
    let dir = Temp::new();
    std::fs::write(dir.file("a.txt"), "the file").expect("a file");
    let root = dir.path().display().to_string();
    let answer = Call::with(&["--root", &root])
        .env(&["PATH_INFO=/a.txt"])
        .run()
        .is("200 OK");
    assert_eq!(
        (
            answer.body.as_str(),
            answer.field("content-length").as_str()
        ),
        ("the file", "8")
    );
    // The server's path is in front of a redirect to a directory's name.
    let answer = Call::with(&["--location", "/app/", "--pass", dead])
        .env(&["PATH_INFO=/app"])
        .run();
    let answer = answer.is("301 Moved Permanently");
    assert_eq!(answer.field("location"), "/cgi-bin/app/app/");
    // A local redirect inside, where that is wanted.
    let app = self::app("Location: /else\n\n");
    let args = [
        "--internal-redirect",
        "on",
        "--location",
        "= /else",
        "--return",
        "200 inside",
    ];
    let answer = Call::with(&args)
        .args(&["--location", "/", "--pass", &app.addr()])
        .run();
    assert_eq!(answer.is("200 OK").body, "inside");
}
