//! The parameter block: its limit, and what is left out of it.

use crate::common::{App, Gate};

fn send(gate: &Gate, fields: &str) -> crate::common::Response {
    let mut client = gate.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    client.response()
}

#[test]
fn a_block_over_the_limit_is_431_and_the_log_says_why() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr(), "--params-max", "1500"]);
    send(&gate, "").is(200);
    send(&gate, &format!("X-Long: {}\r\n", "x".repeat(1500))).is(431);
    gate.logs("1500");
    assert_eq!(app.accepted(), 1);
}

#[test]
fn the_limit_holds_to_the_byte() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr(), "--params-max", "1500"]);
    let mut largest = 0;
    for size in 700..1500 {
        let response = send(&gate, &format!("X-Long: {}\r\n", "x".repeat(size)));
        if response.status == 431 {
            break;
        }
        largest = app.requests().last().map_or(0, |r| r.block);
    }
    // The port number may have another length from one connection to the next.
    assert!(
        (1498..=1500).contains(&largest),
        "the largest block that passed has {largest} bytes"
    );
}

#[test]
fn trim_leaves_out_what_applications_can_do_without() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr(), "--params-max", "1500 trim"]);
    let long = "x".repeat(600);
    let response = send(
        &gate,
        &format!(
            "Cookie: {long}\r\nUser-Agent: {long}\r\nReferer: {long}\r\nAccept-Language: {long}\r\nX-Kept: 1\r\n"
        ),
    );
    let response = response.is(200);
    assert_eq!(response.param("HTTP_X_KEPT").as_deref(), Some("1"));
    assert!(app.requests()[0].block <= 1500);
    send(&gate, &format!("X-Long: {}\r\n", "x".repeat(1500))).is(431);
    // A request that fits is not trimmed.
    assert_eq!(
        send(&gate, "Cookie: a=b\r\n")
            .is(200)
            .param("HTTP_COOKIE")
            .as_deref(),
        Some("a=b")
    );
}

#[test]
fn empty_values_are_sent_as_such() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr()]);
    let response = send(&gate, "X-Empty:\r\nX-Spaces:  \t \r\n").is(200);
    for name in [
        "QUERY_STRING",
        "CONTENT_TYPE",
        "HTTP_X_EMPTY",
        "HTTP_X_SPACES",
    ] {
        assert_eq!(response.param(name).as_deref(), Some(""), "{name}");
    }
}

#[test]
fn bytes_above_ascii_pass_unchanged() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr()]);
    let mut client = gate.client();
    client.send(b"GET /\xc3\xa4?\xff HTTP/1.1\r\nHost: a\r\nX-Name: M\xc3\xbcller \xff\r\n\r\n");
    client.response().is(200);
    let request = &app.requests()[0];
    let raw = |name: &str| {
        request
            .params
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.clone())
            .unwrap_or_default()
    };
    assert_eq!(raw("HTTP_X_NAME"), b"M\xc3\xbcller \xff");
    assert_eq!(raw("REQUEST_URI"), b"/\xc3\xa4?\xff");
    assert_eq!(raw("QUERY_STRING"), b"\xff");
    assert_eq!(raw("PATH_INFO"), b"/\xc3\xa4");
}

#[test]
fn client_fields_can_be_held_back() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr(), "--pass-request-headers", "off"]);
    let response = send(&gate, "X-Own: 1\r\nCookie: a=b\r\n").is(200);
    assert_eq!(
        (response.param("HTTP_X_OWN"), response.param("HTTP_COOKIE")),
        (None, None)
    );
    assert_eq!(response.param("REQUEST_METHOD").as_deref(), Some("GET"));
}

/// It is the operator who asked for bytes that SCGI can not carry, not the client.
#[test]
fn a_parameter_of_ours_with_a_nul_is_500_and_the_log_names_it() {
    let app = App::echo();
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--param",
        "X_RAW $binary_remote_addr",
    ]);
    // 127.0.0.1 has two of them.
    send(&gate, "").is(500);
    gate.logs("X_RAW");
    assert_eq!(app.requests().len(), 0);
}
