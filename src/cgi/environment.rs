//! From the environment of a CGI program to an HTTP request (RFC 3875 4.1). Pure.
//!
//! The server in front has read the request already, but what it puts into the environment is still a stranger's: nothing of
//! it may end a line, become a second field or decide about the framing here. What can not stand in a request becomes one
//! that the front refuses with 400, so that log and error page are those of any other.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use crate::config::outer::Outer;
use crate::http::fields::is_token;
use crate::http::{host, uri};
use crate::scgi::decimal;
use crate::template::Var;

/// Names and values, as the system has them.
pub type Variables = [(Vec<u8>, Vec<u8>)];

/// The body on standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    None,
    Length(u64),
    /// Nobody said how long it is: all there is.
    Rest,
}

/// One request.
#[derive(Debug)]
pub struct Incoming {
    pub outer: Outer,
    /// The client; `None`: REMOTE_ADDR is no address.
    pub remote: Option<SocketAddr>,
    /// The head of the request, for the front.
    pub head: Vec<u8>,
    pub body: Body,
    /// It is a HEAD request: no body follows the response's head.
    pub is_head: bool,
    /// What could not stand in a request; then `head` is none either.
    pub flaw: Option<String>,
}

/// Fields that are not passed on as they are: those about the connection and the framing, those that have variables of their
/// own, and `Proxy`, which libraries take for a setting of theirs (httpoxy).
const NOT_FIELDS: [&[u8]; 11] = [
    b"CONNECTION",
    b"CONTENT_LENGTH",
    b"CONTENT_TYPE",
    b"EXPECT",
    b"HOST",
    b"KEEP_ALIVE",
    b"PROXY",
    b"PROXY_CONNECTION",
    b"TE",
    b"TRAILER",
    b"TRANSFER_ENCODING",
];

/// What is passed on as it is, but for control bytes, which no honest one has.
const PLAIN: [&str; 9] = [
    "AUTH_TYPE",
    "HTTPS",
    "REMOTE_ADDR",
    "REMOTE_USER",
    "SCRIPT_NAME",
    "SERVER_ADDR",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
];

/// No request: the front answers 400.
const REFUSED: &[u8] = b"CGI\r\n\r\n";

/// Reads the environment. `piped`: standard input is a pipe, whose end the server marks by closing it.
///
/// # Errors
/// A phrase: the program was not called as a CGI program.
pub fn incoming(variables: &Variables, piped: bool) -> Result<Incoming, &'static str> {
    let vars = Vars(variables);
    if vars.get("GATEWAY_INTERFACE").is_empty() || vars.get("REQUEST_METHOD").is_empty() {
        return Err("GATEWAY_INTERFACE and REQUEST_METHOD are not in the environment");
    }
    let remote = address(vars.get("REMOTE_ADDR"));
    let remote = remote.map(|ip| SocketAddr::new(ip, vars.number("REMOTE_PORT").unwrap_or(0)));
    let mut incoming = Incoming {
        outer: vars.outer(remote),
        remote,
        head: Vec::new(),
        body: Body::None,
        is_head: vars.get("REQUEST_METHOD") == b"HEAD",
        flaw: None,
    };
    match vars
        .body(piped)
        .and_then(|body| Ok((body, vars.head(body)?)))
    {
        Ok((body, head)) => (incoming.body, incoming.head) = (body, head),
        Err(name) => {
            incoming.flaw = Some(format!("{} holds what no request can", name.escape_ascii()));
            incoming.head = REFUSED.to_vec();
        }
    }
    Ok(incoming)
}

struct Vars<'a>(&'a Variables);

/// The name of the variable that can not be used.
type Flaw<'a> = &'a [u8];

impl<'a> Vars<'a> {
    /// The value of a variable; empty where there is none, which means the same (RFC 3875 4.1).
    fn get(&self, name: &str) -> &'a [u8] {
        let found = self.0.iter().find(|(known, _)| known == name.as_bytes());
        found.map_or(b"", |(_, value)| value)
    }

    fn number<N: TryFrom<u64>>(&self, name: &str) -> Option<N> {
        decimal::parse(self.get(name))?.try_into().ok()
    }

    /// The value of a variable that none of these bytes may stand in.
    fn without(&self, name: &'static str, bad: Range<u8>) -> Result<&'a [u8], Flaw<'a>> {
        let value = self.get(name);
        let sound = value.iter().all(|b| !bad.contains(b) && *b != 0x7f);
        sound.then_some(value).ok_or(name.as_bytes())
    }

    /// RFC 3875 4.1.2: no CONTENT_LENGTH, no body. But servers that take a chunked body from a client can not say its length,
    /// and may not even say that there is one; where the input is a pipe, its end says so.
    fn body(&self, piped: bool) -> Result<Body, Flaw<'a>> {
        if !self.get("CONTENT_LENGTH").is_empty() {
            let length = self.number("CONTENT_LENGTH").map(Body::Length);
            return length.ok_or(b"CONTENT_LENGTH");
        }
        let has_body = [b"POST".as_slice(), b"PUT", b"PATCH"].contains(&self.get("REQUEST_METHOD"));
        let coded = !self.get("HTTP_TRANSFER_ENCODING").is_empty();
        if coded && self.get("SERVER_SOFTWARE").starts_with(b"busybox") {
            // It does not know the coding: what is there is the first piece of the body, with the coding in it.
            return Err(b"HTTP_TRANSFER_ENCODING");
        }
        Ok(match coded || (piped && has_body) {
            true => Body::Rest,
            false => Body::None,
        })
    }

    fn head(&self, body: Body) -> Result<Vec<u8>, Flaw<'a>> {
        for name in PLAIN {
            self.without(name, 0..b' ')?;
        }
        let method = self.get("REQUEST_METHOD");
        if !is_token(method) {
            return Err(b"REQUEST_METHOD");
        }
        let mut head = [method, b" "].concat();
        match self.get("PATH_INFO") {
            [] => head.push(b'/'),
            path @ [b'/', ..] => uri::encode(path, &mut head),
            _ => return Err(b"PATH_INFO"),
        }
        put_query(self.without("QUERY_STRING", 0..b'!')?, &mut head);
        if self.request_uri().iter().any(|b| *b <= b' ' || *b == 0x7f) {
            return Err(b"REQUEST_URI");
        }
        head.extend_from_slice(b" HTTP/1.1\r\nHost: ");
        head.extend_from_slice(&self.host()?);
        head.extend_from_slice(b"\r\nConnection: close");
        // Fields that it names are of the client's connection: the front keeps them.
        match self.without("HTTP_CONNECTION", 0..b' ')? {
            [] => {}
            options => head.extend_from_slice(&[b", ", options].concat()),
        }
        head.extend_from_slice(b"\r\n");
        match body {
            Body::None => {}
            Body::Length(length) => {
                put(b"Content-Length", length.to_string().as_bytes(), &mut head)
            }
            Body::Rest => put(b"Transfer-Encoding", b"chunked", &mut head),
        }
        match self.without("CONTENT_TYPE", 0..b' ')? {
            [] => {}
            text => put(b"Content-Type", text, &mut head),
        }
        self.fields(&mut head)?;
        head.extend_from_slice(b"\r\n");
        Ok(head)
    }

    /// `HTTP_…` become fields again.
    fn fields(&self, head: &mut Vec<u8>) -> Result<(), Flaw<'a>> {
        for (variable, value) in self.0 {
            let Some(name) = variable.strip_prefix(b"HTTP_") else {
                continue;
            };
            // Some servers leave hyphens in the names.
            let same = |(a, b): (&u8, &u8)| a.eq_ignore_ascii_case(b) || (*a == b'_' && *b == b'-');
            let is = |known: &&[u8]| known.len() == name.len() && known.iter().zip(name).all(same);
            if NOT_FIELDS.iter().any(is) {
                continue;
            }
            let odd = |b: &u8| !b.is_ascii_alphanumeric() && *b != b'_' && *b != b'-';
            let control = |b: &u8| (*b < b' ' && *b != b'\t') || *b == 0x7f;
            if name.is_empty() || name.iter().any(odd) || value.iter().any(control) {
                return Err(variable);
            }
            let hyphen = |b: &u8| {
                if *b == b'_' {
                    b'-'
                } else {
                    b.to_ascii_lowercase()
                }
            };
            put(&name.iter().map(hyphen).collect::<Vec<u8>>(), value, head);
        }
        Ok(())
    }

    /// Every request has a host: where its client named none, the server's name stands for it.
    fn host(&self) -> Result<Vec<u8>, Flaw<'a>> {
        let given = self.without("HTTP_HOST", 0..b'!')?;
        if !given.is_empty() {
            return Ok(given.to_vec());
        }
        let name = self.get("SERVER_NAME");
        let mut host = match name.contains(&b':') && !name.starts_with(b"[") {
            true => [b"[", name, b"]"].concat(),
            false => name.to_vec(),
        };
        if let Some(port) = self.number::<u16>("SERVER_PORT").filter(|port| *port != 80) {
            host.extend_from_slice(format!(":{port}").as_bytes());
        }
        let sound = host::parse(&host).is_ok();
        Ok(if sound { host } else { b"localhost".to_vec() })
    }

    /// REQUEST_URI, or what it must have been: not every server sends it, and BusyBox httpd decodes its path.
    fn request_uri(&self) -> Vec<u8> {
        let path = [self.get("SCRIPT_NAME"), self.get("PATH_INFO")].concat();
        let given = self.get("REQUEST_URI");
        let mut uri = Vec::new();
        match given.strip_prefix(&*path) {
            _ if given.is_empty() => {
                uri::encode(if path.is_empty() { b"/" } else { &path }, &mut uri);
                put_query(self.get("QUERY_STRING"), &mut uri);
            }
            // The decoded path, or one that needed no coding and stays as it is.
            Some(query @ ([] | [b'?', ..])) => {
                uri::encode(&path, &mut uri);
                uri.extend_from_slice(query);
            }
            _ => uri.extend_from_slice(given),
        }
        uri
    }

    fn outer(&self, remote: Option<SocketAddr>) -> Outer {
        let request_uri = self.request_uri();
        let method = self.get("REQUEST_METHOD");
        let protocol = self.get("SERVER_PROTOCOL");
        let line = [method, b" ", &request_uri, b" ", protocol].concat();
        let (scheme, https) = self.scheme();
        let mut values = vec![
            (Var::RequestUri, request_uri),
            (Var::Request, line.trim_ascii_end().to_vec()),
            (Var::Scheme, scheme.to_vec()),
            (Var::Https, https.to_vec()),
            // Not every server says it, and no socket of ours knows it.
            (Var::ServerAddr, self.get("SERVER_ADDR").to_vec()),
        ];
        for (var, name) in [
            (Var::ServerProtocol, "SERVER_PROTOCOL"),
            (Var::ServerName, "SERVER_NAME"),
            (Var::ServerPort, "SERVER_PORT"),
            (Var::RemoteUser, "REMOTE_USER"),
            (Var::AuthType, "AUTH_TYPE"),
        ] {
            match (self.get(name), &var) {
                // Without a word of the server it is the port that the client asked for, or the usual one.
                ([], Var::ServerPort) if scheme == b"https" && !has_port(self.get("HTTP_HOST")) => {
                    values.push((var, b"443".to_vec()));
                }
                ([], _) => {}
                (value, _) => values.push((var, value.to_vec())),
            }
        }
        let remote_addr = self.get("REMOTE_ADDR");
        if remote.is_none() && !remote_addr.is_empty() {
            values.push((Var::RemoteAddr, remote_addr.to_vec()));
        }
        Outer {
            script_name: self.get("SCRIPT_NAME").to_vec(),
            no_path: self.get("PATH_INFO").is_empty(),
            values,
        }
    }

    /// `$scheme` and `$https`: the one follows from the other where only one is said.
    fn scheme(&self) -> (&'a [u8], &'a [u8]) {
        let off = |value: &[u8]| value.eq_ignore_ascii_case(b"off") || value == b"0";
        let (scheme, https) = (self.get("REQUEST_SCHEME"), self.get("HTTPS"));
        let scheme = [b"http".as_slice(), b"https"]
            .into_iter()
            .find(|known| *known == scheme);
        match (scheme, https) {
            (Some(b"https"), []) => (b"https", b"on"),
            (None, [_, ..]) if !off(https) => (b"https", https),
            (scheme, https) if off(https) => (scheme.unwrap_or(b"http"), b""),
            (scheme, https) => (scheme.unwrap_or(b"http"), https),
        }
    }
}

fn put(name: &[u8], value: &[u8], head: &mut Vec<u8>) {
    for part in [name, b": ", value, b"\r\n"] {
        head.extend_from_slice(part);
    }
}

fn put_query(query: &[u8], out: &mut Vec<u8>) {
    if !query.is_empty() {
        out.push(b'?');
        out.extend_from_slice(query);
    }
}

fn has_port(host: &[u8]) -> bool {
    host::parse(host).is_ok_and(|host| host.port.is_some())
}

/// `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`; a scope means nothing to anybody else.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let inside = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let bare = inside.unwrap_or(text).split('%').next()?;
    Some(bare.parse::<IpAddr>().ok()?.to_canonical())
}

#[cfg(test)]
mod tests;
