//! The checks of the fuzz targets, without a fuzzer: on the saved inputs, then on changed copies of them. The changes
//! come from a generator with a fixed seed, so each run is the same; `tests/fuzz` looks further, with libFuzzer.
//!
//! No test harness (see Cargo.toml): with it the rooms that are included here would bring all their unit tests along.
#![allow(dead_code, unused_imports)]

// The rooms name each other as `crate::ROOM`, so here they stand at the root too.
// Of this room only what reads foreign bytes; the rest works with files and threads.
#[path = "../src/cache"]
mod cache {
    pub mod format;
    mod meta;
    pub use meta::{Meta, Variant};
}
#[path = "../src/config/mod.rs"]
mod config;
#[path = "../src/http/mod.rs"]
mod http;
// As of the cache.
#[path = "../src/respond"]
mod respond {
    pub mod head;
}
#[path = "../src/scgi/mod.rs"]
mod scgi;
#[path = "../src/template/mod.rs"]
mod template;
#[path = "../src/units/mod.rs"]
mod units;

#[path = "fuzz/src/checks/mod.rs"]
mod checks;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// One fuzz target.
struct Target {
    name: &'static str,
    check: fn(&[u8]) -> bool,
    /// Changed inputs that are tried: together about two seconds without optimisation.
    rounds: usize,
    /// Pieces with a meaning, which single bytes would seldom hit.
    words: &'static [&'static str],
}

const TARGETS: &[Target] = &[
    Target {
        name: "request_head",
        check: checks::request_head,
        rounds: 20_000,
        words: HTTP,
    },
    Target {
        name: "chunked",
        check: checks::chunked,
        rounds: 20_000,
        words: &[
            "\r\n",
            "\n",
            "0\r\n",
            "0\r\n\r\n",
            "a;b=c",
            "X: y\r\n",
            "ffffffffffffffff",
            "10",
            " ",
            "\t",
            "-1",
        ],
    },
    Target {
        name: "proxy_protocol",
        check: checks::proxy_protocol,
        rounds: 20_000,
        words: &[
            "PROXY ",
            "TCP4",
            "TCP6",
            "UNKNOWN",
            " ",
            "\r\n",
            "\n",
            "192.0.2.2",
            "2001:db8::3",
            "0",
            "65535",
            "\r\n\r\n\0\r\nQUIT\n",
            "\x21\x11\0\x0c",
            "\x21\x21\0\x24",
            "\x20\0\0\0",
        ],
    },
    Target {
        name: "scgi_encode",
        check: checks::scgi_encode,
        rounds: 20_000,
        words: HTTP,
    },
    Target {
        name: "response_head",
        check: checks::response_head,
        rounds: 20_000,
        words: &[
            "\n",
            "\r\n",
            "\r",
            "\0",
            ":",
            " ",
            "\t",
            "HTTP/1.1 ",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "Status: 204\n",
            "Status: 99\n",
            "Location: /x\n",
            "Content-Length: 3\n",
            "Transfer-Encoding: chunked\n",
            "Connection: close\n",
            "Date: x\n",
            "Server: x\n",
            "X-Accel-Charset: utf-8\n",
            "Content-Type: text/html; charset=\"a\"\n",
            "Upgrade: h2c\n",
            "304",
            "\n\n",
        ],
    },
    Target {
        name: "cache_file",
        check: checks::cache_file,
        rounds: 20_000,
        words: &[
            "scgate\0\x01",
            "\0\0\0\0",
            "\x0f\0\0\0",
            "\0\x02\0\0",
            "\0\0\x10\0",
            "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f",
            "http://a/b",
            "accept,cookie",
            "HTTP/1.1 200 OK\r\n\r\n",
        ],
    },
    Target {
        name: "template",
        check: checks::template,
        rounds: 20_000,
        words: &[
            "$",
            "${",
            "}",
            "$uri",
            "${host}",
            "$http_",
            "$arg_a",
            "$mine",
            "_",
            "\u{e9}",
            "$REQUEST_URI",
            "$upstream_http_x",
        ],
    },
    Target {
        name: "units",
        check: checks::units,
        rounds: 20_000,
        words: &[
            "y",
            "M",
            "w",
            "d",
            "h",
            "m",
            "s",
            "ms",
            "us",
            "\u{b5}s",
            "ns",
            "k",
            "g",
            "/s",
            ".",
            " ",
            "0",
            "9",
            "18446744073709551615",
        ],
    },
];

const HTTP: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "\t",
    ":",
    "/",
    "/..",
    "/./",
    "//",
    "%2e",
    "%2F",
    "%00",
    "%",
    "?",
    "#",
    "*",
    "http://",
    "@",
    "[::1]",
    "Host: b\r\n",
    "Content-Length: 1\r\n",
    "Content_Length: 2\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close, x-foo\r\n",
    "X-Foo: client\r\n",
    "x_foo: client\r\n",
    "Proxy: p\r\n",
    "Cookie: c=d\r\n",
    "Expect: 100-continue\r\n",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    "\r\n\r\n",
    "GET ",
    "OPTIONS * ",
    ",",
    "_",
    ":65536",
];

/// Marsaglia's xorshift.
struct Random(u32);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % n.max(1)
    }

    fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }

    /// One to four changes of a copy of `seed`; `other` lends its end now and then.
    fn change(&mut self, seed: &[u8], other: &[u8], words: &[&str]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..1 + self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + 1 + self.below(8)).min(bytes.len());
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] = self.byte(),
                0 | 1 => bytes.insert(at, self.byte()),
                2 => drop(bytes.splice(at..at, words[self.below(words.len())].bytes())),
                3 => drop(bytes.splice(at..end, words[self.below(words.len())].bytes())),
                4 => drop(bytes.drain(at..end)),
                _ if self.below(4) == 0 => {
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[self.below(other.len() + 1)..]);
                }
                _ => {
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
            }
        }
        bytes
    }
}

/// The saved inputs of a target, in the order of their names.
fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/corpus")
        .join(name);
    let entries = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (path, bytes)
    };
    let inputs: Vec<(PathBuf, Vec<u8>)> = paths.into_iter().map(read).collect();
    assert!(inputs.len() > 3, "{} holds too few inputs", dir.display());
    inputs
}

/// Runs one check; says which bytes it fails on.
fn holds(target: &Target, input: &[u8], source: &dyn std::fmt::Display) -> Option<bool> {
    let result = std::panic::catch_unwind(|| (target.check)(input));
    if result.is_err() {
        println!(
            "{} fails on {source}: b\"{}\"",
            target.name,
            input.escape_ascii()
        );
    }
    result.ok()
}

/// Whether all checks of a target held, and enough of the inputs were accepted to say so.
fn run(target: &Target) -> bool {
    let began = Instant::now();
    let inputs = corpus(target.name);
    let mut accepted = 0;
    for (path, input) in &inputs {
        let Some(taken) = holds(target, input, &path.display()) else {
            return false;
        };
        // The name of a saved input says what it is.
        let meant = path
            .file_name()
            .is_some_and(|name| !name.to_string_lossy().starts_with("bad-"));
        if meant != taken {
            println!("{} is judged wrongly: accepted is {taken}", path.display());
            return false;
        }
    }
    let mut random = Random(0x5CA1_AB1E);
    for round in 0..target.rounds {
        let seed = &inputs[random.below(inputs.len())].1;
        let other = &inputs[random.below(inputs.len())].1;
        let input = random.change(seed, other, target.words);
        match holds(target, &input, &format_args!("round {round}")) {
            Some(taken) => accepted += usize::from(taken),
            None => return false,
        }
    }
    let (rounds, time) = (target.rounds, began.elapsed().as_millis());
    println!(
        "{}: {} saved, {rounds} changed, {accepted} of them accepted, {time} ms",
        target.name,
        inputs.len()
    );
    let tests_something = (rounds / 20..rounds - rounds / 20).contains(&accepted);
    if !tests_something {
        println!(
            "{}: nearly all or nearly none: the changes test nothing",
            target.name
        );
    }
    tests_something
}

/// `cargo test fuzz_loop`, `cargo test --test fuzz_loop -- NAME`: words that are not options choose targets by a part of
/// their name, as test harnesses do.
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let is_wanted = |target: &&Target| {
        words.is_empty() || words.iter().any(|word| target.name.contains(word.as_str()))
    };
    let failed = TARGETS
        .iter()
        .filter(is_wanted)
        .filter(|target| !run(target))
        .count();
    ExitCode::from(u8::from(failed > 0))
}
