//! What is shown, and that it is true.

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::common::process::find_program;
use crate::common::{App, left_out, until};
use crate::{READABLE, WRITABLE, ask_python, at, gate, json, number, text};

#[test]
fn curl_gets_a_page_json_or_prometheus_text() {
    let Some(curl) = find_program(&["curl"]) else {
        return left_out("curl_gets_a_page_json_or_prometheus_text", "no curl");
    };
    let app = App::echo();
    let gate = gate(&[&app], &READABLE);
    let run = |args: &[&str], query: &str| {
        let output = Command::new(&curl)
            .args(["-sS", "--max-time", "60", "-D", "-"])
            .args(args)
            .arg(format!("{}/status{query}", gate.url()))
            .output()
            .expect("curl");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\nCache-Control: no-store"), "{head}");
        let kind = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Type: "));
        (kind.expect("a type").to_owned(), body.to_owned())
    };
    let html = ("text/html; charset=utf-8", "<!doctype html>");
    let json = ("application/json", "{\"version\":");
    let prometheus = ("text/plain; version=0.0.4; charset=utf-8", "# HELP scgate_");
    let scraper = "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    for (args, query, (kind, start)) in [
        (&[][..], "", html),
        (&["-H", "Accept: application/json"], "", json),
        (&["-H", scraper], "", prometheus),
        (&[], "?format=json", json),
        (&[], "?format=prometheus", prometheus),
        (&["-H", "Accept: application/json"], "?format=html", html),
    ] {
        let (found, body) = run(args, query);
        assert_eq!(found, kind, "{args:?} {query}");
        assert!(body.starts_with(start), "{body}");
    }
    let (_, document) = run(&[], "?format=json");
    if let Some(python) = find_program(&["python3"]) {
        let check = "import json, sys; d = json.loads(sys.argv[1]); print(d['version'], len(d['groups'][0]['servers']))";
        let output = Command::new(python)
            .args(["-c", check, &document])
            .output()
            .expect("python3");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(
            said.trim(),
            format!("{} 1", env!("CARGO_PKG_VERSION")),
            "{document}"
        );
    }
    gate.stop().clean();
}

#[test]
fn head_gets_the_head_alone() {
    let app = App::echo();
    let gate = gate(&[&app], &READABLE);
    let mut client = gate.client();
    client.send("HEAD /status?format=json HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = client.response_to("HEAD");
    let length = head.field("Content-Length").and_then(|n| n.parse().ok());
    assert!(length.is_some_and(|n: usize| n > 500), "{:?}", head.head);
    // The connection is still good for another.
    client.get("/status").is(200);
    gate.stop().clean();
}

#[test]
fn the_numbers_follow_what_happens() {
    let app = App::script(|scgi| {
        let (request, _) = scgi.all();
        let status = if request.uri() == "/missing" {
            "404 Not Found"
        } else {
            "200 OK"
        };
        let body = "x".repeat(10_000);
        let _ = scgi.try_send(format!(
            "Status: {status}\r\nContent-Length: 10000\r\n\r\n{body}"
        ));
    });
    let gate = gate(&[&app], &READABLE);
    let before = json(&gate);
    assert_eq!(text(&before, &["version"]), env!("CARGO_PKG_VERSION"));
    assert_eq!(number(&before, &["pid"]), gate.pid().unsigned_abs().into());
    for _ in 0..5 {
        gate.get("/").is(200);
    }
    gate.get("/missing").is(404);
    let address = app.addr();
    let server = |name| ["groups", "servers", address.as_str(), name];
    let class = |class| ["groups", "servers", address.as_str(), "responses", class];
    let mut after = String::new();
    // A response is counted when it is over, which the client may know first.
    until("six responses to be counted", || {
        after = json(&gate);
        let sent = number(&after, &["bytes", "sent"]) - number(&before, &["bytes", "sent"]);
        number(&after, &class("2xx")) == 5 && number(&after, &class("4xx")) == 1 && sent >= 60_000
    });
    let grown = |path: &[&str]| number(&after, path) - number(&before, path);
    // Besides these six each look at the status is a request on a connection of its own.
    let looks = grown(&["requests"]) - 6;
    assert!(looks >= 1);
    assert_eq!(grown(&["connections", "accepted"]), 6 + looks);
    assert_eq!(grown(&["responses", "4xx"]), 1);
    assert!(grown(&["responses", "2xx"]) >= 5);
    assert!(grown(&["bytes", "received"]) >= 6 * 20);
    assert_eq!(grown(&["queue", "wait", "count"]), 6);
    assert_eq!(number(&after, &server("requests")), 6);
    assert_eq!(number(&after, &server("fails")), 0);
    assert_eq!(text(&after, &server("state")), "up");
    assert!(
        number(
            &after,
            &["groups", "servers", &address, "bytes", "received"]
        ) >= 60_000
    );
    assert_eq!(
        number(&after, &["groups", "servers", &address, "time", "count"]),
        6
    );
    assert!(at(&after, &server("last_error")).starts_with("null"));
    gate.stop().clean();
}

#[test]
fn a_failure_is_told_with_its_cause() {
    let app = App::script(|scgi| {
        scgi.all();
    });
    let gate = gate(&[&app], &READABLE);
    gate.get("/").is(502);
    let address = app.addr();
    let mut after = String::new();
    until("the failure to be counted", || {
        after = json(&gate);
        let fails = number(&after, &["groups", "servers", &address, "fails"]);
        fails >= 1 && number(&after, &["responses", "5xx"]) >= 1
    });
    assert!(!text(&after, &["groups", &address, "last_error", "text"]).is_empty());
    assert!(number(&after, &["groups", &address, "last_error", "seconds_ago"]) < 60);
    let page = gate.get("/status").is(200).text();
    assert!(page.contains("Last error"), "{page}");
}

#[test]
fn connections_are_told_apart_by_what_they_do() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let app = App::script(move |scgi| {
        scgi.all();
        let _ = wait.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let _ = scgi.try_send("Status: 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let gate = gate(&[&app], &READABLE);
    let mut running = gate.client();
    running.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    let mut head = gate.client();
    head.send("GET / HTTP/1.1\r\nHo");
    let mut body = gate.client();
    body.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n1234");
    let mut idle = gate.client();
    idle.get("/status").is(200);
    let count = |state| number(&json(&gate), &["connections", state]);
    // One look finds all of them, and whatever the looks themselves count as.
    until("each connection to be in its state", || {
        let now = json(&gate);
        let states = ["reading_head", "reading_body", "running", "idle"];
        states
            .iter()
            .all(|state| number(&now, &["connections", state]) >= 1)
            && number(&now, &["groups", "servers", &app.addr(), "running"]) == 1
            && number(&now, &["workers", "busy"]) == 1
    });
    go.send(()).expect("the application waits");
    running.response().is(200);
    drop((head, body));
    until("no body to come and no worker to be busy", || {
        count("reading_body") == 0 && number(&json(&gate), &["workers", "busy"]) == 0
    });
    idle.get("/status").is(200);
    gate.stop().clean();
}

#[test]
fn prometheus_can_read_its_text() {
    let app = App::echo();
    let args: Vec<&str> = ["--health", "g interval=1h"]
        .into_iter()
        .chain(WRITABLE)
        .collect();
    let gate = gate(&[&app], &args);
    for _ in 0..3 {
        gate.get("/").is(200);
    }
    until("three requests to be counted", || {
        number(
            &json(&gate),
            &["groups", "servers", &app.addr(), "responses", "2xx"],
        ) == 3
            && number(
                &json(&gate),
                &["groups", "servers", &app.addr(), "check", "checks"],
            ) == 1
    });
    let exposition = gate.get("/status?format=prometheus").is(200).text();
    let test = "prometheus_can_read_its_text";
    let Some(samples) = ask_python(test, "prometheus_client", "exposition.py", &exposition) else {
        return;
    };
    let server = format!("server=\"{}\"", app.addr());
    for sample in [
        format!("scgate_server_requests_total{{group=\"g\",{server}}} 3"),
        format!("scgate_server_response_seconds_count{{group=\"g\",{server}}} 3"),
        format!("scgate_server_response_seconds_bucket{{group=\"g\",le=\"+Inf\",{server}}} 3"),
        format!("scgate_server_state{{group=\"g\",{server},state=\"up\"}} 1"),
        format!("scgate_server_healthy{{group=\"g\",{server}}} 1"),
        format!("scgate_server_check_passed{{group=\"g\",{server}}} 1"),
        format!("scgate_server_checks_total{{group=\"g\",{server}}} 1"),
        format!("scgate_server_check_failures_total{{group=\"g\",{server}}} 0"),
        "scgate_queue_wait_seconds_count 3".into(),
    ] {
        assert!(
            samples.lines().any(|line| line == sample),
            "{sample}\nis not in\n{samples}"
        );
    }
    gate.stop().clean();
}

#[test]
fn the_page_has_a_sound_structure() {
    let app = App::echo();
    let gate = gate(&[&app], &WRITABLE);
    gate.get("/").is(200);
    for query in ["", "?refresh=5"] {
        let page = gate.get(&format!("/status{query}")).is(200);
        assert_eq!(
            page.text().contains("http-equiv=\"refresh\""),
            !query.is_empty()
        );
        let policy = page
            .field("Content-Security-Policy")
            .unwrap_or_default()
            .to_owned();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        ask_python(
            "the_page_has_a_sound_structure",
            "html.parser",
            "structure.py",
            &page.text(),
        );
    }
    gate.stop().clean();
}
