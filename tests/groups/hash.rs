//! Servers that are chosen by a key or by the client's address: the same one every time, and the same as nginx's.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

use crate::common::http::Client;
use crate::common::process::{self, Running, Setup};
use crate::common::{App, Gate, Stream, Temp, left_out, until};
use crate::{gate, group, named, names, times};

/// What a client at this address gets for this target.
#[track_caller]
fn ask(gate: SocketAddr, from: Ipv4Addr, target: &str) -> String {
    let socket =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket
        .bind(&SocketAddr::from((from, 0)).into())
        .expect("bind");
    socket.connect(&gate.into()).expect("connect");
    let mut client = Client::new(Stream::Tcp(socket.into()));
    client.get(target).is(200).text()
}

fn keys() -> impl Iterator<Item = String> {
    (0..60).map(|i| format!("/?k=key-{i}"))
}

#[test]
fn a_key_has_one_server() {
    for method in ["hash $arg_k", "hash $arg_k consistent"] {
        let (a, b, c) = (named("a"), named("b"), named("c"));
        let servers = group(&[(&a, ""), (&b, ""), (&c, "")]);
        let gate = gate(servers, &["--balance", &format!("g {method}")]);
        let mut client = gate.client();
        let mut get = |target: String| client.get(&target).is(200).text();
        let first: Vec<String> = keys().map(&mut get).collect();
        let again: Vec<String> = keys().map(&mut get).collect();
        assert_eq!(first, again, "{method}");
        let all = first.concat();
        for name in ['a', 'b', 'c'] {
            assert!(times(&all, name) >= 5, "{method}: {all}");
        }
    }
}

/// N42: the other servers' keys stay. N33: nor does a server that is down move those of others without a ring.
#[test]
fn a_server_that_goes_moves_its_own_keys_only() {
    for method in ["hash $arg_k", "hash $arg_k consistent"] {
        let (a, b, c) = (named("a"), named("b"), named("c"));
        let balance = format!("g {method}");
        let args = ["--balance", &balance];
        let whole = gate(group(&[(&a, ""), (&b, ""), (&c, "")]), &args);
        let part = gate(group(&[(&a, ""), (&b, "down"), (&c, "")]), &args);
        let mut moved = 0;
        for key in keys() {
            let before = whole.get(&key).is(200).text();
            let after = part.get(&key).is(200).text();
            if before == "b" {
                moved += 1;
                assert_ne!(after, "b");
            } else {
                assert_eq!(after, before, "{method}: {key}");
            }
        }
        assert!(moved > 0);
    }
}

/// A ring: leaving a server out altogether moves no other key either.
#[test]
fn a_server_that_is_taken_from_the_ring_moves_its_own_keys_only() {
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let args = ["--balance", "g hash $arg_k consistent"];
    let whole = gate(group(&[(&a, ""), (&b, ""), (&c, "")]), &args);
    let part = gate(group(&[(&c, ""), (&a, "")]), &args);
    for key in keys() {
        let before = whole.get(&key).is(200).text();
        if before != "b" {
            assert_eq!(part.get(&key).is(200).text(), before, "{key}");
        }
    }
}

#[test]
fn without_a_key_servers_take_turns() {
    for method in ["hash $arg_k", "hash $arg_k consistent"] {
        let (a, b) = (named("a"), named("b"));
        let balance = format!("g {method}");
        let gate = gate(group(&[(&a, ""), (&b, "")]), &["--balance", &balance]);
        assert_eq!(names(&gate, 4), "abab", "{method}");
    }
}

#[test]
fn a_network_has_one_server() {
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let servers = group(&[(&a, ""), (&b, ""), (&c, "")]);
    let gate = gate(servers, &["--balance", "g ip_hash"]);
    let mut all = String::new();
    for net in 0..30 {
        let from = |last| ask(gate.addr(), Ipv4Addr::new(127, 3, net, last), "/");
        let first = from(1);
        assert_eq!((from(2), from(200)), (first.clone(), first.clone()));
        all += &first;
    }
    for name in ['a', 'b', 'c'] {
        assert!(times(&all, name) >= 2, "{all}");
    }
}

/// nginx in front of the same servers with the same method; `None` where it is not installed.
fn nginx(test: &str, servers: &str, method: &str) -> Option<(Running, SocketAddr, Temp)> {
    let Some(program) = process::find_program(&["nginx"]) else {
        left_out(test, "nginx is not installed");
        return None;
    };
    let dir = Temp::new();
    let scratch: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|k| format!("{k}_temp_path {};\n", dir.file(&format!("{k}_temp"))))
        .collect();
    // Between our asking for a port and its use another program may take it.
    for _ in 0..10 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind");
        let addr = listener.local_addr().expect("the address");
        drop(listener);
        let conf = dir.write(
            "nginx.conf",
            &format!(
                "daemon off; master_process off; error_log stderr; pid {};\nevents {{}}\n\
                 http {{ access_log off;\n{scratch}\nupstream g {{ {method} {servers} }}\n\
                 server {{ listen {addr}; location / {{ scgi_pass g; scgi_param SCGI 1;\n\
                 scgi_param REQUEST_METHOD $request_method; scgi_param REQUEST_URI $request_uri; }} }} }}",
                dir.file("pid"),
            ),
        );
        let mut command = Command::new(&program);
        command
            .args(["-c", &conf, "-e", "stderr", "-p"])
            .arg(dir.path());
        let mut running = process::start("nginx", command, Setup::default());
        let mut ended = false;
        until("nginx to listen or to end", || {
            ended = running.ended().is_some();
            ended || std::net::TcpStream::connect(addr).is_ok()
        });
        if !ended {
            return Some((running, addr, dir));
        }
    }
    panic!("nginx does not start");
}

/// A site that moves from nginx keeps its keys (N40 to N43), with weights and with a server that is down.
#[test]
fn keys_and_clients_are_where_nginx_has_them() {
    let test = "keys_and_clients_are_where_nginx_has_them";
    let apps: [App; 4] = ["a", "b", "c", "d"].map(named);
    let parameters = ["weight=3", "", "weight=2", "down"];
    let servers: Vec<_> = apps.iter().zip(parameters).collect();
    let lines: String = servers
        .iter()
        .map(|(app, parameters)| format!("server {} {parameters};\n", app.addr()))
        .collect();
    for method in ["hash $arg_k", "hash $arg_k consistent", "ip_hash"] {
        let Some((_nginx, peer, _dir)) = nginx(test, &lines, &format!("{method};")) else {
            return;
        };
        let gate: Gate = gate(group(&servers), &["--balance", &format!("g {method}")]);
        let mut all = String::new();
        for i in 0..60u8 {
            let from = Ipv4Addr::new(127, i % 7, i, 9);
            let target = format!("/?k=key-{i}");
            let ours = ask(gate.addr(), from, &target);
            assert_eq!(ours, ask(peer, from, &target), "{method}: {i}");
            all += &ours;
        }
        for name in ['a', 'b', 'c'] {
            assert!(times(&all, name) >= 3, "{method}: {all}");
        }
        assert_eq!(times(&all, 'd'), 0);
    }
}

/// The turns of weighted servers come in nginx's order as well (N37).
#[test]
fn turns_come_in_the_order_of_nginx() {
    let apps: [App; 4] = ["a", "b", "c", "d"].map(named);
    let parameters = ["weight=2", "weight=7", "", "weight=3"];
    let servers: Vec<_> = apps.iter().zip(parameters).collect();
    let lines: String = servers
        .iter()
        .map(|(app, parameters)| format!("server {} {parameters};\n", app.addr()))
        .collect();
    let Some((_nginx, peer, _dir)) = nginx("turns_come_in_the_order_of_nginx", &lines, "") else {
        return;
    };
    let gate = gate(group(&servers), &[]);
    let mut client = Client::tcp(peer);
    let theirs: String = (0..39).map(|_| client.get("/").is(200).text()).collect();
    assert_eq!(names(&gate, 39), theirs);
}
