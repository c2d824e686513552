use super::*;
use crate::template::Var;

/// A request line given by the test; the user is unset.
struct Fixed(&'static [u8]);

impl Values for Fixed {
    fn put(&self, var: &Var, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(if *var == Var::RemoteUser { b"" } else { self.0 });
        *var != Var::RemoteUser
    }
}

fn template(text: &str) -> Template {
    Template::parse(text, &|_| None).expect("a test template")
}

fn line(text: &str, escape: LogEscape, value: &'static [u8]) -> String {
    let mut line = Vec::new();
    compose(&template(text), escape, &Fixed(value), &mut line);
    String::from_utf8(line).expect("a log line is UTF-8")
}

#[test]
fn what_could_break_a_line_is_escaped() {
    let odd = b"a\"b\\c\n\x7f\xc3\xa4";
    assert_eq!(
        line("\"$request\"", LogEscape::Default, odd),
        "\"a\\x22b\\x5Cc\\x0A\\x7F\\xC3\\xA4\"\n"
    );
    assert_eq!(
        line("\"$request\"", LogEscape::Json, odd),
        "\"a\\\"b\\\\c\\n\\u007Fä\"\n"
    );
    assert_eq!(
        line("$request", LogEscape::Json, b"\xff\x01\t"),
        "\\ufffd\\u0001\\t\n"
    );
    assert_eq!(
        line("<$request>", LogEscape::Default, b"GET / HTTP/1.1"),
        "<GET / HTTP/1.1>\n"
    );
}

#[test]
fn an_unset_value_is_a_hyphen_or_empty() {
    assert_eq!(line("$remote_user|", LogEscape::Default, b"x"), "-|\n");
    assert_eq!(line("$remote_user|", LogEscape::Json, b"x"), "|\n");
}

#[test]
fn the_built_in_formats_are_templates() {
    for name in ["combined", "main", "json"] {
        let (text, _) = built_in(name).expect("built in");
        assert!(template(text).literal().is_none(), "{name}");
    }
    assert_eq!(built_in("other"), None);
}

fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("scgate-accesslog-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a scratch directory");
    dir
}

fn logs(path: &Path) -> AccessLogs {
    let format = LogFormat {
        template: template("x"),
        escape: LogEscape::Default,
    };
    let log = AccessLog {
        path: path.to_owned(),
        format,
    };
    AccessLogs::open(&[log], None).expect("the log opens")
}

#[test]
fn lines_are_collected_until_they_are_written_and_survive_a_rename() {
    let dir = scratch("rename");
    let (path, old) = (dir.join("log"), dir.join("log.1"));
    let logs = logs(&path);
    let read = |path: &Path| std::fs::read_to_string(path).expect("the log is readable");
    logs.logs[0].append(b"one\n");
    assert_eq!(read(&path), "");
    logs.finish();
    assert_eq!(read(&path), "one\n");
    logs.logs[0].append(b"two\n");
    std::fs::rename(&path, &old).expect("renamed");
    logs.reopen();
    logs.logs[0].append(b"three\n");
    logs.finish();
    assert_eq!(read(&old), "one\ntwo\n");
    assert_eq!(read(&path), "three\n");
    assert!(logs.logs[0].append(&vec![b'x'; PIECE]), "a piece is full");
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn the_writer_writes_reopens_and_ends() {
    let dir = scratch("writer");
    let (path, old) = (dir.join("log"), dir.join("log.1"));
    let logs: &'static AccessLogs = Box::leak(Box::new(logs(&path)));
    logs.start();
    logs.logs[0].append(b"one\n");
    assert!(logs.order(false), "there is a writer");
    std::fs::rename(&path, &old).expect("renamed");
    logs.reopen();
    while !path.exists() {
        std::thread::yield_now();
    }
    logs.logs[0].append(b"two\n");
    logs.order(true);
    logs.finish();
    assert_eq!(std::fs::read_to_string(&old).expect("old"), "one\n");
    assert_eq!(std::fs::read_to_string(&path).expect("new"), "two\n");
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn a_busy_file_makes_nobody_wait_and_the_backlog_is_bounded() {
    let dir = scratch("busy");
    let path = dir.join("log");
    let logs = logs(&path);
    let busy = lock(&logs.logs[0].output);
    for _ in 0..BACKLOG / PIECE + 5 {
        logs.logs[0].append(&vec![b'x'; PIECE]);
    }
    assert_eq!(lock(&logs.logs[0].lines).bytes.len(), BACKLOG);
    assert_eq!(lock(&logs.logs[0].lines).lost, 5);
    drop(busy);
    logs.finish();
    assert_eq!(
        std::fs::metadata(&path).expect("it exists").len(),
        BACKLOG as u64
    );
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn a_failing_file_is_noticed_and_costs_no_memory() {
    let logs = logs(Path::new("/dev/full"));
    logs.logs[0].append(b"lost\n");
    logs.finish();
    assert!(lock(&logs.logs[0].output).failing);
    assert!(lock(&logs.logs[0].lines).bytes.is_empty());
}

#[test]
fn threads_do_not_mix_their_lines() {
    let dir = scratch("threads");
    let path = dir.join("log");
    let logs = logs(&path);
    std::thread::scope(|scope| {
        for n in 0..4u8 {
            let logs = &logs;
            scope.spawn(move || {
                (0..2000).for_each(|_| {
                    logs.logs[0].append(format!("{n}{n}{n}{n}\n").repeat(5).as_bytes());
                })
            });
        }
    });
    logs.finish();
    let text = std::fs::read_to_string(&path).expect("the log is readable");
    assert_eq!(text.lines().count(), 4 * 2000 * 5);
    assert!(
        text.lines()
            .all(|l| l.len() == 4 && l.bytes().all(|b| Some(&b) == l.as_bytes().first()))
    );
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn a_directory_that_is_missing_is_an_error_with_the_path() {
    let format = LogFormat {
        template: template("x"),
        escape: LogEscape::Default,
    };
    let log = AccessLog {
        path: "/nonexistent/log".into(),
        format,
    };
    assert!(
        AccessLogs::open(&[log], None).is_err_and(|e| e.to_string().contains("/nonexistent/log"))
    );
}
