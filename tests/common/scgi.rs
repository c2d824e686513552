//! The application's side of one SCGI connection, as a script drives it. Requests are parsed strictly: what the
//! specification does not allow fails the test.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use super::{LIMIT, Stream, until};

/// A connection that the gateway made.
pub struct Scgi {
    stream: Stream,
    buf: Vec<u8>,
    /// Which connection of this application it is, from 1.
    pub number: usize,
    /// Where it came from, for TCP.
    pub peer: Option<std::net::SocketAddr>,
}

/// A request head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub params: Vec<(String, Vec<u8>)>,
    pub content_length: u64,
    /// Bytes of the netstring's content.
    pub block: usize,
}

impl Request {
    /// The value of a parameter as text, one character for each byte.
    pub fn param(&self, name: &str) -> Option<String> {
        let value = &self.params.iter().find(|(n, _)| n == name)?.1;
        Some(value.iter().map(|&b| b as char).collect())
    }

    /// The value of a parameter that must be there.
    #[track_caller]
    pub fn get(&self, name: &str) -> String {
        self.param(name)
            .unwrap_or_else(|| panic!("no {name} among {:?}", self.names()))
    }

    pub fn names(&self) -> Vec<&str> {
        self.params.iter().map(|(n, _)| n.as_str()).collect()
    }

    pub fn method(&self) -> String {
        self.get("REQUEST_METHOD")
    }

    pub fn uri(&self) -> String {
        self.get("REQUEST_URI")
    }
}

/// Parses the content of the netstring by the rules of SCGI and what scgate promises beyond them.
pub fn parse_block(block: &[u8]) -> Result<Request, String> {
    let fail = |what: &str| {
        Err(format!(
            "{what} in the parameters {:?}",
            String::from_utf8_lossy(block)
        ))
    };
    let Some(inner) = block.strip_suffix(b"\0") else {
        return fail("no NUL at the end");
    };
    let parts: Vec<&[u8]> = inner.split(|&b| b == 0).collect();
    if !parts.len().is_multiple_of(2) {
        return fail("a name without a value");
    }
    let mut params: Vec<(String, Vec<u8>)> = Vec::new();
    for pair in parts.chunks_exact(2) {
        let Ok(name) = std::str::from_utf8(pair[0]) else {
            return fail("a name that is not text");
        };
        if name.is_empty() || name.bytes().any(|b| b <= 0x20 || b >= 0x7f || b == b'=') {
            return fail("a bad name");
        }
        if params.iter().any(|(n, _)| n == name) {
            return fail(&format!("{name} twice"));
        }
        params.push((name.to_owned(), pair[1].to_vec()));
    }
    if params[0].0 != "CONTENT_LENGTH" {
        return fail("CONTENT_LENGTH is not first");
    }
    let length = std::str::from_utf8(&params[0].1)
        .ok()
        .filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
    let Some(content_length) = length.and_then(|t| t.parse().ok()) else {
        return fail("a bad CONTENT_LENGTH");
    };
    if !params.iter().any(|(n, v)| n == "SCGI" && v == b"1") {
        return fail("no SCGI=1");
    }
    // Z3, Z4, Z5: what never becomes a parameter.
    const NEVER: [&str; 11] = [
        "HTTP_CONTENT_LENGTH",
        "HTTP_CONTENT_TYPE",
        "HTTP_CONNECTION",
        "HTTP_KEEP_ALIVE",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_TE",
        "HTTP_TRAILER",
        "HTTP_UPGRADE",
        "HTTP_PROXY",
        "HTTP_PROXY_CONNECTION",
        "HTTP_PROXY_AUTHORIZATION",
    ];
    for never in NEVER {
        if params.iter().any(|(n, _)| n == never) {
            return fail(never);
        }
    }
    Ok(Request {
        params,
        content_length,
        block: block.len(),
    })
}

impl Scgi {
    pub fn new(stream: Stream, number: usize, peer: Option<std::net::SocketAddr>) -> Scgi {
        stream.set_limit(LIMIT);
        Scgi {
            stream,
            buf: Vec::new(),
            number,
            peer,
        }
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Reads the head of the request.
    #[track_caller]
    pub fn request(&mut self) -> Request {
        self.try_request()
            .unwrap_or_else(|e| panic!("no request: {e}"))
    }

    /// Reads the head; an error when the connection ends first.
    ///
    /// # Panics
    /// When it is not well-formed SCGI.
    #[track_caller]
    pub fn try_request(&mut self) -> io::Result<Request> {
        let colon = loop {
            if let Some(at) = self.buf.iter().position(|&b| b == b':') {
                break at;
            }
            assert!(
                self.buf.len() < 20,
                "no netstring: {:?}",
                String::from_utf8_lossy(&self.buf)
            );
            self.fill()?;
        };
        let digits = String::from_utf8_lossy(&self.buf[..colon]).into_owned();
        let plain = digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.is_empty()
            && !digits.starts_with('0');
        assert!(plain, "netstring length {digits:?}");
        let length: usize = digits.parse().expect("a length");
        let end = colon + 1 + length;
        while self.buf.len() <= end {
            self.fill()?;
        }
        assert_eq!(self.buf[end], b',', "no comma after the netstring");
        let request = parse_block(&self.buf[colon + 1..end]).unwrap_or_else(|e| panic!("{e}"));
        self.buf.drain(..=end);
        Ok(request)
    }

    /// Reads the head of the request up to its last byte but one, and nothing behind it: whatever follows, a close now leaves
    /// bytes unread, and the gateway sees a reset.
    #[track_caller]
    pub fn request_and_leave_some(&mut self) -> Request {
        let mut length = String::new();
        loop {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).expect("a netstring");
            if byte == *b":" {
                break;
            }
            length.push(byte[0] as char);
            assert!(length.len() < 20, "no netstring: {length:?}");
        }
        let mut block = vec![0; length.parse().expect("the length of a netstring")];
        self.stream.read_exact(&mut block).expect("parameters");
        parse_block(&block).unwrap_or_else(|e| panic!("{e}"))
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 65536];
        match self.stream.read(&mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                self.buf.extend_from_slice(&piece[..n]);
                Ok(n)
            }
        }
    }

    /// At least one byte of the body.
    #[track_caller]
    pub fn some(&mut self) -> Vec<u8> {
        if self.buf.is_empty() {
            self.fill().expect("bytes of the body");
        }
        std::mem::take(&mut self.buf)
    }

    /// Reads the body piece by piece and checks that nothing follows it. Returns how much came.
    pub fn try_body(&mut self, length: u64, each: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
        let mut got = 0;
        loop {
            let n = (self.buf.len() as u64).min(length - got) as usize;
            each(&self.buf[..n]);
            self.buf.drain(..n);
            got += n as u64;
            assert!(self.buf.is_empty(), "bytes after the body");
            if got == length {
                return Ok(got);
            }
            self.fill()?;
        }
    }

    /// The whole body.
    #[track_caller]
    pub fn body(&mut self, request: &Request) -> Vec<u8> {
        let mut body = Vec::new();
        self.try_body(request.content_length, &mut |piece| {
            body.extend_from_slice(piece)
        })
        .expect("the whole body");
        body
    }

    /// Head and body.
    #[track_caller]
    pub fn all(&mut self) -> (Request, Vec<u8>) {
        let request = self.request();
        let body = self.body(&request);
        (request, body)
    }

    /// Sends bytes; that the gateway has gone is for [`Scgi::try_send`].
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("send to the gateway");
    }

    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Reads the whole request and sends a response with its length.
    #[track_caller]
    pub fn answer(&mut self, body: impl AsRef<[u8]>) -> Request {
        let (request, _) = self.all();
        self.reply(body);
        request
    }

    /// Sends a response with its length, in one piece: after a HEAD the gateway does not wait for a body.
    #[track_caller]
    pub fn reply(&mut self, body: impl AsRef<[u8]>) {
        self.try_reply(body).expect("send to the gateway");
    }

    pub fn try_reply(&mut self, body: impl AsRef<[u8]>) -> io::Result<()> {
        let body = body.as_ref();
        let head = format!(
            "Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.try_send([head.as_bytes(), body].concat())
    }

    /// The close at the end of the script will be a reset. On a Unix socket that needs unread bytes of the gateway.
    pub fn reset_at_end(&self) {
        self.stream.set_reset_on_close();
    }

    /// Ends our sending side only.
    pub fn half_close(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads nothing more, and waits until the gateway has closed its end.
    pub fn stalls(&self) {
        until("the gateway to close its end", || self.stream.is_left());
    }

    /// Waits until the gateway has closed its end, and says how long that took. Bytes that come before are dropped.
    #[track_caller]
    pub fn peer_closed(&mut self) -> Duration {
        let start = Instant::now();
        loop {
            match self.fill() {
                Ok(_) => self.buf.clear(),
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    panic!("the gateway keeps the connection open")
                }
                Err(_) => return start.elapsed(),
            }
        }
    }
}

impl Read for Scgi {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.buf.is_empty() {
            return self.stream.read(out);
        }
        let n = self.buf.len().min(out.len());
        out[..n].copy_from_slice(&self.buf[..n]);
        self.buf.drain(..n);
        Ok(n)
    }
}

impl Write for Scgi {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
