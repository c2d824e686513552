//! The request's body, from whatever standard input is.

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use super::Call;
use crate::common::{App, Latch, Pattern};
use std::sync::Arc;

const MIB: usize = 1 << 20;
const LARGE: [&str; 2] = ["--client-max-body-size", "8m"];

#[test]
fn a_body_comes_from_a_pipe_a_file_or_a_socket() {
    let app = App::echo();
    let body = Pattern::new().bytes(MIB);
    let expected = format!("body: {MIB} bytes");
    for streams in ["on", "off"] {
        let call = || {
            Call::to(&app)
                .args(&LARGE)
                .args(&["--request-buffering", streams])
                .post(MIB)
        };
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        let sent = body.clone();
        // It stays open: the length is known.
        let sender = std::thread::spawn(move || (&ours).write_all(&sent).map(|()| ours));
        for call in [
            call().input(&body),
            call().file(&body),
            call().stdin(theirs),
        ] {
            let answer = call.run().is("200 OK");
            assert!(
                answer.body.ends_with(&format!("{expected}\n")),
                "{answer:?}"
            );
        }
        sender.join().expect("the sender").expect("all was read");
    }
}

#[test]
fn no_more_than_the_length_is_read() {
    let app = App::echo();
    for call in [
        Call::to(&app).input(b"abcdef"),
        Call::to(&app).file(b"abcdef"),
    ] {
        let answer = call.post(3).run().is("200 OK");
        assert!(answer.body.ends_with("body: abc\n"), "{answer:?}");
    }
    // Without a length there is no body: the input may never end.
    let (_open, theirs) = UnixStream::pair().expect("sockets");
    let call = Call::to(&app).env(&["REQUEST_METHOD=POST"]).stdin(theirs);
    assert!(call.run().is("200 OK").body.ends_with("body: \n"));
    // Standard input is /dev/null.
    let call = Call::to(&app).env(&["REQUEST_METHOD=POST"]);
    assert!(call.run().is("200 OK").body.ends_with("body: \n"));
}

#[test]
fn a_body_of_unknown_length_goes_to_the_end_of_the_input() {
    let app = App::echo();
    let body = Pattern::new().bytes(200_000);
    let chunked = "HTTP_TRANSFER_ENCODING=chunked";
    for call in [
        Call::to(&app).env(&["REQUEST_METHOD=POST"]).input(&body),
        Call::to(&app)
            .env(&["REQUEST_METHOD=POST", chunked])
            .file(&body),
    ] {
        let answer = call.run().is("200 OK");
        assert_eq!(answer.param("CONTENT_LENGTH"), "200000");
        assert!(answer.body.ends_with("body: 200000 bytes\n"), "{answer:?}");
    }
    let (mut ours, theirs) = UnixStream::pair().expect("sockets");
    ours.write_all(b"abc")
        .and_then(|()| ours.shutdown(Shutdown::Write))
        .expect("sent");
    let call = Call::to(&app)
        .env(&["REQUEST_METHOD=POST", chunked])
        .stdin(theirs);
    assert!(call.run().is("200 OK").body.ends_with("body: abc\n"));
}

#[test]
fn too_large_a_body_is_refused() {
    let app = App::echo();
    let body = vec![b'x'; 100_000];
    let limit = ["--client-max-body-size", "50k"];
    let call = || Call::to(&app).args(&limit).input(&body);
    for call in [
        call().post(body.len()),
        call().env(&["REQUEST_METHOD=POST"]),
    ] {
        let answer = call.run().is("413 Content Too Large");
        assert!(answer.body.contains("413"), "{answer:?}");
    }
    assert_eq!(app.accepted(), 0);
}

#[test]
fn a_cut_body_reaches_no_application() {
    let app = App::echo();
    for call in [
        Call::to(&app).input(b"abc"),
        Call::to(&app).file(b"abc"),
        Call::to(&app),
    ] {
        let answer = call.post(10).run();
        assert_eq!(
            (answer.line.as_str(), answer.status.code()),
            ("400 Bad Request", Some(1))
        );
        assert!(
            answer.stderr.contains("standard input ended"),
            "{}",
            answer.stderr
        );
    }
    assert_eq!(app.accepted(), 0);
}

#[test]
fn a_body_that_is_passed_on_as_it_comes_is_seen_to_be_cut() {
    let begun = Arc::new(Latch::default());
    let seen = Arc::clone(&begun);
    let app = App::script(move |scgi| {
        let request = scgi.request();
        assert_eq!(request.content_length, 10);
        assert_eq!(scgi.some(), b"abc");
        seen.open();
        assert!(scgi.try_body(7, &mut |_| {}).is_err());
    });
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let mut running = Call::to(&app)
        .args(&["--request-buffering", "off"])
        .post(10)
        .stdin(reader)
        .start();
    writer.write_all(b"abc").expect("sent");
    // The application has the first part while the rest is still to come.
    begun.wait();
    drop(writer);
    assert_eq!(running.wait().code(), Some(1));
    assert!(
        running.stdout().starts_with("Status: 400 "),
        "{}",
        running.stdout()
    );
}
