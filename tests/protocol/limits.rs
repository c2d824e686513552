//! Requests that are too large, too slow or not for us, and what the client gets.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::common::{App, Gate, Temp, until};
use crate::echo;

#[test]
fn a_body_over_the_limit_is_413_and_never_reaches_the_application() {
    let (app, gate) = echo(&["--client-max-body-size", "1000"]);
    let mut client = gate.client();
    assert_eq!(
        client
            .post("/fits", &[b'x'; 1000])
            .is(200)
            .param("CONTENT_LENGTH")
            .as_deref(),
        Some("1000")
    );
    client.send("POST /over HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
    assert!(client.response().is(413).head.closes());
    let mut client = gate.client();
    let chunks = format!("1f4\r\n{0}\r\n1f5\r\n{0}x\r\n0\r\n\r\n", "x".repeat(500));
    let _ = client.try_send(format!(
        "POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
    ));
    assert!(client.response().is(413).head.closes());
    gate.get("/good").is(200);
    let seen: Vec<_> = app.requests().iter().map(|r| r.uri()).collect();
    assert_eq!(seen, ["/fits", "/good"]);
}

#[test]
fn the_body_limit_belongs_to_the_location() {
    let app = App::echo();
    let addr = app.addr();
    let gate = Gate::start([
        "--client-max-body-size",
        "10",
        "--location",
        "/small",
        "--pass",
        &addr,
        "--location",
        "/large",
        "--pass",
        &addr,
        "--client-max-body-size",
        "0",
    ]);
    gate.client().post("/small", &[b'x'; 11]).is(413);
    let response = gate.client().post("/large", &vec![b'x'; 3_000_000]).is(200);
    assert_eq!(response.param("CONTENT_LENGTH").as_deref(), Some("3000000"));
}

/// Lingering close: the answer must not be lost to a reset because the client is still sending.
#[test]
fn a_client_that_goes_on_sending_still_gets_its_413() {
    let (app, gate) = echo(&[]);
    for _ in 0..20 {
        let mut client = gate.client();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n");
        let block = [b'x'; 65536];
        for _ in 0..64 {
            if client.try_send(block).is_err() {
                break;
            }
        }
        client.half_close();
        let response = client.try_response("POST").expect("the answer survives");
        assert_eq!(response.status, 413);
    }
    assert_eq!(app.accepted(), 0);
}

/// The client sends the rest of its body when all of the response waits in the kernel, and then ends its side.
#[test]
fn a_client_that_ends_its_side_after_ours_still_gets_the_end_of_its_response() {
    let body = vec![b'y'; 400_000];
    let app = App::script(move |scgi| {
        scgi.request();
        let head = format!("Status: 403\r\nContent-Length: {}\r\n\r\n", body.len());
        scgi.send([head.as_bytes(), &body].concat());
        scgi.peer_closed();
    });
    let dir = Temp::new();
    let log = dir.file("access");
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--request-buffering",
        "off",
        "--access-log",
        &log,
    ]);
    // What comes before the end makes our side linger; without it both are found at once.
    for (path, part) in [("/at-once", ""), ("/lingering", "12345")] {
        let mut client = gate.client();
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
        ));
        until("the response to be with the kernel", || {
            std::fs::read_to_string(&log).is_ok_and(|text| text.contains(path))
        });
        client.send(part);
        gate.has_read_everything();
        client.send_and_half_close("67890");
        gate.has_read_everything();
        let got = client.try_response("POST").map_or(0, |r| r.body.len());
        assert_eq!(got, 400_000, "{path}");
    }
}

#[test]
fn a_long_request_line_is_414() {
    let (app, gate) = echo(&["--client-max-header-size", "4k"]);
    gate.get(&format!("/{}", "x".repeat(3000))).is(200);
    for size in [4096, 5000, 100_000] {
        let mut client = gate.client();
        let _ = client.try_send(format!(
            "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
            "x".repeat(size)
        ));
        assert!(client.response().is(414).head.closes());
    }
    assert_eq!(app.accepted(), 1);
}

#[test]
fn a_long_head_is_431() {
    let (app, gate) = echo(&["--client-max-header-size", "4k"]);
    let one = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n",
        "x".repeat(5000)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "X-Field: value\r\n".repeat(500)
    );
    let endless = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}",
        "x".repeat(100_000)
    );
    for request in [one, many, endless] {
        let mut client = gate.client();
        let _ = client.try_send(request);
        assert!(client.response().is(431).head.closes());
    }
    assert_eq!(app.accepted(), 0);
}

#[test]
fn a_head_of_many_small_fields_is_bounded() {
    let (app, gate) = echo(&["--client-max-header-size", "1m"]);
    let mut client = gate.client();
    let _ = client.try_send(format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "a:\r\n".repeat(100_000)
    ));
    let response = client.try_response("GET").expect("a response");
    assert!(
        [200, 400, 431].contains(&response.status),
        "{}",
        response.status
    );
    app.check();
    gate.get("/").is(200);
}

#[test]
fn other_major_versions_are_505() {
    let (app, gate) = echo(&[]);
    for version in ["HTTP/2.0", "HTTP/3.0", "HTTP/9.9"] {
        let mut client = gate.client();
        client.send(format!("GET / {version}\r\nHost: a\r\n\r\n"));
        assert!(client.response().is(505).head.closes(), "{version}");
    }
    assert_eq!(app.accepted(), 0);
    // A later minor version is the same protocol (RFC 9110 2.5).
    let mut client = gate.client();
    client.send("GET / HTTP/1.2\r\nHost: a\r\n\r\n");
    client.response().is(200);
}

#[test]
fn an_unknown_coding_is_501() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n");
    assert!(client.response().is(501).head.closes());
}

#[test]
fn connect_and_trace_are_refused() {
    let (app, gate) = echo(&[]);
    for request in [
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let mut client = gate.client();
        client.send(request);
        let response = client.try_response("GET").expect("a response");
        assert!(
            [400, 405, 501].contains(&response.status),
            "{request:?}: {}",
            response.status
        );
    }
    assert_eq!(app.accepted(), 0);
}

#[test]
fn methods_the_gateway_does_not_know_are_passed_on() {
    let (_app, gate) = echo(&[]);
    let mut client = gate.client();
    for method in ["DELETE", "PATCH", "PROPFIND", "M-SEARCH", "VERSION-CONTROL"] {
        client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(
            client.response().is(200).param("REQUEST_METHOD").as_deref(),
            Some(method)
        );
    }
}

#[test]
fn a_slow_head_is_408() {
    let (app, gate) = echo(&["--client-header-timeout", "400ms"]);
    for part in ["GET / HTT", "GET / HTTP/1.1\r\nHost: a\r\nX-Half"] {
        let mut client = gate.client();
        client.send(part);
        let start = Instant::now();
        assert!(client.response().is(408).head.closes());
        assert!(
            start.elapsed().as_millis() >= 300,
            "too early: {:?}",
            start.elapsed()
        );
    }
    assert_eq!(app.accepted(), 0);
}

#[test]
fn the_time_for_a_head_does_not_start_again_with_each_byte() {
    let (_app, gate) = echo(&["--client-header-timeout", "1s"]);
    let mut client = gate.client();
    let start = Instant::now();
    let mut stream = client.stream().try_clone().expect("clone");
    // A byte now and then for six seconds: a timer that starts again with each would not fire before that.
    let writer = std::thread::spawn(move || {
        while start.elapsed() < Duration::from_secs(6) && stream.write_all(b"G").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    client.response().is(408);
    let took = start.elapsed();
    drop(client);
    writer.join().expect("the writer");
    assert!(took < Duration::from_secs(5), "{took:?}");
    gate.get("/").is(200);
}

#[test]
fn a_silent_connection_is_closed() {
    let (_app, gate) = echo(&[
        "--client-header-timeout",
        "300ms",
        "--keepalive-timeout",
        "300ms",
    ]);
    let mut client = gate.client();
    // Nothing was asked, so a 408 is allowed and so is a plain close.
    let rest = String::from_utf8_lossy(&client.rest()).into_owned();
    assert!(
        rest.is_empty() || rest.starts_with("HTTP/1.1 408 "),
        "{rest:?}"
    );
}

#[test]
fn a_slow_body_is_408() {
    let (app, gate) = echo(&["--client-body-timeout", "400ms"]);
    for head in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
        let mut client = gate.client();
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n5\r\nhe"
        ));
        assert!(client.response().is(408).head.closes());
    }
    assert_eq!(app.accepted(), 0);
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_request_costs_nothing() {
    let (app, gate) = echo(&[]);
    for part in [
        "G",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello",
    ] {
        let mut client = gate.client();
        client.send(part);
        client.half_close();
        // A 400 is allowed, a request to the application is not.
        let rest = String::from_utf8_lossy(&client.rest()).into_owned();
        assert!(
            rest.is_empty() || rest.starts_with("HTTP/1.1 4"),
            "{rest:?}"
        );
    }
    assert_eq!(app.accepted(), 0);
    gate.get("/").is(200);
}
