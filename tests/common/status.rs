//! What a status location says: its JSON, read strictly, and the orders it takes.

use std::collections::BTreeSet;

use super::{Gate, Response, until};

/// Flags that make `/status` a status location which takes orders.
pub const STATUS: [&str; 8] = [
    "--location",
    "/status",
    "--status",
    "writable",
    "--allow",
    "127.0.0.1",
    "--deny",
    "all",
];

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// One address of a group, as the status shows it.
#[derive(Clone, Debug)]
pub struct Server {
    pub group: String,
    pub address: String,
    pub state: String,
    pub backup: bool,
    /// Exchanges now, and since the start.
    pub running: u64,
    pub requests: u64,
    /// Failures since the start.
    pub fails: u64,
}

impl Json {
    /// Reads a whole document (RFC 8259); no name may stand twice in an object.
    pub fn parse(text: &str) -> Result<Json, String> {
        let mut reader = Reader {
            text: text.as_bytes(),
            at: 0,
        };
        let value = reader.value(0)?;
        reader.space();
        if reader.at == text.len() {
            Ok(value)
        } else {
            Err(reader.wrong("something after the document"))
        }
    }

    /// A member that must be there.
    #[track_caller]
    pub fn get(&self, name: &str) -> &Json {
        let Json::Object(members) = self else {
            panic!("not an object: {self:?}");
        };
        let found = members.iter().find(|(n, _)| n == name);
        let names: Vec<&String> = members.iter().map(|(n, _)| n).collect();
        &found
            .unwrap_or_else(|| panic!("no {name} among {names:?}"))
            .1
    }

    #[track_caller]
    pub fn list(&self) -> &[Json] {
        match self {
            Json::List(items) => items,
            other => panic!("not a list: {other:?}"),
        }
    }

    #[track_caller]
    pub fn text(&self) -> &str {
        match self {
            Json::Text(text) => text,
            other => panic!("not a text: {other:?}"),
        }
    }

    #[track_caller]
    pub fn bool(&self) -> bool {
        match self {
            Json::Bool(value) => *value,
            other => panic!("not true or false: {other:?}"),
        }
    }

    /// A whole number, not negative.
    #[track_caller]
    pub fn count(&self) -> u64 {
        match self {
            Json::Number(n) if *n >= 0.0 && n.fract() == 0.0 => *n as u64,
            other => panic!("not a count: {other:?}"),
        }
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn wrong(&self, what: &str) -> String {
        format!("{what} at {} of the JSON", self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.wrong(&format!("no {:?}", byte as char)))
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        if depth > 20 {
            return Err(self.wrong("too deep"));
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Json, String> {
        for (word, value) in [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
        ] {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.wrong("no value"))
    }

    fn number(&mut self) -> Result<Json, String> {
        let start = self.at;
        while matches!(
            self.peek(),
            Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
        ) {
            self.at += 1;
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default();
        let digits = text.strip_prefix('-').unwrap_or(text);
        let zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
        match text.parse() {
            Ok(number) if !zero && !text.ends_with('.') => Ok(Json::Number(number)),
            _ => Err(self.wrong("a bad number before what stands")),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, String> {
        self.expect(b'[')?;
        let mut items = Vec::new();
        self.space();
        while self.peek() != Some(b']') {
            if !items.is_empty() {
                self.expect(b',')?;
            }
            items.push(self.value(depth + 1)?);
            self.space();
        }
        self.expect(b']')?;
        Ok(Json::List(items))
    }

    fn object(&mut self, depth: usize) -> Result<Json, String> {
        self.expect(b'{')?;
        let mut members = Vec::new();
        let mut names = BTreeSet::new();
        self.space();
        while self.peek() != Some(b'}') {
            if !members.is_empty() {
                self.expect(b',')?;
                self.space();
            }
            let name = self.string()?;
            if !names.insert(name.clone()) {
                return Err(self.wrong(&format!("{name} twice, the second before what stands")));
            }
            self.space();
            self.expect(b':')?;
            let value = self.value(depth + 1)?;
            members.push((name, value));
            self.space();
        }
        self.expect(b'}')?;
        Ok(Json::Object(members))
    }

    fn string(&mut self) -> Result<String, String> {
        self.expect(b'"')?;
        let mut bytes = Vec::new();
        loop {
            let Some(byte) = self.peek() else {
                return Err(self.wrong("no end of a text"));
            };
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    let c = self.escape()?;
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..=0x1f => return Err(self.wrong("a control byte in a text")),
                other => bytes.push(other),
            }
        }
        String::from_utf8(bytes).map_err(|_| self.wrong("a text that is not UTF-8"))
    }

    /// What follows a backslash. Pairs of surrogates are not needed here and refused.
    fn escape(&mut self) -> Result<char, String> {
        let byte = self.peek().ok_or_else(|| self.wrong("no escape"))?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => byte as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4);
                let digits = digits.and_then(|d| std::str::from_utf8(d).ok());
                self.at += 4;
                digits
                    .and_then(|d| u32::from_str_radix(d, 16).ok())
                    .and_then(char::from_u32)
                    .ok_or_else(|| self.wrong("a bad \\u before what stands"))?
            }
            _ => return Err(self.wrong("an unknown escape")),
        })
    }
}

/// The status document of `/status`.
#[track_caller]
pub fn json(gate: &Gate) -> Json {
    let response = gate.get("/status?format=json").is(200);
    let kind = response.field("Content-Type").unwrap_or_default();
    assert!(kind.starts_with("application/json"), "{kind}");
    Json::parse(&response.text()).unwrap_or_else(|e| panic!("{e}: {}", response.text()))
}

/// All servers of all groups.
#[track_caller]
pub fn servers(gate: &Gate) -> Vec<Server> {
    let mut found = Vec::new();
    for group in json(gate).get("groups").list() {
        for server in group.get("servers").list() {
            found.push(Server {
                group: group.get("name").text().to_owned(),
                address: server.get("address").text().to_owned(),
                state: server.get("state").text().to_owned(),
                backup: server.get("backup").bool(),
                running: server.get("running").count(),
                requests: server.get("requests").count(),
                fails: server.get("fails").count(),
            });
        }
    }
    found
}

/// One server of a group, by its address.
#[track_caller]
pub fn server(gate: &Gate, group: &str, address: &str) -> Server {
    let all = servers(gate);
    let found = all
        .iter()
        .find(|s| s.group == group && s.address == address);
    found
        .unwrap_or_else(|| panic!("no {address} of {group} among {all:?}"))
        .clone()
}

/// Waits until no exchange is with any server: then all that can be counted has been.
#[track_caller]
pub fn wait_idle(gate: &Gate) -> Vec<Server> {
    let mut all = Vec::new();
    until("all exchanges to be over", || {
        all = servers(gate);
        all.iter().all(|s| s.running == 0)
    });
    all
}

/// Gives an order as the status page's form does: `drain`, `down` or `revive`.
#[track_caller]
pub fn order(gate: &Gate, group: &str, server: &str, action: &str) -> Response {
    let form = format!(
        "group={}&server={}&action={action}",
        encoded(group),
        encoded(server)
    );
    let mut client = gate.client();
    client.send(format!(
        "POST /status HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    ));
    let response = client.response();
    assert!(
        (200..400).contains(&response.status),
        "{form}: {}\n{}",
        response.status,
        response.text()
    );
    response
}

/// A value for a form.
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    text.bytes()
        .map(|b| match b {
            b if plain(b) => (b as char).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect()
}
