//! What the program may still do once it is set up: identities, capabilities, and what the kernel lets it gain or show.

#[path = "../common/mod.rs"]
mod common;
mod logs;

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;

use common::gate::Starter;
use common::{App, Client, Gate, Stream, cannot_here, is_root};

const NET_BIND_SERVICE: u64 = 1 << 10;
const NET_ADMIN: u64 = 1 << 12;
const NET_RAW: u64 = 1 << 13;
const SYS_PTRACE: u64 = 1 << 19;
const TRANSPARENT: [&str; 2] = ["--bind", "127.0.0.1 transparent"];

/// Skips with a line where the test can not be root.
macro_rules! needs_root {
    ($name:literal) => {
        if !is_root() {
            return cannot_here($name, "the test does not run as root");
        }
    };
}

/// /proc/PID/status of every thread. The gateway has answered, so that all of them run.
#[track_caller]
fn threads(gate: &Gate) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", gate.pid())).expect("tasks");
    let status = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("status"));
    let all: Vec<String> = tasks.flatten().filter_map(|t| status(t).ok()).collect();
    assert!(all.len() > 1, "the workers run");
    all
}

fn line<'a>(status: &'a str, name: &str) -> &'a str {
    let found = status
        .lines()
        .find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
    found.unwrap_or_else(|| panic!("no {name}")).trim()
}

/// Every thread has these capabilities and no other, none to hand on, and gains none by a program it starts.
#[track_caller]
fn may(gate: &Gate, capabilities: u64) {
    for status in threads(gate) {
        for set in ["CapPrm", "CapEff"] {
            assert_eq!(line(&status, set), format!("{capabilities:016x}"), "{set}");
        }
        for set in ["CapInh", "CapAmb"] {
            assert_eq!(line(&status, set), "0".repeat(16), "{set}");
        }
        assert_eq!(line(&status, "NoNewPrivs"), "1");
    }
}

#[track_caller]
fn nothing_is_in_the_bounding_set(gate: &Gate) {
    for status in threads(gate) {
        assert_eq!(line(&status, "CapBnd"), "0".repeat(16));
    }
}

/// The kernel gives the files of such a process in /proc to root.
fn is_hidden(gate: &Gate) -> bool {
    let meta = std::fs::metadata(format!("/proc/{}/environ", gate.pid())).expect("there");
    meta.uid() == 0
}

fn served(gate: &Gate) {
    assert_eq!(gate.get("/").is(200).text(), "served");
}

fn app() -> App {
    App::tcp(|scgi| drop(scgi.answer("served")))
}

/// A low port of an address that nobody else uses, another for each test.
fn low_port(test: u8) -> SocketAddr {
    let [.., a, b] = std::process::id().to_be_bytes();
    SocketAddr::new(Ipv4Addr::new(127, 1 + a % 200, b, test).into(), 83)
}

#[test]
fn root_is_given_up_whole_and_for_good() {
    needs_root!("root_is_given_up_whole_and_for_good");
    let app = app();
    let gate = Gate::start(["--pass", &app.addr(), "--user", "nobody"]);
    served(&gate);
    may(&gate, 0);
    nothing_is_in_the_bounding_set(&gate);
    assert!(is_hidden(&gate));
    let id = |what: &str| {
        let output = std::process::Command::new("id")
            .args([what, "nobody"])
            .output()
            .expect("id");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    for status in threads(&gate) {
        for (name, wanted) in [("Uid", id("-u")), ("Gid", id("-g"))] {
            // Real, effective, saved, and that of the file system.
            let ids: Vec<&str> = line(&status, name).split_whitespace().collect();
            assert_eq!(ids, [wanted.as_str(); 4], "{name}");
        }
        assert_eq!(line(&status, "Groups"), id("-G"));
    }
    gate.stop().clean();
}

#[test]
fn a_transparent_bind_keeps_one_right() {
    needs_root!("a_transparent_bind_keeps_one_right");
    let app = app();
    let gate = Starter::new()
        .args(["--user", "nobody", "--pass", &app.addr()])
        .args(TRANSPARENT)
        .start();
    served(&gate);
    may(&gate, NET_RAW);
    nothing_is_in_the_bounding_set(&gate);
    assert!(is_hidden(&gate));
    gate.stop().clean();
}

#[test]
fn a_bind_to_a_low_port_keeps_one_right() {
    needs_root!("a_bind_to_a_low_port_keeps_one_right");
    let app = App::tcp(|scgi| {
        let peer = scgi.peer.expect("TCP").to_string();
        drop(scgi.answer(&peer));
    });
    let from = low_port(1).to_string();
    let gate = Gate::start(["--user", "nobody", "--pass", &app.addr(), "--bind", &from]);
    assert_eq!(gate.get("/").is(200).text(), from);
    may(&gate, NET_BIND_SERVICE);
    gate.stop().clean();
}

#[test]
fn rights_of_a_service_manager_end_with_their_need() {
    let test = "rights_of_a_service_manager_end_with_their_need";
    needs_root!("rights_of_a_service_manager_end_with_their_need");
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if first.is_ok_and(|port| port.trim().parse() != Ok(1024)) {
        return cannot_here(test, "low ports are everybody's here");
    }
    let address = low_port(2);
    let listen = address.to_string();
    let app = app();
    let pass = app.addr();
    let args = ["--listen", &listen, "--pass", &pass];
    let gate = Starter::new()
        .nobody_with(0)
        .without_listener()
        .args(args)
        .launch();
    let stopped = gate.wait();
    assert_eq!(stopped.status.code(), Some(1), "{}", stopped.stderr);
    let gate = Starter::new()
        .nobody_with(NET_BIND_SERVICE)
        .without_listener()
        .args(args)
        .start();
    gate.logs("listening on");
    let stream = TcpStream::connect(address).expect("open");
    let mut client = Client::new(Stream::Tcp(stream));
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().is(200).text(), "served");
    may(&gate, 0);
    assert!(is_hidden(&gate));
    gate.stop().clean();
}

#[test]
fn of_given_rights_the_needed_one_stays() {
    needs_root!("of_given_rights_the_needed_one_stays");
    let app = app();
    for (given, kept) in [
        (NET_RAW | NET_BIND_SERVICE, NET_RAW),
        (NET_ADMIN | SYS_PTRACE, NET_ADMIN),
        (NET_ADMIN | NET_RAW, NET_RAW),
    ] {
        let gate = Starter::new()
            .nobody_with(given)
            .args(["--pass", &app.addr()])
            .args(TRANSPARENT)
            .start();
        served(&gate);
        may(&gate, kept);
        gate.stop().clean();
    }
}

/// Here there is nothing to give up; and whoever started it may look into it, and gets a core file.
#[test]
fn nobodys_process_gains_no_privileges() {
    needs_root!("nobodys_process_gains_no_privileges");
    let app = app();
    let gate = Starter::new()
        .nobody_with(0)
        .args(["--pass", &app.addr()])
        .start();
    served(&gate);
    may(&gate, 0);
    assert!(!is_hidden(&gate));
    gate.stop().clean();
}

/// With whatever rights the tests run.
#[test]
fn no_process_gains_privileges() {
    let app = app();
    let gate = Gate::start(["--pass", &app.addr()]);
    served(&gate);
    for status in threads(&gate) {
        assert_eq!(line(&status, "NoNewPrivs"), "1");
    }
    gate.stop().clean();
}

#[test]
fn who_is_not_root_stays_who_he_is() {
    needs_root!("who_is_not_root_stays_who_he_is");
    let app = app();
    let start = |user: &str| {
        Starter::new()
            .nobody_with(SYS_PTRACE)
            .args(["--pass", &app.addr(), "--user", user])
    };
    let gate = start("nobody").start();
    served(&gate);
    may(&gate, 0);
    gate.stop().clean();
    for (user, what) in [("root", "user"), ("nobody root", "group")] {
        let stopped = start(user).launch().wait();
        assert_eq!(stopped.status.code(), Some(1), "{user}");
        assert!(
            stopped.stderr.contains("--user: only root") && stopped.stderr.contains(what),
            "{}",
            stopped.stderr
        );
    }
}
