//! Placement, compared with nginx request by request: the same groups, the same applications, the same keys.

#[path = "../common/mod.rs"]
mod common;

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use common::nginx::Nginx;
use common::{App, Client, Gate, Stream, left_out};

/// Keys and clients that are compared for each group.
const COUNT: usize = 300;

/// A server of a group: which application, and its parameters, which nginx and scgate write alike.
type Line = (usize, &'static str);

/// Name, nginx's directive, scgate's `--balance`, servers.
type Group = (&'static str, &'static str, &'static str, &'static [Line]);

const GROUPS: [Group; 6] = [
    (
        "hash",
        "hash $arg_k",
        "hash $arg_k",
        &[(0, ""), (1, "weight=2"), (2, "weight=3"), (3, ""), (4, "")],
    ),
    (
        "ring",
        "hash $arg_k consistent",
        "hash $arg_k consistent",
        &[(0, ""), (1, "weight=2"), (2, "weight=3"), (3, ""), (4, "")],
    ),
    (
        "ip",
        "ip_hash",
        "ip_hash",
        &[(0, ""), (1, "weight=2"), (2, "weight=3"), (3, ""), (4, "")],
    ),
    // One is down: its keys go elsewhere, all others stay.
    (
        "hash-down",
        "hash $arg_k",
        "hash $arg_k",
        &[
            (0, "weight=5"),
            (1, "down weight=4"),
            (3, ""),
            (4, "weight=2"),
        ],
    ),
    (
        "ring-down",
        "hash $arg_k consistent",
        "hash $arg_k consistent",
        &[
            (0, "weight=5"),
            (1, "down weight=4"),
            (3, ""),
            (4, "weight=2"),
        ],
    ),
    (
        "ip-down",
        "ip_hash",
        "ip_hash",
        &[
            (0, "weight=5"),
            (1, "down weight=4"),
            (3, ""),
            (4, "weight=2"),
        ],
    ),
];

/// Applications that answer with their number: three on Unix sockets, two on TCP.
fn applications() -> Vec<App> {
    let answer =
        |number: usize| move |scgi: &mut common::Scgi| drop(scgi.answer(number.to_string()));
    let unix = (0..3).map(|number| App::script(answer(number)));
    unix.chain((3..5).map(|number| App::tcp(answer(number))))
        .collect()
}

/// The groups, for nginx: it is told a client's address in a field.
fn configuration(apps: &[App], listen: &str) -> String {
    let mut text = String::from("set_real_ip_from unix:; real_ip_header X-Real-IP;\n");
    for (name, method, _, servers) in GROUPS {
        let _ = writeln!(text, "upstream {name} {{ {method};");
        for (app, parameters) in servers {
            let _ = writeln!(text, "server {} {parameters};", apps[*app].addr());
        }
        text += "}\n";
    }
    let _ = writeln!(text, "server {{ listen {listen};");
    for (name, ..) in GROUPS {
        // Of its parameters SCGI wants these.
        let _ = writeln!(
            text,
            "location = /{name} {{ scgi_pass {name}; scgi_param SCGI 1; scgi_param REQUEST_METHOD GET; }}"
        );
    }
    text + "}\n"
}

fn gate(apps: &[App]) -> Gate {
    let mut args: Vec<String> = Vec::new();
    for (name, _, method, servers) in GROUPS {
        for (app, parameters) in servers {
            let server = format!("{name} {} {parameters}", apps[*app].addr());
            args.extend(["--upstream".into(), server]);
        }
        args.extend(["--balance".into(), format!("{name} {method}")]);
    }
    for (name, ..) in GROUPS {
        args.extend(["--location".into(), format!("= /{name}")]);
        args.extend(["--pass".into(), name.into()]);
    }
    Gate::start(args)
}

/// The client of request `i`: any address of 127/8 is ours.
fn address(i: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, (i % 7) as u8, (i * 11 % 256) as u8, 9)
}

/// The gateway sees a client's address on the connection.
fn connect(gate: &Gate, i: usize) -> Client {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let from = SocketAddr::from((address(i), 0));
    socket.bind(&from.into()).expect("bind a client");
    socket.connect(&gate.addr().into()).expect("connect");
    Client::new(Stream::Tcp(TcpStream::from(socket)))
}

/// Which applications answered the requests of a group, one after the other.
fn placements(name: &str, connect: &dyn Fn(usize) -> Client) -> Vec<String> {
    let each = |i: usize| {
        let mut client = connect(i);
        client.send(format!(
            "GET /{name}?k=key-{i} HTTP/1.1\r\nHost: a\r\nX-Real-IP: {}\r\n\r\n",
            address(i)
        ));
        client.response().is(200).text()
    };
    (0..COUNT).map(each).collect()
}

#[test]
fn keys_and_clients_are_placed_as_nginx_places_them() {
    let apps = applications();
    let Some(nginx) = Nginx::start(|listen| configuration(&apps, listen)) else {
        return left_out(
            "keys_and_clients_are_placed_as_nginx_places_them",
            "nginx is not installed",
        );
    };
    let gate = gate(&apps);
    for (name, _, _, servers) in GROUPS {
        let theirs = placements(name, &|_| nginx.client());
        let ours = placements(name, &|i| connect(&gate, i));
        assert_eq!(ours, theirs, "group {name}");
        for (app, parameters) in servers {
            let used = theirs.contains(&app.to_string());
            assert_eq!(
                used,
                !parameters.contains("down"),
                "{name}: application {app}"
            );
        }
    }
    gate.stop().clean();
}
