//! NOTIFY_SOCKET and the watchdog (sd_notify(3), sd_watchdog_enabled(3)).

use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};

use super::manager::Manager;
use crate::common::gate::Starter;
use crate::common::{App, Client, Gate, LIMIT, Temp, cannot_here, is_root, process};

const READY: &str = "READY=1\nSTATUS=serving: 0 clients, 0 running";

fn under(manager: &Manager) -> Starter {
    Starter::new().env("NOTIFY_SOCKET", &manager.name)
}

/// An application that says when it has a request, and answers when it is told to.
fn waiting() -> (App, Receiver<()>, Sender<()>) {
    let (come, came) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let (come, gone) = (Mutex::new(come), Mutex::new(gone));
    let app = App::script(move |scgi| {
        if scgi.try_request().is_err() {
            return;
        }
        let _ = come.lock().expect("lock").send(());
        let _ = gone.lock().expect("lock").recv();
        let _ = scgi.try_send("Status: 200\r\nContent-Length: 4\r\n\r\ndone");
    });
    (app, came, go)
}

/// A client with a request that the application has.
#[track_caller]
fn running(gate: &Gate, came: &Receiver<()>) -> Client {
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    came.recv_timeout(LIMIT).expect("a request");
    client
}

fn monotonic_micros() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live structure.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}

#[test]
fn the_manager_hears_of_start_reload_and_end() {
    for manager in [Manager::new(), Manager::without_a_file()] {
        let app = App::echo();
        let dir = Temp::new();
        let pid = dir.file("pid");
        let gate = under(&manager)
            .args(["--pass", &app.addr(), "--pid", &pid])
            .launch();
        assert_eq!(manager.hear(), READY);
        // All is set up by then.
        let text = std::fs::read_to_string(&pid).expect("the pid file");
        assert_eq!(text.trim(), gate.pid().to_string());
        assert!(gate.takes(libc::SIGTERM));
        gate.get("/").is(200);

        let before = monotonic_micros();
        gate.signal(libc::SIGHUP);
        let reloading = manager.hear_until(|m| !m.starts_with("STATUS="));
        let reloading = reloading.last().expect("a message");
        let at = reloading
            .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
            .unwrap_or_else(|| panic!("{reloading:?}"));
        let at: u64 = at.parse().expect("a number");
        assert!((before..=monotonic_micros()).contains(&at), "{at}");
        assert_eq!(manager.hear(), "READY=1");

        let stopped = gate.stop();
        let last = manager.heard_but_status();
        assert!(
            last.len() == 1 && last[0].starts_with("STOPPING=1\nSTATUS=stopping: "),
            "{last:?}"
        );
        stopped.clean();
    }
}

#[test]
fn an_end_at_once_is_told_too() {
    let manager = Manager::new();
    let gate = under(&manager).args(["--return", "204"]).launch();
    assert_eq!(manager.hear(), READY);
    gate.signal(libc::SIGINT);
    assert!(gate.wait().status.success());
    let last = manager.heard_but_status();
    assert!(
        last.len() == 1 && last[0].starts_with("STOPPING=1\n"),
        "{last:?}"
    );
}

#[test]
fn while_it_stops_the_status_says_how_many_requests_are_left() {
    let manager = Manager::new();
    let (app, came, go) = waiting();
    let gate = under(&manager).args(["--pass", &app.addr()]).launch();
    let mut one = running(&gate, &came);
    let mut two = running(&gate, &came);
    gate.signal(libc::SIGTERM);
    let all = manager.hear_until(|m| m.starts_with("STOPPING=1"));
    assert_eq!(
        all.last().map(String::as_str),
        Some("STOPPING=1\nSTATUS=stopping: 2 still running")
    );
    go.send(()).expect("the application");
    assert_eq!(manager.hear(), "STATUS=stopping: 1 still running");
    go.send(()).expect("the application");
    one.response().is(200);
    two.response().is(200);
    assert!(gate.wait().status.success());
}

#[test]
fn the_watchdog_is_fed_while_nothing_happens_and_brings_the_status() {
    let manager = Manager::new();
    let (app, came, go) = waiting();
    let gate = under(&manager)
        .env("WATCHDOG_USEC", "100000")
        .own_pid("WATCHDOG_PID")
        .args(["--pass", &app.addr()])
        .launch();
    assert_eq!(manager.hear(), READY);
    for _ in 0..5 {
        assert_eq!(manager.hear(), "WATCHDOG=1\n");
    }
    let mut client = running(&gate, &came);
    manager.hear_until(|m| m == "WATCHDOG=1\nSTATUS=serving: 1 clients, 1 running");
    go.send(()).expect("the application");
    client.response().is(200);
    manager.hear_until(|m| m == "WATCHDOG=1\nSTATUS=serving: 1 clients, 0 running");
    drop(client);
    manager.hear_until(|m| m == "WATCHDOG=1\nSTATUS=serving: 0 clients, 0 running");
    // A process that does not run is silent: it is the front that feeds it.
    gate.freeze();
    manager.heard();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(manager.heard(), Vec::<String>::new());
    gate.signal(libc::SIGCONT);
    manager.hear_until(|m| m.starts_with("WATCHDOG=1"));
    gate.stop();
}

#[test]
fn a_watchdog_of_another_process_is_not_fed() {
    let talk = |start: &dyn Fn(Starter) -> Starter| {
        let manager = Manager::new();
        let gate = start(under(&manager).args(["--return", "204"])).launch();
        assert_eq!(manager.hear(), READY);
        for _ in 0..10 {
            gate.get("/").is(204);
        }
        gate.stop();
        manager.heard()
    };
    let fed = |all: &[String]| all.iter().any(|m| m.contains("WATCHDOG"));
    let ours = talk(&|s| s.env("WATCHDOG_USEC", "2000"));
    assert!(fed(&ours), "{ours:?}");
    let others = talk(&|s| s.env("WATCHDOG_USEC", "2000").env("WATCHDOG_PID", "1"));
    assert!(!fed(&others), "{others:?}");
    let none = talk(&|s| s);
    assert!(!fed(&none), "{none:?}");
}

#[test]
fn a_socket_that_is_not_there_harms_nothing() {
    let dir = Temp::new();
    let stale = dir.file("stale");
    drop(std::os::unix::net::UnixDatagram::bind(&stale).expect("bind"));
    let none = dir.file("none");
    for name in [
        stale.as_str(),
        &none,
        "@scgate-nobody",
        "relative",
        "vsock:2:1",
        "/",
        "@",
    ] {
        let gate = Starter::new()
            .env("NOTIFY_SOCKET", name)
            .env("WATCHDOG_USEC", "2000")
            .args(["--return", "204"])
            .start();
        gate.get("/").is(204);
        gate.signal(libc::SIGHUP);
        gate.get("/").is(204);
        let said = gate.logs("NOTIFY_SOCKET");
        assert!(said.contains(" warn ") && said.contains(name), "{said}");
        gate.stop();
    }
    let gate = Starter::new()
        .env("NOTIFY_SOCKET", "")
        .args(["--return", "204"])
        .start();
    gate.get("/").is(204);
    gate.stop().clean();
}

#[test]
fn a_manager_that_takes_nothing_is_not_waited_for_and_hears_it_later() {
    let manager = Manager::new();
    let _stranger = manager.fill();
    let gate = under(&manager).args(["--return", "204"]).start();
    gate.get("/").is(204);
    gate.signal(libc::SIGHUP);
    gate.get("/").is(204);
    assert_eq!(
        manager
            .hear_until(|m| m != "FILL")
            .last()
            .map(String::as_str),
        Some(READY)
    );
    assert!(manager.hear().starts_with("RELOADING=1\n"));
    assert_eq!(manager.hear(), "READY=1");
    gate.stop().clean();
}

#[test]
fn a_manager_that_goes_away_is_not_missed() {
    let manager = Manager::new();
    let gate = under(&manager)
        .env("WATCHDOG_USEC", "2000")
        .args(["--return", "204"])
        .launch();
    assert_eq!(manager.hear(), READY);
    drop(manager);
    gate.get("/").is(204);
    gate.signal(libc::SIGHUP);
    gate.get("/").is(204);
    gate.stop().clean();
}

#[test]
fn rights_are_dropped_before_it_is_ready_and_the_manager_is_still_reached() {
    let test = "rights_are_dropped_before_it_is_ready_and_the_manager_is_still_reached";
    if !is_root() {
        return cannot_here(test, "needs root");
    }
    let manager = Manager::new();
    // Only root may come to the socket.
    let dir = manager.dir.as_ref().expect("a directory").path();
    std::fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .expect("chmod");
    let gate = under(&manager)
        .args(["--return", "204", "--user", "nobody"])
        .launch();
    assert_eq!(manager.hear(), READY);
    let ids = process::status_line(gate.pid(), "Uid").expect("a line");
    assert!(!ids.split_whitespace().any(|id| id == "0"), "{ids}");
    gate.stop().clean();
    assert!(manager.heard().iter().any(|m| m.starts_with("STOPPING=1")));
}
