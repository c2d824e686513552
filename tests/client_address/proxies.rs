//! Real proxies in front of the gateway: HAProxy with both versions of the PROXY protocol, and curl, which can say one too.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::process::Command;

use socket2::{Domain, Socket, Type};

use crate::common::process::{self, Running, Setup, find_program};
use crate::common::{Client, Stream, Temp, left_out, until};
use crate::{Behind, echo, request};

/// The address of a client that is not the proxy.
const ELSEWHERE: &str = "127.0.0.2";

const BELIEVE: [&str; 4] = [
    "--real-ip-from",
    "127.0.0.1",
    "--real-ip-header",
    "proxy_protocol",
];

/// A connection from [`ELSEWHERE`], and its port.
fn from_elsewhere(to: SocketAddr) -> (Client, String) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let own = format!("{ELSEWHERE}:0").parse::<SocketAddr>();
    socket
        .bind(&own.expect("an address").into())
        .expect("bind our end");
    socket.connect(&to.into()).expect("connect");
    let own = socket.local_addr().expect("an address").as_socket();
    let port = own.expect("an address").port().to_string();
    (Client::new(Stream::Tcp(socket.into())), port)
}

/// HAProxy in front of the gateway, and where it listens: a port for each of these options of its server line.
fn haproxy(
    program: &std::path::Path,
    gate: SocketAddr,
    options: &[&str],
) -> (Running, Vec<SocketAddr>, Temp) {
    let dir = Temp::new();
    let mut text =
        "defaults\n mode http\n option httpchk GET /health\n http-check send hdr Host test\n \
        timeout connect 30s\n timeout client 30s\n timeout server 30s\n"
            .to_owned();
    let mut listeners = Vec::new();
    let mut setup = Setup::default();
    for (n, option) in options.iter().enumerate() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind a port");
        let fd = 3 + n as i32;
        setup.fds.push((listener.as_raw_fd(), fd));
        text += &format!("listen l{n}\n bind fd@{fd}\n server gate {gate} {option}\n");
        listeners.push(listener);
    }
    let mut command = Command::new(program);
    command.args(["-db", "-q", "-f", &dir.write("haproxy.cfg", &text)]);
    let running = process::start("haproxy", command, setup);
    let addrs = listeners
        .iter()
        .map(|l| l.local_addr().expect("an address"));
    (running, addrs.collect(), dir)
}

#[test]
fn haproxy_tells_who_its_clients_are() {
    let Some(program) = find_program(&["haproxy"]) else {
        return left_out("haproxy_tells_who_its_clients_are", "no haproxy");
    };
    let (app, args) = echo();
    let args = args.iter().map(String::as_str);
    let behind = Behind::start(args.chain(BELIEVE).chain(["--deny", "127.0.0.1"]));
    let options = [
        "send-proxy",
        "send-proxy-v2",
        "send-proxy-v2 proxy-v2-options crc32c,unique-id",
    ];
    let (_haproxy, addrs, _dir) = haproxy(&program, behind.addr, &options);
    for (addr, option) in addrs.into_iter().zip(options) {
        let (mut client, port) = from_elsewhere(addr);
        for target in ["/1", "/2"] {
            client.send(request(target, ""));
            let response = client.response().is(200);
            let is = |name: &str, value: &str| {
                assert_eq!(response.param(name).as_deref(), Some(value), "{option}");
            };
            is("REQUEST_URI", target);
            is("REMOTE_ADDR", ELSEWHERE);
            is("REMOTE_PORT", &port);
            is("PROXY_ADDR", ELSEWHERE);
        }
        // A second client of the same proxy is another one.
        let mut client = Client::tcp(addr);
        client.get("/").is(403);
    }
    assert_eq!(app.accepted(), 2 * options.len());
}

/// A health check is the proxy's own. Version 1 can only say so with the proxy's address, version 2 says LOCAL.
#[test]
fn the_health_checks_of_haproxy_are_its_own() {
    let Some(program) = find_program(&["haproxy"]) else {
        return left_out("the_health_checks_of_haproxy_are_its_own", "no haproxy");
    };
    for (option, named) in [("send-proxy", "127.0.0.1"), ("send-proxy-v2", "")] {
        let (app, args) = echo();
        let behind = Behind::start(args.iter().map(String::as_str).chain(BELIEVE));
        let checked = format!("{option} check inter 100ms");
        let (_haproxy, addrs, _dir) = haproxy(&program, behind.addr, &[&checked]);
        until("a health check", || !app.requests().is_empty());
        for check in app.requests() {
            assert_eq!(check.uri(), "/health");
            assert_eq!(check.get("REMOTE_ADDR"), "127.0.0.1");
            assert_eq!(check.get("PROXY_ADDR"), named, "{option}");
        }
        let (mut client, _) = from_elsewhere(addrs[0]);
        let response = client.get("/").is(200);
        assert_eq!(response.param("REMOTE_ADDR").as_deref(), Some(ELSEWHERE));
    }
}

#[test]
fn curl_can_say_who_it_is() {
    let name = "curl_can_say_who_it_is";
    let Some(curl) = find_program(&["curl"]) else {
        return left_out(name, "no curl");
    };
    let (_app, args) = echo();
    let behind = Behind::start(args.iter().map(String::as_str).chain(BELIEVE));
    let help = Command::new(&curl).args(["--help", "all"]).output();
    let help = String::from_utf8_lossy(&help.expect("run curl").stdout).into_owned();
    let mut ways = vec![(vec!["--haproxy-protocol"], "127.0.0.1")];
    // Newer ones can say that they are somebody else.
    if help.contains("--haproxy-clientip") {
        ways.push((vec!["--haproxy-clientip", "203.0.113.7"], "203.0.113.7"));
        ways.push((vec!["--haproxy-clientip", "2001:db8::7"], "2001:db8::7"));
    }
    for (options, addr) in ways {
        let output = Command::new(&curl)
            .args(["-sS", "--max-time", "30", "--noproxy", "*"])
            .args(&options)
            .arg(format!("http://{}/curl", behind.addr))
            .output()
            .expect("run curl");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{options:?}: {output:?}");
        for line in [format!("REMOTE_ADDR={addr}"), format!("PROXY_ADDR={addr}")] {
            assert!(text.lines().any(|l| l == line), "{options:?}: {text}");
        }
    }
    behind.gate.stop().clean();
}
