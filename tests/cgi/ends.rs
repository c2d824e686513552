//! How it ends when something is in the way: no server, a wrong command line, a client that left, a signal.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

use super::Call;
use crate::common::process::describe;
use crate::common::{App, Latch, Temp};

#[test]
fn without_a_server_it_says_so() {
    let app = App::echo();
    for missing in ["GATEWAY_INTERFACE", "REQUEST_METHOD"] {
        let answer = Call::to(&app).env(&[missing]).run();
        assert_eq!(
            (answer.status.code(), answer.stdout.as_str()),
            (Some(2), "")
        );
        assert_eq!(
            answer.stderr,
            "scgate: --cgi: GATEWAY_INTERFACE and REQUEST_METHOD are not in the environment; \
             it is for a web server or inetd to run\n"
        );
    }
    assert_eq!(app.accepted(), 0);
}

#[test]
fn a_client_hears_of_a_wrong_command_line() {
    let answer = Call::with(&["--listen", "80", "--pass", "unix:/a"]).run();
    assert_eq!(
        (answer.line.as_str(), answer.status.code()),
        ("500 Internal Server Error", Some(2))
    );
    assert_eq!(
        answer.stderr,
        "scgate: --listen '80': does not go with --cgi\n"
    );
    let answer = Call::with(&["--access-log", "/nonexistent/log", "--pass", "unix:/a"]).run();
    assert_eq!(
        (answer.line.as_str(), answer.status.code()),
        ("500 Internal Server Error", Some(1))
    );
    assert!(
        answer.stderr.contains("/nonexistent/log"),
        "{}",
        answer.stderr
    );
    // Nobody waits for a check.
    let answer = Call::with(&["-t", "--pass", "unix:/a"])
        .env(&["REQUEST_METHOD"])
        .start()
        .wait();
    assert_eq!(answer.code(), Some(0));
}

/// An application that is asked and then waits until the gateway leaves it; the latch opens when it has been asked.
fn patient() -> (App, Arc<Latch>) {
    let asked = Arc::new(Latch::default());
    let latch = Arc::clone(&asked);
    let app = App::script(move |scgi| {
        scgi.all();
        latch.open();
        scgi.peer_closed();
    });
    (app, asked)
}

#[test]
fn when_the_server_closes_the_exchange_is_cancelled() {
    let (app, asked) = patient();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut running = Call::to(&app).stdout(OwnedFd::from(writer)).start();
    asked.wait();
    drop(reader);
    assert_eq!(running.wait().code(), Some(1));
    let stderr = running.stderr();
    assert!(stderr.contains("standard output was closed"), "{stderr}");
    app.check();
}

#[test]
fn within_a_response_too() {
    let app = App::script(|scgi| {
        scgi.all();
        scgi.send("Content-Type: a/b\r\n\r\n");
        while scgi.try_send([0; 65536]).is_ok() {}
    });
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut running = Call::to(&app)
        .args(&["--max-temp-file-size", "0"])
        .stdout(OwnedFd::from(writer))
        .start();
    let mut first = [0; 8];
    std::io::Read::read_exact(&mut &reader, &mut first).expect("the head");
    assert_eq!(&first, b"Status: ");
    drop(reader);
    assert_eq!(running.wait().code(), Some(1));
}

#[test]
fn a_signal_ends_it() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT] {
        let (app, asked) = patient();
        let mut running = Call::to(&app).start();
        asked.wait();
        running.signal(signal);
        let status = running.wait();
        assert_eq!(status.code(), Some(1), "{}", describe(status));
        assert_eq!(running.stdout(), "");
    }
}

#[test]
fn a_signal_ends_it_while_nobody_reads_the_rest() {
    let app = App::script(|scgi| {
        scgi.answer(vec![b'x'; 100_000]);
        scgi.peer_closed();
    });
    let (_reader, writer) = std::io::pipe().expect("a pipe");
    let mut running = Call::to(&app).stdout(OwnedFd::from(writer)).start();
    app.wait_accepted(1);
    running.signal(libc::SIGTERM);
    assert_eq!(running.wait().code(), Some(1));
}

/// A server hands down its own environment, and would be taken for ready or for stopping.
#[test]
fn the_manager_of_the_server_hears_nothing() {
    let (app, dir) = (App::echo(), Temp::new());
    let manager = UnixDatagram::bind(dir.file("manager")).expect("bound");
    manager.set_nonblocking(true).expect("set");
    Call::to(&app)
        .env(&[&format!("NOTIFY_SOCKET={}", dir.file("manager"))])
        .run()
        .is("200 OK");
    let heard = manager.recv(&mut [0; 64]).map_err(|e| e.kind());
    assert_eq!(heard, Err(ErrorKind::WouldBlock));
}
