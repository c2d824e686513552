//! Ways to fail a check, and to pass one.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::gate::Starter;
use crate::common::{App, LIMIT, Latch, Scgi, Temp, until};
use crate::{ERROR, ILL, Server, WELL, check, flags, gate, lines, names, state, wait_state};

/// Each answers its checks wrong in its own way, at first; then it is well, and gets requests again.
#[test]
fn every_way_to_fail_is_told_with_its_cause_and_ends() {
    let long = "Status: 200\r\nX: ".to_owned() + &"x".repeat(5000) + "\r\n\r\n";
    let long: &'static str = Box::leak(long.into());
    let ways = [
        (ERROR, "the last: status 500)"),
        (
            "Status: 404\r\nContent-Length: 0\r\n\r\n",
            "the last: status 404)",
        ),
        ("", "the last: closed without a byte after "),
        (
            "Status: 2",
            "the last: closed after 9 bytes, before the response head was complete)",
        ),
        ("garbage\r\n\r\n", "the last: malformed response head: "),
        (
            "Status: 200\r\nContent-Length: 10\r\n\r\nhalf",
            "the last: response body cut short: 6 bytes are missing)",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
            "the last: response body cut short",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "the last: malformed chunked response body: ",
        ),
        (long, "the last: response head over 4096 bytes"),
    ];
    let servers: Vec<Server> = ways.iter().map(|(ill, _)| Server::new("i", ill)).collect();
    let spare = Server::new("s", ERROR);
    let mut list: Vec<(&Server, &str)> = servers.iter().map(|s| (s, "")).collect();
    list.push((&spare, "backup"));
    for server in &servers {
        server.set(ILL);
    }
    let gate = gate(&list, "");
    for (server, (_, cause)) in servers.iter().zip(ways) {
        let line = format!(
            "warn group g: server {} is unhealthy (checks failed: 3; ",
            server.addr()
        );
        let found = gate.logs(&line);
        assert!(found.contains(cause), "{found}\n{cause}");
    }
    assert_eq!(names(&gate, 4), "ssss");
    for server in &servers {
        assert_eq!(state(&gate, &server.addr()), "unhealthy");
        server.set(WELL);
    }
    for server in &servers {
        wait_state(&gate, &server.addr(), "up");
        gate.logs(&format!(
            "info group g: server {} is back (checks passed: 1)",
            server.addr()
        ));
    }
    assert_eq!(names(&gate, 4), "iiii");
    for server in &servers {
        // Each change was told, and nothing else.
        assert_eq!(lines(&gate, &[&server.addr(), "is unhealthy"]), 1);
    }
    assert_eq!(lines(&gate, &[&spare.addr()]), 0);
}

/// No request had to find it out.
#[test]
fn nobody_listens_and_then_somebody_does() {
    let dir = Temp::new();
    let path = dir.file("late");
    let address = format!("unix:{path}");
    let spare = Server::new("s", ERROR);
    let servers = [(address.clone(), ""), (spare.addr(), "backup")];
    let gate = crate::common::Gate::start(flags(&servers, ""));
    let line = gate.logs(&format!("server {address} is unhealthy"));
    assert!(
        line.contains("the last: connect: ") && line.contains("[ENOENT]; there is no such socket"),
        "{line}"
    );
    assert_eq!(names(&gate, 2), "ss");
    assert_eq!(
        crate::common::status::server(&gate, "g", &address).requests,
        0
    );
    let app = App::script_at(&path, |scgi| {
        if scgi.try_request().is_ok() {
            let _ = scgi.try_send("Status: 200\r\nContent-Length: 1\r\n\r\nl");
        }
    });
    wait_state(&gate, &address, "up");
    assert_eq!(names(&gate, 2), "ll");
    drop(app);
    wait_state(&gate, &address, "unhealthy");
    assert_eq!(names(&gate, 2), "ss");
    assert!(
        check(&gate, &address)
            .get("last")
            .get("text")
            .text()
            .contains("[ECONNREFUSED]")
    );
}

#[test]
fn two_and_three_hundred_pass() {
    let answers: [&'static str; 9] = [
        "Status: 200\r\n\r\n",
        "Status: 204\r\n\r\n",
        "Status: 302\r\nLocation: http://a/\r\n\r\n",
        // To its end, whoever announces it and how.
        "Content-Type: text/plain\n\nuntil the close",
        "Status: 205\r\nContent-Length: 10\r\n\r\n",
        "Status: 304\r\nContent-Length: 10\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
        "Status: 399 Odd\r\nContent-Length: 2\r\n\r\nokand more",
    ];
    let servers = answers.map(|answer| Server::new("a", answer));
    for server in &servers {
        server.set(ILL);
    }
    let list: Vec<(&Server, &str)> = servers.iter().map(|s| (s, "")).collect();
    let gate = gate(&list, "");
    for (server, answer) in servers.iter().zip(answers) {
        let checks = || check(&gate, &server.addr()).get("checks").count();
        until("three checks", || checks() >= 3);
        let found = check(&gate, &server.addr());
        assert!(found.get("failures").count() < 3, "{answer}: {found:?}");
    }
    gate.stop().clean();
}

/// A body is not read for ever.
#[test]
fn a_body_without_end_passes_when_enough_of_it_was_read() {
    let app = App::script(|scgi| {
        if scgi.try_request().is_err() {
            return;
        }
        let mut result = scgi.try_send("Status: 200\r\n\r\n");
        // Until the gateway closes.
        while result.is_ok() {
            result = scgi.try_send([b'x'; 4096]);
        }
    });
    let gate = crate::common::Gate::start(flags(&[(app.addr(), "")], ""));
    until("two checks", || {
        check(&gate, &app.addr()).get("checks").count() >= 2
    });
    gate.stop().clean();
}

/// Ten servers that never answer keep all threads, and still the one that does is checked again and again.
#[test]
fn servers_that_hang_do_not_keep_the_checks_of_others() {
    let over = Arc::new(Latch::default());
    let hangs: Vec<App> = (0..10)
        .map(|_| {
            let over = Arc::clone(&over);
            App::script(move |scgi| {
                let _ = scgi.try_request();
                over.wait();
            })
        })
        .collect();
    let well = Server::new("w", ERROR);
    let mut servers: Vec<(String, &str)> = hangs.iter().map(|app| (app.addr(), "")).collect();
    servers.push((well.addr(), ""));
    let gate = crate::common::Gate::start(flags(&servers, ""));
    for app in &hangs {
        let line = gate.logs(&format!("server {} is unhealthy", app.addr()));
        assert!(
            line.contains("the last: read the response head: timed out)"),
            "{line}"
        );
    }
    well.wait_checks(3);
    assert_eq!(names(&gate, 3), "www");
    over.open();
    drop(gate);
}

/// A prefork application with one process: it sees whole requests only, each on a connection of its own that is closed after it,
/// and requests get through between the checks.
#[test]
fn an_application_that_serves_one_at_a_time_is_not_blocked() {
    let dir = Temp::new();
    let path = dir.file("one");
    let listener = UnixListener::bind(&path).expect("bind");
    let stop = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&stop);
    let app = std::thread::spawn(move || {
        let mut checks = 0;
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            if end.load(Ordering::SeqCst) {
                break;
            }
            stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
            let mut scgi = Scgi::new(
                crate::common::Stream::Unix(stream.try_clone().expect("clone")),
                1,
                None,
            );
            // Fails where a connection brings no request.
            let Ok(request) = scgi.try_request() else {
                assert!(end.load(Ordering::SeqCst), "a connection without a request");
                break;
            };
            checks += usize::from(request.uri() == crate::URI);
            stream
                .write_all(b"Status: 200\r\nContent-Length: 1\r\n\r\no")
                .expect("answer");
            // The gateway closes: nobody else is served before that.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            assert_eq!(rest, b"");
        }
        checks
    });
    let gate = crate::common::Gate::start(flags(&[(format!("unix:{path}"), "")], ""));
    for _ in 0..20 {
        assert_eq!(names(&gate, 1), "o");
    }
    let address = format!("unix:{path}");
    until("five checks", || {
        check(&gate, &address).get("checks").count() >= 5
    });
    gate.stop().clean();
    stop.store(true, Ordering::SeqCst);
    let _ = std::os::unix::net::UnixStream::connect(&path);
    assert!(app.join().expect("the application") >= 5);
}

/// Over TCP, and from the address that requests come from.
#[test]
fn a_check_comes_from_the_address_of_bind() {
    let app = App::tcp(|scgi| {
        if scgi.try_request().is_ok() {
            let peer = scgi
                .peer
                .map(|peer| peer.ip().to_string())
                .unwrap_or_default();
            assert_eq!(peer, "127.0.0.9");
            let _ = scgi.try_send("Status: 200\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let args = flags(&[(app.addr(), "")], "");
    let gate = Starter::new()
        .args(["--bind", "127.0.0.9"])
        .args(args)
        .start();
    until("two checks", || {
        check(&gate, &app.addr()).get("checks").count() >= 2
    });
    gate.stop().clean();
}

/// What arrives at the application.
#[test]
fn a_check_is_one_small_get() {
    let a = Server::new("a", ERROR);
    let gate = gate(&[(&a, "")], "");
    a.wait_checks(2);
    let request = a.checks().remove(0);
    assert_eq!(request.names()[..2], ["CONTENT_LENGTH", "SCGI"]);
    for (name, value) in [
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", crate::URI),
        ("PATH_INFO", crate::URI),
        ("SCRIPT_NAME", ""),
        ("QUERY_STRING", ""),
        ("SERVER_NAME", "localhost"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("HTTP_HOST", "localhost"),
        ("HTTP_USER_AGENT", "scgate-health"),
    ] {
        assert_eq!(request.get(name), value, "{name}");
    }
    assert_eq!(request.content_length, 0);
    assert!(request.block < 2000, "{}", request.block);
    let again = a.checks().remove(1);
    assert_eq!(again, request, "each is like the first");
    // Requests of clients are not counted as checks, nor checks as requests.
    let served = crate::common::status::server(&gate, "g", &a.addr()).requests;
    assert_eq!(served, 0);
    gate.stop().clean();
}
