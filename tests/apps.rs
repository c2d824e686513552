//! Real applications behind the gateway: rTorrent, Python's scgi and aioscgi, uWSGI in both its SCGI modes, Perl's
//! SCGI, Fossil; and curl and fossil as real clients in front of it.
//!
//! Each test starts what it needs on a port or socket of its own. What is not installed is left out with a word,
//! unless `SCGATE_TEST_ALL=1`; `scripts/test` installs it all.

mod common;

use std::process::{Command, Stdio};
use std::time::Duration;

use common::apps::{self, Application, aioscgi, free_port, perl, quixote, uwsgi};
use common::process::find_program;
use common::{Client, Gate, Pattern, Temp, heavy, left_out, until};

const MIB: u64 = 1 << 20;

/// The SHA-256 of the first bytes of the pattern, by a program that is not ours.
fn sha256(len: u64) -> String {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sha256sum is part of coreutils");
    let mut stdin = child.stdin.take().expect("a pipe");
    let (_, result) = Pattern::new().write(&mut stdin, len);
    result.expect("write to sha256sum");
    drop(stdin);
    let output = child.wait_with_output().expect("sha256sum");
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Sends the pattern as a body and returns the connection, whose response is still to be read.
#[track_caller]
fn upload(gate: &Gate, target: &str, len: u64) -> Client {
    let mut client = gate.client();
    client.send(format!(
        "POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n"
    ));
    let mut stream = client.stream().try_clone().expect("clone");
    let (_, result) = Pattern::new().write(&mut stream, len);
    result.expect("send the body");
    client
}

/// Reads a body of `len` bytes of the pattern slowly: the application is long done when the client is.
#[track_caller]
fn download_slowly(gate: &Gate, target: &str, len: u64) {
    let mut client = gate.client();
    client.stream().set_option(libc::SO_RCVBUF, 64 << 10);
    client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let head = client.head();
    assert_eq!(head.status, 200);
    let pattern = Pattern::new();
    let mut at = 0;
    let mut since = 0;
    client.body(&head, &mut |piece| {
        pattern.check(at, piece);
        at += piece.len() as u64;
        since += piece.len();
        if since > 1 << 20 {
            since = 0;
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    assert_eq!(at, len);
}

/// What every one of the test applications must do through the gateway.
fn exercise(app: &mut Application, args: &[&str], download: u64) {
    let gate = app.gate(args);
    let mut client = gate.client();

    client.send("GET /echo?a=b%20c&d HTTP/1.1\r\nHost: h.example:81\r\nCookie: x=1\r\nCookie: y=2\r\nX-Own: mine\r\n\r\n");
    let response = client.response().is(200);
    for (name, value) in [
        ("QUERY_STRING", "a=b%20c&d"),
        ("REQUEST_METHOD", "GET"),
        ("PATH_INFO", "/echo"),
        ("HTTP_COOKIE", "x=1; y=2"),
        ("HTTP_X_OWN", "mine"),
        ("HTTP_HOST", "h.example:81"),
    ] {
        assert_eq!(response.param(name).as_deref(), Some(value), "{name}");
    }
    // The last field of the request is empty: Perl's parser would trip over a last parameter that is.
    client.send("GET /echo HTTP/1.1\r\nHost: a\r\nX-Empty:\r\n\r\n");
    client.response().is(200);

    let response = client.post("/echo", b"posted text").is(200);
    assert!(
        response.text().ends_with("body: posted text\n"),
        "{}",
        response.text()
    );
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nposted\r\n5\r\n text\r\n0\r\n\r\n");
    let response = client.response().is(200);
    assert!(
        response.text().ends_with("body: posted text\n"),
        "{}",
        response.text()
    );

    let response = client.get("/cookies").is(200);
    assert_eq!(response.head.all("Set-Cookie"), ["a=1", "b=2; Path=/"]);
    assert_eq!(client.get("/status?404+Own+Words").status, 404);
    assert_eq!(client.get("/none").status, 404);
    client.send("HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    client.response_to("HEAD").is(200);
    assert_eq!(client.post("/sha256", b"").is(200).text(), sha256(0));

    let size = 64 * MIB + 5;
    assert_eq!(
        upload(&gate, "/sha256", size)
            .response()
            .is(200)
            .text()
            .trim(),
        sha256(size)
    );
    let download = if heavy() { 1024 * MIB } else { download };
    download_slowly(&gate, &format!("/bytes?{download}"), download);
    client.get("/echo").is(200);
    gate.stop().clean();
    app.alive();
}

#[test]
fn python_scgi() {
    let Some(mut app) = quixote() else {
        return left_out("python_scgi", "no Python package scgi (scripts/test)");
    };
    exercise(&mut app, &[], 128 * MIB);
}

#[test]
fn python_scgi_with_streamed_requests() {
    let Some(mut app) = quixote() else {
        return left_out("python_scgi_with…", "no Python package scgi (scripts/test)");
    };
    exercise(
        &mut app,
        &["--request-buffering", "off", "--buffering", "off"],
        16 * MIB,
    );
}

#[test]
fn python_aioscgi() {
    let Some(mut app) = aioscgi() else {
        return left_out("python_aioscgi", "no Python package aioscgi (scripts/test)");
    };
    exercise(&mut app, &[], 32 * MIB);
}

#[test]
fn uwsgi_scgi() {
    let Some(mut app) = uwsgi("--scgi-socket") else {
        return left_out("uwsgi_scgi", "no uWSGI with Python (scripts/test)");
    };
    exercise(&mut app, &[], 128 * MIB);
}

#[test]
fn uwsgi_scgi_nph() {
    let Some(mut app) = uwsgi("--scgi-nph-socket") else {
        return left_out("uwsgi_scgi_nph", "no uWSGI with Python (scripts/test)");
    };
    exercise(&mut app, &[], 32 * MIB);
}

#[test]
fn perl_scgi() {
    let Some(mut app) = perl() else {
        return left_out("perl_scgi", "no Perl module SCGI (scripts/test)");
    };
    exercise(&mut app, &[], 32 * MIB);
}

/// uWSGI drops what is over 4096 bytes of parameters without a word; the gateway says so first.
#[test]
fn uwsgi_and_its_limit_of_parameters() {
    let Some(mut app) = uwsgi("--scgi-socket") else {
        return left_out(
            "uwsgi_and_its_limit…",
            "no uWSGI with Python (scripts/test)",
        );
    };
    let long = format!(
        "GET /echo HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n",
        "x".repeat(5000)
    );
    let gate = app.gate(&[]);
    let mut client = gate.client();
    client.send(&long);
    client.response().is(502);
    gate.logs("parameters");
    let gate = app.gate(&["--params-max", "4096"]);
    let mut client = gate.client();
    client.send(&long);
    client.response().is(431);
    gate.get("/echo").is(200);
    app.alive();
}

#[test]
fn curl_as_a_client() {
    let Some(curl) = find_program(&["curl"]) else {
        return left_out("curl_as_a_client", "no curl");
    };
    let Some(mut app) = quixote().or_else(perl) else {
        return left_out(
            "curl_as_a_client",
            "no application to put behind (scripts/test)",
        );
    };
    let gate = app.gate(&[]);
    let size = 5 * MIB + 3;
    let body = app.dir.file("body");
    Pattern::new()
        .write(&mut std::fs::File::create(&body).expect("a file"), size)
        .1
        .expect("write");
    let run = |args: &[&str], target: &str| {
        let output = Command::new(&curl)
            .args(["-sS", "--fail-with-body", "--max-time", "60"])
            .args(args)
            .arg(format!("{}{target}", gate.url()))
            .output()
            .expect("curl");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "curl {args:?} {target}: {stderr}");
        output.stdout
    };
    let expected = sha256(size).into_bytes();
    let file = format!("@{body}");
    assert_eq!(run(&["--data-binary", &file], "/sha256"), expected);
    assert_eq!(
        run(
            &["--data-binary", &file, "-H", "Transfer-Encoding: chunked"],
            "/sha256"
        ),
        expected
    );
    assert_eq!(
        run(
            &["--data-binary", &file, "-H", "Expect: 100-continue"],
            "/sha256"
        ),
        expected
    );
    assert_eq!(
        run(&["--http1.0", "--data-binary", &file], "/sha256"),
        expected
    );
    assert_eq!(run(&["-X", "PUT", "-T", &body], "/sha256"), expected);
    assert_eq!(run(&["-F", &format!("upload={file}")], "/sha256").len(), 64);
    Pattern::new().check(0, &run(&[], "/bytes?300000"));
    Pattern::new().check(0, &run(&["--http1.0"], "/bytes?300000"));
    assert!(String::from_utf8_lossy(&run(&["-I"], "/echo")).starts_with("HTTP/1.1 200 OK\r\n"));
    let form = String::from_utf8_lossy(&run(&["-d", "a=b", "-d", "c=d"], "/echo")).into_owned();
    assert!(
        form.contains("CONTENT_TYPE=application/x-www-form-urlencoded")
            && form.contains("body: a=b&c=d"),
        "{form}"
    );
    let both = [gate.url() + "/echo?1", gate.url() + "/echo?2"];
    let output = Command::new(&curl)
        .args(["-sS", "-v"])
        .args(&both)
        .output()
        .expect("curl");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains("Re-using existing connection"), "{log}");
    gate.stop().clean();
    app.alive();
}

const LIST_METHODS: &str = "<?xml version=\"1.0\"?><methodCall><methodName>system.listMethods</methodName><params/></methodCall>";

/// Calls rTorrent as its web interfaces do.
fn rtorrent(address: impl Fn(&Temp) -> (String, String)) {
    let Some(mut app) = apps::rtorrent(address) else {
        return left_out("rtorrent", "no rTorrent (scripts/test)");
    };
    let gate = app.gate(&["--params-max", "2000"]);
    let mut client = gate.client();
    for _ in 0..3 {
        client.send(format!(
            "POST /RPC2 HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{LIST_METHODS}",
            LIST_METHODS.len()
        ));
        let response = client.response().is(200);
        assert!(
            response
                .field("Content-Type")
                .is_some_and(|t| t.starts_with("text/xml"))
        );
        let text = response.text();
        assert!(
            text.contains("<methodResponse>") && text.contains("system.listMethods"),
            "{text}"
        );
        assert!(text.trim_end().ends_with("</methodResponse>"));
    }
    // More parameters than it takes: said by the gateway instead of a connection that closes without a word.
    client.send(format!(
        "POST /RPC2 HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nContent-Length: {}\r\n\r\n{LIST_METHODS}",
        "x".repeat(3000),
        LIST_METHODS.len()
    ));
    client.response().is(431);
    gate.get("/").status.to_string();
    app.alive();
    let gate = app.gate(&["--params-max", "2000 trim"]);
    let mut client = gate.client();
    client.send(format!(
        "POST /RPC2 HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nContent-Length: {}\r\n\r\n{LIST_METHODS}",
        "x".repeat(3000),
        LIST_METHODS.len()
    ));
    client.response().is(200);
    app.alive();
}

#[test]
fn rtorrent_over_a_unix_socket() {
    rtorrent(|dir| {
        let socket = dir.file("rpc");
        (
            format!("network.scgi.open_local={socket}"),
            format!("unix:{socket}"),
        )
    });
}

#[test]
fn rtorrent_over_tcp() {
    rtorrent(|_| {
        let address = format!("127.0.0.1:{}", free_port());
        (format!("network.scgi.open_port={address}"), address)
    });
}

/// Fossil, its own client, and a login with a cookie; once below a prefix and once at the root.
#[test]
fn fossil_under_a_prefix_and_at_the_root() {
    let Some(fossil) = find_program(&["fossil"]) else {
        return left_out(
            "fossil_under_a_prefix_and_at_the_root",
            "no Fossil (scripts/test)",
        );
    };
    let dir = Temp::new();
    let run = |args: &[&str]| {
        let output = Command::new(&fossil)
            .args(args)
            .current_dir(dir.path())
            .env("HOME", dir.path())
            .env("FOSSIL_HOME", dir.path())
            .env("USER", "admin")
            .output()
            .expect("fossil");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "fossil {args:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    };
    run(&["init", "-A", "admin", "r.fossil"]);
    run(&["user", "password", "admin", "secret", "-R", "r.fossil"]);
    let repository = dir.file("r.fossil");
    let mut app = apps::fossil(&repository).expect("Fossil, as above");
    let address = app.address.clone();
    for prefix in ["", "/code"] {
        let location = if prefix.is_empty() { "/" } else { prefix };
        let gate = Gate::start([
            "--location",
            location,
            "--pass",
            &address,
            "--client-max-body-size",
            "100m",
        ]);
        let response = gate.get(&format!("{prefix}/timeline")).is(200);
        let base = format!("<base href=\"http://test{prefix}/timeline\"");
        assert!(
            response.text().contains(&base),
            "no {base} in {}",
            &response.text()[..400]
        );
        assert!(
            response
                .field("Content-Type")
                .is_some_and(|t| t.starts_with("text/html"))
        );
        // A bare path is answered by a redirect below the prefix.
        let response = gate.get(&format!("{prefix}/"));
        assert!([200, 301, 302].contains(&response.status));
        let form = "u=admin&p=secret&in=Login";
        let mut client = gate.client();
        client.send(format!(
            "POST {prefix}/login HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        ));
        let response = client.response().is(302);
        let cookie = response
            .field("Set-Cookie")
            .and_then(|c| c.split(';').next())
            .expect("a cookie")
            .to_owned();
        assert_eq!(
            gate.get(&format!("{prefix}/setup")).status,
            302,
            "a stranger is sent to the login page"
        );
        client.send(format!(
            "GET {prefix}/setup HTTP/1.1\r\nHost: test\r\nCookie: {cookie}\r\n\r\n"
        ));
        client.response().is(200);
        // Fossil as a client: a clone through the gateway.
        let clone = format!("clone{}.fossil", prefix.len());
        run(&["clone", &format!("{}{prefix}", gate.url()), &clone]);
        assert!(dir.path().join(clone).exists());
        gate.stop();
    }
    app.alive();
}

/// Checks are requests that real applications answer, from the first to the last byte; one that has ended is found out.
#[test]
fn real_applications_pass_their_checks() {
    let test = "real_applications_pass_their_checks";
    let applications = [
        ("Python package scgi", quixote()),
        ("Python package aioscgi", aioscgi()),
        ("uWSGI with Python", uwsgi("--scgi-socket")),
        ("uWSGI with Python", uwsgi("--scgi-nph-socket")),
        ("Perl module SCGI", perl()),
    ];
    for (name, app) in applications {
        let Some(mut app) = app else {
            left_out(test, &format!("no {name} (scripts/test)"));
            continue;
        };
        let server = format!("g {}", app.address);
        let args = [
            "--upstream",
            &server,
            "--health",
            "g interval=50ms fails=3 uri=/echo?a=b",
            "--location",
            "/",
            "--pass",
            "g",
        ];
        let gate = Gate::start(args.iter().chain(&common::status::STATUS));
        let check = || {
            let document = common::status::json(&gate);
            let group = &document.get("groups").list()[0];
            group.get("servers").list()[0].get("check").clone()
        };
        until(&format!("{name} to pass"), || {
            let check = check();
            check.get("checks").count() >= 5 + check.get("failures").count()
        });
        assert!(check().get("healthy").bool(), "{name}: {:?}", check());
        gate.get("/echo").is(200);
        app.alive();
        drop(app);
        gate.logs("is unhealthy");
    }
}
