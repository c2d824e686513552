//! What is wrong with a password file, and what is said of it at start and by `-t`.

use crate::common::gate::{Starter, run};
use crate::common::{Temp, cannot_here, is_root, until};
use crate::{ANN, House, JOE};

const BAD: &str = "old:$apr1$Tf0.Qh9v$jl5i0TVsFqlIcdSJx5jGf1\nplain:secret\n";

#[test]
fn a_file_that_nobody_could_log_in_by_ends_the_start() {
    let dir = Temp::new();
    let none = dir.file("none");
    let large = dir.write("large", &"#\n".repeat(600_000));
    for (path, why) in [
        (none, "No such file"),
        (dir.file(""), "is not a plain file"),
        ("/dev/null".into(), "is not a plain file"),
        (large, "is too large"),
        (dir.write("empty", "# nobody\n"), "has no user with a hash"),
        (
            dir.write("bad", BAD),
            "line 1: user \"old\" has an MD5 hash",
        ),
    ] {
        let flag = format!("home {path}");
        for more in [&[][..], &["-t"], &["-T"]] {
            let stopped = run([
                "--listen",
                "127.0.0.1:0",
                "--root",
                "/",
                "--auth-basic",
                &flag,
            ]
            .iter()
            .chain(more));
            assert_eq!(stopped.status.code(), Some(2), "{path}");
            let start = format!("scgate: --auth-basic '{path}': ");
            assert!(stopped.stderr.starts_with(&start), "{}", stopped.stderr);
            assert!(stopped.stderr.contains(why), "{}", stopped.stderr);
            assert_eq!(stopped.stderr.lines().count(), 1, "{}", stopped.stderr);
            assert!(!stopped.stderr.contains("secret"), "{}", stopped.stderr);
        }
    }
}

#[test]
fn a_line_of_no_use_beside_good_ones_is_a_warning() {
    let house = House::new(&format!("{JOE}{BAD}{ANN}"));
    let (flag, pass) = (house.flag("home"), house.app.addr());
    let stopped = run(["-t", "--auth-basic", &flag, "--pass", &pass]);
    assert_eq!(stopped.status.code(), Some(0));
    let lines: Vec<&str> = stopped.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].contains("warning: --auth-basic '") && lines[0].contains("line 2: user \"old\""),
        "{lines:?}"
    );
    assert!(
        lines[1].contains("line 3: user \"plain\" has no hash") && lines[1].contains("htpasswd -B"),
        "{lines:?}"
    );
    let gate = house.gate(&[]);
    for part in ["line 2: user \"old\"", "line 3: user \"plain\""] {
        assert!(gate.logs(part).contains(" warn --auth-basic '"));
    }
}

#[test]
fn a_file_that_the_user_can_not_read_ends_the_start() {
    if !is_root() {
        return cannot_here(
            "a_file_that_the_user_can_not_read_ends_the_start",
            "it takes root",
        );
    }
    let house = House::new(JOE);
    let path = house.dir.file("users");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("chmod");
    let args = [
        "--user",
        "nobody",
        "--auth-basic",
        &house.flag("home"),
        "--root",
        "/",
    ];
    let stopped = Starter::new().args(args).launch().wait();
    assert_eq!(stopped.status.code(), Some(1));
    let line = format!("scgate: --auth-basic: {path}: Permission denied");
    assert!(stopped.stderr.contains(&line), "{}", stopped.stderr);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .expect("chmod");
    std::fs::set_permissions(
        house.dir.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .expect("chmod");
    let gate = Starter::new().args(args).start();
    // Then it has read the file.
    gate.has_read_everything();
    // Should it be lost later on, it lets nobody in.
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("chmod");
    until("a check to fail", || {
        crate::get(&gate, "/none", &crate::says("joe", "x")).status == 500
    });
}

#[test]
fn an_application_that_the_network_reaches_is_warned_of() {
    let dir = Temp::new();
    let flag = format!("home {}", dir.write("users", JOE));
    let warnings = |args: &[&str]| {
        let stopped = run(["-t"].iter().chain(args));
        assert_eq!(stopped.status.code(), Some(0), "{}", stopped.stderr);
        stopped
            .stderr
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let app = ["--location", "/RPC2", "--pass", "unix:/run/app.sock"];
    let with = |before: &[&str], after: &[&str]| warnings(&[before, &app, after].concat());
    let line = |address: &str| {
        vec![format!(
            "scgate: warning: --pass: anybody who reaches {address} may use the application in --location '/RPC2'; add \
             --auth-basic, --allow or --deny ('--allow all' if that is meant), or listen on 127.0.0.1"
        )]
    };
    for (listen, shown) in [
        ("8080", "0.0.0.0:8080"),
        ("*:8080", "0.0.0.0:8080"),
        ("[::]:8080", "[::]:8080"),
        ("192.0.2.1:80", "192.0.2.1:80"),
    ] {
        assert_eq!(with(&["--listen", listen], &[]), line(shown));
        // Once, however many addresses there are.
        assert_eq!(
            with(
                &["-l", "127.0.0.1:81", "-l", listen, "-l", "10.0.0.1:82"],
                &[]
            ),
            line(shown)
        );
        for guard in [
            ["--allow", "10.0.0.0/8"],
            ["--deny", "all"],
            ["--allow", "all"],
            ["--auth-basic", &flag],
        ] {
            assert!(with(&["--listen", listen], &guard).is_empty(), "{guard:?}");
            assert!(
                with(&[&["--listen", listen], &guard[..]].concat(), &[]).is_empty(),
                "{guard:?}"
            );
        }
        assert_eq!(
            with(
                &["--listen", listen, "--auth-basic", &flag],
                &["--auth-basic", "off"]
            ),
            line(shown)
        );
        assert!(with(&["--listen", listen], &["--internal"]).is_empty());
    }
    for listen in [
        "127.0.0.1:80",
        "127.9.9.9:80",
        "[::1]:80",
        "localhost:80",
        "[::ffff:127.0.0.1]:80",
        "unix:/run/s",
        "fd:3",
        "systemd:s",
    ] {
        assert!(with(&["--listen", listen], &[]).is_empty(), "{listen}");
    }
    assert!(with(&[], &[]).is_empty(), "the default is 127.0.0.1");
    // What is no application, or not to be reached by a path.
    assert!(warnings(&["-l", "80", "--root", "/"]).is_empty());
    assert!(warnings(&["-l", "80", "--demo"]).is_empty());
    // Within the gateway alone, unless an error page takes everybody there.
    for (page, name, opens) in [
        ("404 @a", "@a", true),
        ("404 = /fetch$uri", "/fetch/", true),
        ("404 = /fetch$args", "/fetch/", false),
        ("404 = /fetch", "= /fetch", true),
        ("404 = /fetch", "= /fetch/", false),
        ("404 = /other", "/fetch/", false),
    ] {
        let internal = if name.starts_with('@') {
            &[][..]
        } else {
            &["--internal"]
        };
        let to = |guard: &[&str]| {
            let args = ["-l", "80", "--root", "/", "--error-page", page];
            let app = ["--location", name, "--pass", "unix:/a"];
            warnings(&[&args[..], &["--location", "/"], guard, &app, internal].concat()).len()
        };
        assert_eq!(to(&[]), usize::from(opens), "{page}: {name}");
        assert_eq!(to(&["--deny", "all"]), 0, "{page}: {name}");
    }
    assert!(
        warnings(&[
            "-l",
            "80",
            "--server",
            "a",
            "--return",
            "200 a",
            "--location",
            "/",
            "--pass",
            "unix:/a"
        ])
        .is_empty()
    );
    // Each location once, also where nothing opens it.
    let two = [
        "-l",
        "80",
        "--location",
        "/a",
        "--pass",
        "unix:/a",
        "--location",
        "/b",
        "--pass",
        "unix:/a",
    ];
    assert_eq!(warnings(&two).len(), 2);
    let lines = warnings(&["-l", "80", "--pass", "unix:/a"]);
    assert!(
        lines.len() == 1 && lines[0].contains("may use the application; add"),
        "{lines:?}"
    );
}
