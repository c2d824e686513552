//! Orders by POST: what they do, and who may not give them.

use crate::common::{App, Gate, until};
use crate::{READABLE, WRITABLE, form, gate, json, post, text};

/// Asks `count` times; returns which applications answered.
#[track_caller]
fn answered(gate: &Gate, count: usize) -> Vec<String> {
    (0..count).map(|_| gate.get("/").is(200).text()).collect()
}

/// An application that answers with its name.
fn named(name: &'static str) -> App {
    App::script(move |scgi| {
        scgi.all();
        let _ = scgi.try_send(format!("Content-Type: text/plain\r\n\r\n{name}"));
    })
}

#[track_caller]
fn state(gate: &Gate, app: &App) -> String {
    text(&json(gate), &["groups", "servers", &app.addr(), "state"]).to_owned()
}

#[test]
fn a_drained_server_gets_no_requests_until_it_is_revived() {
    let (one, two) = (named("one"), named("two"));
    let gate = gate(&[&one, &two], &WRITABLE);
    assert!(answered(&gate, 4).contains(&"one".into()));
    for (action, state_then) in [("drain", "draining"), ("down", "down")] {
        let response = post(&gate, "", &form(&one, action)).is(303);
        assert_eq!(response.field("Location"), Some("./status"));
        assert_eq!(state(&gate, &one), state_then);
        assert_eq!(state(&gate, &two), "up");
        let before = one.accepted();
        assert_eq!(answered(&gate, 10), vec!["two"; 10]);
        assert_eq!(one.accepted(), before, "not even a connection");
        post(&gate, "Accept: application/json\r\n", &form(&one, "revive")).is(200);
        assert_eq!(state(&gate, &one), "up");
        until("the revived server to be used", || {
            answered(&gate, 2).contains(&"one".into())
        });
    }
    gate.stop().clean();
}

#[test]
fn a_request_that_runs_is_not_cut_off_by_draining() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let slow = App::script(move |scgi| {
        scgi.all();
        let _ = wait.lock().map(|wait| wait.recv());
        let _ = scgi.try_send("Content-Type: text/plain\r\n\r\nslow");
    });
    let gate = gate(&[&slow], &WRITABLE);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    slow.wait_accepted(1);
    post(&gate, "", &form(&slow, "drain")).is(303);
    go.send(()).expect("the application waits");
    assert_eq!(client.response().is(200).text(), "slow");
}

#[test]
fn programs_are_answered_in_json() {
    let app = named("one");
    let gate = gate(&[&app], &WRITABLE);
    let accept = "Accept: application/json\r\n";
    let done = post(&gate, accept, &form(&app, "drain")).is(200);
    assert_eq!(
        (done.text().as_str(), done.field("Content-Type")),
        ("{\"ok\":true}\n", Some("application/json"))
    );
    for (body, status) in [
        ("group=g&server=nowhere&action=drain", 404),
        ("group=nothing&server=nowhere&action=drain", 404),
        ("group=g&server=nowhere&action=stop", 400),
        ("group=g&server=%zz&action=drain", 400),
        ("", 400),
    ] {
        let refused = post(&gate, accept, body).is(status);
        assert!(
            refused.text().starts_with("{\"ok\":false,\"error\":\""),
            "{}",
            refused.text()
        );
    }
    post(&gate, "", &form(&app, "revive")).is(303);
    gate.stop().clean();
}

#[test]
fn a_page_that_only_shows_takes_no_orders() {
    let app = named("one");
    let gate = gate(&[&app], &READABLE);
    let refused = post(&gate, "", &form(&app, "drain")).is(405);
    assert_eq!(refused.field("Allow"), Some("GET, HEAD"));
    assert_eq!(state(&gate, &app), "up");
    assert!(!gate.get("/status").is(200).text().contains("<button"));
    gate.stop();
}

#[test]
fn orders_need_an_allow_rule_that_names_the_client() {
    let app = named("one");
    let gate = gate(
        &[&app],
        &[
            "--location",
            "/status",
            "--status",
            "writable",
            "--deny",
            "192.0.2.0/24",
        ],
    );
    let refused = post(&gate, "", &form(&app, "drain")).is(403);
    assert!(refused.text().contains("--allow"), "{}", refused.text());
    assert_eq!(state(&gate, &app), "up");
    assert!(!gate.get("/status").is(200).text().contains("<button"));
    gate.stop();
}

#[test]
fn who_is_not_let_in_sees_nothing() {
    let app = named("one");
    let gate = gate(
        &[&app],
        &[
            "--location",
            "/status",
            "--status",
            "writable",
            "--allow",
            "192.0.2.1",
            "--deny",
            "all",
        ],
    );
    for query in ["", "?format=json", "?format=prometheus"] {
        let refused = gate.get(&format!("/status{query}")).is(403);
        assert!(!refused.text().contains(&app.addr()));
    }
    post(&gate, "", &form(&app, "drain")).is(403);
    gate.get("/").is(200);
    gate.stop().clean();
}

#[test]
fn pages_of_other_sites_can_not_give_orders() {
    let app = named("one");
    let gate = gate(&[&app], &WRITABLE);
    for fields in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://test:81\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: http://test\r\nSec-Fetch-Site: cross-site\r\n",
    ] {
        post(&gate, fields, &form(&app, "drain")).is(403);
        assert_eq!(state(&gate, &app), "up", "{fields}");
    }
    post(
        &gate,
        "Origin: http://test\r\nSec-Fetch-Site: same-origin\r\n",
        &form(&app, "drain"),
    )
    .is(303);
    assert_eq!(state(&gate, &app), "draining");
    gate.stop().clean();
}

#[test]
fn only_forms_of_a_sound_size_are_orders() {
    let app = named("one");
    let gate = gate(&[&app], &WRITABLE);
    let mut client = gate.client();
    let body = form(&app, "drain");
    client.send(format!(
        "POST /status HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    client.response().is(415);
    let long = format!("{body}&x={}", "a".repeat(5000));
    post(&gate, "", &long).is(413);
    let mut client = gate.client();
    client.send("DELETE /status HTTP/1.1\r\nHost: test\r\n\r\n");
    let refused = client.response().is(405);
    assert_eq!(refused.field("Allow"), Some("GET, HEAD, POST"));
    assert_eq!(state(&gate, &app), "up");
    gate.stop().clean();
}

#[test]
fn a_chunked_form_is_an_order_as_well() {
    let app = named("one");
    let gate = gate(&[&app], &WRITABLE);
    let body = form(&app, "drain");
    let mut client = gate.client();
    client.send(format!(
        "POST /status HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    ));
    client.response().is(303);
    assert_eq!(state(&gate, &app), "draining");
    gate.stop().clean();
}

/// A form is a body: where memory is short it goes through a file, and nothing of it is lost.
#[test]
fn an_order_is_understood_where_memory_is_short() {
    let app = named("one");
    // Bodies get half of the ceiling, which is less than the form.
    let ceiling = ["--memory", "100"];
    let gate = gate(&[&app], &[&ceiling[..], &WRITABLE].concat());
    let body = form(&app, "drain");
    assert!(body.len() > 50);
    post(&gate, "", &body).is(303);
    assert_eq!(state(&gate, &app), "draining");
    gate.stop().clean();
}
