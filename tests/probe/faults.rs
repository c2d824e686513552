//! All that is no application, and what is said of it.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::common::process::{self, Setup};
use super::common::{App, Scgi, Temp, cannot_here, is_root};
use super::{Said, params, probe, probe_within};

#[test]
fn an_absent_socket_and_an_absent_directory_are_told_apart() {
    let dir = Temp::new();
    let said = probe(&format!("unix:{}", dir.file("app")), &[]);
    let why = said.refused("no connection");
    assert!(
        why.contains("though its directory is there: the application is not started"),
        "{why}"
    );

    let said = probe(&format!("unix:{}", dir.file("a/b/app")), &[]);
    let why = said.refused("no connection");
    assert!(
        why.contains(&format!("no directory {}:", dir.file("a"))),
        "{why}"
    );

    std::os::unix::fs::symlink(dir.file("gone"), dir.file("link")).expect("a link");
    let said = probe(&format!("unix:{}", dir.file("link")), &[]);
    assert!(
        said.refused("no connection")
            .contains("is a link that leads nowhere")
    );
}

#[test]
fn a_socket_on_which_nobody_listens_is_told() {
    let dir = Temp::new();
    drop(UnixListener::bind(dir.file("app")).expect("bind"));
    let said = probe(&format!("unix:{}", dir.file("app")), &[]);
    let why = said.refused("no connection");
    assert!(
        why.contains("the file is left of an application that has ended"),
        "{why}"
    );
}

#[test]
fn a_port_on_which_nobody_listens_is_told() {
    // Bound, so that nobody else takes it.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().expect("an address");
    socket.bind(&any.into()).expect("bind");
    let address = socket
        .local_addr()
        .ok()
        .and_then(|addr| addr.as_socket())
        .expect("an address");
    let said = probe(&address.to_string(), &[]);
    let why = said.refused("no connection");
    assert!(
        why.starts_with(&format!("nobody listens at {address}: ")),
        "{why}"
    );
}

#[test]
fn what_is_no_stream_socket_is_told() {
    let dir = Temp::new();
    for (path, what) in [
        (dir.write("file", "x"), "is a plain file, not a socket"),
        (
            dir.path().display().to_string(),
            "is a directory, not a socket",
        ),
    ] {
        let said = probe(&format!("unix:{path}"), &[]);
        let why = said.refused("no connection");
        assert!(why.contains(what), "{why}");
    }
    let _datagrams = UnixDatagram::bind(dir.file("dgram")).expect("bind");
    let said = probe(&format!("unix:{}", dir.file("dgram")), &[]);
    assert!(
        said.refused("no connection")
            .contains("not one for streams")
    );
}

/// Probes as another user.
fn probe_as_nobody(target: &str) -> Option<Said> {
    const NOBODY: u32 = 65_534;
    let mut command = Command::new(env!("CARGO_BIN_EXE_scgate"));
    command.args(["--probe", target, "--read-timeout", "60s"]);
    command.uid(NOBODY).gid(NOBODY).current_dir("/");
    // The program itself may be out of reach.
    let reached = Command::new(env!("CARGO_BIN_EXE_scgate"))
        .arg("--version")
        .uid(NOBODY)
        .gid(NOBODY)
        .output();
    reached.ok()?;
    let mut running = process::start("scgate", command, Setup::default());
    let status = running.wait();
    Some(Said(super::common::gate::Stopped {
        status,
        stdout: running.stdout(),
        stderr: running.stderr(),
    }))
}

#[test]
fn who_keeps_us_out_is_told() {
    let test = "who_keeps_us_out_is_told";
    if !is_root() {
        return cannot_here(test, "only root can be somebody else");
    }
    let dir = Temp::new();
    let mode = |path: &str, mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, mode).expect("chmod");
    };
    let base = dir.path().display().to_string();
    mode(&base, 0o755);
    std::fs::create_dir(dir.file("in")).expect("a directory");
    let socket = dir.file("in/app");
    let _app = App::script_at(&socket, |_| {});
    mode(&dir.file("in"), 0o755);
    mode(&socket, 0o600);
    let Some(said) = probe_as_nobody(&format!("unix:{socket}")) else {
        return cannot_here(test, "the program can not be run by another user");
    };
    let why = said.refused("no connection");
    let expected = format!(
        "the socket {socket} can not be written to by user nobody; it has user root, group root, mode 0600"
    );
    assert!(why.contains(&expected), "{why}");

    mode(&dir.file("in"), 0o700);
    let said = probe_as_nobody(&format!("unix:{socket}")).expect("as before");
    let why = said.refused("no connection");
    let expected = format!(
        "the directory {} can not be entered by user nobody; it has user root, group root, mode 0700",
        dir.file("in")
    );
    assert!(why.contains(&expected), "{why}");
}

#[test]
fn a_full_queue_is_told() {
    let dir = Temp::new();
    let path = dir.file("app");
    let listener = UnixListener::bind(&path).expect("bind");
    // SAFETY: an integer and a descriptor that is open.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let _first = UnixStream::connect(&path).expect("connect");
    let said = probe(&format!("unix:{path}"), &["--connect-timeout", "300ms"]);
    let why = said.refused("no connection");
    assert!(
        why.starts_with("the queue of ") && why.contains("stayed full"),
        "{why}"
    );
}

#[test]
fn an_address_of_another_machine_is_not_to_connect_from() {
    let app = App::tcp(|_| {});
    let said = probe(&app.addr(), &["--bind", "192.0.2.7"]);
    let why = said.refused("no connection");
    assert!(why.starts_with("--bind: "), "{why}");
}

#[test]
fn a_name_without_an_address_is_told() {
    // No name server knows a name below `invalid`, RFC 6761; without one it can not be looked up.
    let said = probe("nowhere.invalid:4000", &[]);
    let why = said.refused("no answer");
    assert!(why.starts_with("the name nowhere.invalid "), "{why}");
}

#[test]
fn silence_is_told() {
    let app = App::script(super::common::app::drain);
    let said = probe_within("100ms", &app.addr(), &[]);
    let why = said.refused("no answer");
    assert!(
        why.contains("does not answer within 100 ms") && why.contains("--read-timeout"),
        "{why}"
    );
}

#[test]
fn a_close_without_a_word_is_told() {
    let app = App::script(|scgi| {
        let mut some = [0; 65536];
        let _ = scgi.read(&mut some);
    });
    let said = probe(&app.addr(), &[]);
    let why = said.refused("no answer");
    assert!(
        why.contains("closes without a word, on GET as on POST"),
        "{why}"
    );
}

#[test]
fn a_reset_is_told() {
    // Closed with bytes unread.
    let app = App::script(|scgi| {
        let mut some = [0; 1];
        let _ = scgi.read_exact(&mut some);
    });
    let said = probe(&app.addr(), &[]);
    assert!(
        said.refused("no answer")
            .contains("breaks the connection off, on GET as on POST")
    );
}

#[test]
fn garbage_is_shown_without_its_control_bytes() {
    let app = App::script(|scgi| {
        if params(scgi).is_some() {
            let _ = scgi.try_send("\x1b[31mTraceback\n  <at> \"x\"\n\n");
        }
    });
    let said = probe(&app.addr(), &[]);
    let why = said.refused("no answer");
    assert!(
        why.contains(
            r#"is no head (a line without a colon): "\x1b[31mTraceback\n  <at> \"x\"\n\n";"#
        ),
        "{why}"
    );
}

#[test]
fn a_head_that_ends_early_or_never_is_no_answer() {
    let app = App::script(|scgi| {
        if super::whole(scgi).is_some() {
            let _ = scgi.try_send("Status: 200\r\n");
        }
    });
    let said = probe(&app.addr(), &[]);
    assert!(said.refused("no answer").contains("(it is not complete)"));
    let app = App::script(|scgi| {
        if super::whole(scgi).is_some() {
            while scgi.try_send("X-More: and more\r\n".repeat(1000)).is_ok() {}
        }
    });
    let said = probe(&app.addr(), &[]);
    assert!(said.refused("no answer").contains("(it has no end)"));
}

/// The first line of a request for HTTP; `None` where it is something else.
fn line(scgi: &mut Scgi) -> Option<String> {
    let mut line = String::new();
    while !line.ends_with('\n') {
        let mut byte = [0];
        scgi.read_exact(&mut byte).ok()?;
        line.push(byte[0].into());
    }
    Some(line)
}

#[test]
fn a_server_for_http_is_told() {
    // One that looks at the first byte, and one that waits for the end of the line.
    let strict = App::tcp(|scgi| {
        let mut first = [0];
        let _ = scgi.read_exact(&mut first);
        let status = if first == *b"G" {
            "200 OK"
        } else {
            "400 Bad Request"
        };
        let _ = write!(scgi, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        super::common::app::drain(scgi);
    });
    let said = probe_within("2s", &strict.addr(), &[]);
    assert!(
        said.refused("no answer")
            .starts_with("it speaks HTTP, not SCGI")
    );

    let patient = App::tcp(|scgi| {
        if let Some(line) = line(scgi) {
            let fine = line.starts_with("GET /");
            let status = if fine { "200 OK" } else { "400 Bad Request" };
            let _ = write!(scgi, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let said = probe_within("2s", &patient.addr(), &[]);
    assert!(
        said.refused("no answer")
            .starts_with("it speaks HTTP, not SCGI")
    );
}

#[test]
fn a_server_for_fastcgi_is_told() {
    let app = App::script(|scgi| {
        let mut head = [0; 8];
        if scgi.read_exact(&mut head).is_ok() && head[..2] == [1, 9] {
            let _ = scgi.try_send([1, 10, 0, 0, 0, 0, 0, 0]);
        }
    });
    let said = probe(&app.addr(), &[]);
    assert!(
        said.refused("no answer")
            .starts_with("it speaks FastCGI, not SCGI")
    );
}

#[test]
fn a_server_for_uwsgi_is_told() {
    let app = App::script(|scgi| {
        let mut head = [0; 4];
        if scgi.read_exact(&mut head).is_err() || head[0] != 0 {
            return;
        }
        let mut block = vec![0; usize::from(u16::from_le_bytes([head[1], head[2]]))];
        if scgi.read_exact(&mut block).is_ok() {
            let path = b"\x0b\0REQUEST_URI\x02\0/x\x09\0PATH_INFO\x02\0/x";
            let path: Vec<u8> = path.to_vec();
            assert!(block.windows(path.len()).any(|piece| piece == path));
            let _ = scgi.try_send("HTTP/1.1 404 Not Found\r\n\r\n");
        }
    });
    let said = probe(&format!("{} /x", app.addr()), &[]);
    assert!(
        said.refused("no answer")
            .starts_with("it speaks uwsgi, not SCGI")
    );
}
