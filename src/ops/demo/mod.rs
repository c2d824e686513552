//! `--demo`: a small SCGI application inside the program, behind a real Unix socket, that shows what it receives.
//!
//! A few threads of its own accept connections and answer them in blocking code; nothing is shared with the gateway,
//! which reaches it as it reaches any application. Everything is bounded: connections by [`THREADS`], waits by
//! [`PATIENCE`], memory by what `request` and `body` keep.

mod body;
mod page;
mod request;

#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use self::body::Body;
use self::request::{Bad, Request};
use super::calendar::{Civil, put_number};

/// Connections answered at once; each streamed response holds one of them for ten seconds.
const THREADS: usize = 16;
/// The longest wait for the gateway's next bytes, or for room for ours.
const PATIENCE: Duration = Duration::from_secs(30);
/// Lines of a streamed response, and the time between them.
const LINES: u64 = 10;
const PAUSE: Duration = Duration::from_secs(1);

/// The running application. Dropping it ends its threads, where they are not amid an answer, and removes its socket.
#[derive(Debug)]
pub struct DemoHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    listener: UnixListener,
    socket: PathBuf,
    pause: Duration,
    stop: AtomicBool,
    /// Threads that wait for a connection.
    idle: AtomicUsize,
    /// Makes nonces that nobody can foresee.
    random: RandomState,
    answered: AtomicUsize,
}

/// Starts the application on a socket that does not exist yet.
///
/// # Errors
/// The socket can not be made, or no thread be started.
pub fn start(socket: &Path) -> io::Result<DemoHandle> {
    start_with(socket, PAUSE)
}

fn start_with(socket: &Path, pause: Duration) -> io::Result<DemoHandle> {
    let shared = Arc::new(Shared {
        listener: UnixListener::bind(socket)?,
        socket: socket.to_owned(),
        pause,
        stop: AtomicBool::new(false),
        idle: AtomicUsize::new(0),
        random: RandomState::new(),
        answered: AtomicUsize::new(0),
    });
    let handle = DemoHandle { shared };
    for n in 0..THREADS {
        let shared = Arc::clone(&handle.shared);
        let thread = std::thread::Builder::new()
            .name(format!("demo-{n}"))
            .stack_size(256 * 1024);
        thread.spawn(move || shared.run())?;
    }
    Ok(handle)
}

impl Drop for DemoHandle {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // A connection for each waiting thread wakes it. While threads wait the queue is empty: this can not block.
        for _ in 0..self.shared.idle.load(Ordering::SeqCst) {
            let _ = UnixStream::connect(&self.shared.socket); // a thread left asleep ends with the process
        }
        if let Err(e) = std::fs::remove_file(&self.shared.socket) {
            log::debug!(
                "demo socket {}: not removed: {e}",
                self.shared.socket.display()
            );
        }
    }
}

impl Shared {
    fn run(&self) {
        loop {
            // Counted first and asked second: whoever ends us either sees this thread waiting and wakes it, or has
            // set `stop` before we look.
            self.idle.fetch_add(1, Ordering::SeqCst);
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let accepted = self.listener.accept();
            self.idle.fetch_sub(1, Ordering::SeqCst);
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            match accepted {
                // An error means that the gateway has left; it says so itself.
                Ok((stream, _)) => drop(self.serve(&stream)),
                // Out of descriptors, most likely: some time must pass in any case.
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn serve(&self, stream: &UnixStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut input = BufReader::with_capacity(16 * 1024, stream);
        let request = match Request::read(&mut input) {
            Ok(request) => request,
            Err(Bad::Gone) => return Ok(()),
            Err(Bad::Malformed(why)) => return refuse(stream, why),
        };
        let mut body = Body::new(request.param("CONTENT_TYPE").unwrap_or_default());
        request::read_body(&mut input, request.content_length, |piece| body.take(piece))?;
        self.answer(stream, &request, &body)
    }

    fn answer(&self, mut stream: &UnixStream, request: &Request, body: &Body) -> io::Result<()> {
        let with_body = request.param("REQUEST_METHOD") != Some(b"HEAD");
        if is_stream(request) {
            return self.stream(stream, request, with_body);
        }
        let nonce = format!(
            "{:016x}",
            self.random
                .hash_one(self.answered.fetch_add(1, Ordering::Relaxed))
        );
        let view = page::View {
            request,
            body,
            socket: &self.socket,
            nonce: &nonce,
        };
        let (kind, content) = match wants_json(request) {
            true => ("application/json", view.json()),
            false => ("text/html; charset=utf-8", view.html()),
        };
        let mut out = format!(
            "Status: 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{}Vary: Accept\r\n\
             Content-Security-Policy: {}\r\n\r\n",
            content.len(),
            COMMON,
            page::policy(&nonce)
        )
        .into_bytes();
        if with_body {
            out.extend_from_slice(&content);
        }
        stream.write_all(&out)
    }

    /// One line after the other, without a length: the end of the connection is the end of the response.
    fn stream(
        &self,
        mut stream: &UnixStream,
        request: &Request,
        with_body: bool,
    ) -> io::Result<()> {
        let events = accepts(request, "text/event-stream").is_some();
        let kind = if events {
            "text/event-stream"
        } else {
            "text/plain; charset=utf-8"
        };
        // The last field asks gateways to pass on each line at once.
        write!(
            stream,
            "Status: 200 OK\r\nContent-Type: {kind}\r\n{COMMON}X-Accel-Buffering: no\r\n\r\n"
        )?;
        for n in 1..=LINES {
            if !with_body || self.stop.load(Ordering::SeqCst) {
                return Ok(());
            }
            if n > 1 {
                std::thread::sleep(self.pause);
            }
            stream.write_all(&stream_line(n, events, SystemTime::now()))?;
        }
        Ok(())
    }
}

/// Fields of every good answer.
const COMMON: &str = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n";

fn stream_line(n: u64, event: bool, now: SystemTime) -> Vec<u8> {
    let mut line = Vec::with_capacity(64);
    line.extend_from_slice(if event { b"data: line " } else { b"line " });
    put_number(&mut line, n);
    line.extend_from_slice(b" of ");
    put_number(&mut line, LINES);
    line.extend_from_slice(b", written at ");
    Civil::utc(now).put_iso_millis(&mut line);
    line.extend_from_slice(if event { b"\n\n" } else { b"\n" });
    line
}

/// Says what was wrong with the bytes. A gateway that sends such bytes is the one to be mended.
fn refuse(mut stream: &UnixStream, why: &str) -> io::Result<()> {
    let text = format!("This is not an SCGI request: {why}.\n");
    write!(
        stream,
        "Status: 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )
}

/// The streamed response lies at `stream` below the application, wherever that is.
fn is_stream(request: &Request) -> bool {
    let (script, info) = request.path();
    let last = if info.is_empty() { script } else { info };
    last.ends_with(b"/stream")
}

/// JSON is wanted where Accept names it, and does not name HTML before it as browsers do.
fn wants_json(request: &Request) -> bool {
    match (
        accepts(request, "application/json"),
        accepts(request, "text/html"),
    ) {
        (Some(json), Some(html)) => json < html,
        (json, None) => json.is_some(),
        (None, Some(_)) => false,
    }
}

/// Where a media type stands in Accept.
fn accepts(request: &Request, kind: &str) -> Option<usize> {
    let field = request.param("HTTP_ACCEPT")?.to_ascii_lowercase();
    field.split(|b| *b == b',').position(|item| {
        let name = item.split(|b| *b == b';').next().unwrap_or_default();
        name.trim_ascii() == kind.as_bytes()
    })
}
