//! The program as a process: its command line, its signals, its files.

#[path = "../common/mod.rs"]
mod common;

mod crowd;
mod start;
mod stop;
mod unread;

use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use common::gate::{Starter, run};
use common::http::{Broken, Client};
use common::{App, Gate, LIMIT, Temp, process, until};

/// An application that answers when it is told to, and each time the sender is used or dropped.
fn waiting() -> (App, Sender<()>) {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let app = App::script(move |scgi| {
        if scgi.try_request().is_err() {
            return;
        }
        let _ = gone.lock().expect("lock").recv();
        let _ = scgi.try_send("Status: 200\r\nContent-Length: 4\r\n\r\ndone");
    });
    (app, go)
}

#[track_caller]
fn wrong(args: &[&str], words: &[&str]) {
    let stopped = run(args);
    assert_eq!(
        stopped.status.code(),
        Some(2),
        "{args:?}: {}",
        stopped.stderr
    );
    for word in words {
        assert!(
            stopped.stderr.contains(word),
            "{args:?}: no {word:?} in {}",
            stopped.stderr
        );
    }
    assert!(
        stopped.stderr.lines().all(|l| l.starts_with("scgate: ")),
        "{args:?}: {}",
        stopped.stderr
    );
    assert_eq!(stopped.stdout, "");
}

#[test]
fn errors_of_the_command_line_end_with_status_2_and_say_what_was_expected() {
    wrong(
        &["--pass", "127.0.0.1:9", "--read-timeout", "10q"],
        &["--read-timeout", "10q"],
    );
    wrong(
        &["--pass", "127.0.0.1:9", "--buffer-size", "x"],
        &["--buffer-size", "x"],
    );
    wrong(
        &["--pass", "127.0.0.1:9", "--buffering", "maybe"],
        &["--buffering", "maybe", "on"],
    );
    wrong(
        &["--pass", "127.0.0.1:9", "--read-timeuot", "10s"],
        &["read-timeuot", "--read-timeout"],
    );
    wrong(&["--pass", "127.0.0.1"], &["--pass", "port"]);
    wrong(
        &["--pass", "127.0.0.1:9", "--param", "X $no_such_variable"],
        &["--param", "no_such_variable"],
    );
    wrong(
        &[
            "--pass",
            "127.0.0.1:9",
            "--read-timeout",
            "1s",
            "--read-timeout",
            "2s",
        ],
        &["--read-timeout"],
    );
    wrong(
        &["--listen", "nonsense:port", "--pass", "127.0.0.1:9"],
        &["--listen", "nonsense:port"],
    );
    wrong(&["--pass", "127.0.0.1:9", "stray"], &["stray"]);
    wrong(
        &["--pass", "127.0.0.1:9", "--read-timeout"],
        &["read-timeout"],
    );
    wrong(
        &["--server", "a", "--workers", "5", "--pass", "127.0.0.1:9"],
        &["--workers"],
    );
}

#[test]
fn all_errors_are_reported_at_once() {
    let stopped = run([
        "--read-timeout",
        "1q",
        "--buffering",
        "2",
        "--bogus",
        "--pass",
        "x",
    ]);
    assert_eq!(stopped.status.code(), Some(2));
    for word in ["--read-timeout", "--buffering", "bogus", "--pass"] {
        let lines = stopped.stderr.lines().filter(|l| l.contains(word)).count();
        assert!(lines >= 1, "{word}: {}", stopped.stderr);
    }
}

#[test]
fn buffer_sizes_that_contradict_each_other_are_refused_with_numbers() {
    wrong(
        &["--pass", "127.0.0.1:9", "--buffers", "1 4k"],
        &["--buffers"],
    );
    wrong(
        &[
            "--pass",
            "127.0.0.1:9",
            "--buffer-size",
            "4k",
            "--buffers",
            "4 4k",
            "--busy-buffers-size",
            "2k",
        ],
        &["--busy-buffers-size", "4"],
    );
    wrong(
        &[
            "--pass",
            "127.0.0.1:9",
            "--buffers",
            "4 4k",
            "--busy-buffers-size",
            "16k",
        ],
        &["--busy-buffers-size", "12"],
    );
    wrong(
        &[
            "--pass",
            "127.0.0.1:9",
            "--buffer-size",
            "8k",
            "--temp-file-write-size",
            "4k",
        ],
        &["--temp-file-write-size"],
    );
    wrong(
        &["--pass", "127.0.0.1:9", "--max-temp-file-size", "1k"],
        &["--max-temp-file-size"],
    );
    // Z26: raising one size alone derives the others.
    let stopped = run(["-t", "--pass", "127.0.0.1:9", "--buffer-size", "128k"]);
    assert!(stopped.status.success(), "{}", stopped.stderr);
}

#[test]
fn the_test_flag_checks_and_starts_nothing() {
    let app = App::echo();
    for flag in ["-t", "--test"] {
        let stopped = run([flag, "--pass", &app.addr()]);
        assert!(stopped.status.success(), "{}", stopped.stderr);
        let stopped = run([flag, "--pass", &app.addr(), "--read-timeout", "x"]);
        assert_eq!(stopped.status.code(), Some(2));
    }
    assert_eq!(app.accepted(), 0);
}

#[test]
fn the_settings_can_be_printed_with_their_origin() {
    for flag in ["-T", "--print-config"] {
        let stopped = run([
            flag,
            "--read-timeout",
            "7s",
            "--server",
            "a.example",
            "--location",
            "/x",
            "--pass",
            "127.0.0.1:9",
            "--send-timeout",
            "8s",
        ]);
        assert!(stopped.status.success(), "{}", stopped.stderr);
        for word in [
            "read-timeout",
            "7s",
            "send-timeout",
            "8s",
            "a.example",
            "/x",
            "inherited",
            "default",
        ] {
            assert!(
                stopped.stdout.contains(word),
                "no {word:?} in {}",
                stopped.stdout
            );
        }
    }
}

#[test]
fn version_and_help_are_on_standard_output() {
    for flag in ["-V", "--version"] {
        let stopped = run([flag]);
        assert!(stopped.status.success());
        assert!(
            stopped
                .stdout
                .contains(concat!("scgate ", env!("CARGO_PKG_VERSION"))),
            "{}",
            stopped.stdout
        );
    }
    for flag in ["-h", "--help"] {
        let stopped = run([flag]);
        assert!(stopped.status.success());
        for word in ["--pass", "--listen", "--buffering", "--workers"] {
            assert!(stopped.stdout.contains(word), "no {word}");
        }
    }
    let stopped = run(["--help", "read-timeout"]);
    assert!(stopped.status.success());
    assert!(
        stopped.stdout.contains("--read-timeout") && stopped.stdout.contains("60s"),
        "{}",
        stopped.stdout
    );
}

/// No new connection, but the running request is finished.
fn drains(signal: libc::c_int) {
    let (app, go) = waiting();
    let gate = Gate::start(["--pass", &app.addr()]);
    let addr = gate.addr();
    let mut idle = gate.client();
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    app.wait_accepted(1);
    gate.signal(signal);
    until("new connections to be refused", || {
        TcpStream::connect(addr).is_err()
    });
    idle.closed();
    go.send(()).expect("go");
    let response = client.response().is(200);
    assert_eq!(response.text(), "done");
    client.closed();
    let stopped = gate.wait();
    assert!(
        stopped.status.success(),
        "{}: {}",
        process::describe(stopped.status),
        stopped.stderr
    );
}

#[test]
fn term_lets_running_requests_finish() {
    drains(libc::SIGTERM);
}

#[test]
fn quit_lets_running_requests_finish() {
    drains(libc::SIGQUIT);
}

#[test]
fn a_slow_client_gets_the_rest_of_its_response_after_term() {
    let app = App::script(|scgi| {
        scgi.all();
        scgi.send("Status: 200\r\nContent-Length: 20000000\r\n\r\n");
        let (sent, _) = common::Pattern::new().write(scgi, 20_000_000);
        assert_eq!(sent, 20_000_000);
    });
    let gate = Gate::start(["--pass", &app.addr()]);
    let addr = gate.addr();
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head();
    gate.signal(libc::SIGTERM);
    until("new connections to be refused", || {
        TcpStream::connect(addr).is_err()
    });
    let mut at = 0;
    client.body(&head, &mut |piece| {
        common::Pattern::new().check(at, piece);
        at += piece.len() as u64;
    });
    assert_eq!(at, 20_000_000);
    assert!(gate.wait().status.success());
}

#[test]
fn int_stops_at_once() {
    let (app, _go) = waiting();
    let gate = Gate::start(["--pass", &app.addr()]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    app.wait_accepted(1);
    let start = Instant::now();
    gate.signal(libc::SIGINT);
    gate.wait();
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    assert!(matches!(client.try_response("GET"), Err(Broken::Nothing)));
}

#[test]
fn a_second_term_ends_at_once() {
    let (app, _go) = waiting();
    let gate = Gate::start(["--pass", &app.addr()]);
    let addr = gate.addr();
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    app.wait_accepted(1);
    gate.signal(libc::SIGTERM);
    until("new connections to be refused", || {
        TcpStream::connect(addr).is_err()
    });
    let start = Instant::now();
    gate.signal(libc::SIGTERM);
    gate.wait();
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn the_shutdown_timeout_ends_what_does_not_end() {
    let (app, _go) = waiting();
    let gate = Gate::start(["--pass", &app.addr(), "--shutdown-timeout", "500ms"]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    app.wait_accepted(1);
    let start = Instant::now();
    gate.signal(libc::SIGTERM);
    gate.wait();
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(400), "{took:?}");
    assert!(took < Duration::from_secs(15), "{took:?}");
    // Whatever the client got, it was no complete response of the application.
    assert!(!matches!(client.try_response("GET"), Ok(r) if r.status == 200));
}

#[test]
fn idle_clients_do_not_hold_up_the_end() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr()]);
    let mut idle: Vec<Client> = (0..10).map(|_| gate.client()).collect();
    for client in &mut idle[..5] {
        client.get("/").is(200);
    }
    let start = Instant::now();
    gate.stop().clean();
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    for mut client in idle {
        client.closed();
    }
}

#[test]
fn usr1_reopens_the_access_log() {
    let app = App::echo();
    let dir = Temp::new();
    let (log, old) = (dir.file("access.log"), dir.file("access.log.1"));
    let gate = Gate::start(["--pass", &app.addr(), "--access-log", &log]);
    gate.get("/before").is(200);
    std::fs::rename(&log, &old).expect("rename");
    gate.get("/between").is(200);
    // A line is made when the client may have its response already.
    until("the line of a request", || {
        std::fs::read_to_string(&old).is_ok_and(|text| text.contains("/between"))
    });
    gate.signal(libc::SIGUSR1);
    until("the log to be opened again", || {
        std::path::Path::new(&log).exists()
    });
    gate.get("/after").is(200);
    gate.stop().clean();
    let (old, new) = (
        std::fs::read_to_string(old).expect("old"),
        std::fs::read_to_string(log).expect("new"),
    );
    assert!(old.contains("/before") && old.contains("/between"), "{old}");
    assert!(new.contains("/after") && !new.contains("/between"), "{new}");
}

#[test]
fn hup_is_survived() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr()]);
    if !gate.takes(libc::SIGHUP) {
        panic!("SIGHUP has its default action, which kills");
    }
    gate.signal(libc::SIGHUP);
    gate.get("/").is(200);
    gate.stop();
}

#[test]
fn access_logs_have_their_formats() {
    let app = App::echo();
    let dir = Temp::new();
    let file = |name: &str| dir.file(name);
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--log-format",
        "own '$status $request_method $request_uri $host \"$http_x_own\" $body_bytes_sent $upstream_status'",
        "--access-log",
        &format!("{} own", file("own")),
        "--access-log",
        &format!("{} combined", file("combined")),
        "--access-log",
        &format!("{} main", file("main")),
        "--access-log",
        &format!("{} json", file("json")),
        "--access-log",
        &file("default"),
    ]);
    let mut client = gate.client();
    client.send("GET /a%20b?c=\"d\" HTTP/1.1\r\nHost: Example\r\nUser-Agent: te\"st\\x\r\nReferer: http://r/\r\nX-Own: mi\"ne\r\n\r\n");
    let response = client.response().is(200);
    gate.stop().clean();
    let read = |name: &str| std::fs::read_to_string(file(name)).expect(name);
    let size = response.body.len();
    assert_eq!(
        read("own"),
        format!("200 GET /a%20b?c=\\x22d\\x22 example \"mi\\x22ne\" {size} 200\n")
    );
    let combined = read("combined");
    assert!(combined.starts_with("127.0.0.1 - - ["), "{combined}");
    let tail = format!(
        "] \"GET /a%20b?c=\\x22d\\x22 HTTP/1.1\" 200 {size} \"http://r/\" \"te\\x22st\\x5Cx\"\n"
    );
    assert!(combined.ends_with(&tail), "{combined}");
    assert_eq!(read("default"), combined);
    assert!(
        read("main").lines().count() == 1 && read("main").contains("200"),
        "{}",
        read("main")
    );
    let json = read("json");
    assert!(json.starts_with('{') && json.ends_with("}\n"), "{json}");
    assert!(json.contains("te\\\"st\\\\x"), "{json}");
}

#[test]
fn the_access_log_can_go_to_standard_output() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr(), "--access-log", "-"]);
    gate.get("/to-stdout").is(200);
    let stopped = gate.stop();
    assert!(
        stopped.stdout.contains("GET /to-stdout HTTP/1.1"),
        "{:?}",
        stopped.stdout
    );
}

#[test]
fn no_client_can_forge_a_line_of_the_log() {
    let app = App::echo();
    let dir = Temp::new();
    let log = dir.file("log");
    let gate = Gate::start(["--pass", &app.addr(), "--access-log", &log]);
    let mut client = gate.client();
    client.send(b"GET /\xff%0aforged?\xfe HTTP/1.1\r\nHost: a\r\nUser-Agent: a\tb\xff\r\n\r\n");
    client.response().is(200);
    gate.stop();
    let bytes = std::fs::read(log).expect("the log");
    assert_eq!(bytes.iter().filter(|&&b| b == b'\n').count(), 1);
    assert!(
        bytes
            .iter()
            .all(|&b| b == b'\n' || (0x20..0x7f).contains(&b)),
        "{}",
        String::from_utf8_lossy(&bytes)
    );
}

#[test]
fn refused_requests_are_logged_too() {
    let app = App::echo();
    let dir = Temp::new();
    let log = dir.file("log");
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--log-format",
        "short '$status \"$request\"'",
        "--access-log",
        &format!("{log} short"),
    ]);
    for request in [
        "GET / HTTP/1.1\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET /x HTTP/7.0\r\nHost: a\r\n\r\n",
    ] {
        let mut client = gate.client();
        client.send(request);
        client.response();
    }
    gate.stop();
    let log = std::fs::read_to_string(log).expect("the log");
    let statuses: Vec<&str> = log.lines().map(|l| &l[..3]).collect();
    assert_eq!(statuses, ["400", "400", "505"], "{log}");
}

#[test]
fn the_pid_file_has_the_pid_and_goes_away() {
    let app = App::echo();
    let dir = Temp::new();
    let path = dir.file("pid");
    let gate = Gate::start(["--pass", &app.addr(), "--pid", &path]);
    let mut text = String::new();
    until("the pid file", || {
        text = std::fs::read_to_string(&path).unwrap_or_default();
        text.ends_with('\n')
    });
    assert_eq!(text.trim().parse(), Ok(gate.pid()));
    gate.stop().clean();
    assert!(!std::path::Path::new(&path).exists());
}

#[test]
fn an_unknown_user_is_an_error() {
    let stopped = run([
        "--listen",
        "127.0.0.1:0",
        "--pass",
        "127.0.0.1:9",
        "--user",
        "no-such-user-here",
    ]);
    assert!(!stopped.status.success());
    assert!(
        stopped.stderr.contains("no-such-user-here"),
        "{}",
        stopped.stderr
    );
}

#[test]
fn the_log_names_exchange_client_location_server_phase_and_cause() {
    let dir = Temp::new();
    let socket = dir.file("none");
    let gate = Gate::start(["--location", "/here", "--pass", &format!("unix:{socket}")]);
    gate.get("/here/it-is").is(502);
    let line = gate.logs("No such file");
    for word in ["127.0.0.1", "/here", &socket, "connect"] {
        assert!(line.contains(word), "no {word:?} in {line}");
    }
}

#[test]
fn the_log_level_can_be_chosen() {
    let dir = Temp::new();
    let socket = dir.file("none");
    let gate = Gate::start(["--log-level", "off", "--pass", &format!("unix:{socket}")]);
    gate.get("/").is(502);
    assert_eq!(gate.stop().stderr, "");
}

#[test]
fn a_quiet_run_says_nothing() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr()]);
    for _ in 0..5 {
        gate.get("/").is(200);
    }
    gate.stop().clean();
}

/// The port is the system's choice, and TMPDIR is set to nothing.
#[test]
fn the_demonstration_says_where_it_is() {
    let gate = Starter::new()
        .without_listener()
        .env("TMPDIR", "")
        .args(["--demo", "--listen", "0.0.0.0:0"])
        .start();
    let said = gate.logs("the demo is at http://127.0.0.1:");
    let (_, port) = said.rsplit_once(':').expect("a port");
    let port = port.trim_end_matches('/').parse().expect("a number");
    assert_ne!(port, 0);
    gate.logs(&format!("listening on 0.0.0.0:{port}"));
    Client::tcp(([127, 0, 0, 1], port).into()).get("/").is(200);
    let name = format!("scgate-demo-{}", gate.pid());
    assert!(std::path::Path::new("/tmp").join(&name).exists());
    gate.stop();
    assert!(!std::path::Path::new("/tmp").join(&name).exists());
}

#[test]
fn the_demonstration_serves_a_page_json_and_a_stream() {
    let gate = Gate::start(["--demo"]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n");
    let page = client.response().is(200);
    assert!(
        page.field("Content-Type")
            .is_some_and(|t| t.starts_with("text/html")),
        "{:?}",
        page.head.fields
    );
    let text = page.text();
    for word in ["<!doctype html", "<form", "SCRIPT_NAME"] {
        assert!(
            text.to_lowercase().contains(&word.to_lowercase()),
            "no {word} in the page"
        );
    }
    client.send("GET /x?q=1 HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n");
    let json = client.response().is(200);
    assert!(
        json.field("Content-Type")
            .is_some_and(|t| t.starts_with("application/json"))
    );
    assert!(json.text().contains("\"QUERY_STRING\""), "{}", json.text());
    // What a client sends is never markup.
    client.send("GET /?%3Cscript%3E<script>alert(1)</script> HTTP/1.1\r\nHost: a\r\nX-Evil: <script>alert(2)</script>\r\n\r\n");
    let page = client.response().is(200).text();
    assert!(
        !page.contains("<script>alert"),
        "markup of the client in the page"
    );
    gate.stop().clean();
}

#[test]
fn the_number_of_connections_is_limited() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr(), "--connections", "10"]);
    let mut kept: Vec<Client> = Vec::new();
    for _ in 0..10 {
        let mut client = gate.client();
        client.get("/").is(200);
        kept.push(client);
    }
    // One more: it waits, is told 503, or an idle one makes room for it; when all others leave it is served.
    let mut late = gate.client();
    late.send("GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
    drop(kept);
    match late.try_response("GET") {
        Ok(response) => assert!([200, 503].contains(&response.status), "{}", response.status),
        Err(Broken::Nothing) => {}
        Err(e) => panic!("{e:?}"),
    }
    gate.get("/").is(200);
    gate.stop();
}

#[test]
fn the_limit_of_descriptors_is_raised_to_fit() {
    let app = App::echo();
    let gate = Starter::new()
        .args([
            "--pass",
            &app.addr(),
            "--connections",
            "700",
            "--workers",
            "2",
        ])
        .start();
    gate.get("/").is(200);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gate.pid())).expect("limits");
    let line = limits
        .lines()
        .find(|l| l.starts_with("Max open files"))
        .expect("the limit");
    let soft: u64 = line
        .split_whitespace()
        .nth(3)
        .and_then(|n| n.parse().ok())
        .unwrap_or(u64::MAX);
    assert!(soft > 700, "{line}");
}

/// Whatever holds an exchange up: an application that is silent, a client that keeps its body back, one that does not read.
#[test]
fn the_shutdown_timeout_ends_every_kind_of_stuck_exchange() {
    let app = App::script(|scgi| {
        let request = scgi.request();
        match request.uri().as_str() {
            "/silent" | "/stalled" => {
                scgi.peer_closed();
            }
            _ => {
                let _ = scgi.try_send("Status: 200\r\nContent-Length: 100000000\r\n\r\n");
                let _ = common::Pattern::new().write(scgi, 100_000_000);
            }
        }
    });
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--shutdown-timeout",
        "500ms",
        "--request-buffering",
        "off",
        "--max-temp-file-size",
        "0",
    ]);
    let mut clients: Vec<Client> = Vec::new();
    for request in [
        "GET /silent HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /stalled HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
        "GET /unread HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let mut client = gate.client();
        client.send(request);
        clients.push(client);
    }
    app.wait_accepted(3);
    let start = Instant::now();
    gate.signal(libc::SIGTERM);
    gate.wait();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    for mut client in clients {
        assert!(!matches!(client.try_response("GET"), Ok(r) if r.status == 200));
    }
}

/// A kept connection makes room for a new one as soon as it has nothing to do.
#[test]
fn idle_connections_make_room_for_a_new_client() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr(), "--connections", "4"]);
    let mut kept: Vec<Client> = Vec::new();
    for _ in 0..4 {
        let mut client = gate.client();
        client.get("/").is(200);
        kept.push(client);
    }
    for _ in 0..3 {
        let mut late = gate.client();
        late.get("/late").is(200);
        kept.push(late);
    }
    gate.stop();
}

/// The plain way to start it, with nothing inherited: a port of its own choosing is taken and reported as in use.
#[test]
fn a_second_gateway_on_the_same_port_says_so() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind");
    let addr = listener.local_addr().expect("address").to_string();
    let start = Instant::now();
    let stopped = run(["--listen", &addr, "--pass", "127.0.0.1:9"]);
    assert!(!stopped.status.success());
    assert!(stopped.stderr.contains(&addr), "{}", stopped.stderr);
    assert!(start.elapsed() < LIMIT);
}
