//! Recipes that are about scgate more than about an application, which is a scripted one here.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::stage::{Stage, free_port};
use crate::common::{Client, gate};

pub fn several(stage: &mut Stage) {
    stage.write("/srv/www/sorry.html", "sorry");
    for address in ["unix:/run/app1.sock", "unix:/run/app2.sock"] {
        stage.app(address, |scgi| {
            let (request, _) = scgi.all();
            match request.uri().as_str() {
                "/busy" => scgi.send("Status: 504 Busy\r\nContent-Length: 0\r\n\r\n"),
                _ => scgi.reply("served"),
            }
        });
    }
    let gate = stage.gate();
    let mut client = gate.client();
    for _ in 0..4 {
        assert_eq!(client.get("/x").is(200).text(), "served");
    }
    let status = client.get("/status?format=json").is(200).text();
    assert!(status.contains("app1.sock") && status.contains("192.0.2.7:9000"));
    client.get("/status?format=prometheus").is(200);
    client.get("/status").is(200);
    // An order, as the text of the recipe has it.
    let order = stage.here("group=app&server=unix:/run/app1.sock&action=drain");
    client.send(format!(
        "POST /status HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{order}",
        order.len()
    ));
    let response = client.response();
    assert!([200, 303].contains(&response.status), "{}", response.text());
    let status = client.get("/status?format=json").is(200).text();
    assert!(status.contains("drain"), "{status}");
    assert_eq!(client.get("/x").is(200).text(), "served");
}

pub fn files_first(stage: &mut Stage) {
    stage.write("/srv/www/there.txt", "a file");
    stage.app("unix:/run/app.sock", |scgi| {
        let request = scgi.answer("made");
        assert_eq!(request.get("PATH_INFO"), "/made.txt");
    });
    let gate = stage.gate();
    assert_eq!(gate.get("/there.txt").is(200).text(), "a file");
    assert_eq!(gate.get("/made.txt").is(200).text(), "made");
    let kept = stage.here("/srv/www/made.txt");
    crate::common::until("the response to be kept", || {
        std::fs::read_to_string(&kept).is_ok_and(|text| text == "made")
    });
    assert_eq!(gate.get("/made.txt").is(200).text(), "made");
}

pub fn cache(stage: &mut Stage) {
    stage.make_dir("/var/cache/scgate");
    stage.app("unix:/run/app.sock", |scgi| {
        scgi.answer("kept");
    });
    let gate = stage.gate();
    let mut client = gate.client();
    let mut told = |target: &str, fields: &str, method: &str| {
        client.send(format!(
            "{method} {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"
        ));
        let response = client.response();
        let told = response
            .field("Cache-Status")
            .unwrap_or_default()
            .to_owned();
        (response.status, told)
    };
    assert!(told("/news/a", "", "GET").1.contains("stored"));
    assert!(told("/news/a", "", "GET").1.contains("hit"));
    assert!(
        !told("/news/a", "Cookie: session=1\r\n", "GET")
            .1
            .contains("hit")
    );
    assert!([200, 204].contains(&told("/news/*", "", "PURGE").0));
    assert!(!told("/news/a", "", "GET").1.contains("hit"));
    assert_eq!(told("/nothing", "", "PURGE").0, 404);
}

pub fn downloads(stage: &mut Stage) {
    let path = stage.write("/srv/files/report.pdf", "0123456789");
    stage.app("unix:/run/app.sock", move |scgi| {
        let (request, _) = scgi.all();
        match request.uri().as_str() {
            "/sendfile" => scgi.send(format!("Status: 200 OK\r\nX-Sendfile: {path}\r\n\r\n")),
            "/beyond" => scgi.send("Status: 200 OK\r\nX-Sendfile: /etc/passwd\r\n\r\n"),
            _ => scgi.send("Status: 200 OK\r\nX-Accel-Redirect: /files/report.pdf\r\n\r\n"),
        }
    });
    let gate = stage.gate();
    for target in ["/accel", "/sendfile"] {
        assert_eq!(gate.get(target).is(200).text(), "0123456789");
        let mut client = gate.client();
        client.send(format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\nRange: bytes=2-4\r\n\r\n"
        ));
        assert_eq!(client.response().is(206).text(), "234");
    }
    assert_eq!(gate.get("/beyond").status, 502);
    assert_eq!(gate.get("/files/report.pdf").status, 404);
}

pub fn behind_a_proxy(stage: &mut Stage) {
    stage.echo("unix:/run/app.sock");
    let gate = stage.gate();
    let mut client = gate.client();
    client
        .send("PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = client.response().is(200);
    assert_eq!(
        response.param("REMOTE_ADDR").as_deref(),
        Some("203.0.113.7")
    );
}

/// `scripts/packaging/systemd/check` runs the unit itself; here the arguments are looked at.
pub fn service(stage: &mut Stage) {
    stage.echo("unix:/run/rtorrent/rpc.sock");
    stage.make_dir("/var/log/scgate");
    for begin in ["SCGATE_ARGS=", "systemctl"] {
        stage.instead(begin, |_| ());
    }
    assert!(stage.run().is_empty());
    let gate = stage.service();
    gate.get("/RPC2").is(200);
    assert_eq!(gate.get("/other").status, 404);
}

/// The script as it stands there, under BusyBox httpd.
pub fn cgi(stage: &mut Stage) {
    if !stage.has(&["busybox"]) {
        return;
    }
    stage.echo("unix:/run/app.sock");
    stage.instead("exec scgate --cgi", |stage| {
        let text = stage.here(&stage.block("sh"));
        let script = stage.write("/www/cgi-bin/app", &text);
        std::fs::set_permissions(script, PermissionsExt::from_mode(0o755)).expect("chmod");
    });
    assert!(stage.run().is_empty());
    let mut httpd = stage.command("busybox");
    let dir = stage.make_dir("bin");
    symlink(gate::program(), format!("{dir}/scgate")).expect("linked");
    let path = std::env::var("PATH").unwrap_or_default();
    let address = format!("127.0.0.1:{}", free_port());
    httpd.args(["httpd", "-f", "-p", &address, "-h", &stage.here("/www")]);
    httpd.env("PATH", format!("{dir}:{path}"));
    stage.start("busybox", httpd);
    stage.wait_for(&address);
    let mut client = Client::tcp(address.parse().expect("an address"));
    client.send("GET /cgi-bin/app/there?a=b HTTP/1.0\r\nHost: a\r\n\r\n");
    let response = client.response().is(200);
    for (name, value) in [
        ("SCRIPT_NAME", "/cgi-bin/app"),
        ("PATH_INFO", "/there"),
        ("QUERY_STRING", "a=b"),
        ("REMOTE_ADDR", "127.0.0.1"),
    ] {
        assert_eq!(response.param(name).as_deref(), Some(value), "{name}");
    }
}
