//! A scripted SCGI server: each connection that the gateway makes is given to a closure, in a thread of its own.
//! A script that panics fails its test when the application is dropped.

use std::fmt::Write as _;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::scgi::{Request, Scgi};
use super::{Stream, Temp, until};

/// A running scripted application. It ends when dropped.
pub struct App {
    address: String,
    shared: Arc<Shared>,
    /// Closing it ends the accepting thread.
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
    _scratch: Option<Temp>,
}

#[derive(Default)]
struct Shared {
    /// Connections accepted so far.
    accepted: Mutex<usize>,
    /// Requests that [`App::echo`] has read.
    requests: Mutex<Vec<Request>>,
    /// What went wrong in a script.
    panics: Mutex<Vec<String>>,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn fd(&self) -> RawFd {
        match self {
            Listener::Tcp(l) => l.as_raw_fd(),
            Listener::Unix(l) => l.as_raw_fd(),
        }
    }

    fn accept(&self) -> std::io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Listener::Tcp(l) => l.accept().map(|(s, a)| (Stream::Tcp(s), Some(a))),
            Listener::Unix(l) => l.accept().map(|(s, _)| (Stream::Unix(s), None)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl App {
    /// Listens on a Unix socket.
    pub fn script(script: impl Fn(&mut Scgi) + Send + Sync + 'static) -> App {
        let dir = Temp::new();
        let path = dir.file("app");
        let mut app = App::script_at(&path, script);
        app._scratch = Some(dir);
        app
    }

    /// Listens on a Unix socket at this path.
    pub fn script_at(path: &str, script: impl Fn(&mut Scgi) + Send + Sync + 'static) -> App {
        let listener = UnixListener::bind(path).expect("bind the application's socket");
        App::serve(
            Listener::Unix(listener),
            format!("unix:{path}"),
            Arc::default(),
            script,
        )
    }

    /// Listens on a port of 127.0.0.1.
    pub fn tcp(script: impl Fn(&mut Scgi) + Send + Sync + 'static) -> App {
        App::tcp_at("127.0.0.1:0".parse().expect("an address"), script).expect("bind a port")
    }

    /// Listens on this address.
    pub fn tcp_at(
        addr: SocketAddr,
        script: impl Fn(&mut Scgi) + Send + Sync + 'static,
    ) -> std::io::Result<App> {
        let listener = TcpListener::bind(addr)?;
        let address = listener.local_addr()?.to_string();
        Ok(App::serve(
            Listener::Tcp(listener),
            address,
            Arc::default(),
            script,
        ))
    }

    /// Answers every request with its parameters, `NAME=value` on a line each, then `body: ` and the request's body
    /// (its length alone when it is long). Keeps what it has seen: [`App::requests`].
    pub fn echo() -> App {
        App::with_log(|scgi, log| {
            let Ok(request) = scgi.try_request() else {
                return;
            };
            let mut body = Vec::new();
            let read = scgi.try_body(request.content_length, &mut |piece| {
                body.extend_from_slice(piece)
            });
            log(&request);
            if read.is_err() {
                return;
            }
            let _ = scgi.try_send(echo_response(&request, &body));
        })
    }

    /// A script that can note the requests it has read.
    pub fn with_log(script: impl Fn(&mut Scgi, &dyn Fn(&Request)) + Send + Sync + 'static) -> App {
        let dir = Temp::new();
        let path = dir.file("app");
        let listener = UnixListener::bind(&path).expect("bind the application's socket");
        let shared = Arc::new(Shared::default());
        let notes = Arc::clone(&shared);
        let script = move |scgi: &mut Scgi| {
            script(scgi, &|request| lock(&notes.requests).push(request.clone()))
        };
        let mut app = App::serve(
            Listener::Unix(listener),
            format!("unix:{path}"),
            shared,
            script,
        );
        app._scratch = Some(dir);
        app
    }

    fn serve(
        listener: Listener,
        address: String,
        shared: Arc<Shared>,
        script: impl Fn(&mut Scgi) + Send + Sync + 'static,
    ) -> App {
        let (stop, stopped) = UnixStream::pair().expect("a socket pair");
        let theirs = Arc::clone(&shared);
        let thread =
            std::thread::spawn(move || accept_loop(&listener, &stopped, &theirs, Arc::new(script)));
        App {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
            _scratch: None,
        }
    }

    /// For `--pass`.
    pub fn addr(&self) -> String {
        self.address.clone()
    }

    /// The port, for TCP.
    pub fn port(&self) -> u16 {
        self.address
            .rsplit(':')
            .next()
            .and_then(|p| p.parse().ok())
            .expect("a TCP application")
    }

    /// How many connections the gateway has made.
    pub fn accepted(&self) -> usize {
        *lock(&self.shared.accepted)
    }

    /// Waits until the gateway has made `n` connections.
    #[track_caller]
    pub fn wait_accepted(&self, n: usize) {
        until(&format!("{n} connections to the application"), || {
            self.accepted() >= n
        });
    }

    /// The requests that were noted.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// Panics if a script did.
    #[track_caller]
    pub fn check(&self) {
        let panics = lock(&self.shared.panics);
        assert!(
            panics.is_empty(),
            "in the scripted application: {}",
            panics.join("; ")
        );
    }
}

/// What [`App::echo`] answers.
fn echo_response(request: &Request, body: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for (name, value) in &request.params {
        let value: String = value.iter().map(|&b| b as char).collect();
        let _ = writeln!(text, "{name}={value}");
    }
    if body.len() <= 4096 {
        let _ = writeln!(text, "body: {}", String::from_utf8_lossy(body));
    } else {
        let _ = writeln!(text, "body: {} bytes", body.len());
    }
    format!(
        "Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )
    .into_bytes()
}

fn accept_loop<F>(listener: &Listener, stopped: &UnixStream, shared: &Arc<Shared>, script: Arc<F>)
where
    F: Fn(&mut Scgi) + Send + Sync + 'static,
{
    loop {
        let mut fds = [
            libc::pollfd {
                fd: listener.fd(),
                events: libc::POLLIN,
                revents: 0,
            },
            libc::pollfd {
                fd: stopped.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            },
        ];
        // SAFETY: the pointer and the count describe a live array.
        let rc = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, -1) };
        if rc < 0 {
            continue;
        }
        if fds[1].revents != 0 {
            return;
        }
        let Ok((stream, peer)) = listener.accept() else {
            continue;
        };
        let number = {
            let mut accepted = lock(&shared.accepted);
            *accepted += 1;
            *accepted
        };
        let (shared, script) = (Arc::clone(shared), Arc::clone(&script));
        std::thread::spawn(move || {
            let mut scgi = Scgi::new(stream, number, peer);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| script(&mut scgi))) {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                lock(&shared.panics).push(text.unwrap_or_else(|| "a panic".into()));
            }
        });
    }
}

impl Drop for App {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if !std::thread::panicking() {
            self.check();
        }
    }
}

/// Reads a stream to its end and drops the bytes.
pub fn drain(stream: &mut impl Read) {
    let mut buf = [0; 65536];
    while let Ok(1..) = stream.read(&mut buf) {}
}
