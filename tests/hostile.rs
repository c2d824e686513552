//! Clients that mean harm. The property behind all of it: whatever a client sends, the application sees a
//! well-formed SCGI request or nothing (the scripted application checks each one), and the gateway goes on.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use common::{App, Gate, LIMIT, Rng, Temp, process};

/// One good request, quickly served.
#[track_caller]
fn still_serves(gate: &Gate) {
    let start = Instant::now();
    gate.get("/still-here").is(200);
    assert!(
        start.elapsed() < LIMIT / 2,
        "served after {:?}",
        start.elapsed()
    );
}

#[test]
fn many_slow_heads_hold_nobody_up() {
    let app = App::echo();
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--workers",
        "1",
        "--client-header-timeout",
        "2s",
    ]);
    let mut slow: Vec<_> = (0..100).map(|_| gate.client()).collect();
    for round in 0..5 {
        for client in &mut slow {
            client.send(&b"GET /slow HTTP/1.1\r\nHost: a\r\n"[round * 3..round * 3 + 3]);
        }
        still_serves(&gate);
    }
    // In the end each is told, or just closed.
    for client in &mut slow {
        let rest = String::from_utf8_lossy(&client.rest()).into_owned();
        assert!(
            rest.is_empty() || rest.starts_with("HTTP/1.1 4"),
            "{rest:?}"
        );
    }
    assert_eq!(
        app.requests().iter().filter(|r| r.uri() == "/slow").count(),
        0
    );
    gate.stop();
}

#[test]
fn many_slow_bodies_hold_nobody_up() {
    let app = App::echo();
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--workers",
        "1",
        "--client-body-timeout",
        "2s",
    ]);
    let mut slow: Vec<_> = (0..100).map(|_| gate.client()).collect();
    for client in &mut slow {
        client.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
    }
    for _ in 0..5 {
        for client in &mut slow {
            client.send("x");
        }
        still_serves(&gate);
    }
    for client in &mut slow {
        client.response().is(408);
    }
    assert_eq!(
        app.requests().iter().filter(|r| r.uri() == "/slow").count(),
        0
    );
    gate.stop();
}

/// Even when bodies are streamed a worker must not be held by a client that sends nothing.
#[test]
fn a_slow_streamed_body_ends_after_its_timeout() {
    let app = App::echo();
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--workers",
        "1",
        "--request-buffering",
        "off",
        "--client-body-timeout",
        "500ms",
    ]);
    let mut slow = gate.client();
    slow.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx");
    let rest = String::from_utf8_lossy(&slow.rest()).into_owned();
    assert!(
        rest.is_empty() || rest.starts_with("HTTP/1.1 408 "),
        "{rest:?}"
    );
    still_serves(&gate);
}

#[test]
fn a_thousand_idle_connections_leave_room_for_a_request() {
    if process::raise_descriptor_limit() < 2500 {
        return common::cannot_here(
            "a_thousand_idle_connections…",
            "the limit of open files is too low",
        );
    }
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr(), "--connections", "1200"]);
    still_serves(&gate);
    let before = process::memory(gate.pid(), "VmRSS");
    let idle: Vec<TcpStream> = (0..1000)
        .map(|i| {
            let mut stream = TcpStream::connect(gate.addr()).expect("connect");
            if i % 2 == 0 {
                stream.write_all(b"GET / HTTP/1.1\r\nHos").expect("send");
            }
            stream
        })
        .collect();
    let sockets = || {
        process::descriptors(gate.pid())
            .iter()
            .filter(|(_, t)| t.starts_with("socket:"))
            .count()
    };
    common::until("all to be accepted", || sockets() >= 1000);
    for _ in 0..20 {
        still_serves(&gate);
    }
    let after = process::memory(gate.pid(), "VmRSS");
    assert!(
        after < before + (16 << 20),
        "{} KiB for each idle connection",
        (after - before) / 1000 / 1024
    );
    drop(idle);
    common::until("all to be closed", || sockets() < 100);
    still_serves(&gate);
    gate.stop();
}

#[test]
fn clients_over_the_limit_do_not_shut_out_others_for_ever() {
    let app = App::echo();
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--connections",
        "20",
        "--client-header-timeout",
        "1s",
        "--keepalive-timeout",
        "1s",
    ]);
    let crowd: Vec<TcpStream> = (0..30)
        .map(|_| {
            let mut stream = TcpStream::connect(gate.addr()).expect("connect");
            let _ = stream.write_all(b"GET / HT");
            stream
        })
        .collect();
    // The crowd still stands; patience with each of them ends.
    let mut served = false;
    for _ in 0..50 {
        let mut client = gate.client();
        if client
            .try_send("GET /me HTTP/1.1\r\nHost: a\r\n\r\n")
            .is_ok()
            && client.try_response("GET").is_ok_and(|r| r.status == 200)
        {
            served = true;
            break;
        }
    }
    assert!(served);
    drop(crowd);
    still_serves(&gate);
}

#[test]
fn garbage_after_a_good_request_is_refused_on_its_own() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr()]);
    for garbage in [
        "\x16\x03\x01",
        "\0\0\0\0\r\n\r\n",
        "%%%%\r\n\r\n",
        "GET\r\n\r\n",
        "{}\r\n\r\n",
    ] {
        let mut client = gate.client();
        client.send(format!("GET /good HTTP/1.1\r\nHost: a\r\n\r\n{garbage}"));
        assert_eq!(
            client.response().is(200).param("REQUEST_URI").as_deref(),
            Some("/good")
        );
        client.half_close();
        let rest = String::from_utf8_lossy(&client.rest()).into_owned();
        assert!(
            rest.is_empty() || rest.starts_with("HTTP/1.1 400 "),
            "{garbage:?}: {rest:?}"
        );
    }
    assert_eq!(app.accepted(), 5);
    gate.stop();
}

#[test]
fn resets_at_any_moment_are_survived() {
    let app = App::script(|scgi| {
        if scgi.try_request().is_ok() {
            let _ = scgi.try_send("Status: 200\r\nContent-Length: 500000\r\n\r\n");
            let _ = scgi.try_send(vec![b'x'; 500_000]);
        }
    });
    let gate = Gate::start(["--pass", &app.addr(), "--workers", "4"]);
    let request = b"POST /r HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789";
    for i in 0..150 {
        let mut client = gate.client();
        client.stream().set_reset_on_close();
        let cut = i % (request.len() + 1);
        client.send(&request[..cut]);
        if cut == request.len() || i > 100 {
            let _ = client.try_send(&request[cut..]);
            let _ = client.some();
        }
    }
    let mut client = gate.client();
    assert_eq!(client.post("/", b"x").is(200).body.len(), 500_000);
    gate.stop();
}

/// A request to begin with; mutations follow.
const SEEDS: [&str; 9] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /a/b?c=d HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nT: v\r\n\r\n",
    "PUT /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    "GET http://a:80/x HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nCookie: c\r\nAccept: */*\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
    "HEAD /%2e%2e/%41//x HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\nX: y\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
];

/// What is worth putting anywhere.
const SPICE: [&str; 24] = [
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "\t",
    ":",
    ";",
    ",",
    "%",
    "%00",
    "%2f",
    "..",
    "//",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Host: b\r\n",
    "0\r\n\r\n",
    "\x7f",
    "_",
    "HTTP/1.1",
    "99999999999999999999",
    "-1",
    "Connection: content-length\r\n",
];

fn mutate(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = rng.pick(&SEEDS).as_bytes().to_vec();
    for _ in 0..rng.below(4) {
        let at = rng.below(bytes.len() + 1);
        match rng.below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, rng.pick(&SPICE).bytes())),
            2 if at < bytes.len() => bytes[at] = rng.next() as u8,
            3 if at < bytes.len() => drop(bytes.remove(at)),
            4 => {
                let from = rng.below(bytes.len() + 1);
                let piece = bytes[from.min(at)..from.max(at)].to_vec();
                bytes.extend(piece);
            }
            _ => drop(bytes.splice(at..at, rng.pick(&SEEDS).bytes())),
        }
    }
    bytes
}

#[test]
fn whatever_a_client_sends_the_application_sees_a_well_formed_request_or_nothing() {
    let seed = std::env::var("SCGATE_TEST_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(0x5c9a7e);
    println!("SCGATE_TEST_SEED={seed}");
    let app = App::echo();
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--workers",
        "4",
        "--client-header-timeout",
        "2s",
        "--client-body-timeout",
        "2s",
        "--keepalive-timeout",
        "2s",
        "--client-max-body-size",
        "64k",
    ]);
    let addr = gate.addr();
    std::thread::scope(|scope| {
        for worker in 0..4u64 {
            scope.spawn(move || {
                let mut rng = Rng::new(seed + worker);
                for _ in 0..400 {
                    let mut stream = TcpStream::connect(addr).expect("connect");
                    stream.set_read_timeout(Some(LIMIT)).expect("timeout");
                    let bytes = mutate(&mut rng);
                    let cut = rng.below(bytes.len() + 1);
                    let _ = stream.write_all(&bytes[..cut]);
                    if rng.below(3) == 0 {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    let _ = stream.write_all(&bytes[cut..]);
                    if rng.below(8) == 0 {
                        continue; // leaves at once
                    }
                    let _ = stream.shutdown(Shutdown::Write);
                    let mut answer = Vec::new();
                    match stream.read_to_end(&mut answer) {
                        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                            panic!("no end after {:?}", String::from_utf8_lossy(&bytes))
                        }
                        _ => {}
                    }
                    let fine = answer.is_empty() || answer.starts_with(b"HTTP/1.1 ");
                    assert!(
                        fine,
                        "{:?} after {:?}",
                        String::from_utf8_lossy(&answer),
                        String::from_utf8_lossy(&bytes)
                    );
                }
            });
        }
    });
    app.check();
    still_serves(&gate);
    for request in app.requests() {
        assert!(
            request
                .param("PATH_INFO")
                .is_none_or(|p| p.is_empty() || p.starts_with('/') || p == "*"),
            "{request:?}"
        );
    }
    gate.stop();
}

#[test]
fn random_bytes_are_refused() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr(), "--client-header-timeout", "2s"]);
    let mut rng = Rng::new(7);
    for _ in 0..200 {
        let mut stream = TcpStream::connect(gate.addr()).expect("connect");
        stream.set_read_timeout(Some(LIMIT)).expect("timeout");
        let len = 1 + rng.below(3000);
        let bytes: Vec<u8> = (0..len).map(|_| rng.next() as u8).collect();
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(
            answer.is_empty()
                || answer.starts_with(b"HTTP/1.1 4")
                || answer.starts_with(b"HTTP/1.1 505")
        );
    }
    assert_eq!(app.accepted(), 0);
    still_serves(&gate);
    gate.stop();
}

#[test]
fn a_file_that_is_truncated_while_it_is_sent_makes_a_visible_cut() {
    let temp = Temp::new();
    let path = temp.write("big", "");
    let file = File::options().write(true).open(&path).expect("the file");
    // More than any socket takes at once.
    let size = 256 << 20;
    file.set_len(size).expect("a sparse file");
    let gate = Gate::start(["--root", &temp.file("")]);
    let mut client = gate.client();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head();
    assert_eq!(head.field("content-length"), Some("268435456"));
    file.set_len(0).expect("truncated");
    let mut received = 0;
    let result = client.try_body(&head, &mut |piece| received += piece.len() as u64);
    assert!(result.is_err() && received < size, "{received} bytes");
    gate.logs("a file that is being sent can not be read on");
    gate.stop();
}

#[test]
fn what_a_template_stores_stays_below_its_directory() {
    let temp = Temp::new();
    for dir in ["www", "out"] {
        std::fs::create_dir(temp.file(dir)).expect("a directory");
    }
    std::os::unix::fs::symlink("../out", temp.file("www/link")).expect("a link");
    let app = App::script(|scgi| {
        scgi.request();
        scgi.send("Content-Length: 2\r\n\r\nok");
    });
    let store = format!("{}$uri", temp.file("www"));
    let gate = Gate::start(["--pass", &app.addr(), "--store", &store]);
    for path in ["/link/x", "/dir/", "/dir/y"] {
        assert_eq!(gate.get(path).is(200).text(), "ok");
    }
    assert!(!temp.path().join("out/x").exists(), "by way of a link");
    assert!(!temp.path().join("www/dir").is_file(), "a directory's name");
    let stored = std::fs::read(temp.file("www/dir/y")).expect("what is a file's");
    assert_eq!(stored, b"ok");
    gate.stop();
}

#[test]
fn a_request_that_is_still_coming_at_the_end_is_in_the_access_log() {
    let temp = Temp::new();
    let app = App::echo();
    let gate = Gate::start([
        "--access-log",
        &temp.file("log"),
        "--shutdown-timeout",
        "0",
        "--pass",
        &app.addr(),
    ]);
    let mut client = gate.client();
    client.send("POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
    gate.has_read_everything();
    gate.stop();
    let log = std::fs::read_to_string(temp.file("log")).expect("the log");
    assert!(log.contains("\"POST /half HTTP/1.1\" 400"), "{log:?}");
    assert_eq!(app.accepted(), 0);
}
