//! What is known of an earlier response (V19, V25), wherever a variable may stand, and with no access log that would need it.

use crate::common::{App, Gate, Temp};
use crate::{Answers, app};

const ANSWERS: Answers = &[
    (
        "/say",
        "X-Tag: mine\r\nX-Tag: again\r\nX-Accel-Redirect: /said\r\n\r\n",
    ),
    ("/go", "X-Tag: mine\r\nX-Accel-Redirect: /to/x\r\n\r\n"),
    ("/404", "Status: 404 No\r\nX-Tag: mine\r\n\r\n"),
    ("/kept", "X-Tag: mine\r\n\r\nkept"),
];

fn gate(args: &[&str]) -> (App, Gate) {
    let app = app(ANSWERS);
    let addr = app.addr();
    let all = ["--location", "/", "--pass", &addr];
    let gate = Gate::start(all.iter().chain(args));
    (app, gate)
}

#[test]
fn a_text_can_speak_of_it() {
    let text = "200 '$upstream_status <$upstream_http_x_tag> $upstream_addr'";
    let (app, gate) = gate(&["--location", "/said", "--return", text]);
    let told = format!("200 <mine, again> {}", app.addr());
    assert_eq!(gate.get("/say").is(200).text(), told);
    assert_eq!(gate.get("/said").is(200).text(), " <> ");
}

#[test]
fn parameters_and_addresses_can_be_made_of_it() {
    let second = App::echo();
    let map = format!("$upstream_http_x_tag $to mine {}", second.addr());
    let app = app(ANSWERS);
    let addr = app.addr();
    let gate = Gate::start([
        "--map",
        &map,
        "--location",
        "/",
        "--pass",
        &addr,
        "--location",
        "/to/",
        "--internal",
        "--pass",
        "$to",
        "--param",
        "X_TAG ${upstream_http_x_tag}!$upstream_status",
    ]);
    let response = gate.get("/go").is(200);
    assert_eq!(response.param("X_TAG").as_deref(), Some("mine!200"));
    assert_eq!(second.accepted(), 1);
}

#[test]
fn maps_fields_and_error_pages_can_use_it() {
    let (_app, gate) = gate(&["--error-page", "404 http://$upstream_http_x_tag/"]);
    assert_eq!(gate.get("/404").is(404).field("location"), None);
    let caught = ["--intercept-errors", "on"];
    let page = ["--error-page", "404 http://$upstream_http_x_tag/"];
    let (_app, gate) = self::gate(&[&caught[..], &page].concat());
    let response = gate.get("/404").is(302);
    assert_eq!(response.field("location"), Some("http://mine/"));
    let app = app(ANSWERS);
    let gate = Gate::start([
        "--map",
        "$upstream_status $how 200 good default odd",
        "--pass",
        &app.addr(),
        "--add-header",
        "X-How $how always",
    ]);
    assert_eq!(gate.get("/kept").field("x-how"), Some("good"));
    assert_eq!(gate.get("/404").field("x-how"), Some("odd"));
}

#[test]
fn a_file_in_its_place_can_be_sent_with_it() {
    let dir = Temp::new();
    let path = dir.write("f", "file");
    let app = App::script(move |scgi| {
        scgi.all();
        scgi.send(format!("X-Tag: mine\r\nX-Sendfile: {path}\r\n\r\n"));
    });
    let root = dir.file("");
    let args = [
        "--pass",
        &app.addr(),
        "--sendfile",
        "on",
        "--sendfile-root",
        &root,
    ];
    let added = [
        "--add-header",
        "X-Seen $upstream_http_x_tag-$upstream_status",
    ];
    let gate = Gate::start(args.iter().chain(&added));
    assert_eq!(gate.get("/").is(200).field("x-seen"), Some("mine-200"));
}

#[test]
fn a_stored_file_can_be_named_by_it() {
    let dir = Temp::new();
    let store = dir.file("$upstream_http_x_tag/f");
    let (_app, gate) = gate(&["--store", &store]);
    gate.get("/kept").is(200);
    let kept = std::fs::read_to_string(dir.file("mine/f"));
    assert_eq!(kept.expect("a file"), "kept");
}
