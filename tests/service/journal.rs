//! Standard error that is a stream of the journal (JOURNAL_STREAM, systemd.exec(5)).

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use crate::common::gate::Starter;
use crate::common::{Temp, until};

/// A file in place of the journal: what counts is which file standard error is.
struct Journal {
    file: File,
    path: String,
    _dir: Temp,
}

impl Journal {
    fn new() -> Journal {
        let dir = Temp::new();
        let path = dir.file("journal");
        let open = File::options().create(true).append(true).open(&path);
        Journal {
            file: open.expect("a file"),
            path,
            _dir: dir,
        }
    }

    /// What systemd would say of it.
    fn name(&self) -> String {
        let meta = self.file.metadata().expect("metadata");
        format!("{}:{}", meta.dev(), meta.ino())
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.path).expect("text")
    }

    fn under(&self, name: &str) -> Starter {
        Starter::new()
            .descriptor(&self.file, 2)
            .env("JOURNAL_STREAM", name)
    }
}

#[test]
fn each_line_has_its_priority_and_no_time() {
    let journal = Journal::new();
    let gate = journal
        .under(&journal.name())
        // Something to warn of.
        .env("NOTIFY_SOCKET", "relative")
        .args(["--pass", "unix:/no/such/socket", "--log-level", "debug"])
        .start();
    gate.get("/").is(502);
    gate.stop();
    let text = journal.text();
    for begin in ["<3>exchange ", "<4>NOTIFY_SOCKET ", "<6>listening on "] {
        assert!(
            text.lines().any(|l| l.starts_with(begin)),
            "{begin}: {text}"
        );
    }
    for line in text.lines() {
        let rest = ["<3>", "<4>", "<6>", "<7>"]
            .iter()
            .find_map(|p| line.strip_prefix(p));
        let rest = rest.unwrap_or_else(|| panic!("{line}"));
        assert!(!rest.starts_with("20"), "a time: {line}");
    }
}

#[test]
fn another_stream_than_the_one_that_is_named_gets_the_usual_lines() {
    let journal = Journal::new();
    let other = Journal::new();
    for name in [other.name().as_str(), "1:2", "", "x"] {
        let before = journal.text().lines().count();
        let gate = journal.under(name).args(["--return", "204"]).start();
        until("a line", || journal.text().lines().count() > before);
        gate.stop();
    }
    for line in journal.text().lines() {
        assert!(line.starts_with("20") && line.contains("Z info "), "{line}");
    }
}

#[test]
fn errors_of_the_start_have_priorities_too_each_line_its_own() {
    let journal = Journal::new();
    let run = |args: &[&str]| {
        let starter = journal.under(&journal.name()).without_listener();
        let status = starter.args(args).launch().wait().status;
        let text = journal.text();
        journal.file.set_len(0).expect("empty the file");
        (status.code(), text)
    };
    let (code, text) = run(&["--no-such-flag", "--buffer-size", "x\ny"]);
    assert_eq!(code, Some(2));
    assert!(text.lines().count() >= 2, "{text}");
    assert!(text.lines().all(|l| l.starts_with("<3>")), "{text}");

    let (code, text) = run(&["--listen", "unix:/no/such/directory/s", "--return", "204"]);
    assert_eq!(code, Some(1));
    assert!(text.starts_with("<3>scgate: --listen "), "{text}");

    let (code, text) = run(&["-t", "--return", "204", "--user", "no-such-user-here"]);
    assert_eq!(code, Some(2));
    assert!(text.starts_with("<3>scgate: --user "), "{text}");
}

#[test]
fn no_client_gives_a_line_of_the_access_log_its_priority() {
    let journal = Journal::new();
    for (name, begin) in [(journal.name().as_str(), "<6><0>own"), ("1:2", "<0>own")] {
        journal.file.set_len(0).expect("empty the file");
        let gate = journal
            .under(name)
            .descriptor(&journal.file, 1)
            .args([
                "--log-format",
                "own $http_user_agent",
                "--access-log",
                "- own",
            ])
            .args(["--return", "204"])
            .start();
        let mut client = gate.client();
        client.send("GET / HTTP/1.1\r\nHost: test\r\nUser-Agent: <0>own\r\n\r\n");
        client.response().is(204);
        gate.stop();
        let text = journal.text();
        assert!(text.lines().any(|line| line == begin), "{begin}: {text}");
    }
}
