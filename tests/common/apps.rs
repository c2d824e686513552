//! Real applications, each on a port or socket of its own: what tests put behind the gateway. `None` where one is not
//! installed.

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use super::process::{self, Running, Setup, find_program};
use super::{Gate, Pattern, Temp, until};

/// A running application, and where the gateway finds it.
pub struct Application {
    running: Running,
    pub address: String,
    /// Holds its socket and files.
    pub dir: Temp,
}

/// A port below those that the system gives to outgoing connections, so that nobody takes it by accident.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 10_000) as u16;
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub fn script(name: &str) -> String {
    format!("{}/tests/applications/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The directory of the Python environment with the packages from PyPI.
fn venv() -> PathBuf {
    std::env::var_os("SCGATE_TEST_VENV").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/test-venv"),
        PathBuf::from,
    )
}

/// A program of that environment, if this Python package is in it.
fn from_venv(program: &str, package: &str) -> Option<PathBuf> {
    let python = venv().join("bin/python3");
    let has = Command::new(&python)
        .args(["-c", &format!("import {package}")])
        .stderr(Stdio::null())
        .status();
    has.is_ok_and(|s| s.success())
        .then(|| venv().join("bin").join(program))
}

/// Starts an application and waits until it accepts connections.
#[track_caller]
pub fn start(name: &str, mut command: Command, dir: Temp, address: String) -> Application {
    let mut pattern = std::fs::File::create(dir.path().join("pattern")).expect("a file");
    pattern.write_all(Pattern::new().at(0)).expect("write");
    command
        .env("PATTERN", dir.file("pattern"))
        .env("PYTHONPATH", script(""))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("HOME", dir.path())
        .current_dir(dir.path());
    let mut running = process::start(name, command, Setup::default());
    until(&format!("{name} to listen"), || {
        if let Some(status) = running.ended() {
            panic!(
                "{name} ended at once ({}):\n{}",
                process::describe(status),
                running.stderr()
            );
        }
        process::listens(&address)
    });
    Application {
        running,
        address,
        dir,
    }
}

impl Application {
    /// The application must have survived its test.
    #[track_caller]
    pub fn alive(&mut self) {
        assert!(
            self.running.ended().is_none(),
            "the application ended:\n{}",
            self.running.stderr()
        );
    }

    pub fn gate(&self, args: &[&str]) -> Gate {
        let temp = self.dir.path().display().to_string();
        Gate::start(
            [
                "--pass",
                &self.address,
                "--temp-path",
                &temp,
                "--client-max-body-size",
                "0",
            ]
            .iter()
            .chain(args),
        )
    }
}

pub fn quixote() -> Option<Application> {
    let python = from_venv("python3", "scgi.scgi_server")?;
    let port = free_port();
    let mut command = Command::new(python);
    command.arg(script("quixote_scgi.py")).arg(port.to_string());
    Some(start(
        "Python scgi",
        command,
        Temp::new(),
        format!("127.0.0.1:{port}"),
    ))
}

pub fn aioscgi() -> Option<Application> {
    let program = from_venv("aioscgi", "aioscgi")?;
    let dir = Temp::new();
    let socket = dir.file("app");
    let mut command = Command::new(program);
    command.args(["--unix-socket", &socket, "asgi:application"]);
    Some(start("aioscgi", command, dir, format!("unix:{socket}")))
}

/// `option` is `--scgi-socket` or `--scgi-nph-socket`.
pub fn uwsgi(option: &str) -> Option<Application> {
    let program = find_program(&["uwsgi"])?;
    let plugins = ["/usr/lib/uwsgi/plugins/python3_plugin.so"];
    plugins.iter().find(|p| std::path::Path::new(p).exists())?;
    let dir = Temp::new();
    let socket = dir.file("app");
    let mut command = Command::new(program);
    command.args([
        "--plugin",
        "python3",
        option,
        &socket,
        "--wsgi-file",
        &script("wsgi.py"),
        "--need-app",
    ]);
    command.args([
        "--processes",
        "2",
        "--master",
        "--die-on-term",
        "--disable-logging",
    ]);
    Some(start("uWSGI", command, dir, format!("unix:{socket}")))
}

pub fn perl() -> Option<Application> {
    let program = find_program(&["perl"])?;
    let has = Command::new(&program)
        .args(["-MSCGI", "-e", "1"])
        .stderr(Stdio::null())
        .status();
    has.ok().filter(std::process::ExitStatus::success)?;
    let port = free_port();
    let mut command = Command::new(program);
    command.arg(script("perl_scgi.pl")).arg(port.to_string());
    Some(start(
        "Perl SCGI",
        command,
        Temp::new(),
        format!("127.0.0.1:{port}"),
    ))
}

/// rTorrent; `address` gives the option that names the address, and the address.
pub fn rtorrent(address: impl Fn(&Temp) -> (String, String)) -> Option<Application> {
    let program = find_program(&["rtorrent"])?;
    let dir = Temp::new();
    let session = dir.file("session");
    std::fs::create_dir(&session).expect("a directory");
    let (option, address) = address(&dir);
    let mut command = Command::new(program);
    command.args(["-n", "-d", &session, "-s", &session, "-o"]);
    command.arg(format!("{option},system.daemon.set=true"));
    command.env("TERM", "dumb");
    Some(start("rTorrent", command, dir, address))
}

/// Fossil's server for a repository.
pub fn fossil(repository: &str) -> Option<Application> {
    let program = find_program(&["fossil"])?;
    let port = free_port();
    let mut command = Command::new(program);
    command.args(["server", repository, "--scgi", "--localhost", "--port"]);
    command.arg(port.to_string()).env("USER", "admin");
    Some(start(
        "Fossil",
        command,
        Temp::new(),
        format!("127.0.0.1:{port}"),
    ))
}
