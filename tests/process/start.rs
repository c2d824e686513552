//! Starts that must fail, and how: with the right status, a line that says why, and nothing touched.

use std::os::unix::fs::FileTypeExt;

use crate::common::gate::{Starter, Stopped, run};
use crate::common::{App, Gate, Temp, process, until};

/// Runs with these arguments behind a port that any machine has.
#[track_caller]
fn failed(args: &[&str]) -> Stopped {
    let plain = ["--listen", "127.0.0.1:0", "--pass", "127.0.0.1:9"];
    let stopped = run(plain.iter().chain(args));
    assert_eq!(
        stopped.status.code(),
        Some(1),
        "{args:?}: {}",
        stopped.stderr
    );
    stopped
}

#[test]
fn a_fifo_without_a_reader_is_no_access_log() {
    let dir = Temp::new();
    let path = dir.file("fifo");
    process::fifo(&path);
    let stopped = failed(&["--access-log", &path]);
    assert!(stopped.stderr.contains(&path), "{}", stopped.stderr);
}

#[test]
fn only_a_pid_file_is_replaced_by_a_pid_file() {
    let dir = Temp::new();
    let (fifo, link, target, text, folder) = (
        dir.file("fifo"),
        dir.file("link"),
        dir.file("target"),
        dir.file("text"),
        dir.file("folder"),
    );
    process::fifo(&fifo);
    std::fs::write(&target, "4711\n").expect("write");
    std::os::unix::fs::symlink(&target, &link).expect("link");
    std::fs::write(&text, "precious\n").expect("write");
    std::fs::create_dir(&folder).expect("make a directory");
    for path in [&fifo, &link, &text, &folder] {
        let stopped = failed(&["--pid", path]);
        assert!(stopped.stderr.contains(path), "{}", stopped.stderr);
    }
    let kind = |path: &str| {
        std::fs::symlink_metadata(path)
            .expect("it is still there")
            .file_type()
    };
    assert!(kind(&fifo).is_fifo());
    assert!(kind(&link).is_symlink());
    assert!(kind(&folder).is_dir());
    let read = |path: &str| std::fs::read_to_string(path).expect("read");
    assert_eq!(read(&target), "4711\n");
    assert_eq!(read(&text), "precious\n");
    let left = std::fs::read_dir(dir.path()).expect("read").count();
    assert_eq!(left, 5, "something was left behind");
}

#[test]
fn the_pid_file_of_a_crashed_process_is_replaced() {
    let app = App::echo();
    let dir = Temp::new();
    for content in ["", "4194304\n"] {
        let path = dir.write("pid", content);
        let gate = Gate::start(["--pass", &app.addr(), "--pid", &path]);
        until("the pid file", || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            text.trim().parse() == Ok(gate.pid())
        });
        gate.stop().clean();
        assert!(!std::path::Path::new(&path).exists());
    }
}

/// Nobody can read what is wrong, but the exit status still says it.
#[test]
fn a_full_standard_error_does_not_change_the_exit_status() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let status = |args: &[&str]| {
        let stopped = Starter::new()
            .without_listener()
            .descriptor(&full, 2)
            .args(args)
            .launch()
            .wait();
        stopped.status.code()
    };
    assert_eq!(status(&["--bogus"]), Some(2));
    assert_eq!(
        status(&["--pass", "127.0.0.1:9", "--read-timeout", "x"]),
        Some(2)
    );
    let dir = Temp::new();
    let listen = format!("unix:{}", dir.write("file", "precious"));
    assert_eq!(
        status(&["--listen", &listen, "--pass", "127.0.0.1:9"]),
        Some(1)
    );
    assert_eq!(status(&["-t", "--pass", "127.0.0.1:9"]), Some(0));
}

#[test]
fn the_test_flag_finds_accounts_that_do_not_exist() {
    let dir = Temp::new();
    let socket = dir.file("s");
    let listen = format!("unix:{socket} group=no-such-group-here");
    let cases: [(&[&str], &str); 3] = [
        (&["--user", "no-such-user-here"], "no-such-user-here"),
        (&["--user", "root no-such-group-here"], "no-such-group-here"),
        (&["--listen", &listen], "no-such-group-here"),
    ];
    for (args, name) in cases {
        let stopped = run(["-t", "--pass", "127.0.0.1:9"].iter().chain(args));
        assert_eq!(
            stopped.status.code(),
            Some(2),
            "{args:?}: {}",
            stopped.stderr
        );
        let lines: Vec<&str> = stopped.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{args:?}: {lines:?}");
        assert!(
            lines[0].starts_with("scgate: ") && lines[0].contains(name),
            "{lines:?}"
        );
        assert_eq!(stopped.stdout, "");
    }
    assert!(!std::path::Path::new(&socket).exists());
    let stopped = run(["-t", "--pass", "127.0.0.1:9", "--user", "root"]);
    assert!(stopped.status.success(), "{}", stopped.stderr);
}
