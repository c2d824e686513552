//! The test harness itself: what it must notice, it notices; and its two ends work with a gateway that is not ours.

mod common;

use std::net::TcpListener;
use std::process::Command;

use common::http::{Broken, Client, Framing, parse_head};
use common::process::{self, Setup};
use common::scgi::parse_block;
use common::status::Json;
use common::{App, Pattern, Temp, until};

#[test]
fn a_good_response_head_is_understood() {
    let head = parse_head(
        b"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 3\r\n\r\n",
        "GET",
    )
    .expect("a head");
    assert_eq!((head.status, head.framing), (200, Framing::Length(3)));
    let head = parse_head(
        b"HTTP/1.1 200 OK\r\nDate: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET",
    )
    .expect("a head");
    assert_eq!(head.framing, Framing::Chunked);
    let head = parse_head(
        b"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 3\r\n\r\n",
        "HEAD",
    )
    .expect("a head");
    assert_eq!(head.framing, Framing::None);
}

#[test]
fn a_bad_response_head_is_refused() {
    let bad: [&[u8]; 11] = [
        b"HTTP/1.0 200 OK\r\nDate: x\r\n\r\n",
        b"HTTP/1.1 20 OK\r\nDate: x\r\n\r\n",
        b"HTTP/1.1 200\r\nDate: x\r\n\r\n",
        b"HTTP/1.1 200 OK\nDate: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate : x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded\r\nDate: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate: x\r\nDate: y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 204 No\r\nDate: x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: +3\r\n\r\n",
    ];
    for head in bad {
        assert!(
            parse_head(head, "GET").is_err(),
            "{:?}",
            String::from_utf8_lossy(head)
        );
    }
}

#[test]
fn a_parameter_block_is_held_to_the_specification() {
    assert!(parse_block(b"CONTENT_LENGTH\x000\0SCGI\x001\0A\0\0").is_ok());
    let bad: [&[u8]; 8] = [
        b"CONTENT_LENGTH\x000\0SCGI\x001",
        b"SCGI\x001\0CONTENT_LENGTH\x000\0",
        b"CONTENT_LENGTH\x000\0",
        b"CONTENT_LENGTH\x00\0SCGI\x001\0",
        b"CONTENT_LENGTH\x000\0SCGI\x001\0A\0b\0A\0c\0",
        b"CONTENT_LENGTH\x000\0SCGI\x001\0A\0",
        b"CONTENT_LENGTH\x000\0SCGI\x001\0\0b\0",
        b"CONTENT_LENGTH\x000\0SCGI\x001\0HTTP_PROXY\0b\0",
    ];
    for block in bad {
        assert!(
            parse_block(block).is_err(),
            "{:?}",
            String::from_utf8_lossy(block)
        );
    }
}

#[test]
fn a_pattern_shows_every_wrong_byte() {
    let pattern = Pattern::new();
    let mut bytes = pattern.bytes(200_000);
    pattern.check(0, &bytes);
    pattern.check(70_000, &bytes[70_000..]);
    bytes[131_042] ^= 1;
    assert!(std::panic::catch_unwind(|| pattern.check(0, &bytes)).is_err());
    assert!(std::panic::catch_unwind(|| pattern.check(1, &bytes[..100])).is_err());
}

#[test]
fn json_is_read_strictly() {
    let text = r#" {"a": [1, -2.5e1, "x\"\u00e9\n", {}], "b": null, "c": true} "#;
    let json = Json::parse(text).expect("good JSON");
    assert_eq!(json.get("a").list()[0].count(), 1);
    assert_eq!(json.get("a").list()[1], Json::Number(-25.0));
    assert_eq!(json.get("a").list()[2].text(), "x\"\u{e9}\n");
    assert!(json.get("c").bool());
    let bad = [
        "",
        "{",
        "[1,]",
        "[1 2]",
        "{\"a\":1,}",
        "{\"a\":1,\"a\":2}",
        "01",
        "1.",
        "nul",
        "\"",
        "\"\n\"",
        "\"\\x\"",
        "1 2",
        "{a:1}",
    ];
    for text in bad {
        assert!(Json::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_child_dies_with_the_thread_that_started_it() {
    let pid = std::thread::spawn(|| {
        let mut command = Command::new("sleep");
        command.arg("1000");
        let running = process::start("sleep", command, Setup::default());
        let pid = running.pid();
        std::mem::forget(running);
        pid
    })
    .join()
    .expect("the thread");
    // Nobody reaps it while it is a child of ours, so it stays as a zombie.
    until("the child to die", || {
        process::status_line(pid, "State").is_none_or(|s| s.starts_with('Z'))
    });
}

/// Both ends of the harness, with nginx in between.
#[test]
fn the_harness_works_with_a_peer() {
    let Some(nginx) = process::find_program(&["nginx"]) else {
        return common::left_out("the_harness_works_with_a_peer", "nginx is not installed");
    };
    let app = App::echo();
    let dir = Temp::new();
    let port = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind");
        listener.local_addr().expect("address").port()
    };
    let scratch: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|k| format!("{k}_temp_path {};\n", dir.file(&format!("{k}_temp"))))
        .collect();
    let conf = dir.write(
        "nginx.conf",
        &format!(
            "daemon off; master_process off; error_log stderr; pid {};\nevents {{}}\nhttp {{ access_log off;\n{scratch}
             server {{ listen 127.0.0.1:{port}; location / {{ scgi_pass {}; scgi_param SCGI 1;
             scgi_param REQUEST_METHOD $request_method; scgi_param REQUEST_URI $request_uri; }} }} }}",
            dir.file("pid"),
            app.addr()
        ),
    );
    let mut command = Command::new(nginx);
    command
        .args(["-c", &conf, "-e", "stderr", "-p"])
        .arg(dir.path());
    let _nginx = process::start("nginx", command, Setup::default());
    let addr = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    until("nginx to listen", || {
        std::net::TcpStream::connect(addr).is_ok()
    });
    let mut client = Client::tcp(addr);
    for i in 0..3 {
        let response = client.get(&format!("/a?{i}")).is(200);
        assert_eq!(response.param("REQUEST_URI"), Some(format!("/a?{i}")));
    }
    client.send("HEAD /a HTTP/1.0\r\nHost: a\r\n\r\n");
    assert!(matches!(client.try_response("HEAD"), Ok(r) if r.body.is_empty() && r.head.closes()));
    client.closed();
    assert!(matches!(client.try_response("GET"), Err(Broken::Nothing)));
    assert_eq!(app.accepted(), 4);
    assert_eq!(app.requests()[0].uri(), "/a?0");
}
