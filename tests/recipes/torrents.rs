//! rTorrent.

use crate::common::{Client, Response};

use super::stage::Stage;

/// A call of a method with strings as parameters, as the first of which rTorrent expects a target.
pub fn call(method: &str, params: &[&str]) -> String {
    let params: String = params
        .iter()
        .map(|p| format!("<param><value><string>{p}</string></value></param>"))
        .collect();
    format!(
        "<?xml version=\"1.0\"?><methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>"
    )
}

/// Sends a call to /RPC2; `fields` end with CRLF each.
pub fn post(client: &mut Client, body: &str, fields: &str) -> Response {
    client.send(format!(
        "POST /RPC2 HTTP/1.1\r\nHost: network\r\nContent-Type: text/xml\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    client.response()
}

/// Starts rTorrent, which reads its configuration from its home.
pub fn start(stage: &mut Stage) {
    let session = stage.make_dir("session");
    let mut command = stage.command("rtorrent");
    command.args(["-d", &session, "-s", &session]);
    command.args(["-o", "system.daemon.set=true"]);
    stage.start("rTorrent", command);
}

const SOCKET: &str = "unix:/run/rtorrent/scgi.sock";

pub fn rpc(stage: &mut Stage) {
    if !stage.has(&["rtorrent"]) {
        return;
    }
    stage.make_dir("/run/rtorrent");
    stage.files();
    start(stage);
    let gate = stage.gate();
    let mut client = gate.client();
    let response = post(&mut client, &call("system.client_version", &[]), "").is(200);
    assert!(
        response.text().contains("<methodResponse>"),
        "{}",
        response.text()
    );
    // More than rTorrent's own limit, so that the preset and the .rtorrent.rc are both at work.
    let cookie = format!("Cookie: {}\r\n", "x".repeat(3000));
    let torrent = "x".repeat(1_600_000);
    let body = call("load.raw", &["", &torrent]);
    let response = post(&mut client, &body, &cookie).is(200);
    assert!(
        response.text().contains("<methodResponse>"),
        "{}",
        response.text()
    );
    assert!(
        !response.text().contains("too large"),
        "{}",
        response.text()
    );
    assert_eq!(gate.get("/").status, 404);
    assert_eq!(gate.get("/RPC2/x").status, 404);
}

/// rTorrent refuses an untrusted connection what reaches beyond it from 0.16.10 on, and ignores the parameter before.
fn honours_trust(version: &str) -> bool {
    let mut numbers = version.split('.').map(|n| n.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next()) >= (0, 16, 10)
}

#[test]
fn versions_are_numbers() {
    assert!(!honours_trust("0.9.8") && !honours_trust("0.16.9"));
    assert!(honours_trust("0.16.10") && honours_trust("0.17"));
}

pub fn trust(stage: &mut Stage) {
    who_is_told(stage);
    if !stage.has(&["rtorrent"]) {
        return;
    }
    let rc = stage.here("network.scgi.open_local = /run/rtorrent/scgi.sock\n");
    stage.make_dir("/run/rtorrent");
    stage.write("~/.rtorrent.rc", &rc);
    start(stage);
    let gate = stage.gate();
    let (mut network, mut trusted) = (gate.client_at(0), gate.client_at(1));
    let version = post(&mut trusted, &call("system.client_version", &[]), "").is(200);
    let version = version.text();
    let (_, version) = version.split_once("<string>").expect("a version");
    let version = version.split('<').next().unwrap_or_default();
    let echo = call("execute.capture", &["", "echo", "it", "ran"]);
    let ran = |response: Response| response.is(200).text().contains("it ran");
    assert!(ran(post(&mut trusted, &echo, "")));
    assert_eq!(
        ran(post(&mut network, &echo, "")),
        !honours_trust(version),
        "rTorrent {version}"
    );
}

/// Which of the two is told to be untrusted: the application on stage is a scripted one.
fn who_is_told(stage: &mut Stage) {
    stage.echo(SOCKET);
    let gate = stage.gate();
    let told = |number| {
        let response = post(
            &mut gate.client_at(number),
            "x",
            "UNTRUSTED-CONNECTION: 0\r\n",
        );
        response.param("UNTRUSTED_CONNECTION")
    };
    assert_eq!(told(0).as_deref(), Some("1"));
    assert_eq!(told(1), None);
    let mode = std::fs::metadata(stage.here("/run/scgate/rtorrent.sock")).expect("the socket");
    let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
    assert_eq!(mode & 0o777, 0o660);
    drop(gate);
    stage.clear();
}

/// `htpasswd` would ask for the password: here is what it made of "open sesame".
pub fn password(stage: &mut Stage) {
    stage.echo(SOCKET);
    stage.instead("htpasswd", |stage| {
        let line = "joe:$2y$05$.cFd5n.QpukEV4hrwcLF5.k200UNdUElbGhhXJUdcS/KWCOZxLlii\n";
        stage.write("/etc/scgate.htpasswd", line);
    });
    let gate = stage.gate();
    let ask = |fields: &str| post(&mut gate.client(), "x", fields);
    assert_eq!(ask("").status, 401);
    assert_eq!(ask("Authorization: Basic am9lOndyb25n\r\n").status, 401);
    let right = ask("Authorization: Basic am9lOm9wZW4gc2VzYW1l\r\n").is(200);
    assert_eq!(right.param("REMOTE_USER").as_deref(), Some("joe"));
}
