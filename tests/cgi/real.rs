//! Under real web servers: BusyBox httpd and lighttpd's mod_cgi, with a script of one line, in front of a scripted
//! application and of Python's scgi.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;

use crate::common::gate::program;
use crate::common::process::{self, Running, Setup, find_program};
use crate::common::{App, Client, Latch, Pattern, Temp, left_out, until};

const MIB: usize = 1 << 20;

/// A web server with `/cgi-bin/app`.
struct Server {
    running: Running,
    addr: SocketAddr,
    _dir: Temp,
}

/// The command that serves `dir` on a port, with a scratch directory beside it.
type Make = fn(&std::path::Path, u16, &Temp) -> Command;

fn busybox(program: &std::path::Path, port: u16, dir: &Temp) -> Command {
    let mut command = Command::new(program);
    let listen = format!("127.0.0.1:{port}");
    command.args(["httpd", "-f", "-p", &listen, "-h", &dir.file("www")]);
    command
}

fn lighttpd(program: &std::path::Path, port: u16, dir: &Temp) -> Command {
    let config = format!(
        "server.modules = (\"mod_cgi\")\nserver.bind = \"127.0.0.1\"\nserver.port = {port}\n\
         server.document-root = \"{}\"\nserver.upload-dirs = (\"{}\")\n\
         server.stream-response-body = 2\n\
         $HTTP[\"url\"] =~ \"^/cgi-bin/\" {{ cgi.assign = (\"\" => \"\") }}\n",
        dir.file("www"),
        dir.path().display()
    );
    std::fs::write(dir.file("conf"), config).expect("a file");
    let mut command = Command::new(program);
    command.args(["-D", "-f", &dir.file("conf")]);
    command
}

/// Starts a server whose script passes requests to `address`. `None`: it is not installed.
fn server(name: &str, make: Make, address: &str) -> Option<Server> {
    let installed = find_program(&[name])?;
    let dir = Temp::new();
    std::fs::create_dir_all(dir.path().join("www/cgi-bin")).expect("directories");
    let script = dir.path().join("www/cgi-bin/app");
    let text = format!(
        "#!/bin/sh\nexec '{}' --cgi --temp-path '{}' --client-max-body-size 8m --max-temp-file-size 0 --pass '{address}'\n",
        program(),
        dir.path().display()
    );
    std::fs::write(&script, text).expect("a script");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("chmod");
    loop {
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let addr = free.local_addr().expect("its address");
        drop(free);
        let command = make(&installed, addr.port(), &dir);
        let mut running = process::start(name, command, Setup::default());
        until("the server to listen, or to find its port taken", || {
            running.ended().is_some() || process::listens(&addr.to_string())
        });
        if running.ended().is_none() {
            return Some(Server {
                running,
                addr,
                _dir: dir,
            });
        }
        let why = running.stderr();
        assert!(why.to_lowercase().contains("in use"), "{name} ended: {why}");
    }
}

impl Server {
    /// Sends a request head for a path below the script. These servers close after a CGI program's response, or mark its end.
    fn ask(&self, method: &str, path: &str, fields: &str) -> Client {
        let mut client = Client::tcp(self.addr);
        let head = format!("{method} /cgi-bin/app{path} HTTP/1.1\r\nHost: a.example\r\n");
        client.send(format!("{head}Connection: close\r\n{fields}\r\n"));
        client
    }
}

/// What the scripted application does, by the path.
///
/// `left` opens when the gateway has left `/endless`.
fn scripted(left: Arc<Latch>) -> App {
    App::script(move |scgi| {
        let (request, body) = scgi.all();
        match &*request.get("PATH_INFO") {
            "/large" => {
                scgi.send("Content-Type: a/b\r\n\r\n");
                Pattern::new().write(scgi, 10 << 20).1.expect("sent");
            }
            "/missing" => scgi.send("Status: 404 Not Here\r\nContent-Length: 4\r\n\r\nnone"),
            "/moved" => scgi.send("Status: 303 See Other\r\nLocation: /else\r\n\r\n"),
            "/cookies" => scgi.send("Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n"),
            "/body" => {
                Pattern::new().check(0, &body);
                scgi.send(format!("Content-Type: text/plain\r\n\r\n{}", body.len()));
            }
            "/endless" => {
                scgi.send("Content-Type: a/b\r\n\r\n");
                while scgi.try_send([0; 65536]).is_ok() {}
                left.open();
            }
            _ => {
                let names = [
                    "REQUEST_URI",
                    "SCRIPT_NAME",
                    "PATH_INFO",
                    "QUERY_STRING",
                    "REMOTE_ADDR",
                    "HTTP_X_OWN",
                ];
                let values = names.map(|name| request.param(name).unwrap_or_default());
                scgi.send(format!(
                    "Content-Type: text/plain\r\n\r\n{}",
                    values.join("|")
                ));
            }
        }
    })
}

/// What works under every server.
fn exercise(server: &mut Server, left: &Latch) {
    let response = server
        .ask("GET", "/a%20b?x=%20", "X-Own: mine\r\n")
        .response()
        .is(200);
    assert_eq!(
        response.text(),
        "/cgi-bin/app/a%20b?x=%20|/cgi-bin/app|/a b|x=%20|127.0.0.1|mine"
    );
    assert_eq!(response.field("content-type"), Some("text/plain"));

    let response = server.ask("HEAD", "/x", "").response_to("HEAD").is(200);
    assert_eq!(response.text(), "");

    let mut client = server.ask("POST", "/body", &format!("Content-Length: {MIB}\r\n"));
    client.send(Pattern::new().bytes(MIB));
    assert_eq!(client.response().is(200).text(), MIB.to_string());

    let response = server.ask("GET", "/large", "").response().is(200);
    assert_eq!(response.body.len(), 10 << 20);
    Pattern::new().check(0, &response.body);

    let response = server.ask("GET", "/missing", "").response().is(404);
    assert_eq!(response.text(), "none");

    let response = server.ask("GET", "/moved", "").response().is(303);
    assert_eq!(response.field("location"), Some("/else"));

    let response = server.ask("GET", "/cookies", "").response().is(200);
    assert_eq!(response.head.all("set-cookie"), ["a=1", "b=2"]);

    // It finds out that its client is gone when it writes. Then the application is left in turn.
    let mut client = server.ask("GET", "/endless", "");
    assert_eq!(client.head().status, 200);
    drop(client);
    left.wait();
    assert!(server.running.ended().is_none());
}

#[test]
fn under_busybox_httpd() {
    let left = Arc::new(Latch::default());
    let app = scripted(Arc::clone(&left));
    let Some(mut server) = server("busybox", busybox, &app.addr()) else {
        return left_out("under_busybox_httpd", "busybox is not installed");
    };
    exercise(&mut server, &left);
    // It does not know the coding, and what it passes on is no body.
    let mut client = server.ask("POST", "/body", "Transfer-Encoding: chunked\r\n");
    let _ = client.try_send("3\r\nabc\r\n0\r\n\r\n");
    client.response().is(400);
    // Refused before it has come.
    let mut client = server.ask("POST", "/body", "Content-Length: 9000000\r\n");
    client.response().is(413);
}

#[test]
fn under_lighttpd() {
    let left = Arc::new(Latch::default());
    let app = scripted(Arc::clone(&left));
    let Some(mut server) = server("lighttpd", lighttpd, &app.addr()) else {
        return left_out("under_lighttpd", "lighttpd is not installed");
    };
    exercise(&mut server, &left);
    let mut client = server.ask("POST", "/body", "Transfer-Encoding: chunked\r\n");
    client.send([b"10\r\n", &Pattern::new().bytes(16)[..], b"\r\n0\r\n\r\n"].concat());
    assert_eq!(client.response().is(200).text(), "16");
    // It takes a body in before it calls anybody.
    let mut client = server.ask("POST", "/body", "Content-Length: 9000000\r\n");
    client.send(vec![0; 9_000_000]);
    client.response().is(413);
}

#[test]
fn an_application_of_pythons_scgi_under_busybox_httpd() {
    let name = "an_application_of_pythons_scgi_under_busybox_httpd";
    let root = env!("CARGO_MANIFEST_DIR");
    let venv = std::env::var("SCGATE_TEST_VENV").unwrap_or(format!("{root}/target/test-venv"));
    let python = format!("{venv}/bin/python3");
    let has = Command::new(&python)
        .args(["-c", "import scgi.scgi_server"])
        .output();
    if !has.is_ok_and(|output| output.status.success()) {
        return left_out(name, "the Python package scgi is not installed");
    }
    let dir = Temp::new();
    std::fs::write(dir.file("pattern"), Pattern::new().at(0)).expect("a file");
    let (app, addr) = loop {
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let addr = free.local_addr().expect("its address");
        drop(free);
        let mut command = Command::new(&python);
        command
            .arg(format!("{root}/tests/applications/quixote_scgi.py"))
            .arg(addr.port().to_string())
            .env("PATTERN", dir.file("pattern"))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let mut app = process::start("Python scgi", command, Setup::default());
        until(
            "the application to listen, or to find its port taken",
            || app.ended().is_some() || process::listens(&addr.to_string()),
        );
        if app.ended().is_none() {
            break (app, addr.to_string());
        }
        assert!(app.stderr().contains("in use"), "{}", app.stderr());
    };
    let Some(server) = server("busybox", busybox, &addr) else {
        return left_out(name, "busybox is not installed");
    };
    let response = server
        .ask("GET", "/echo?a=b%20c", "X-Own: mine\r\n")
        .response();
    let param = |name: &str| response.param(name).unwrap_or_default();
    assert_eq!(
        (param("QUERY_STRING"), param("HTTP_X_OWN")),
        ("a=b%20c".into(), "mine".into())
    );
    assert_eq!(
        (param("SCRIPT_NAME"), param("PATH_INFO")),
        ("/cgi-bin/app".into(), "/echo".into())
    );
    let response = server
        .ask("GET", &format!("/bytes?{}", 3 * MIB), "")
        .response()
        .is(200);
    assert_eq!(response.body.len(), 3 * MIB);
    Pattern::new().check(0, &response.body);
    let mut client = server.ask("POST", "/sha256", &format!("Content-Length: {MIB}\r\n"));
    client.send(vec![0; MIB]);
    let sum = "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58";
    assert_eq!(client.response().is(200).text(), sum);
    server.ask("GET", "/none", "").response().is(404);
    drop(app);
}
