//! Applications that are slow, break off, or talk nonsense.

use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use crate::common::http::Broken;
use crate::common::{App, Gate, Temp};
use crate::{answering, gate};

#[test]
fn a_response_that_comes_byte_by_byte_is_complete() {
    let (_app, gate) = gate(&[], |scgi| {
        scgi.all();
        for byte in b"Status: 201 Made\r\nContent-Type: text/plain\r\nX-A: b\r\n\r\nthe body" {
            scgi.send([*byte]);
        }
    });
    for _ in 0..3 {
        let response = gate.get("/").is(201);
        assert_eq!(response.text(), "the body");
        assert_eq!(response.field("X-A"), Some("b"));
    }
}

#[test]
fn a_head_cut_anywhere_is_502() {
    const HEAD: &str = "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n";
    let (app, gate) = gate(&[], |scgi| {
        let (request, _) = scgi.all();
        let cut: usize = request.get("QUERY_STRING").parse().expect("a number");
        scgi.send(&HEAD[..cut]);
    });
    let mut client = gate.client();
    for cut in 0..HEAD.len() - 1 {
        client.get(&format!("/?{cut}")).is(502);
    }
    // CRLF LF ends a head as well, and the whole head with no body is a response.
    assert_eq!(client.get(&format!("/?{}", HEAD.len())).is(200).text(), "");
    app.check();
}

#[test]
fn an_application_that_breaks_off_at_any_phase_is_502() {
    for reset in [false, true] {
        let app = App::tcp(move |scgi| {
            if reset {
                scgi.reset_at_end();
            }
            match scgi.number % 4 {
                0 => {}
                1 => {
                    scgi.some();
                }
                2 => {
                    scgi.request();
                }
                _ => {
                    scgi.all();
                    scgi.send("Status: 200 OK\r\n");
                }
            }
        });
        let gate = Gate::start(["--pass", &app.addr()]);
        for _ in 0..8 {
            let mut client = gate.client();
            client.post("/", &vec![b'x'; 200_000]).is(502);
        }
        gate.stop();
    }
}

#[test]
fn nonsense_is_502() {
    let cases: [&'static [u8]; 21] = [
        b"<html><body>printed by mistake</body></html>\n\n",
        b"\x00\x01\x02\x03\n\n",
        b"Status: 20\r\n\r\n",
        b"Status: abc\r\n\r\n",
        b"Status: 99 Low\r\n\r\n",
        b"Status: 099 Low\r\n\r\n",
        b"Status: 600 High\r\n\r\n",
        b"Status: 2000\r\n\r\n",
        b"Status: 0\r\n\r\n",
        b"HTTP/1.1 999 High\r\n\r\n",
        b"Status: 200\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        b"Status: 200\r\nContent-Length: 1x\r\n\r\nx",
        b"Status: 200\r\nContent-Length: -1\r\n\r\nx",
        b"Status: 200\r\nContent-Length: 99999999999999999999999\r\n\r\nx",
        b"Status: 200\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Status: 200\r\nTransfer-Encoding: gzip\r\n\r\nx",
        b"Status: 200\r\nBad Name: x\r\n\r\nx",
        b"Status: 200\r\n: no name\r\n\r\nx",
        b"Status: 200\r\nA: b\r\n folded\r\n\r\nx",
        b"Status: 200\r\nA: b\x01c\r\n\r\nx",
        b"Status: 200\r\nA: b\rc\r\n\r\nx",
    ];
    let app = App::script(move |scgi| {
        let (request, _) = scgi.all();
        let case: usize = request.get("QUERY_STRING").parse().expect("a number");
        scgi.send(cases[case]);
    });
    let gate = Gate::start(["--pass", &app.addr()]);
    for (i, case) in cases.iter().enumerate() {
        let response = gate.get(&format!("/?{i}"));
        assert_eq!(response.status, 502, "{:?}", String::from_utf8_lossy(case));
    }
    gate.stop();
}

#[test]
fn a_head_larger_than_the_buffer_is_502() {
    let (_app, gate) = gate(&["--buffer-size", "4k"], |scgi| {
        let (request, _) = scgi.all();
        let size: usize = request.get("QUERY_STRING").parse().expect("a number");
        let _ = scgi.try_send(format!(
            "Status: 200\r\nX-Long: {}\r\n\r\nbody",
            "x".repeat(size)
        ));
    });
    assert_eq!(gate.get("/?3000").is(200).text(), "body");
    gate.get("/?4096").is(502);
    gate.get("/?1000000").is(502);
}

#[test]
fn a_larger_buffer_holds_a_larger_head() {
    let (_app, gate) = gate(&["--buffer-size", "64k"], |scgi| {
        scgi.all();
        scgi.send(format!(
            "Status: 200\r\nX-Long: {}\r\n\r\nbody",
            "x".repeat(60_000)
        ));
    });
    let response = gate.get("/").is(200);
    assert_eq!(response.field("X-Long").map(str::len), Some(60_000));
    assert_eq!(response.text(), "body");
}

#[test]
fn a_body_shorter_than_its_length_never_looks_complete() {
    let (_app, gate) = answering(&[], b"Status: 200\r\nContent-Length: 10\r\n\r\nfive.");
    for _ in 0..5 {
        let mut client = gate.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        match client.try_response("GET") {
            Err(Broken::InBody(head, body)) => {
                assert_eq!(head.status, 200);
                assert!(b"five.".starts_with(&body), "{body:?}");
            }
            // Nothing had reached the client yet: saying 502 is allowed.
            Ok(response) => assert_eq!(response.status, 502),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_reset_in_a_body_without_length_never_looks_complete() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let app = App::tcp(move |scgi| {
        scgi.all();
        scgi.send("Status: 200\r\n\r\nfirst");
        // The client has the beginning, so that nobody can take it back.
        gone.lock().expect("lock").recv().expect("go");
        scgi.reset_at_end();
    });
    let gate = Gate::start(["--pass", &app.addr()]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head();
    assert_eq!(client.chunk(), b"first");
    go.send(()).expect("go");
    let rest = client.rest();
    assert!(
        !String::from_utf8_lossy(&rest).contains("0\r\n\r\n"),
        "{head:?}: {rest:?}"
    );
}

#[test]
fn a_chunked_body_that_breaks_off_never_looks_complete() {
    for body in [
        "5\r\nhel",
        "5\r\nhello\r\n",
        "5\r\nhello\r\nnonsense\r\n",
        "5\r\nhello\r\n0\r\n",
    ] {
        let app = App::script(move |scgi| {
            scgi.all();
            scgi.send(format!(
                "Status: 200\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
            ));
        });
        let gate = Gate::start(["--pass", &app.addr()]);
        let mut client = gate.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        match client.try_response("GET") {
            Err(Broken::InBody(..)) => {}
            Ok(response) => assert_eq!(response.status, 502, "{body:?}"),
            other => panic!("{body:?}: {other:?}"),
        }
    }
}

#[test]
fn extra_bytes_are_cut_off() {
    let (_app, gate) = answering(
        &[],
        b"Status: 200\r\nContent-Length: 5\r\n\r\nhello, and more\r\nHTTP/1.1 200 OK\r\n",
    );
    let mut client = gate.client();
    for _ in 0..3 {
        assert_eq!(client.get("/").is(200).text(), "hello");
    }
}

#[test]
fn a_response_with_its_length_does_not_wait_for_the_end() {
    let (done, finished) = mpsc::channel::<()>();
    let finished = Mutex::new(finished);
    let (_app, gate) = gate(&[], move |scgi| {
        scgi.all();
        scgi.send("Status: 200\r\nContent-Length: 5\r\n\r\nhello");
        // Not closed before the client has its answer.
        let _ = finished.lock().expect("lock").recv();
    });
    assert_eq!(gate.get("/").is(200).text(), "hello");
    done.send(()).expect("the script waits");
}

#[test]
fn chunks_of_the_application_are_decoded() {
    let (_app, gate) = answering(
        &[],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\n7\r\n, world\r\n0\r\nTrailer: x\r\n\r\n",
    );
    let mut client = gate.client();
    for _ in 0..3 {
        assert_eq!(client.get("/").is(200).text(), "hello, world");
    }
    // A client of HTTP/1.0 does not see the coding either.
    let mut client = gate.client();
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().is(200).text(), "hello, world");
}

/// The trap that costs other gateways the answer: an application that refuses early, does not read the body, and so
/// closes with a reset while the gateway is still sending.
#[test]
fn an_early_answer_arrives_every_time() {
    // More than the kernel takes for both sides (4 MiB to send and 6 MiB to receive by default): the send is cut short.
    let body = vec![b'x'; 20_000_000];
    for (tcp, status) in [(true, 413), (false, 413), (true, 401), (false, 401)] {
        let script = move |scgi: &mut crate::common::Scgi| {
            scgi.request();
            scgi.reset_at_end();
            let _ = scgi.try_send(format!(
                "Status: {status} No\r\nContent-Type: text/plain\r\n\r\nnot for me"
            ));
        };
        let app = if tcp {
            App::tcp(script)
        } else {
            App::script(script)
        };
        for buffering in ["on", "off"] {
            let gate = Gate::start([
                "--pass",
                &app.addr(),
                "--client-max-body-size",
                "0",
                "--request-buffering",
                buffering,
            ]);
            for round in 0..7 {
                let mut client = gate.client();
                client.send(format!(
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                ));
                let _ = client.try_send(&body);
                let what = format!(
                    "tcp {tcp}, status {status}, request buffering {buffering}, round {round}"
                );
                let response = client
                    .try_response("POST")
                    .unwrap_or_else(|e| panic!("{what}: {e:?}"));
                assert_eq!(response.status, status, "{what}: {}", response.text());
                assert_eq!(response.text(), "not for me", "{what}");
            }
        }
    }
}

#[test]
fn an_early_answer_with_a_length_arrives_every_time() {
    let app = App::tcp(|scgi| {
        scgi.request();
        scgi.reset_at_end();
        let _ = scgi.try_send("Status: 413 No\r\nContent-Length: 10\r\n\r\nnot for me");
    });
    let gate = Gate::start(["--pass", &app.addr(), "--client-max-body-size", "0"]);
    for _ in 0..25 {
        assert_eq!(
            gate.client()
                .post("/", &vec![b'x'; 2_000_000])
                .is(413)
                .text(),
            "not for me"
        );
    }
}

/// A body that is small enough to be sent whole, but that the application closes without reading. On a Unix socket that
/// shows as a reset after the last byte of the answer, and means nothing else.
#[test]
fn an_unread_body_does_not_spoil_an_answer_over_a_unix_socket() {
    for head in [
        "Status: 401 No\r\nContent-Length: 10\r\n\r\n",
        "Status: 401 No\r\n\r\n",
    ] {
        let app = App::script(move |scgi| {
            let _ = std::io::Read::read(scgi, &mut [0; 10]); // a part of the request, then no more
            scgi.send(format!("{head}not for me"));
        });
        let gate = Gate::start(["--pass", &app.addr()]);
        for round in 0..20 {
            let mut client = gate.client();
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
            client.send(vec![b'x'; 1000]);
            let response = client
                .try_response("POST")
                .unwrap_or_else(|e| panic!("{head:?}, round {round}: {e:?}"));
            assert_eq!(
                (response.status, response.text().as_str()),
                (401, "not for me")
            );
        }
    }
}

#[test]
fn a_reset_before_the_head_is_502_even_with_a_half_sent_body() {
    let app = App::tcp(|scgi| {
        scgi.request();
        scgi.reset_at_end();
    });
    let gate = Gate::start(["--pass", &app.addr(), "--client-max-body-size", "0"]);
    for _ in 0..5 {
        gate.client().post("/", &vec![b'x'; 2_000_000]).is(502);
    }
}

#[test]
fn an_application_that_never_answers_is_504() {
    let (app, gate) = gate(&["--read-timeout", "400ms"], |scgi| {
        scgi.all();
        scgi.peer_closed();
    });
    let start = Instant::now();
    gate.get("/").is(504);
    assert!(start.elapsed() >= Duration::from_millis(350), "too early");
    app.check();
}

/// Z20: the head as a whole has to come within the read timeout of its last byte; here a trickle must not go on for ever.
#[test]
fn a_head_that_stops_half_way_is_504() {
    let (_app, gate) = gate(&["--read-timeout", "400ms"], |scgi| {
        scgi.all();
        scgi.send("Status: 200\r\nX-");
        scgi.peer_closed();
    });
    gate.get("/").is(504);
}

#[test]
fn a_body_that_stops_half_way_is_cut_after_the_read_timeout() {
    let (_app, gate) = gate(&["--read-timeout", "400ms"], |scgi| {
        scgi.all();
        scgi.send("Status: 200\r\nContent-Length: 10\r\n\r\nhalf");
        scgi.peer_closed();
    });
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    match client.try_response("GET") {
        Err(Broken::InBody(_, body)) => assert!(b"half".starts_with(&body), "{body:?}"),
        Ok(response) => assert_eq!(response.status, 504),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_read_timeout_is_between_two_reads() {
    let (_app, gate) = gate(&["--read-timeout", "3s"], |scgi| {
        scgi.all();
        scgi.send("Status: 200\r\n\r\n");
        for _ in 0..13 {
            std::thread::sleep(Duration::from_millis(250));
            scgi.send("piece ");
        }
    });
    assert_eq!(gate.get("/").is(200).body.len(), 78);
}

#[test]
fn an_application_that_never_reads_the_body_is_504_after_the_send_timeout() {
    let log = Temp::new();
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let app = App::tcp(move |scgi| {
        scgi.request();
        let _ = gone.lock().expect("lock").recv();
    });
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--client-max-body-size",
        "0",
        "--send-timeout",
        "500ms",
        "--log-format",
        "sent $upstream_bytes_sent",
        "--access-log",
        &format!("{} sent", log.file("log")),
    ]);
    gate.client().post("/", &vec![b'x'; 20_000_000]).is(504);
    drop(go);
    gate.stop();
    let text = std::fs::read_to_string(log.file("log")).expect("the log");
    // What its socket took before it was given up is told all the same (V18).
    let sent: u64 = text.trim().parse().expect("bytes");
    assert!(sent > 1000 && sent < 20_000_000, "{sent}");
}

#[test]
fn a_slow_reader_of_the_body_gets_all_of_it() {
    let app = App::script(|scgi| {
        scgi.stream().set_option(libc::SO_RCVBUF, 4096);
        let (request, body) = scgi.all();
        assert_eq!(body.len() as u64, request.content_length);
        crate::common::Pattern::new().check(0, &body);
        scgi.reply("got it");
    });
    let gate = Gate::start(["--pass", &app.addr(), "--client-max-body-size", "0"]);
    let body = crate::common::Pattern::new().bytes(5_000_000);
    assert_eq!(gate.client().post("/", &body).is(200).text(), "got it");
    app.check();
}

#[test]
fn two_exchanges_run_at_the_same_time() {
    let both = Arc::new(Barrier::new(2));
    let (_app, gate) = gate(&["--workers", "2"], move |scgi| {
        scgi.all();
        both.wait();
        scgi.reply("met");
    });
    let mut one = gate.client();
    let mut two = gate.client();
    one.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    two.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(one.response().text(), "met");
    assert_eq!(two.response().text(), "met");
}
