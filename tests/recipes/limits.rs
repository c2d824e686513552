//! The numbers in `--preset` are those of the real applications: what a preset lets pass just so is still served.

use crate::common::process::{self, Running, Setup};
use crate::common::{Gate, Response, Temp, left_out, until};

use super::stage::program;
use super::torrents::{call, post};

fn start(name: &str, args: &[&str], dir: &Temp, address: &str) -> Option<Running> {
    let mut command = std::process::Command::new(program(name)?);
    command.args(args).env("TERM", "dumb");
    command.env("HOME", dir.path()).current_dir(dir.path());
    let running = process::start(name, command, Setup::default());
    until(&format!("{name} to listen"), || process::listens(address));
    Some(running)
}

/// Requests with one byte more each time, through `gate`, until one gets 431: all before it must have been served, for
/// the last of them has just as many bytes of parameters as the preset allows.
#[track_caller]
fn served_up_to_the_limit(from: usize, mut request: impl FnMut(usize) -> Response) {
    for length in from.. {
        let response = request(length);
        if response.status == 431 {
            assert!(length > from, "all were refused");
            return;
        }
        assert_eq!(response.status, 200, "{length} bytes: {}", response.text());
    }
}

#[test]
fn uwsgi_serves_whatever_its_preset_lets_pass() {
    let dir = Temp::new();
    let socket = dir.file("app");
    let address = format!("unix:{socket}");
    let app = "def application(e, s):\n    s('200 OK', [])\n    return [b'ok']\n";
    let app = dir.write("app.py", app);
    let args = [
        "--plugin",
        "python3",
        "--scgi-socket",
        &socket,
        "--need-app",
    ];
    let args = [&args[..], &["--wsgi-file", &app, "--disable-logging"]].concat();
    if !std::path::Path::new("/usr/lib/uwsgi/plugins/python3_plugin.so").exists() {
        return left_out("uwsgi_serves…", "no uWSGI with Python (scripts/test)");
    }
    let Some(_uwsgi) = start("uwsgi", &args, &dir, &address) else {
        return left_out("uwsgi_serves…", "no uWSGI with Python (scripts/test)");
    };
    let gate = Gate::start(["--preset", "uwsgi", "--pass", &address]);
    let mut client = gate.client();
    // Of 47 parameters 20 are the standard ones with CONTENT_LENGTH and SCGI, one is the host and one the long field.
    let fields: String = (0..25).map(|n| format!("X-{n}: v\r\n")).collect();
    served_up_to_the_limit(3000, |length| {
        let long = "x".repeat(length);
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{fields}Y: {long}\r\n\r\n"
        ));
        client.response()
    });
    // Without the preset the same requests end without a word, a little further on.
    let gate = Gate::start(["--pass", &address]);
    let mut client = gate.client();
    let long = "x".repeat(4000);
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nY: {long}\r\n\r\n"));
    client.response().is(502);
}

#[test]
fn rtorrent_serves_whatever_its_preset_lets_pass() {
    let dir = Temp::new();
    let socket = dir.file("rpc");
    let address = format!("unix:{socket}");
    let session = dir.file("session");
    std::fs::create_dir(&session).expect("a directory");
    let options = format!("network.scgi.open_local={socket},system.daemon.set=true");
    let args = ["-n", "-d", &session, "-s", &session, "-o", &options];
    let Some(_rtorrent) = start("rtorrent", &args, &dir, &address) else {
        return left_out("rtorrent_serves…", "no rTorrent (scripts/test)");
    };
    let gate = Gate::start(["--preset", "rtorrent", "--pass", &address]);
    let mut client = gate.client();
    let version = call("system.client_version", &[]);
    served_up_to_the_limit(1000, |length| {
        // A field that is not left out when there is too much.
        let long = format!("X-Long: {}\r\n", "x".repeat(length));
        post(&mut client, &version, &long)
    });
    let cookie = format!("Cookie: {}\r\n", "x".repeat(5000));
    post(&mut client, &version, &cookie).is(200);
    // 2 MiB, the limit of 0.9.8; newer ones take 16 MiB, as the preset says.
    let body = version.clone() + &" ".repeat((2 << 20) - version.len());
    let text = post(&mut client, &body, "").is(200).text();
    assert!(text.contains("<methodResponse>"), "{text}");
}
