//! Bodies of any size in bounded memory: the buffer chain, its temp files, back pressure, and streaming.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::gate::Starter;
use common::http::{Broken, Framing};
use common::{App, Gate, LIMIT, Pattern, Temp, cannot_here, heavy, process, until};

const MIB: u64 = 1 << 20;

/// What a process may need beyond what it has when idle, while bodies of any size pass through it.
const ALLOWANCE: u64 = 24 * MIB;

/// An application that sends the pattern, as many bytes as the query says, and reports each response it has got rid of.
fn sender(head: &'static str) -> (App, Receiver<(u64, bool)>) {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let app = App::script(move |scgi| {
        let (request, _) = scgi.all();
        let size: u64 = request.get("QUERY_STRING").parse().expect("a size");
        scgi.send(head.replace("SIZE", &size.to_string()));
        let (sent, result) = Pattern::new().write(scgi, size);
        let _ = tell.lock().expect("lock").send((sent, result.is_ok()));
    });
    (app, told)
}

const WITH_LENGTH: &str = "Status: 200\r\nContent-Length: SIZE\r\n\r\n";
const WITHOUT_LENGTH: &str = "Status: 200\r\n\r\n";

/// Reads a whole body and checks every byte.
#[track_caller]
fn check_body(client: &mut common::Client, size: u64) {
    let head = client.head();
    assert_eq!(head.status, 200);
    let pattern = Pattern::new();
    let mut at = 0;
    client.body(&head, &mut |piece| {
        pattern.check(at, piece);
        at += piece.len() as u64;
    });
    assert_eq!(at, size);
}

/// A directory for temp files in `dir`.
fn spool(dir: &Temp) -> String {
    let path = dir.file("spool");
    std::fs::create_dir(&path).expect("make a directory");
    path
}

/// A client that reads nothing while a response of `size` is produced: the application is rid of it, the worker free
/// for others, memory bounded; then every byte arrives.
fn slow_client(head: &'static str, size: u64) {
    let dir = Temp::new();
    let (app, told) = sender(head);
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--workers",
        "1",
        "--temp-path",
        &format!("{} 1 2", spool(&dir)),
        "--max-temp-file-size",
        "8g",
    ]);
    let mut client = gate.client();
    client.send("GET /?1 HTTP/1.1\r\nHost: a\r\n\r\n");
    check_body(&mut client, 1);
    let _ = told.recv_timeout(LIMIT);
    let idle = process::memory(gate.pid(), "VmHWM");
    client.send(format!("GET /?{size} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let patience = if heavy() { LIMIT * 20 } else { LIMIT * 2 };
    assert_eq!(
        told.recv_timeout(patience),
        Ok((size, true)),
        "the application could not get rid of its response"
    );
    // The only worker serves somebody else.
    let mut other = gate.client();
    other.send("GET /?100000 HTTP/1.1\r\nHost: a\r\n\r\n");
    check_body(&mut other, 100_000);
    // The temp file has no name any more.
    let spool = dir.file("spool");
    let files = || {
        process::descriptors(gate.pid())
            .into_iter()
            .filter(|(_, t)| t.starts_with(&spool))
            .count()
    };
    assert!(
        process::descriptors(gate.pid())
            .iter()
            .any(|(_, t)| t.starts_with(&spool) && t.ends_with("(deleted)"))
    );
    check_body(&mut client, size);
    let peak = process::memory(gate.pid(), "VmHWM");
    assert!(
        peak < idle + ALLOWANCE,
        "{} MiB at the start, {} MiB at the peak",
        idle / MIB,
        peak / MIB
    );
    until("the temp file to be closed", || files() == 0);
    client.send("GET /?5 HTTP/1.1\r\nHost: a\r\n\r\n");
    check_body(&mut client, 5);
    gate.stop().clean();
}

#[test]
fn a_large_response_to_a_slow_client_spills_to_a_file() {
    slow_client(WITH_LENGTH, 256 * MIB);
}

#[test]
fn a_large_response_without_length_spills_as_well() {
    slow_client(WITHOUT_LENGTH, 64 * MIB + 12_345);
}

#[test]
fn a_response_of_4_gib_to_a_slow_client() {
    if heavy() {
        slow_client(WITH_LENGTH, 4096 * MIB + 77);
    }
}

#[test]
fn a_temp_file_is_for_us_alone_and_no_directory_is_needed_before_it() {
    let dir = Temp::new();
    let spool = spool(&dir);
    let (app, told) = sender(WITH_LENGTH);
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--temp-path",
        &format!("{spool} 1 2"),
    ]);
    gate.get("/?100").is(200);
    let _ = told.recv_timeout(LIMIT);
    assert!(files_below(&spool).is_empty());
    let mut client = gate.client();
    client.send(format!("GET /?{} HTTP/1.1\r\nHost: a\r\n\r\n", 32 * MIB));
    told.recv_timeout(LIMIT).expect("the response is out");
    let fds = process::descriptors(gate.pid());
    let (fd, _) = fds
        .iter()
        .find(|(_, t)| t.starts_with(&spool))
        .expect("a temp file");
    let meta = std::fs::metadata(format!("/proc/{}/fd/{fd}", gate.pid())).expect("stat");
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    assert_eq!(
        files_below(&spool),
        Vec::<String>::new(),
        "a temp file has kept its name"
    );
    check_body(&mut client, 32 * MIB);
    gate.stop().clean();
}

/// Plain files below a directory.
fn files_below(dir: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![std::path::PathBuf::from(dir)];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                todo.push(entry.path());
            } else {
                found.push(entry.path().display().to_string());
            }
        }
    }
    found
}

/// Sends until the gateway has taken nothing for a while; tells how much it took, then sends the rest.
fn pressing(size: u64) -> (App, Receiver<u64>) {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let app = App::script(move |scgi| {
        scgi.all();
        scgi.send(format!("Status: 200\r\nContent-Length: {size}\r\n\r\n"));
        let pattern = Pattern::new();
        scgi.stream().set_limit(Duration::from_millis(700));
        let mut sent = 0;
        while sent < size {
            let piece = pattern.at(sent);
            let piece = &piece[..piece.len().min((size - sent) as usize)];
            match std::io::Write::write(scgi, piece) {
                Ok(n) => sent += n as u64,
                Err(_) => break,
            }
        }
        let _ = tell.lock().expect("lock").send(sent);
        scgi.stream().set_limit(LIMIT);
        while sent < size {
            let piece = pattern.at(sent);
            let piece = &piece[..piece.len().min((size - sent) as usize)];
            sent += std::io::Write::write(scgi, piece).expect("the client reads again") as u64;
        }
    });
    (app, told)
}

/// Without a temp file, or without buffering, a slow client slows the application down.
fn back_pressure(args: &[&str]) {
    let size = 64 * MIB;
    let (app, told) = pressing(size);
    let addr = app.addr();
    let gate = Gate::start(["--pass", &addr].iter().chain(args));
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let taken = told.recv_timeout(LIMIT).expect("the application tells");
    assert!(
        taken < size / 2,
        "{} MiB were taken although nobody reads",
        taken / MIB
    );
    let peak = process::memory(gate.pid(), "VmHWM");
    assert!(peak < 3 * ALLOWANCE, "{} MiB at the peak", peak / MIB);
    check_body(&mut client, size);
    gate.stop().clean();
}

#[test]
fn without_temp_files_a_slow_client_slows_the_application() {
    back_pressure(&["--max-temp-file-size", "0"]);
}

#[test]
fn without_buffering_a_slow_client_slows_the_application() {
    back_pressure(&["--buffering", "off"]);
}

#[test]
fn a_full_temp_file_slows_the_application() {
    back_pressure(&["--max-temp-file-size", "2m"]);
}

/// An application that sends one piece each time it is told to, and ends when the channel does.
fn stepping(head: &'static str) -> (App, Sender<&'static str>) {
    let (go, gone) = mpsc::channel::<&'static str>();
    let gone = Mutex::new(gone);
    let app = App::script(move |scgi| {
        scgi.all();
        scgi.send(head);
        let gone = gone.lock().expect("lock");
        while let Ok(piece) = gone.recv() {
            scgi.send(piece);
        }
    });
    (app, go)
}

/// Each piece reaches the client while the application still runs and waits for it to do so.
fn piece_by_piece(args: &[&str], head: &'static str) {
    let (app, go) = stepping(head);
    let addr = app.addr();
    let gate = Gate::start(["--pass", &addr].iter().chain(args));
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    // The head comes before any piece is sent.
    let head = client.head();
    assert_eq!(head.framing, Framing::Chunked);
    for piece in ["data: 1\n\n", "data: 2\n\n", "x"] {
        go.send(piece).expect("the application runs");
        assert_eq!(client.chunk(), piece.as_bytes());
    }
    drop(go);
    assert_eq!(client.chunk(), b"");
    gate.stop().clean();
}

#[test]
fn events_are_never_held_back() {
    piece_by_piece(
        &[],
        "Status: 200\r\nContent-Type: text/event-stream\r\n\r\n",
    );
    piece_by_piece(
        &[],
        "Status: 200\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n",
    );
}

#[test]
fn nothing_is_held_back_without_buffering() {
    piece_by_piece(
        &["--buffering", "off"],
        "Status: 200\r\nContent-Type: text/plain\r\n\r\n",
    );
}

#[test]
fn the_application_can_ask_for_no_buffering() {
    piece_by_piece(&[], "Status: 200\r\nX-Accel-Buffering: no\r\n\r\n");
}

/// Z23: with buffering on a piece may wait for company, but not for ever.
#[test]
fn a_partly_filled_buffer_is_flushed_when_nothing_more_comes() {
    piece_by_piece(&[], "Status: 200\r\nContent-Type: text/html\r\n\r\n");
}

#[test]
fn a_head_alone_reaches_the_client() {
    let (app, go) = stepping("Status: 200\r\nContent-Length: 3\r\n\r\n");
    let gate = Gate::start(["--pass", &app.addr()]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head();
    go.send("abc").expect("the application runs");
    let mut body = Vec::new();
    client.body(&head, &mut |p| body.extend_from_slice(p));
    assert_eq!(body, b"abc");
}

/// An application that checks the body it gets against the pattern.
fn receiver() -> App {
    App::script(|scgi| {
        let request = scgi.request();
        let pattern = Pattern::new();
        let mut at = 0;
        let read = scgi.try_body(request.content_length, &mut |piece| {
            pattern.check(at, piece);
            at += piece.len() as u64;
        });
        if read.is_ok() {
            scgi.reply(at.to_string());
        }
    })
}

fn upload(size: u64, args: &[&str]) {
    let dir = Temp::new();
    let app = receiver();
    let addr = app.addr();
    let temp = dir.path().display().to_string();
    let gate = Gate::start(
        [
            "--pass",
            &addr,
            "--client-max-body-size",
            "0",
            "--workers",
            "2",
            "--temp-path",
            &temp,
        ]
        .iter()
        .chain(args),
    );
    gate.client().post("/", b"").is(200);
    let idle = process::memory(gate.pid(), "VmHWM");
    let pattern = Pattern::new();
    let mut client = gate.client();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n"
    ));
    let mut stream = client.stream().try_clone().expect("clone");
    let (sent, result) = pattern.write(&mut stream, size);
    assert_eq!((sent, result.is_ok()), (size, true));
    assert_eq!(client.response().is(200).text(), size.to_string());
    let peak = process::memory(gate.pid(), "VmHWM");
    assert!(
        peak < idle + ALLOWANCE,
        "{} MiB at the start, {} MiB at the peak",
        idle / MIB,
        peak / MIB
    );
    assert_eq!(files_below(&temp), Vec::<String>::new());
    // The same connection, the body in chunks of odd sizes, a tenth of the size.
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut at = 0;
    let size = size / 10;
    while at < size {
        let piece = pattern.at(at);
        let piece = &piece[..piece
            .len()
            .min((size - at) as usize)
            .min(1 + (at % 50_000) as usize)];
        client.send(format!("{:x}\r\n", piece.len()));
        client.send(piece);
        client.send("\r\n");
        at += piece.len() as u64;
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.response().is(200).text(), size.to_string());
    app.check();
    gate.stop().clean();
}

#[test]
fn a_large_upload_spills_to_a_file() {
    upload(256 * MIB, &[]);
}

#[test]
fn a_large_upload_streams() {
    upload(256 * MIB, &["--request-buffering", "off"]);
}

#[test]
fn an_upload_of_4_gib() {
    if heavy() {
        upload(4096 * MIB + 77, &[]);
        upload(4096 * MIB + 77, &["--request-buffering", "off"]);
    }
}

#[test]
fn bodies_around_the_size_of_the_buffer_arrive_whole() {
    let app = receiver();
    let gate = Gate::start(["--pass", &app.addr(), "--client-body-buffer-size", "8k"]);
    let pattern = Pattern::new();
    let mut client = gate.client();
    for size in [0, 1, 8191, 8192, 8193, 16384, 65535, 65536, 65537, 100_000] {
        assert_eq!(
            client.post("/", &pattern.bytes(size)).is(200).text(),
            size.to_string()
        );
    }
}

#[test]
fn a_buffered_request_reaches_the_application_only_when_it_is_complete() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr()]);
    let mut slow = gate.client();
    slow.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    gate.get("/quick").is(200);
    assert_eq!(app.accepted(), 1);
    slow.send("world");
    slow.response().is(200);
    let seen: Vec<_> = app.requests().iter().map(|r| r.uri()).collect();
    assert_eq!(seen, ["/quick", "/slow"]);
}

#[test]
fn a_streamed_request_reaches_the_application_as_it_comes() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let app = App::script(move |scgi| {
        let request = scgi.request();
        assert_eq!(request.content_length, 11);
        let mut body = Vec::new();
        while body.len() < 11 {
            body.extend(scgi.some());
            let _ = tell
                .lock()
                .expect("lock")
                .send(String::from_utf8_lossy(&body).into_owned());
        }
        scgi.reply(body);
    });
    let gate = Gate::start(["--pass", &app.addr(), "--request-buffering", "off"]);
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello");
    assert_eq!(told.recv_timeout(LIMIT).as_deref(), Ok("hello"));
    client.send(" ");
    assert_eq!(told.recv_timeout(LIMIT).as_deref(), Ok("hello "));
    client.send("world");
    assert_eq!(client.response().is(200).text(), "hello world");
    // The connection is in order afterwards.
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world");
    assert_eq!(client.response().is(200).text(), "hello world");
}

/// `$request_length` is that of the whole request, whoever asks for it and when.
#[test]
fn a_request_is_as_long_streamed_as_it_is_buffered() {
    const SIZE: usize = 1_000_000;
    let app = receiver();
    for buffering in ["on", "off"] {
        let dir = Temp::new();
        let log = dir.file("log");
        let gate = Gate::start([
            "--pass",
            &app.addr(),
            "--request-buffering",
            buffering,
            "--add-header",
            "X-Length $request_length",
            "--log-format",
            "t $request_length",
            "--access-log",
            &format!("{log} t"),
        ]);
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\n\r\n");
        let whole = (head.len() + SIZE).to_string();
        let mut client = gate.client();
        client.send(head);
        client.send(Pattern::new().bytes(SIZE));
        let response = client.response().is(200);
        assert_eq!(response.field("X-Length"), Some(&*whole), "{buffering}");
        gate.stop();
        let told = std::fs::read_to_string(log).expect("the access log");
        assert_eq!(told.trim(), whole, "{buffering}");
    }
}

#[test]
fn a_client_that_leaves_in_a_streamed_body_ends_the_exchange() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let app = App::script(move |scgi| {
        let request = scgi.request();
        let read = scgi.try_body(request.content_length, &mut |_| {});
        let _ = tell.lock().expect("lock").send(read.is_err());
    });
    let gate = Gate::start(["--pass", &app.addr(), "--request-buffering", "off"]);
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello");
    app.wait_accepted(1);
    drop(client);
    assert_eq!(told.recv_timeout(LIMIT), Ok(true));
    gate.stop();
}

#[test]
fn reading_from_the_application_can_be_paced() {
    let (app, _told) = sender(WITH_LENGTH);
    let gate = Gate::start(["--pass", &app.addr(), "--limit-rate", "100k"]);
    let start = Instant::now();
    let mut client = gate.client();
    client.send("GET /?400000 HTTP/1.1\r\nHost: a\r\n\r\n");
    check_body(&mut client, 400_000);
    assert!(
        start.elapsed() > Duration::from_millis(2000),
        "400 kB at 100 kB/s took {:?}",
        start.elapsed()
    );
}

#[test]
fn sending_to_the_client_can_be_paced_after_a_start() {
    let (app, _told) = sender(WITH_LENGTH);
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--client-limit-rate",
        "100k",
        "--client-limit-rate-after",
        "200k",
    ]);
    let mut client = gate.client();
    let start = Instant::now();
    client.send("GET /?500000 HTTP/1.1\r\nHost: a\r\n\r\n");
    check_body(&mut client, 500_000);
    let slow = start.elapsed();
    assert!(
        slow > Duration::from_millis(1500),
        "300 kB at 100 kB/s took {slow:?}"
    );
}

#[test]
fn two_slow_responses_do_not_slow_each_other() {
    let (app, _told) = sender(WITH_LENGTH);
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--workers",
        "1",
        "--client-limit-rate",
        "200k",
    ]);
    let start = Instant::now();
    let mut clients: Vec<_> = (0..4).map(|_| gate.client()).collect();
    for client in &mut clients {
        client.send("GET /?400000 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for client in &mut clients {
        check_body(client, 400_000);
    }
    // One after another they would take four times as long as one.
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
}

/// The whole response, or one that is visibly cut; never a wrong byte. Then the gateway goes on.
fn orderly_failure(gate: Gate, size: u64) {
    for _ in 0..2 {
        let mut client = gate.client();
        client.send(format!("GET /?{size} HTTP/1.1\r\nHost: a\r\n\r\n"));
        // Nothing is read until the gateway has had to spill: the kernel holds far less than the response.
        std::thread::sleep(Duration::from_millis(500));
        match client.try_response("GET") {
            Ok(response) if response.status == 200 => {
                assert_eq!(response.body.len() as u64, size);
                Pattern::new().check(0, &response.body);
            }
            Ok(response) => assert!(response.status >= 500, "{}", response.status),
            Err(Broken::InBody(_, body)) => Pattern::new().check(0, &body),
            Err(other) => panic!("{other:?}"),
        }
    }
    let mut client = gate.client();
    client.send("GET /?1000 HTTP/1.1\r\nHost: a\r\n\r\n");
    check_body(&mut client, 1000);
    gate.stop();
}

#[test]
fn a_full_disk_is_an_orderly_failure() {
    let dir = Temp::new();
    let (app, _told) = sender(WITH_LENGTH);
    // A limit on the size of files fails a write as a full disk does.
    let gate = Starter::new()
        .args([
            "--pass",
            &app.addr(),
            "--temp-path",
            &dir.path().display().to_string(),
        ])
        .limit(libc::RLIMIT_FSIZE, MIB)
        .ignoring(libc::SIGXFSZ)
        .start();
    orderly_failure(gate, 32 * MIB);
}

#[test]
fn a_limit_on_files_does_not_kill_the_gateway() {
    let dir = Temp::new();
    let (app, _told) = sender(WITH_LENGTH);
    let gate = Starter::new()
        .args([
            "--pass",
            &app.addr(),
            "--temp-path",
            &dir.path().display().to_string(),
        ])
        .limit(libc::RLIMIT_FSIZE, MIB)
        .start();
    orderly_failure(gate, 32 * MIB);
}

#[test]
fn a_missing_temp_path_is_an_orderly_failure() {
    let dir = Temp::new();
    let file = dir.write("file", "not a directory");
    let (app, _told) = sender(WITH_LENGTH);
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--temp-path",
        &format!("{file}/below"),
    ]);
    orderly_failure(gate, 32 * MIB);
}

#[test]
fn an_upload_that_cannot_spill_is_refused() {
    let dir = Temp::new();
    let file = dir.write("file", "not a directory");
    let app = App::echo();
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--temp-path",
        &format!("{file}/below"),
        "--client-max-body-size",
        "0",
    ]);
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n");
    let _ = client.try_send(vec![b'x'; 10_000_000]);
    let response = client.try_response("POST").expect("an answer");
    assert!((500..600).contains(&response.status), "{}", response.status);
    drop(client); // the gateway lingers for a client that does not close
    assert_eq!(app.accepted(), 0);
    // What needs no file is served.
    gate.client().post("/", b"small").is(200);
    gate.stop();
}

/// The cache refuses a request whose body has been taken in, and the page for that is in another location.
#[test]
fn the_file_of_a_body_is_used_again_in_its_own_directory_only() {
    let dir = Temp::new();
    let (one, two) = (dir.file("one"), dir.file("two"));
    let (came, has_come) = mpsc::channel();
    let (go, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    let app = App::script(move |scgi| {
        let (request, _) = scgi.all();
        if request.uri() == "/two/waits" {
            came.send(()).expect("the test");
            told.lock().expect("lock").recv().expect("go");
        }
        scgi.reply("done");
    });
    let addr = app.addr();
    let zone = format!("{} keys_zone=z:1m", dir.file("cache"));
    #[rustfmt::skip]
    let gate = Gate::start([
        "--cache-path", &zone, "--workers", "1", "--client-body-buffer-size", "1k",
        "--location", "/one", "--pass", &addr, "--temp-path", &one,
        "--cache", "z", "--cache-rules", "rfc9111", "--cache-methods", "POST", "--error-page", "504 @two",
        "--location", "@two", "--pass", &addr, "--temp-path", &two,
        "--location", "/two", "--pass", &addr, "--temp-path", &two,
    ]);
    let files = |dir: &str| {
        let all = process::descriptors(gate.pid());
        all.iter().filter(|(_, t)| t.starts_with(dir)).count()
    };
    let body = "x".repeat(10_000);
    let mut client = gate.client();
    client.send(format!(
        "POST /one HTTP/1.1\r\nHost: a\r\nCache-Control: only-if-cached\r\nContent-Length: 10000\r\n\r\n{body}"
    ));
    client.response().is(504);
    // The only worker has done with that request when it takes the next.
    client.get("/two").is(200);
    assert_eq!((files(&one), files(&two)), (1, 0));
    client.send(format!(
        "POST /two/waits HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n{body}"
    ));
    has_come.recv().expect("the application");
    assert_eq!((files(&one), files(&two)), (1, 1));
    go.send(()).expect("the application");
    client.response().is(200);
}

/// A real full file system, where the machine lets us mount one.
#[test]
fn a_full_file_system_is_an_orderly_failure() {
    let name = "a_full_file_system_is_an_orderly_failure";
    if !common::is_root() {
        return cannot_here(name, "mounting needs root");
    }
    let dir = Temp::new();
    let mount = Mount::tmpfs(&dir.file("small"), "size=2m");
    let Some(mount) = mount else {
        // In a container without the right to mount; the limit on file sizes above covers the code.
        return cannot_here(name, "this machine does not let root mount");
    };
    let (app, _told) = sender(WITH_LENGTH);
    let gate = Gate::start(["--pass", &app.addr(), "--temp-path", &mount.0]);
    orderly_failure(gate, 32 * MIB);
}

struct Mount(String);

impl Mount {
    fn tmpfs(path: &str, options: &str) -> Option<Mount> {
        std::fs::create_dir(path).ok()?;
        let status = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "scgate-test", path])
            .stderr(std::process::Stdio::null())
            .status()
            .ok()?;
        status.success().then(|| Mount(path.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .args(["-l", &self.0])
            .status();
    }
}

/// Many slow clients under one ceiling: memory holds, nobody gets a wrong byte, and those who had to wait are served
/// or told so.
#[test]
fn all_buffers_together_stay_under_the_ceiling() {
    let (app, _told) = sender(WITH_LENGTH);
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--workers",
        "32",
        "--memory",
        "1m",
        "--buffers",
        "8 64k",
        "--max-temp-file-size",
        "0",
    ]);
    gate.get("/?1").is(200);
    let idle = process::memory(gate.pid(), "VmHWM");
    let mut clients: Vec<_> = (0..30).map(|_| gate.client()).collect();
    for client in &mut clients {
        client.send("GET /?8000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    std::thread::sleep(Duration::from_secs(1));
    let full = process::memory(gate.pid(), "VmHWM");
    assert!(
        full < idle + ALLOWANCE,
        "{} MiB at the start, {} MiB with 30 clients",
        idle / MIB,
        full / MIB
    );
    let served = Arc::new(Mutex::new(0));
    std::thread::scope(|scope| {
        for mut client in clients {
            let served = Arc::clone(&served);
            scope.spawn(move || match client.try_response("GET") {
                Ok(response) if response.status == 200 => {
                    Pattern::new().check(0, &response.body);
                    assert_eq!(response.body.len(), 8_000_000);
                    *served.lock().expect("lock") += 1;
                }
                Ok(response) => assert_eq!(response.status, 503),
                Err(e) => panic!("{e:?}"),
            });
        }
    });
    assert!(*served.lock().expect("lock") >= 1);
    gate.get("/?100").is(200);
    gate.stop();
}

/// The settings of one response, each combination with bodies around every size that matters in it.
#[test]
fn every_size_arrives_whole_with_every_buffering() {
    let (app, _told) = sender(WITHOUT_LENGTH);
    let dir = Temp::new();
    let temp = dir.path().display().to_string();
    for args in [
        &["--buffering", "on"][..],
        &["--buffering", "off"],
        &["--buffer-size", "1k", "--buffers", "2 1k"],
        &[
            "--buffer-size",
            "16k",
            "--buffers",
            "4 32k",
            "--busy-buffers-size",
            "64k",
        ],
        &["--buffers", "2 4k", "--max-temp-file-size", "8k"],
        &["--temp-file-write-size", "64k", "--buffers", "4 4k"],
    ] {
        let addr = app.addr();
        let gate = Gate::start(["--pass", &addr, "--temp-path", &temp].iter().chain(args));
        let mut client = gate.client();
        for size in [
            0, 1, 1023, 1024, 1025, 4095, 4096, 4097, 32_768, 65_536, 131_071, 1_000_000,
        ] {
            client.send(format!("GET /?{size} HTTP/1.1\r\nHost: a\r\n\r\n"));
            check_body(&mut client, size);
        }
        gate.stop().clean();
    }
}

#[test]
fn a_client_that_reads_nothing_is_given_up_after_the_send_timeout() {
    let (app, _told) = sender(WITH_LENGTH);
    let gate = Gate::start(["--pass", &app.addr(), "--client-send-timeout", "500ms"]);
    let mut client = gate.client();
    client.send(format!("GET /?{} HTTP/1.1\r\nHost: a\r\n\r\n", 64 * MIB));
    let head = client.head(); // the connection is accepted, the response has begun
    // A gateway started in the same way that has no client shows how many sockets it keeps for itself.
    let sockets = |gate: &Gate| {
        process::descriptors(gate.pid())
            .iter()
            .filter(|(_, t)| t.starts_with("socket:"))
            .count()
    };
    let idle = Gate::start(["--pass", "127.0.0.1:9"]);
    until("the gateway to close the connection", || {
        sockets(&gate) <= sockets(&idle)
    });
    let mut got = 0;
    let body = client.try_body(&head, &mut |piece| {
        Pattern::new().check(got, piece);
        got += piece.len() as u64;
    });
    assert!(
        matches!(body, Err(Broken::InBody(..))),
        "not cut, but {body:?} after {got} bytes"
    );
    gate.stop();
}
