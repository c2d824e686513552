//! A raw HTTP/1.1 client that takes nothing on trust: every byte of a response is checked against the grammar, and
//! what is left over is for the next response or an error.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;

use super::{LIMIT, Stream};

/// A connection to the gateway.
pub struct Client {
    stream: Stream,
    /// Bytes that were read and not used yet.
    buf: Vec<u8>,
}

/// The head of a response.
#[derive(Clone, Debug)]
pub struct Head {
    pub status: u16,
    pub reason: String,
    pub fields: Vec<(String, String)>,
    pub framing: Framing,
    /// Statuses of the interim responses before it.
    pub interim: Vec<u16>,
}

/// How the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(u64),
    Chunked,
    Close,
}

/// A complete response.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub head: Head,
    pub body: Vec<u8>,
}

/// Why there is no complete response.
#[derive(Debug)]
pub enum Broken {
    /// The connection ended without a byte.
    Nothing,
    /// It ended, or was reset, inside the head.
    InHead(Vec<u8>),
    /// It ended inside the body, after these bytes of it.
    InBody(Head, Vec<u8>),
    /// No byte came for [`LIMIT`].
    Silence,
    /// Something that HTTP does not allow.
    Malformed(String),
}

/// What a read brought.
enum More {
    Bytes,
    End,
    Reset,
}

impl Head {
    /// The value of a field; panics when there are two.
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut found = self
            .fields
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let first = found.next().map(|(_, v)| v.as_str());
        assert!(
            found.next().is_none(),
            "field {name} is there twice: {:?}",
            self.fields
        );
        first
    }

    /// All values of a field, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
            .collect()
    }

    /// `Connection: close` was announced.
    pub fn closes(&self) -> bool {
        self.all("connection")
            .iter()
            .any(|v| v.eq_ignore_ascii_case("close"))
    }
}

impl Response {
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of `NAME=value` in a body made by [`super::App::echo`].
    #[track_caller]
    pub fn param(&self, name: &str) -> Option<String> {
        assert_eq!(self.status, 200, "not an echo: {}", self.text());
        self.text()
            .lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    }

    /// Asserts the status and returns the response.
    #[track_caller]
    pub fn is(self, status: u16) -> Response {
        assert_eq!(
            self.status,
            status,
            "{:?}\n{}",
            self.head.fields,
            self.text()
        );
        self
    }
}

impl Broken {
    /// The status, if a head came.
    pub fn status(&self) -> Option<u16> {
        if let Broken::InBody(head, _) = self {
            Some(head.status)
        } else {
            None
        }
    }
}

impl Client {
    /// The ports of a connection over TCP: ours and theirs.
    pub fn ports(&self) -> Option<(u16, u16)> {
        match &self.stream {
            Stream::Tcp(stream) => {
                let (ours, theirs) = (stream.local_addr().ok()?, stream.peer_addr().ok()?);
                Some((ours.port(), theirs.port()))
            }
            Stream::Unix(_) => None,
        }
    }

    pub fn new(stream: Stream) -> Client {
        stream.set_limit(LIMIT);
        Client {
            stream,
            buf: Vec::new(),
        }
    }

    #[track_caller]
    pub fn tcp(addr: SocketAddr) -> Client {
        let stream = TcpStream::connect(addr).unwrap_or_else(|e| panic!("connect to {addr}: {e}"));
        stream.set_nodelay(true).expect("set TCP_NODELAY");
        Client::new(Stream::Tcp(stream))
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .expect("send to the gateway");
    }

    /// Sends what the gateway may refuse to take: it may have answered and closed already.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends bytes and ends our sending side so that both arrive at once.
    #[track_caller]
    pub fn send_and_half_close(&mut self, bytes: &str) {
        // SAFETY: the pointer and the length are of a live slice.
        let sent = unsafe {
            libc::send(
                self.stream.as_raw_fd(),
                bytes.as_ptr().cast(),
                bytes.len(),
                libc::MSG_MORE | libc::MSG_NOSIGNAL,
            )
        };
        assert_eq!(
            usize::try_from(sent),
            Ok(bytes.len()),
            "send: {}",
            io::Error::last_os_error()
        );
        self.half_close();
    }

    /// Ends our sending side only.
    pub fn half_close(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// GET with a Host.
    #[track_caller]
    pub fn get(&mut self, target: &str) -> Response {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
        self.response()
    }

    /// A request with a body framed by its length.
    #[track_caller]
    pub fn post(&mut self, target: &str, body: &[u8]) -> Response {
        self.send(format!(
            "POST {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ));
        self.send(body);
        self.response()
    }

    /// The complete response to a request other than HEAD.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// The complete response to a request with this method. When it says that the connection closes, it must.
    #[track_caller]
    pub fn response_to(&mut self, method: &str) -> Response {
        let response = self
            .try_response(method)
            .unwrap_or_else(|e| panic!("no complete response: {e:?}"));
        if response.head.closes() {
            self.closed();
        }
        response
    }

    /// The response, or what came instead.
    pub fn try_response(&mut self, method: &str) -> Result<Response, Broken> {
        let head = self.try_head(method)?;
        let mut body = Vec::new();
        match self.try_body(&head, &mut |piece| body.extend_from_slice(piece)) {
            Ok(_) => Ok(Response {
                status: head.status,
                head,
                body,
            }),
            Err(Broken::InBody(head, _)) => Err(Broken::InBody(head, body)),
            Err(other) => Err(other),
        }
    }

    /// The head alone; the body is still to be read.
    #[track_caller]
    pub fn head(&mut self) -> Head {
        self.try_head("GET")
            .unwrap_or_else(|e| panic!("no head: {e:?}"))
    }

    /// The rest of the body, piece by piece. Returns its length.
    #[track_caller]
    pub fn body(&mut self, head: &Head, each: &mut dyn FnMut(&[u8])) -> u64 {
        self.try_body(head, each)
            .unwrap_or_else(|e| panic!("incomplete body: {e:?}"))
    }

    /// Asserts that the connection ends here: not a byte more. A reset counts as an end when `or_reset`.
    #[track_caller]
    pub fn closed(&mut self) {
        assert!(
            self.buf.is_empty(),
            "bytes after the response: {:?}",
            String::from_utf8_lossy(&self.buf)
        );
        match self.more() {
            Ok(More::End | More::Reset) => {}
            Ok(More::Bytes) => panic!(
                "bytes after the response: {:?}",
                String::from_utf8_lossy(&self.buf)
            ),
            Err(_) => panic!("the connection stays open"),
        }
    }

    /// Waits for at least one byte and takes all that has arrived; empty at the end.
    #[track_caller]
    pub fn some(&mut self) -> Vec<u8> {
        if self.buf.is_empty() {
            self.more().expect("bytes from the gateway");
        }
        std::mem::take(&mut self.buf)
    }

    /// All up to the end of the connection, unparsed.
    pub fn rest(&mut self) -> Vec<u8> {
        while let Ok(More::Bytes) = self.more() {}
        std::mem::take(&mut self.buf)
    }

    /// One chunk of a chunked body; empty for the last one.
    #[track_caller]
    pub fn chunk(&mut self) -> Vec<u8> {
        let mut data = Vec::new();
        let size = self
            .try_chunk(&mut |piece| data.extend_from_slice(piece))
            .expect("a chunk");
        assert_eq!(size, data.len() as u64);
        data
    }

    fn more(&mut self) -> Result<More, Broken> {
        let mut piece = [0; 65536];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Ok(More::End),
                Ok(n) => {
                    self.buf.extend_from_slice(&piece[..n]);
                    return Ok(More::Bytes);
                }
                Err(e) => match e.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                        return Err(Broken::Silence);
                    }
                    io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                        return Ok(More::Reset);
                    }
                    _ => return Err(Broken::Malformed(format!("read: {e}"))),
                },
            }
        }
    }

    /// A head, with the interim ones before it taken off.
    fn try_head(&mut self, method: &str) -> Result<Head, Broken> {
        let mut interim = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = find(&self.buf, b"\r\n\r\n") {
                    break at + 4;
                }
                match self.more()? {
                    More::Bytes => {}
                    More::End | More::Reset if self.buf.is_empty() && interim.is_empty() => {
                        return Err(Broken::Nothing);
                    }
                    More::End | More::Reset => {
                        return Err(Broken::InHead(std::mem::take(&mut self.buf)));
                    }
                }
            };
            let bytes: Vec<u8> = self.buf.drain(..end).collect();
            let mut head = parse_head(&bytes, method).map_err(Broken::Malformed)?;
            if head.status >= 200 {
                head.interim = interim;
                return Ok(head);
            }
            interim.push(head.status);
        }
    }

    /// Takes `n` bytes of body and gives them to `each`.
    fn take(&mut self, mut n: u64, each: &mut dyn FnMut(&[u8])) -> Result<(), Broken> {
        while n > 0 {
            if self.buf.is_empty() {
                match self.more()? {
                    More::Bytes => {}
                    More::End | More::Reset => return Err(Broken::Nothing),
                }
            }
            let len = (self.buf.len() as u64).min(n) as usize;
            each(&self.buf[..len]);
            self.buf.drain(..len);
            n -= len as u64;
        }
        Ok(())
    }

    fn line(&mut self) -> Result<Vec<u8>, Broken> {
        loop {
            if let Some(at) = find(&self.buf, b"\r\n") {
                let line: Vec<u8> = self.buf.drain(..at + 2).collect();
                return Ok(line[..at].to_vec());
            }
            if self.buf.len() > 8192 {
                return Err(Broken::Malformed("a chunk line without end".into()));
            }
            match self.more()? {
                More::Bytes => {}
                More::End | More::Reset => return Err(Broken::Nothing),
            }
        }
    }

    fn try_chunk(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<u64, Broken> {
        let line = self.line()?;
        let text = String::from_utf8_lossy(&line).into_owned();
        let strict =
            !text.is_empty() && text.len() <= 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let size = u64::from_str_radix(&text, 16).ok().filter(|_| strict);
        let size = size.ok_or_else(|| Broken::Malformed(format!("chunk size {text:?}")))?;
        self.take(size, each)?;
        match self.line()?.as_slice() {
            b"" => Ok(size),
            after => Err(Broken::Malformed(format!(
                "after a chunk: {:?}",
                String::from_utf8_lossy(after)
            ))),
        }
    }

    /// The rest of the body, piece by piece, or why it is not complete.
    pub fn try_body(&mut self, head: &Head, each: &mut dyn FnMut(&[u8])) -> Result<u64, Broken> {
        // `Nothing` from below means: the connection ended inside the body.
        let cut = |e| {
            if let Broken::Nothing = e {
                Broken::InBody(head.clone(), Vec::new())
            } else {
                e
            }
        };
        match head.framing {
            Framing::None => Ok(0),
            Framing::Length(n) => self.take(n, each).map(|()| n).map_err(cut),
            Framing::Chunked => {
                let mut sum = 0;
                loop {
                    match self.try_chunk(each).map_err(cut)? {
                        0 => return Ok(sum),
                        n => sum += n,
                    }
                }
            }
            Framing::Close => {
                let mut sum = 0;
                loop {
                    sum += self.buf.len() as u64;
                    each(&self.buf);
                    self.buf.clear();
                    match self.more()? {
                        More::Bytes => {}
                        More::End => return Ok(sum),
                        More::Reset => return Err(cut(Broken::Nothing)),
                    }
                }
            }
        }
    }
}

/// Where `needle` begins.
pub fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|w| w == needle)
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Parses a response head strictly (RFC 9112 4 and 5, RFC 9110 6.6.1, 8.6).
pub fn parse_head(bytes: &[u8], method: &str) -> Result<Head, String> {
    let text: String = bytes.iter().map(|&b| b as char).collect();
    let bad = |what: &str| format!("{what} in the head {text:?}");
    let body = text.strip_suffix("\r\n\r\n").ok_or_else(|| bad("no end"))?;
    let mut lines = body.split("\r\n");
    let (status, reason) = lines
        .next()
        .and_then(status_line)
        .ok_or_else(|| bad("bad status line"))?;
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| bad("no colon"))?;
        if !is_token(name) {
            return Err(bad("bad name"));
        }
        let value = value.trim_matches([' ', '\t']);
        if value.bytes().any(|b| b < 0x20 && b != b'\t' || b == 0x7f) {
            return Err(bad("control byte"));
        }
        fields.push((name.to_owned(), value.to_owned()));
    }
    let mut head = Head {
        status,
        reason: reason.to_owned(),
        fields,
        framing: Framing::None,
        interim: Vec::new(),
    };
    head.framing = framing(&head, method).map_err(|what| bad(&what))?;
    Ok(head)
}

/// `HTTP/1.1 200 OK`: what R1 allows is the application's business, the gateway's own line has one form.
fn status_line(line: &str) -> Option<(u16, &str)> {
    let rest = line.strip_prefix("HTTP/1.1 ")?;
    let (code, reason) = rest.split_at_checked(3)?;
    let reason = reason.strip_prefix(' ')?;
    let plain = reason
        .bytes()
        .all(|b| b == b'\t' || (0x20..0x7f).contains(&b) || b >= 0x80);
    let code: u16 = code.parse().ok()?;
    (plain && (100..600).contains(&code)).then_some((code, reason))
}

fn framing(head: &Head, method: &str) -> Result<Framing, String> {
    let lengths = head.all("content-length");
    let codings = head.all("transfer-encoding");
    if lengths.len() + codings.len() > 1 {
        return Err("more than one framing field".into());
    }
    if head.status < 200 {
        return if lengths.len() + codings.len() == 0 {
            Ok(Framing::None)
        } else {
            Err("framing in an interim".into())
        };
    }
    for name in ["date", "server", "connection"] {
        if head.all(name).len() > 1 {
            return Err(format!("more than one {name}"));
        }
    }
    if head.all("date").is_empty() {
        return Err("no Date".into());
    }
    let length = match lengths.first() {
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => {
            Some(text.parse().map_err(|_| "huge length")?)
        }
        Some(_) => return Err("bad Content-Length".into()),
        None => None,
    };
    if let Some(coding) = codings.first() {
        if *coding != "chunked" {
            return Err("bad Transfer-Encoding".into());
        }
        if matches!(head.status, 204 | 304) {
            return Err("Transfer-Encoding without a body".into());
        }
    }
    if head.status == 204 && length.is_some() {
        return Err("Content-Length in a 204".into());
    }
    if method == "HEAD" || matches!(head.status, 204 | 304) {
        return Ok(Framing::None);
    }
    Ok(match (length, codings.is_empty()) {
        (Some(n), _) => Framing::Length(n),
        (None, false) => Framing::Chunked,
        (None, true) => Framing::Close,
    })
}
