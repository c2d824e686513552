//! The gateway under test: the real binary, on a listener that the test has bound already.
//!
//! The listener is inherited (`--listen fd:3`), so there is no race for a free port, and a client may connect at once:
//! the kernel queues it until the program accepts.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, ExitStatus};

use super::http::{Client, Response};
use super::process::{self, Resource, Running, Setup};
use super::{Stream, Temp, until};

/// How to start the gateway.
pub struct Starter {
    args: Vec<String>,
    setup: Setup,
    env: Vec<(String, String)>,
    listener: Option<Listener>,
    /// Variables that get the number of the process.
    pids: String,
}

/// The listener that the program inherits.
enum Listener {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener, Temp, String),
}

/// Where clients connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Front {
    Tcp(SocketAddr),
    Unix(String),
    /// The test knows.
    Elsewhere,
}

/// The running gateway. Dropped without [`Gate::stop`] it is killed; either way the test fails if a thread of it
/// panicked.
pub struct Gate {
    running: Running,
    front: Front,
    _scratch: Option<Temp>,
    stopped: bool,
}

/// What a gateway left behind.
#[derive(Debug)]
pub struct Stopped {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Stopped {
    /// Asserts that it had nothing to complain about.
    #[track_caller]
    pub fn clean(self) {
        let complaint = self
            .stderr
            .lines()
            .find(|l| matches!(l.split(' ').nth(1), Some("error" | "warn")));
        assert_eq!(complaint, None, "unexpected log line");
    }
}

impl Starter {
    pub fn new() -> Starter {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind a port");
        widen(&listener);
        let addr = listener.local_addr().expect("local address");
        Starter {
            args: Vec::new(),
            setup: Setup::default(),
            env: Vec::new(),
            listener: Some(Listener::Tcp(listener, addr)),
            pids: String::new(),
        }
    }

    /// Clients come over a Unix socket.
    pub fn unix(mut self) -> Starter {
        let dir = Temp::new();
        let path = dir.file("front");
        let listener = UnixListener::bind(&path).expect("bind a Unix socket");
        self.listener = Some(Listener::Unix(listener, dir, path));
        self
    }

    /// The arguments open what they need themselves.
    pub fn without_listener(mut self) -> Starter {
        self.listener = None;
        self
    }

    pub fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Starter {
        self.args
            .extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Starter {
        self.env.push((name.into(), value.into()));
        self
    }

    pub fn limit(mut self, resource: Resource, value: u64) -> Starter {
        self.setup.limits.push((resource, value));
        self
    }

    pub fn ignoring(mut self, signal: libc::c_int) -> Starter {
        self.setup.ignored.push(signal);
        self
    }

    /// Names are looked up in this file, as if it were /etc/hosts. See [`process::can_have_own_hosts`].
    pub fn hosts(mut self, path: &str) -> Starter {
        self.setup.hosts = Some(std::ffi::CString::new(path).expect("a path"));
        self
    }

    /// The program is nobody's and has these capabilities. Needs root.
    pub fn nobody_with(mut self, capabilities: u64) -> Starter {
        self.setup.nobody_with = Some(capabilities);
        self
    }

    /// For the program the kernel has no such system call.
    pub fn without_call(mut self, number: libc::c_long) -> Starter {
        self.setup.without_call = Some(number);
        self
    }

    /// Hands over a descriptor as `number`.
    pub fn descriptor(mut self, ours: &impl AsRawFd, number: i32) -> Starter {
        self.setup.fds.push((ours.as_raw_fd(), number));
        self
    }

    /// Sets LISTEN_PID as systemd does.
    pub fn listen_pid(self) -> Starter {
        self.own_pid("LISTEN_PID")
    }

    /// Sets a variable to the number of the process.
    pub fn own_pid(mut self, name: &str) -> Starter {
        self.pids += &format!("export {name}=$$; ");
        self
    }

    /// Starts the program and waits for nothing.
    #[track_caller]
    pub fn launch(mut self) -> Gate {
        let program = program();
        let mut command = if !self.pids.is_empty() {
            // Only the process itself knows its pid before exec.
            let mut shell = Command::new("/bin/sh");
            let script = format!("{}exec \"$@\"", self.pids);
            shell.args(["-c", &script, "sh", &program]);
            shell
        } else {
            Command::new(program)
        };
        let front = match &self.listener {
            Some(Listener::Tcp(listener, addr)) => {
                self.setup.fds.push((listener.as_raw_fd(), 3));
                command.args(["--listen", "fd:3"]);
                Front::Tcp(*addr)
            }
            Some(Listener::Unix(listener, _, path)) => {
                self.setup.fds.push((listener.as_raw_fd(), 3));
                command.args(["--listen", "fd:3"]);
                Front::Unix(path.clone())
            }
            None => Front::Elsewhere,
        };
        command
            .args(&self.args)
            .env_remove("RUST_LOG")
            .env_remove("NOTIFY_SOCKET")
            .env_remove("JOURNAL_STREAM")
            .env("TZ", "UTC")
            .envs(self.env.iter().map(|(k, v)| (k, v)));
        let running = process::start("scgate", command, self.setup.clone());
        // Our copy of the listener goes now: a port the program has closed must be closed.
        let scratch = match self.listener.take() {
            Some(Listener::Unix(_, dir, _)) => Some(dir),
            _ => None,
        };
        Gate {
            running,
            front,
            _scratch: scratch,
            stopped: false,
        }
    }

    /// Starts the program and waits until it takes signals, which it does when it is set up.
    #[track_caller]
    pub fn start(self) -> Gate {
        let mut gate = self.launch();
        until("the gateway to be set up", || {
            if let Some(status) = gate.running.ended() {
                panic!(
                    "the gateway ended at once ({}):\n{}",
                    process::describe(status),
                    gate.stderr()
                );
            }
            gate.takes(libc::SIGTERM)
        });
        gate
    }
}

/// The program under test; `SCGATE_TEST_BIN` names another one, such as an installed package's.
pub fn program() -> String {
    std::env::var("SCGATE_TEST_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_scgate").to_owned())
}

/// Our listeners queue as many connections as the system allows.
fn widen(listener: &TcpListener) {
    // SAFETY: listen() on a listening socket only changes its backlog.
    let rc = unsafe { libc::listen(listener.as_raw_fd(), 4096) };
    assert_eq!(rc, 0, "listen: {}", std::io::Error::last_os_error());
}

impl Gate {
    /// Starts the gateway with these arguments, behind a TCP listener on 127.0.0.1.
    #[track_caller]
    pub fn start<S: AsRef<str>>(args: impl IntoIterator<Item = S>) -> Gate {
        Starter::new().args(args).start()
    }

    pub fn pid(&self) -> i32 {
        self.running.pid()
    }

    pub fn front(&self) -> &Front {
        &self.front
    }

    /// The address of the inherited listener.
    #[track_caller]
    pub fn addr(&self) -> SocketAddr {
        match self.front {
            Front::Tcp(addr) => addr,
            _ => panic!("this gateway does not listen on TCP"),
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// A new connection.
    #[track_caller]
    pub fn client(&self) -> Client {
        match &self.front {
            Front::Tcp(addr) => Client::tcp(*addr),
            Front::Unix(path) => {
                Client::new(Stream::Unix(UnixStream::connect(path).expect("connect")))
            }
            Front::Elsewhere => panic!("this gateway listens where only the test knows"),
        }
    }

    /// Waits until the gateway has read whatever reached its sockets before this call: its one front thread answers two
    /// requests of ours, for which no application is needed, one after the other.
    #[track_caller]
    pub fn has_read_everything(&self) {
        for _ in 0..2 {
            let mut client = self.client();
            client.send("GET / HTTP/1.1\r\nHost: no host\r\n\r\n");
            client.response().is(400);
        }
    }

    /// Lets a client leave, and waits until the gateway has noticed: the end of a connection may reach the other side late
    /// where the machine is busy.
    #[track_caller]
    pub fn sees_off(&self, client: Client) {
        let ports = client.ports();
        drop(client);
        if let Some((ours, theirs)) = ports {
            until("the client's end to arrive", || {
                !process::is_whole_with(ours, theirs)
            });
        }
        self.has_read_everything();
    }

    /// One GET on a connection of its own.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.client().get(target)
    }

    pub fn signal(&self, signal: libc::c_int) {
        self.running.signal(signal);
    }

    /// Lets the process stand still, until SIGCONT.
    #[track_caller]
    pub fn freeze(&self) {
        self.signal(libc::SIGSTOP);
        until("the process to stand still", || {
            process::status_line(self.pid(), "State").is_some_and(|state| state.starts_with('T'))
        });
    }

    /// Whether the process has a handler for a signal, or blocks it in order to read it from a descriptor.
    pub fn takes(&self, signal: libc::c_int) -> bool {
        ["SigCgt", "SigBlk"].iter().any(|name| {
            process::status_line(self.pid(), name)
                .and_then(|mask| u64::from_str_radix(&mask, 16).ok())
                .is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
        })
    }

    pub fn stderr(&self) -> String {
        self.running.stderr()
    }

    pub fn stdout(&self) -> String {
        self.running.stdout()
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.running.ended()
    }

    /// Waits for a line on standard error that contains `text`.
    #[track_caller]
    pub fn logs(&self, text: &str) -> String {
        let mut found = None;
        until(&format!("a log line with {text:?}"), || {
            found = self
                .stderr()
                .lines()
                .find(|l| l.contains(text))
                .map(str::to_owned);
            found.is_some()
        });
        found.unwrap_or_default()
    }

    /// Waits for the process to end by itself.
    #[track_caller]
    pub fn wait(mut self) -> Stopped {
        let status = self.running.wait();
        self.stopped = true;
        self.check_panics();
        Stopped {
            status,
            stdout: self.running.stdout(),
            stderr: self.running.stderr(),
        }
    }

    /// Sends SIGTERM and asserts an orderly end.
    #[track_caller]
    pub fn stop(self) -> Stopped {
        self.signal(libc::SIGTERM);
        let stopped = self.wait();
        assert!(
            stopped.status.success(),
            "after SIGTERM: {}\n{}",
            process::describe(stopped.status),
            stopped.stderr
        );
        stopped
    }

    #[track_caller]
    fn check_panics(&self) {
        let stderr = self.running.stderr();
        assert!(
            !stderr.contains("panicked at"),
            "a thread of the gateway panicked:\n{stderr}"
        );
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if !self.stopped && !std::thread::panicking() {
            if let Some(status) = self.running.ended() {
                panic!(
                    "the gateway ended during the test ({}):\n{}",
                    process::describe(status),
                    self.stderr()
                );
            }
            self.check_panics();
        }
    }
}

/// Runs the program to its end, without a listener of ours.
#[track_caller]
pub fn run<S: AsRef<str>>(args: impl IntoIterator<Item = S>) -> Stopped {
    Starter::new().without_listener().args(args).launch().wait()
}
