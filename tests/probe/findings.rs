//! Scripted applications, each with one habit.

use std::os::unix::net::UnixListener;

use super::common::{App, Scgi, Temp};
use super::{Asked, params, probe, probe_within, whole};

const OK: &str = "Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

/// An application that reads each request and answers it, or closes where `answer` has nothing to say.
fn app(answer: impl Fn(&Asked) -> Option<&'static str> + Send + Sync + 'static) -> App {
    App::script(move |scgi| {
        if let Some(text) = whole(scgi).and_then(|asked| answer(&asked)) {
            let _ = scgi.try_send(text);
        }
    })
}

#[test]
fn an_application_that_takes_all_gets_no_flags() {
    let app = app(|_| Some(OK));
    let said = probe(&format!("{} /a?b=c", app.addr()), &[]).answered();
    assert!(said.about("answer").starts_with("200 to GET, after "));
    let status = "in a Status field; lines end with CRLF; Content-Length is given";
    assert_eq!(said.about("status"), status);
    assert_eq!(said.about("needed"), "none of those that scgate sends");
    assert!(said.about("two at once").starts_with("yes"));
    assert_eq!(
        said.flags(),
        format!("--pass {} --read-timeout 60s", app.addr())
    );
    assert!(!said.0.stdout.contains("--preset"));
    assert!(app.accepted() < 20, "{} requests", app.accepted());
}

#[test]
fn a_limit_at_an_odd_number_is_found_exactly() {
    for (limit, over) in [
        (1537, None),
        (8191, Some("Status: 400\r\n\r\n")),
        (131_071, None),
    ] {
        let app = app(move |asked| if asked.block > limit { over } else { Some(OK) });
        let said = probe(&app.addr(), &[]).answered();
        let how = if over.is_some() {
            "answers 400"
        } else {
            "closes without a word"
        };
        let expected = format!("at most {limit} bytes; with one more it {how} (these requests: ");
        let about = said.about("parameters");
        assert!(about.starts_with(&expected), "{about}");
        let flag = format!("--params-max '{limit} trim'");
        assert!(said.flags().contains(&flag));
    }
}

#[test]
fn a_limit_just_above_the_smallest_request_is_narrowed_down() {
    let app = app(|asked| (asked.block <= 420).then_some(OK));
    let said = probe(&app.addr(), &[]).answered();
    let about = said.about("parameters");
    assert!(
        about.starts_with("at least ") && about.contains(", but not "),
        "{about}"
    );
    said.flags();
}

#[test]
fn what_is_needed_is_named_with_what_happens_without() {
    let app = app(|asked| {
        if !asked.has("REMOTE_ADDR") || !asked.has("HTTP_HOST") {
            None
        } else if !asked.has("DOCUMENT_URI") && !asked.has("SERVER_PORT") {
            Some("Status: 500\r\n\r\n")
        } else {
            Some(OK)
        }
    });
    let said = probe(&app.addr(), &[]).answered();
    assert_eq!(
        said.about("needed"),
        "REMOTE_ADDR, HTTP_HOST (else it closes without a word); one of DOCUMENT_URI, SERVER_PORT (else it answers 500)"
    );
}

#[test]
fn parameters_of_our_own_are_sent_and_suggested() {
    let app = app(|asked| (asked.get("X_KEY") == "it's /a").then_some(OK));
    let flag = "X_KEY \"it's $uri\"";
    let said = probe(&format!("{} /a", app.addr()), &["--param", flag]).answered();
    let needed = said.about("needed");
    assert_eq!(needed, "X_KEY (else it closes without a word)");
    assert!(said.flags().contains(r#"--param 'X_KEY "it'\''s $uri"'"#));
    // Without it, nothing is answered.
    let said = probe(&format!("{} /a", app.addr()), &[]);
    let why = said.refused("no answer");
    assert!(
        why.contains("closes without a word, on GET as on POST"),
        "{why}"
    );
}

#[test]
fn methods_that_are_refused_are_told_apart() {
    let app = app(|asked| (asked.body > 0).then_some(OK));
    let said = probe(&app.addr(), &[]).answered();
    assert!(said.about("answer").starts_with("200 to POST"));
    assert_eq!(said.about("GET"), "closes without a word");
    assert_eq!(said.about("POST without a body"), "closes without a word");
    assert_eq!(said.about("POST with a body"), "answers 200");
}

#[test]
fn the_place_of_content_length_is_found_out() {
    let app = app(|asked| (asked.params[0].0 == "CONTENT_LENGTH").then_some(OK));
    let said = probe(&app.addr(), &[]).answered();
    assert_eq!(
        said.about("CONTENT_LENGTH"),
        "must come first, as scgate sends it; elsewhere the application closes without a word"
    );
}

#[test]
fn the_form_of_the_status_is_told() {
    for (head, form) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "in a status line of HTTP; lines end with CRLF; Content-Length is given",
        ),
        (
            "Content-Type: text/plain\n\nok",
            "not said, which means 200; lines end with LF; no Content-Length",
        ),
        (
            "Location: http://a/\r\n\r\n",
            "not said; 302, for there is a Location; lines end with CRLF; no Content-Length",
        ),
        (
            "Status: 204\nX-A: b\r\n\r\n",
            "in a Status field; lines end with LF and CRLF, mixed; no Content-Length",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\n\r\nStatus: 200\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "in a Status field; lines end with CRLF; the body is chunked",
        ),
        // An error in a status line is an application's as long as it does not speak HTTP.
        (
            "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "in a status line of HTTP; lines end with CRLF; Content-Length is given",
        ),
    ] {
        let app = app(move |_| Some(head));
        let said = probe(&app.addr(), &[]).answered();
        assert_eq!(said.about("status"), form, "{head:?}");
    }
}

#[test]
fn an_error_asks_for_another_page() {
    let app = app(|_| Some("Status: 404\r\nContent-Length: 0\r\n\r\n"));
    let said = probe(&app.addr(), &[]).answered();
    assert!(said.0.stdout.contains("ask again for a page that is there"));
}

#[test]
fn a_large_head_asks_for_a_larger_buffer() {
    let app = App::script(|scgi| {
        if whole(scgi).is_some() {
            let head = format!("Status: 200\r\nSet-Cookie: {}\r\n\r\n", "x".repeat(9000));
            let _ = scgi.try_send(head);
        }
    });
    let said = probe(&app.addr(), &[]).answered();
    assert!(said.flags().contains("--buffer-size 16k"));
}

#[test]
fn an_answer_before_the_body_is_read_is_heard() {
    let app = App::script(|scgi| match params(scgi) {
        Some(asked) if asked.body > 1000 => {
            let _ = scgi.try_send("Status: 413\r\nContent-Length: 0\r\n\r\n");
        }
        Some(asked) => {
            let mut body = vec![0; asked.body];
            let _ = std::io::Read::read_exact(scgi, &mut body);
            let _ = scgi.try_send(OK);
        }
        None => {}
    });
    let said = probe(&app.addr(), &[]).answered();
    assert_eq!(
        said.about("POST of 1 MiB"),
        "answers 413 before it has read all of it, and is heard"
    );
}

#[test]
fn an_answer_that_a_reset_takes_along_is_told() {
    let app = App::script(|scgi| {
        let Some(asked) = params(scgi) else { return };
        if asked.body <= 1000 {
            let mut body = vec![0; asked.body];
            let _ = std::io::Read::read_exact(scgi, &mut body);
            let _ = scgi.try_send(OK);
        }
    });
    let said = probe(&app.addr(), &[]).answered();
    let about = said.about("POST of 1 MiB");
    assert!(
        about.starts_with("breaks the connection off, so that"),
        "{about}"
    );
    assert!(about.contains("--client-max-body-size"));
}

/// Reads on until the probe has gone.
fn linger(scgi: &mut Scgi) {
    super::common::app::drain(scgi);
}

#[test]
fn a_connection_that_stays_open_is_told() {
    let app = App::script(|scgi| {
        if whole(scgi).is_some() {
            let _ = scgi.try_send(OK);
            linger(scgi);
        }
    });
    let said = probe_within("3s", &app.addr(), &[]).answered();
    assert!(
        said.about("end")
            .starts_with("it keeps the connection open, which does no harm")
    );
}

#[test]
fn an_answer_without_an_end_is_told_and_the_rest_is_asked_all_the_same() {
    let app = App::script(|scgi| {
        if whole(scgi).is_some() {
            let _ = scgi.try_send("Status: 200\r\n\r\nbody");
            linger(scgi);
        }
    });
    let said = probe_within("3s", &app.addr(), &[]).answered();
    assert!(
        said.about("end")
            .starts_with("it neither closes nor gives a length")
    );
    assert_eq!(said.about("needed"), "none of those that scgate sends");
}

/// Serves one connection after the other.
#[test]
fn an_application_that_serves_one_at_a_time_is_told() {
    let dir = Temp::new();
    let path = dir.file("app");
    let listener = UnixListener::bind(&path).expect("bind");
    let serving = std::thread::spawn(move || {
        for number in 1.. {
            let (stream, _) = listener.accept().expect("accept");
            let mut scgi = Scgi::new(super::common::Stream::Unix(stream), number, None);
            match whole(&mut scgi) {
                Some(asked) if asked.has("LAST") => return,
                Some(_) => {
                    let _ = scgi.try_send(OK);
                }
                None => {}
            }
        }
    });
    let said = probe(&format!("unix:{path}"), &[]).answered();
    let beside = "no, the second connection waits for the first";
    assert_eq!(said.about("two at once"), beside);
    // Ends the application.
    let mut last = std::os::unix::net::UnixStream::connect(&path).expect("connect");
    std::io::Write::write_all(&mut last, b"24:CONTENT_LENGTH\x000\0LAST\0x\0,").expect("send");
    serving.join().expect("the application");
}

#[test]
fn an_application_that_ends_meanwhile_is_told() {
    let dir = Temp::new();
    let path = dir.file("app");
    let listener = UnixListener::bind(&path).expect("bind");
    let serving = std::thread::spawn(move || {
        for number in 1..=4 {
            let (stream, _) = listener.accept().expect("accept");
            let mut scgi = Scgi::new(super::common::Stream::Unix(stream), number, None);
            whole(&mut scgi).expect("a request");
            if number == 4 {
                drop(listener);
                return;
            }
            scgi.send(OK);
        }
    });
    let said = probe(&format!("unix:{path}"), &[]).answered();
    serving.join().expect("the application");
    let about = said.about("here it ended");
    assert!(about.contains("takes no more connections"), "{about}");
}
