//! The application behind the cache: it answers by path, counts what it is asked, waits where a test holds it, and fails when
//! it is told to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::common::scgi::Request;
use crate::common::{App, Latch, Scgi, until};

/// A running origin. What a path has no answer for is answered with `PATH N`: the N-th response for this path.
pub struct Origin {
    app: App,
    book: Arc<Mutex<Book>>,
}

#[derive(Default)]
struct Book {
    answers: HashMap<String, Answer>,
    /// Requests that have arrived, by path, with their bodies.
    asked: HashMap<String, Vec<(Request, Vec<u8>)>>,
    held: HashMap<String, Hold>,
    health: Health,
}

/// Whether it answers at all.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Health {
    #[default]
    Well,
    /// Closes without a word.
    Closes,
    /// Answers with this status.
    Says(u16),
    /// Says nothing until the gateway gives up.
    Hangs,
    /// Answers with what is no response.
    Babbles,
}

#[derive(Clone)]
enum Answer {
    /// Fields, each with its line end, and a body; `{n}` in either is the number of the request. Its length is added.
    Whole(String, Vec<u8>),
    /// Exactly these bytes, then the end.
    Raw(Vec<u8>),
}

#[derive(Clone)]
struct Hold {
    latch: Arc<Latch>,
    /// How many bytes of the response go out before.
    after: Part,
}

#[derive(Clone, Copy)]
enum Part {
    Nothing,
    /// The head and half of the body.
    Half,
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The path of a request, where redirects inside the gateway have led it.
fn path(request: &Request) -> String {
    request.get("DOCUMENT_URI")
}

impl Origin {
    pub fn new() -> Origin {
        let book = Arc::new(Mutex::new(Book::default()));
        let theirs = Arc::clone(&book);
        let app = App::script(move |scgi| serve(scgi, &theirs));
        Origin { app, book }
    }

    pub fn addr(&self) -> String {
        self.app.addr()
    }

    /// From now on `path` is answered with these fields, each with its line end, and this body.
    pub fn says(&self, path: &str, fields: &str, body: impl AsRef<[u8]>) {
        let answer = Answer::Whole(fields.to_owned(), body.as_ref().to_vec());
        lock(&self.book).answers.insert(path.to_owned(), answer);
    }

    /// From now on `path` is answered with exactly these bytes.
    pub fn sends(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let answer = Answer::Raw(bytes.as_ref().to_vec());
        lock(&self.book).answers.insert(path.to_owned(), answer);
    }

    /// From now on requests for `path` are answered when the latch is opened.
    pub fn holds(&self, path: &str) -> Arc<Latch> {
        self.hold(path, Part::Nothing)
    }

    /// The same, but the head and half of the body go out at once.
    pub fn holds_half(&self, path: &str) -> Arc<Latch> {
        self.hold(path, Part::Half)
    }

    fn hold(&self, path: &str, after: Part) -> Arc<Latch> {
        let latch = Arc::new(Latch::default());
        let hold = Hold {
            latch: Arc::clone(&latch),
            after,
        };
        lock(&self.book).held.insert(path.to_owned(), hold);
        latch
    }

    /// Later requests for `path` are not held; those that are stay so.
    pub fn holds_no_more(&self, path: &str) {
        lock(&self.book).held.remove(path);
    }

    pub fn is(&self, health: Health) {
        lock(&self.book).health = health;
    }

    /// How many requests for `path` have arrived.
    pub fn asked(&self, path: &str) -> usize {
        lock(&self.book).asked.get(path).map_or(0, Vec::len)
    }

    /// How many requests have arrived.
    pub fn asked_at_all(&self) -> usize {
        lock(&self.book).asked.values().map(Vec::len).sum()
    }

    /// Waits until `n` requests for `path` have arrived.
    #[track_caller]
    pub fn wait_asked(&self, path: &str, n: usize) {
        until(&format!("{n} requests for {path}"), || {
            self.asked(path) >= n
        });
    }

    /// The last request for `path`.
    #[track_caller]
    pub fn last(&self, path: &str) -> Request {
        let book = lock(&self.book);
        let asked = book.asked.get(path).and_then(|all| all.last());
        let (request, _) = asked.unwrap_or_else(|| panic!("{path} was not asked for"));
        request.clone()
    }

    /// The body of the last request for `path`.
    #[track_caller]
    pub fn last_body(&self, path: &str) -> Vec<u8> {
        let book = lock(&self.book);
        let asked = book.asked.get(path).and_then(|all| all.last());
        let (_, body) = asked.unwrap_or_else(|| panic!("{path} was not asked for"));
        body.clone()
    }
}

fn serve(scgi: &mut Scgi, book: &Mutex<Book>) {
    let Ok(request) = scgi.try_request() else {
        return;
    };
    let mut body = Vec::new();
    let read = scgi.try_body(request.content_length, &mut |piece| {
        body.extend_from_slice(piece)
    });
    if read.is_err() {
        return;
    }
    let path = path(&request);
    let (response, hold, health) = {
        let mut book = lock(book);
        let asked = book.asked.entry(path.clone()).or_default();
        asked.push((request, body));
        let n = asked.len();
        let answer = book.answers.get(&path).cloned();
        (
            response(&path, answer, n),
            book.held.get(&path).cloned(),
            book.health,
        )
    };
    let split = match hold.as_ref().map(|h| h.after) {
        Some(Part::Half) => half(&response),
        _ => 0,
    };
    if split > 0 && scgi.try_send(&response[..split]).is_err() {
        return;
    }
    if let Some(hold) = hold {
        hold.latch.wait();
    }
    match health {
        // The gateway may have gone.
        Health::Well => drop(scgi.try_send(&response[split..])),
        Health::Closes => {}
        Health::Says(status) => drop(scgi.try_send(format!(
            "Status: {status} Trouble\r\nContent-Length: 7\r\n\r\ntrouble"
        ))),
        Health::Hangs => drop(scgi.peer_closed()),
        Health::Babbles => drop(scgi.try_send("Status: lots\r\n: :\r\n\r\n")),
    }
}

fn response(path: &str, answer: Option<Answer>, n: usize) -> Vec<u8> {
    let (fields, body) = match answer {
        Some(Answer::Raw(bytes)) => return bytes,
        Some(Answer::Whole(fields, body)) => (fields, body),
        None => (String::new(), format!("{path} {{n}}").into_bytes()),
    };
    let n = n.to_string();
    let body = match std::str::from_utf8(&body) {
        Ok(text) => text.replace("{n}", &n).into_bytes(),
        Err(_) => body,
    };
    let status = if fields.starts_with("Status:") {
        ""
    } else {
        "Status: 200 OK\r\n"
    };
    let length = match fields.starts_with("Status: 304") {
        true => String::new(),
        false => format!("Content-Length: {}\r\n", body.len()),
    };
    let mut fields = fields.replace("{n}", &n);
    if status.is_empty() && fields.as_bytes().get(11) == Some(&b'\r') {
        // nginx makes no correct status line without a phrase.
        fields.insert_str(11, " Said");
    }
    let mut all = format!("{status}{fields}{length}\r\n").into_bytes();
    all.extend_from_slice(&body);
    all
}

/// Where the first half of a response ends.
fn half(response: &[u8]) -> usize {
    let head = crate::common::http::find(response, b"\r\n\r\n").map_or(0, |at| at + 4);
    head + (response.len() - head) / 2
}
