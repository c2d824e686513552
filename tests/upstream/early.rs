//! Applications that answer without having read the request's body, and close, or stall: the answer is the client's, as a
//! whole or visibly cut, and what is stored of it is whole.

use crate::common::gate::Starter;
use crate::common::http::Response;
use crate::common::{App, Gate, Pattern, Scgi, Temp, until};

/// More than the response buffers hold: the rest waits in a temp file.
const LONG: usize = 200_000;

/// More than two Unix sockets take, and more than two of TCP do.
fn unread(tcp: bool) -> Vec<u8> {
    vec![b'x'; if tcp { 20_000_000 } else { 2_000_000 }]
}

/// Answers with so many bytes once it has the parameters. `ends` does what is to be done when the gateway has all of it.
fn talker(tcp: bool, head: &'static str, size: usize, ends: fn(&mut Scgi)) -> App {
    let script = move |scgi: &mut Scgi| {
        scgi.request();
        scgi.send([head.as_bytes(), &Pattern::new().bytes(size)].concat());
        until("the gateway to take the answer", || {
            scgi.stream().is_taken()
        });
        ends(scgi);
    };
    match tcp {
        true => App::tcp(script),
        false => App::script(script),
    }
}

/// Nothing: with the script the connection ends, and that is a reset, as the body is unread.
fn closes(_: &mut Scgi) {}

#[track_caller]
fn ask(gate: &Gate, method: &str, target: &str, body: &[u8]) -> Response {
    let mut client = gate.client();
    client.send(format!(
        "{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    let _ = client.try_send(body);
    let response = client.try_response(method);
    response.unwrap_or_else(|e| panic!("{method} {target}: {e:?}"))
}

const WITHOUT_LENGTH: &str = "Status: 200\r\n\r\n";
const WITH_LENGTH: &str = "Status: 200\r\nContent-Length: 200000\r\n\r\n";
const LONGER_WITH_LENGTH: &str = "Status: 200\r\nContent-Length: 3000000\r\n\r\n";

/// Z11: what the application had said before the reset is there, and all of it goes to the client.
#[test]
fn an_early_answer_longer_than_the_buffers_survives_a_reset() {
    for tcp in [false, true] {
        let body = unread(tcp);
        for head in [WITHOUT_LENGTH, WITH_LENGTH] {
            let app = talker(tcp, head, LONG, closes);
            for buffering in ["on", "off"] {
                let gate = Gate::start([
                    "--pass",
                    &app.addr(),
                    "--client-max-body-size",
                    "0",
                    "--request-buffering",
                    buffering,
                ]);
                let response = ask(&gate, "POST", "/", &body).is(200);
                let what = format!("tcp {tcp}, {head:?}, request buffering {buffering}");
                assert_eq!(response.body.len(), LONG, "{what}");
                Pattern::new().check(0, &response.body);
                // Nor is it held against the server.
                gate.stop().clean();
            }
        }
    }
}

/// What a length shows to be whole is stored; what only a reset has ended is not.
#[test]
fn only_an_early_answer_that_is_known_to_be_whole_becomes_a_file() {
    let body = unread(false);
    for (head, size, stored) in [
        (WITHOUT_LENGTH, LONG, false),
        (WITHOUT_LENGTH, 1000, false),
        (WITH_LENGTH, LONG, true),
    ] {
        let (root, app) = (Temp::new(), talker(false, head, size, closes));
        let dir = root.path().display().to_string();
        let gate = Gate::start(
            ["--pass", &app.addr(), "--root", &dir, "--store", "on"]
                .into_iter()
                .chain(["--client-max-body-size", "0"]),
        );
        let response = ask(&gate, "GET", "/file", &body).is(200);
        assert_eq!(response.body.len(), size, "{head:?}");
        gate.stop();
        let kept = std::fs::metadata(root.path().join("file")).map(|meta| meta.len());
        let expected = stored.then_some(size as u64);
        assert_eq!(kept.ok(), expected, "{size} bytes after {head:?}");
    }
}

#[test]
fn only_an_early_answer_that_is_known_to_be_whole_is_cached() {
    let body = unread(false);
    for (head, size, asked) in [
        (WITHOUT_LENGTH, LONG, 2),
        (WITHOUT_LENGTH, 1000, 2),
        (WITH_LENGTH, LONG, 1),
    ] {
        let (dir, app) = (Temp::new(), talker(false, head, size, closes));
        let gate = Gate::start([
            "--pass",
            &app.addr(),
            "--client-max-body-size",
            "0",
            "--cache-path",
            &format!("{} keys_zone=z:1m", dir.file("cache")),
            "--cache",
            "z",
            "--cache-valid",
            "200 1h",
            "--cache-methods",
            "GET HEAD POST",
        ]);
        for _ in 0..2 {
            let response = ask(&gate, "POST", "/", &body).is(200);
            assert_eq!(response.body.len(), size, "{head:?}");
        }
        gate.stop();
        assert_eq!(app.accepted(), asked, "{size} bytes after {head:?}");
    }
}

/// Answers at once, reads nothing, and keeps the connection open until the gateway closes it.
fn waiter(answer: &'static str) -> App {
    App::script(move |scgi| {
        scgi.request();
        scgi.send(answer);
        scgi.stalls();
    })
}

/// As one without interim responses does: nothing here waits for `--send-timeout`.
#[test]
fn a_refusal_behind_interim_responses_ends_the_sending() {
    let app = waiter(
        "Status: 100\r\n\r\nStatus: 103\r\nLink: a\r\n\r\nStatus: 413\r\nContent-Length: 3\r\n\r\nbig",
    );
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--client-max-body-size",
        "0",
        "--send-timeout",
        "1h",
    ]);
    let response = ask(&gate, "POST", "/", &unread(false)).is(413);
    assert_eq!(response.text(), "big");
}

/// N6, Z11: an answer that is there is the client's at `--send-timeout`. What it stands for has been done, whatever the
/// method, and is not to be done again elsewhere.
#[test]
fn an_answer_that_is_there_is_not_lost_to_the_send_timeout() {
    let created = "Status: 201\r\nContent-Length: 2\r\n\r\nok";
    let after_hints = "Status: 103\r\n\r\nStatus: 303\r\nContent-Length: 2\r\n\r\nok";
    // All at the same time: each takes the timeout, which is long enough for any application to say so much.
    std::thread::scope(|scope| {
        for (method, answer, status) in [
            ("PUT", created, 201),
            ("POST", created, 201),
            ("PUT", after_hints, 303),
        ] {
            scope.spawn(move || {
                let (one, two) = (waiter(answer), App::echo());
                let gate = Gate::start([
                    "--upstream",
                    &format!("g {}", one.addr()),
                    "--upstream",
                    &format!("g {} backup", two.addr()),
                    "--pass",
                    "g",
                    "--client-max-body-size",
                    "0",
                    "--send-timeout",
                    "3s",
                ]);
                let response = ask(&gate, method, "/", &unread(false)).is(status);
                assert_eq!(response.text(), "ok", "{method}, {answer:?}");
                gate.stop().clean();
                assert_eq!(two.accepted(), 0, "{method}, {answer:?}");
            });
        }
    });
}

/// An interim response is no answer.
#[test]
fn an_interim_response_alone_does_not_outlast_the_send_timeout() {
    let app = waiter("Status: 103\r\n\r\nStatus: 200\r\n");
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--client-max-body-size",
        "0",
        "--send-timeout",
        "300ms",
    ]);
    ask(&gate, "POST", "/", &unread(false)).is(504);
}

/// A gateway whose request bodies are in memory, so that temp files are for early answers alone.
fn in_memory(app: &App, temp: &str) -> Starter {
    Starter::new().args([
        "--pass",
        &app.addr(),
        "--client-max-body-size",
        "0",
        "--client-body-buffer-size",
        "16m",
        "--temp-path",
        temp,
    ])
}

/// More than the buffers and the sockets hold, so that the application waits for the gateway to read on.
const LONGER: usize = 3_000_000;

/// Answers with so much before it reads anything of the body.
fn insists(head: &'static str) -> App {
    App::script(move |scgi| {
        scgi.request();
        scgi.send([head.as_bytes(), &Pattern::new().bytes(LONGER)].concat());
    })
}

#[track_caller]
fn hears_all(gate: Gate) {
    let response = ask(&gate, "POST", "/", &unread(false)).is(200);
    assert_eq!(response.body.len(), LONGER);
    Pattern::new().check(0, &response.body);
    gate.logs("can not spill an early response");
    gate.stop();
}

#[test]
fn an_early_answer_is_heard_out_where_no_temp_file_is_to_be_had() {
    let dir = Temp::new();
    let file = dir.write("file", "not a directory");
    for head in [WITHOUT_LENGTH, LONGER_WITH_LENGTH] {
        let app = insists(head);
        hears_all(in_memory(&app, &format!("{file}/below")).start());
    }
}

/// What has been read when the disk proves full is not lost. A limit on the size of files fails a write as a full disk does.
#[test]
fn an_early_answer_is_heard_out_when_the_disk_is_full() {
    let dir = Temp::new();
    for head in [WITHOUT_LENGTH, LONGER_WITH_LENGTH] {
        let app = insists(head);
        let gate = in_memory(&app, &dir.path().display().to_string())
            .limit(libc::RLIMIT_FSIZE, 1 << 20)
            .ignoring(libc::SIGXFSZ)
            .start();
        hears_all(gate);
    }
}
