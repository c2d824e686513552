//! `--confine on`: what the command line names can be used, what is elsewhere can not. What is elsewhere is reached by a
//! link that is moved once the program runs, which without confinement leads the program along.

#[path = "../common/mod.rs"]
mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::Path;

use common::gate::Starter;
use common::{App, Client, Gate, Stream, Temp, cannot_here, until};

/// landlock_create_ruleset(2) has this distance to openat2(2).
const CREATE: libc::c_long = libc::SYS_openat2 + 7;

/// Whether this kernel can do it: Landlock's second version, or a later one.
fn can_confine(test: &str) -> bool {
    let none: *const u8 = std::ptr::null();
    // SAFETY: this form takes no structure and answers with the version.
    let version = unsafe { libc::syscall(CREATE, none, 0usize, 1u32) };
    if version < 2 {
        cannot_here(test, "the kernel has no Landlock, or too old a one");
    }
    version >= 2
}

/// Two directories, and a link that leads to the first.
struct Places {
    temp: Temp,
    link: String,
    /// For `--temp-path`, which otherwise is a directory that holds all of these.
    spool: String,
}

impl Places {
    fn new() -> Places {
        let temp = Temp::new();
        for dir in ["one", "two"] {
            fs::create_dir(temp.file(dir)).expect("made");
            fs::write(Path::new(&temp.file(dir)).join("file"), dir).expect("written");
        }
        let link = temp.file("link");
        symlink(temp.file("one"), &link).expect("linked");
        let spool = temp.file("spool");
        fs::create_dir(&spool).expect("made");
        Places { temp, link, spool }
    }

    fn move_link(&self) {
        fs::remove_file(&self.link).expect("removed");
        symlink(self.temp.file("two"), &self.link).expect("linked");
    }
}

#[test]
fn content_elsewhere_can_not_be_read() {
    let test = "content_elsewhere_can_not_be_read";
    if !can_confine(test) {
        return;
    }
    for (confine, then) in [("off", 200), ("on", 403)] {
        let places = Places::new();
        let gate = Starter::new()
            .args(["--confine", confine, "--temp-path", &places.spool])
            .args(["--root", &places.link])
            .start();
        assert_eq!(gate.get("/file").is(200).text(), "one");
        places.move_link();
        gate.get("/file").is(then);
        gate.stop();
    }
}

#[test]
fn nothing_is_stored_elsewhere() {
    if !can_confine("nothing_is_stored_elsewhere") {
        return;
    }
    let app = App::tcp(|scgi| drop(scgi.answer("kept")));
    for (confine, stored) in [("off", true), ("on", false)] {
        let places = Places::new();
        let store = format!("{}$uri", places.link);
        let gate = Starter::new()
            .args(["--confine", confine, "--temp-path", &places.spool])
            .args(["--pass", &app.addr(), "--store", &store])
            .start();
        let kept = |dir: &str, name: &str| {
            let text = fs::read_to_string(format!("{}/{name}", places.temp.file(dir)));
            text.is_ok_and(|text| text == "kept")
        };
        gate.get("/sub/a").is(200);
        until("the first to be stored", || kept("one", "sub/a"));
        places.move_link();
        gate.get("/b").is(200);
        // It is stored, or said not to be, before the next is answered or soon after: look only when all has ended.
        gate.stop();
        assert_eq!(kept("two", "b"), stored, "{confine}");
    }
}

#[test]
fn a_log_elsewhere_is_not_opened() {
    if !can_confine("a_log_elsewhere_is_not_opened") {
        return;
    }
    let places = Places::new();
    let log = format!("{}/log", places.link);
    let gate = Starter::new()
        .args(["--confine", "on", "--temp-path", &places.spool])
        .args(["--return", "204", "--access-log", &log])
        .start();
    gate.get("/").is(204);
    // Where it is named it is opened anew.
    let here = places.temp.file("one/log");
    fs::rename(&here, places.temp.file("one/old")).expect("renamed");
    gate.signal(libc::SIGUSR1);
    until("the new log", || Path::new(&here).exists());
    places.move_link();
    gate.signal(libc::SIGUSR1);
    gate.logs("not reopened");
    assert!(!Path::new(&places.temp.file("two/log")).exists());
    gate.stop();
}

/// Everything that is opened, made or removed while it runs and at its end.
#[test]
fn what_the_command_line_names_can_be_used() {
    if !can_confine("what_the_command_line_names_can_be_used") {
        return;
    }
    let temp = Temp::new();
    let at = |name: &str| temp.file(name);
    for dir in ["content", "sent", "run", "spool"] {
        fs::create_dir(at(dir)).expect("made");
    }
    fs::write(at("content/file"), "content").expect("written");
    fs::write(at("sent/file"), "sent").expect("written");
    let sent = at("sent/file");
    let app = App::tcp(move |scgi| {
        let (request, _) = scgi.all();
        let body = match request.get("REQUEST_URI").as_str() {
            "/sent" => format!("Status: 200\r\nX-Sendfile: {sent}\r\n\r\n"),
            "/long" => format!("Status: 200\r\n\r\n{}", "x".repeat(1 << 20)),
            _ => "Status: 200\r\nCache-Control: max-age=60\r\n\r\nanswered".to_owned(),
        };
        let _ = scgi.try_send(body);
    });
    let socket = at("run/socket");
    let cache = format!("{} keys_zone=z:1m use_temp_path=off", at("cache/deep"));
    let template = app.addr().replace("127.0.0.1", "localhost");
    let by_name = ["--location", "/name", "--pass", "$arg_to"];
    let gate = Starter::new()
        .without_listener()
        .args(["--confine", "on", "--pid", &at("run/pid")])
        .args([
            "--listen",
            &format!("unix:{socket}"),
            "--cache-path",
            &cache,
        ])
        .args([
            "--temp-path",
            &at("spool/made"),
            "--client-body-buffer-size",
            "1k",
        ])
        .args(["--location", "/file", "--root", &at("content")])
        .args(by_name)
        .args(["--location", "/app", "--pass", &app.addr(), "--cache", "z"])
        .args(["--location", "/kept", "--pass", &app.addr()])
        .args(["--store", &format!("{}$uri", at("kept/a"))])
        .args(["--location", "/sent", "--pass", &app.addr()])
        .args(["--sendfile", "on", "--sendfile-root", &at("sent")])
        .args(["--location", "/long", "--pass", &app.addr()])
        .start();
    // The file is there a moment before anybody listens.
    until("the socket", || UnixStream::connect(&socket).is_ok());
    let get = |target: &str| {
        let stream = UnixStream::connect(&socket).expect("open");
        let mut client = Client::new(Stream::Unix(stream));
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        client.response().is(200).text()
    };
    assert_eq!(get("/file"), "content");
    assert_eq!(get("/app"), "answered");
    assert_eq!(get("/kept"), "answered");
    assert_eq!(get("/sent"), "sent");
    assert_eq!(get(&format!("/name?to={template}")), "answered");
    // A body that is longer than its buffer goes through a file.
    let stream = UnixStream::connect(&socket).expect("open");
    let mut client = Client::new(Stream::Unix(stream));
    let body = "b".repeat(200_000);
    client.send(format!(
        "POST /long HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert_eq!(client.response().is(200).body.len(), 1 << 20);
    assert!(
        Path::new(&at("spool/made")).is_dir(),
        "the body was in a file"
    );
    until("the response to be stored", || {
        Path::new(&at("kept/a/kept")).exists()
    });
    assert!(Path::new(&at("run/pid")).exists());
    gate.stop().clean();
    assert!(
        !Path::new(&at("run/pid")).exists(),
        "the pid file is removed"
    );
    assert!(!Path::new(&socket).exists(), "the socket is removed");
}

#[test]
fn the_demonstration_runs_confined() {
    if !can_confine("the_demonstration_runs_confined") {
        return;
    }
    let gate = Gate::start(["--confine", "on", "--demo"]);
    gate.get("/").is(200);
    gate.stop().clean();
}

/// Unconfined without a word would be worse.
#[test]
fn without_landlock_the_program_does_not_start() {
    let gate = Starter::new()
        .without_call(CREATE)
        .args(["--confine", "on", "--return", "204"])
        .launch();
    let stopped = gate.wait();
    assert_eq!(stopped.status.code(), Some(1), "{}", stopped.stderr);
    assert!(
        stopped.stderr.contains("scgate: --confine: needs Landlock"),
        "{}",
        stopped.stderr
    );
    let gate = Starter::new()
        .without_call(CREATE)
        .args(["--confine", "off", "--return", "204"])
        .start();
    gate.get("/").is(204);
    gate.stop().clean();
}

/// Files that are links are used where they lead at the start, and replaced there.
#[test]
fn files_may_be_links() {
    if !can_confine("files_may_be_links") {
        return;
    }
    let (places, app) = (Places::new(), App::echo());
    let at = |name: &str| places.temp.file(name);
    for name in ["log", "users"] {
        symlink(at(&format!("two/{name}")), at(&format!("one/{name}"))).expect("linked");
    }
    fs::write(
        at("two/users"),
        "joe:$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.\n",
    )
    .expect("written");
    let mut gate = Starter::new()
        .args(["--confine", "on", "--temp-path", &places.spool])
        .args(["--pass", &app.addr(), "--access-log", &at("one/log")]);
    if cfg!(feature = "auth") {
        gate = gate.args(["--auth-basic", &format!("realm {}", at("one/users"))]);
    }
    let gate = gate.start();
    fs::rename(at("two/log"), at("two/old")).expect("renamed");
    gate.signal(libc::SIGUSR1);
    until("the new log", || Path::new(&at("two/log")).exists());
    let mut client = gate.client();
    // "joe:secret"
    client.send("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic am9lOnNlY3JldA==\r\n\r\n");
    client.response().is(200);
}

/// The file is read again when it has changed, by its name: another file may stand there then.
#[test]
fn passwords_are_read_again() {
    if !can_confine("passwords_are_read_again") {
        return;
    }
    const HASH: &str = "$2y$04$5ZsEWJwUS5pvZWUv0WKAluq3P0.qWjRSpMWF4HTSQPmcFmG6NPaqW";
    let places = Places::new();
    let dir = Temp::new();
    let file = dir.file("passwords");
    fs::write(&file, format!("joe:{HASH}\n")).expect("written");
    let gate = Starter::new()
        .args(["--confine", "on", "--temp-path", &places.spool])
        .args(["--root", &places.temp.file("one")])
        .args(["--auth-basic", &format!("realm {file}")])
        .start();
    let ask = |user: &str| {
        let mut client = gate.client();
        // "USER:x", which is not the password.
        client.send(format!(
            "GET /file HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {user}\r\n\r\n"
        ));
        client.response().status
    };
    assert_eq!(ask("am9lOng="), 401);
    fs::write(dir.file("new"), format!("ann:{HASH}\n")).expect("written");
    fs::rename(dir.file("new"), &file).expect("renamed");
    gate.signal(libc::SIGHUP);
    // A file that could not be read would make it 500.
    for _ in 0..3 {
        assert_eq!(ask("YW5uOng="), 401);
    }
}
