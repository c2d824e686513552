//! What is not stored, and what becomes of the response then.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc;

use crate::common::gate::Starter;
use crate::common::http::Broken;
use crate::common::{App, Gate, Temp, until};
use crate::store::{files, recipe};

/// Answers with these bytes, and then closes or resets.
fn answering(bytes: &'static str, reset: bool) -> App {
    App::tcp(move |scgi| {
        scgi.all();
        scgi.send(bytes);
        if reset {
            scgi.reset_at_end();
        }
    })
}

#[test]
fn a_response_that_is_cut_or_of_wrong_length_is_not_kept() {
    for (bytes, reset) in [
        ("Content-Length: 10\r\n\r\n012345678", false),
        ("Content-Length: 10\r\n\r\n", false),
        ("Content-Length: 10\r\n\r\n01234567890", false),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", false),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", false),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabcx\r\n0\r\n\r\n",
            false,
        ),
        ("Transfer-Encoding: chunked\r\n\r\nx\r\n", false),
        ("Content-Length: 10\r\n\r\n0123", true),
        ("Content-Type: a/b\r\n\r\n0123", true),
    ] {
        let app = answering(bytes, reset);
        let dir = Temp::new();
        let gate = recipe(&dir, &app, &[]);
        let mut client = gate.client();
        client.send("GET /a/b HTTP/1.1\r\nHost: test\r\n\r\n");
        let result = client.try_response("GET");
        // One is complete for the client, and one was known to be bad before anything of it had gone out.
        match result {
            Ok(response) if bytes.ends_with("01234567890") => assert_eq!(response.status, 200),
            Ok(response) => assert_eq!(response.status, 502, "{bytes:?}"),
            Err(Broken::InBody(..)) => {}
            Err(other) => panic!("{bytes:?}: {other:?}"),
        }
        gate.stop();
        assert_eq!(files(dir.path()), [""; 0], "{bytes:?}");
    }
}

/// S9: the transfer goes on to its end.
#[test]
fn a_client_that_leaves_does_not_matter() {
    const SIZE: usize = 6_000_000;
    for more in [&[][..], &["--max-temp-file-size", "0"]] {
        let (go, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let app = App::script(move |scgi| {
            let request = scgi.request();
            if request.uri() == "/early" {
                let _ = wait.lock().expect("lock").recv();
            }
            scgi.send(format!("Content-Length: {SIZE}\r\n\r\n"));
            scgi.send(vec![b'x'; SIZE / 2]);
            if request.uri() == "/middle" {
                let _ = wait.lock().expect("lock").recv();
            }
            scgi.send(vec![b'x'; SIZE / 2]);
        });
        let dir = Temp::new();
        let gate = recipe(&dir, &app, more);
        let ask = |name: &str| {
            let mut client = gate.client();
            client.send(format!("GET /{name} HTTP/1.1\r\nHost: test\r\n\r\n"));
            client
        };
        // Before the head, within the body, and without ever having taken much of it.
        let client = ask("early");
        app.wait_accepted(1);
        gate.sees_off(client);
        go.send(()).expect("the application waits");
        let mut client = ask("middle");
        client.head();
        gate.sees_off(client);
        go.send(()).expect("the application waits");
        let mut client = ask("slow");
        client.head();
        drop(client);
        for name in ["early", "middle", "slow"] {
            let path = dir.path().join("www").join(name);
            until(&format!("{name} to be kept"), || path.exists());
            assert_eq!(
                path.metadata().expect("it is there").len(),
                SIZE as u64,
                "{name} {more:?}"
            );
        }
        assert_eq!(app.accepted(), 3);
        // Nobody fetches what is there.
        assert_eq!(gate.get("/middle").is(200).body.len(), SIZE);
        assert_eq!(app.accepted(), 3);
        gate.stop();
        assert_eq!(files(dir.path()), ["www/early", "www/middle", "www/slow"]);
    }
}

/// Nor does the program end before the file is whole.
#[test]
fn a_program_that_ends_gently_keeps_what_it_fetches() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let app = App::script(move |scgi| {
        scgi.request();
        scgi.send("Content-Length: 10\r\n\r\n01234");
        let _ = wait.lock().expect("lock").recv();
        scgi.send("56789");
    });
    let dir = Temp::new();
    let gate = recipe(&dir, &app, &[]);
    let mut client = gate.client();
    client.send("GET /a HTTP/1.1\r\nHost: test\r\n\r\n");
    client.head();
    drop(client);
    gate.has_read_everything();
    gate.signal(libc::SIGTERM);
    gate.logs("stopping");
    go.send(()).expect("the application waits");
    assert!(gate.wait().status.success());
    assert_eq!(files(dir.path()), ["www/a"]);
}

/// Nor one that stays and takes nothing: no limit of what may wait for it holds here.
#[test]
fn a_client_that_takes_nothing_does_not_matter() {
    const SIZE: usize = 9_000_000;
    let app = App::script(|scgi| {
        scgi.all();
        scgi.send(format!("Content-Length: {SIZE}\r\n\r\n"));
        scgi.send(vec![b'x'; SIZE]);
    });
    let dir = Temp::new();
    let gate = recipe(&dir, &app, &["--max-temp-file-size", "0"]);
    let mut client = gate.client();
    client.send("GET /a HTTP/1.1\r\nHost: test\r\n\r\n");
    until("the file to be kept", || dir.path().join("www/a").exists());
    let head = client.head();
    assert_eq!(client.body(&head, &mut |_| {}), SIZE as u64);
}

#[test]
fn a_place_that_can_not_be_had_harms_no_response() {
    let dir = Temp::new();
    let app = App::echo();
    dir.write("file", "a file");
    std::fs::create_dir_all(dir.path().join("base/dir/x")).expect("a directory");
    std::fs::create_dir(dir.path().join("out")).expect("a directory");
    symlink(dir.file("out"), dir.file("base/link")).expect("a link");
    symlink("../out", dir.file("base/relative")).expect("a link");
    for (place, target) in [
        // A file in place of a directory, a directory in place of the file.
        ("file/$arg_n", "/?n=a"),
        ("base/$arg_n", "/?n=dir"),
        ("base/$arg_n", "/?n="),
        // Ways out of the base.
        ("base/$arg_n", "/?n=../out/a"),
        ("base/$arg_n", "/?n=.."),
        ("base/$arg_n", "/?n=dir/../../out/a"),
        ("base/x$arg_n", "/?n=/../../out/a"),
        ("base/$arg_n", "/?n=link/a"),
        ("base/$arg_n", "/?n=relative/a"),
        // Names of what is being written.
        ("base/$arg_n", "/?n=.scgate-1"),
    ] {
        let store = dir.file(place);
        let gate = Gate::start(["--pass", &app.addr(), "--store", &store]);
        let mut client = gate.client();
        assert!(
            client.get(target).is(200).text().contains("SCGI=1"),
            "{place} {target}"
        );
        let line = gate.logs("--store: ");
        assert!(line.contains(" error "), "{line}");
        client.get(target).is(200);
        assert_eq!(
            files(dir.path()),
            ["base/link", "base/relative", "file"],
            "{place} {target}"
        );
    }
}

/// A value that is empty or begins elsewhere keeps its place, and slashes make no new one.
#[test]
fn a_value_that_stays_below_the_base_is_kept() {
    let dir = Temp::new();
    let app = App::echo();
    std::fs::create_dir(dir.path().join("base")).expect("a directory");
    let store = dir.file("base/$arg_n");
    let gate = Gate::start(["--pass", &app.addr(), "--store", &store]);
    for (n, name) in [
        ("/etc/x", "etc/x"),
        ("a//b", "a/b"),
        ("%2e%2e", "%2e%2e"),
        ("c..d", "c..d"),
        ("...", "..."),
    ] {
        gate.get(&format!("/?n={n}")).is(200);
        assert!(dir.path().join("base").join(name).is_file(), "{n}");
    }
    gate.stop().clean();
}

/// The limit of a file's size stands for a full disk.
#[test]
fn a_disk_that_fills_up_harms_no_response() {
    let app = App::script(|scgi| {
        scgi.all();
        scgi.send("Content-Length: 3000000\r\n\r\n");
        scgi.send(vec![b'x'; 3_000_000]);
    });
    let dir = Temp::new();
    let root = dir.file("www");
    std::fs::create_dir(&root).expect("a directory");
    let gate = Starter::new()
        .ignoring(libc::SIGXFSZ)
        .limit(libc::RLIMIT_FSIZE, 1_000_000)
        .args(["--pass", &app.addr(), "--root", &root, "--store", "on"])
        .start();
    let mut client = gate.client();
    for _ in 0..2 {
        assert_eq!(client.get("/a").is(200).body.len(), 3_000_000);
    }
    gate.logs("/www/a: ");
    assert_eq!(files(dir.path()), [""; 0]);
}

/// A directory that goes with its test.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// S8: the file is written where it will stand, so that no rename crosses file systems.
#[test]
fn spools_may_lie_on_another_file_system() {
    let shm = std::path::Path::new("/dev/shm");
    if !shm.is_dir() {
        return crate::common::cannot_here(
            "spools_may_lie_on_another_file_system",
            "there is no /dev/shm",
        );
    }
    let temp = shm.join(format!("scgate-test.{}", std::process::id()));
    std::fs::create_dir(&temp).expect("a directory");
    let temp = Removed(temp);
    let app = App::script(|scgi| {
        scgi.all();
        scgi.send("Content-Length: 3000000\r\n\r\n");
        scgi.send(vec![b'x'; 3_000_000]);
    });
    let dir = Temp::new();
    let path = temp.0.display().to_string();
    let gate = recipe(&dir, &app, &["--temp-path", &path, "--buffers", "2 4k"]);
    // A slow client makes the response spill there, too.
    let mut client = gate.client();
    client.send("GET /a HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = client.head();
    until("the file to be kept", || dir.path().join("www/a").exists());
    assert_eq!(client.body(&head, &mut |_| {}), 3_000_000);
    drop(client);
    gate.stop().clean();
    assert_eq!(files(&temp.0), [""; 0]);
    assert_eq!(files(dir.path()), ["www/a"]);
}

/// Neither a crash of the client nor one of the gateway leaves half a file under its name.
#[test]
fn a_gateway_that_is_killed_leaves_no_half_file() {
    let app = App::script(|scgi| {
        scgi.request();
        scgi.send("Content-Length: 3000000\r\n\r\n");
        let _ = scgi.try_send(vec![b'x'; 1_000_000]);
        scgi.peer_closed();
    });
    let dir = Temp::new();
    let gate = recipe(&dir, &app, &[]);
    let mut client = gate.client();
    client.send("GET /a HTTP/1.1\r\nHost: test\r\n\r\n");
    client.head();
    gate.signal(libc::SIGKILL);
    let stopped = gate.wait();
    assert!(!stopped.status.success());
    assert!(matches!(
        client.try_response("GET"),
        Err(Broken::Nothing | Broken::Malformed(_) | Broken::InHead(_))
    ));
    drop(app);
    assert_eq!(files(dir.path()), [""; 0]);
}
