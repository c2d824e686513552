//! The cache: what is stored, what is given again and when, who asks the application, and what becomes of the files.
//!
//! Each test names the rules that it is about: C20 and the like say what nginx does, Z43 and the like what is to be done
//! better. Where a test needs time to have passed the application says so (`X-Accel-Expires: @1` is stale from the start,
//! C47; `Age` makes a response old); nothing is timed.
//!
//! `SCGATE_TEST_PEER=nginx cargo test --test cache` runs the same cases against nginx ([`peer`]), to see that a test is
//! sound; those that are about a Z or about a flag that nginx does not have fail then.

#[path = "../common/mod.rs"]
mod common;

mod background;
mod bodies;
mod conditionals;
mod crash;
mod disk;
mod errors;
mod fields;
mod full;
mod herd;
mod invalidation;
mod keys;
mod lock;
mod origin;
mod peer;
mod purge;
mod ranges;
mod redirects;
mod restart;
mod revalidation;
mod rfc9111;
mod stale;
mod statuses;
mod validity;
mod vary;

use std::path::PathBuf;

use common::gate::{Gate, Starter};
use common::http::Head;
use common::{Client, Temp, until};
use origin::{Health, Origin};

/// A gateway with one cache, `z`, and what it needs on the disk.
pub struct Cached {
    server: Server,
    dir: Temp,
}

enum Server {
    Gate(Gate),
    Nginx(common::nginx::Nginx),
}

/// A response as these tests look at it.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    /// `X-Cache`: `$upstream_cache_status`, empty where the cache had no part in it.
    pub cache: String,
    pub body: String,
    pub head: Head,
}

impl Got {
    /// Asserts the cache's status and the body of a response with status 200.
    #[track_caller]
    pub fn is(self, cache: &str, body: &str) -> Got {
        self.with(200, cache, body)
    }

    /// Asserts status, the cache's status and the body.
    #[track_caller]
    pub fn with(self, status: u16, cache: &str, body: &str) -> Got {
        let got = (self.status, self.cache.as_str(), self.body.as_str());
        assert_eq!(got, (status, cache, body), "{:?}", self.head.fields);
        self
    }

    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }
}

impl Cached {
    /// Everything goes to the origin, through the cache, as these flags say.
    #[track_caller]
    pub fn start(origin: &Origin, flags: &[&str]) -> Cached {
        Cached::zoned(origin, "", flags)
    }

    /// The same, with these parameters for `--cache-path`.
    #[track_caller]
    pub fn zoned(origin: &Origin, zone: &str, flags: &[&str]) -> Cached {
        Cached::within(Temp::new(), origin, zone, flags)
    }

    /// The same, in a directory that may have been used before.
    #[track_caller]
    pub fn within(dir: Temp, origin: &Origin, zone: &str, flags: &[&str]) -> Cached {
        let server = if peer::is_nginx() {
            Server::Nginx(peer::start(&dir, &origin.addr(), zone, flags))
        } else {
            let args = arguments(&dir, &origin.addr(), zone, flags);
            Server::Gate(Starter::new().args(args).start())
        };
        Cached { server, dir }
    }

    /// Ends it in order and gives the directory.
    #[track_caller]
    pub fn stop(self) -> Temp {
        if let Server::Gate(gate) = self.server {
            gate.stop();
        }
        self.dir
    }

    /// Ends it with this signal, orderly or not, and gives the directory.
    #[track_caller]
    pub fn end_by(self, signal: libc::c_int) -> Temp {
        let Server::Gate(gate) = self.server else {
            panic!("this test is about scgate alone");
        };
        gate.signal(signal);
        gate.wait();
        self.dir
    }

    /// Ends it in order and starts another in the same directory.
    #[track_caller]
    pub fn again(self, origin: &Origin, zone: &str, flags: &[&str]) -> Cached {
        Cached::within(self.stop(), origin, zone, flags)
    }

    #[track_caller]
    pub fn gate(&self) -> &Gate {
        match &self.server {
            Server::Gate(gate) => gate,
            Server::Nginx(_) => panic!("this test is about scgate alone"),
        }
    }

    #[track_caller]
    pub fn client(&self) -> Client {
        match &self.server {
            Server::Gate(gate) => gate.client(),
            Server::Nginx(nginx) => nginx.client(),
        }
    }

    /// GET on a connection of its own.
    #[track_caller]
    pub fn get(&self, target: &str) -> Got {
        self.ask("GET", target, "")
    }

    /// GET with these fields, each with its line end.
    #[track_caller]
    pub fn get_with(&self, target: &str, fields: &str) -> Got {
        self.ask("GET", target, fields)
    }

    /// A request without a body, on a connection of its own.
    #[track_caller]
    pub fn ask(&self, method: &str, target: &str, fields: &str) -> Got {
        let mut client = self.client();
        ask(&mut client, method, target, fields);
        take(&mut client, method)
    }

    /// POST with this body.
    #[track_caller]
    pub fn post(&self, target: &str, body: &str) -> Got {
        let mut client = self.client();
        let length = body.len();
        client.send(format!(
            "POST {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        take(&mut client, "POST")
    }

    /// Where the files are.
    pub fn cache_dir(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    /// The stored files, by their path below the cache's directory, in order.
    pub fn files(&self) -> Vec<String> {
        entries(&self.cache_dir())
    }

    /// Waits until exactly `n` files are stored.
    #[track_caller]
    pub fn wait_files(&self, n: usize) -> Vec<String> {
        until(&format!("{n} files"), || self.files().len() == n);
        self.files()
    }
}

/// Sends a request without a body, and does not wait for its response.
#[track_caller]
pub fn ask(client: &mut Client, method: &str, target: &str, fields: &str) {
    client.send(format!(
        "{method} {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n"
    ));
}

/// Takes the response.
#[track_caller]
pub fn take(client: &mut Client, method: &str) -> Got {
    let response = client.response_to(method);
    Got {
        status: response.status,
        cache: response.field("x-cache").unwrap_or_default().to_owned(),
        body: response.text(),
        head: response.head,
    }
}

/// The command line.
fn arguments(dir: &Temp, app: &str, zone: &str, flags: &[&str]) -> Vec<String> {
    let zone = format!("{} keys_zone=z:1m {zone}", dir.file("cache"));
    let mut args: Vec<String> = [
        "--temp-path",
        &dir.file("temp"),
        "--cache-path",
        zone.trim_end(),
        "--cache",
        "z",
        "--add-header",
        "X-Cache $upstream_cache_status always",
    ]
    .map(str::to_owned)
    .to_vec();
    args.extend(flags.iter().map(|&flag| flag.to_owned()));
    // With other locations there has to be one for the rest.
    let locations: Vec<_> = flags.windows(2).filter(|w| w[0] == "--location").collect();
    if !locations.iter().any(|w| w[1] == "/") {
        let root: &[&str] = match locations.is_empty() {
            true => &["--pass", app],
            false => &["--location", "/", "--pass", app],
        };
        args.extend(root.iter().map(|&word| word.to_owned()));
    }
    args
}

/// The files below a directory that have the name of an entry, by their path below it, in order.
pub fn entries(dir: &std::path::Path) -> Vec<String> {
    let names = all_files(dir).into_iter();
    names
        .filter(|path| {
            let name = path.rsplit('/').next().unwrap_or_default();
            name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit())
        })
        .collect()
}

/// All files below a directory, by their path below it, in order.
pub fn all_files(dir: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => dirs.push(entry.path()),
                Ok(_) => found.push(
                    entry
                        .path()
                        .strip_prefix(dir)
                        .expect("below the directory")
                        .to_string_lossy()
                        .into_owned(),
                ),
                Err(_) => {}
            }
        }
    }
    found.sort();
    found
}

/// Wall clock seconds, moved by so many.
pub fn seconds_from_now(by: i64) -> i64 {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).expect("a clock");
    now.as_secs() as i64 + by
}

/// A date of HTTP so many seconds from now.
pub fn date(by: i64) -> String {
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds_from_now(by) as u64);
    httpdate::fmt_http_date(at)
}
