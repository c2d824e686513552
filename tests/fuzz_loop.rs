//! The checks of the fuzz targets, without a fuzzer: on the saved inputs, then on changed copies of them. The changes
//! come from a generator with a fixed seed, so each run is the same; `tests/fuzz` looks further, with libFuzzer.
//!
//! No test harness (see Cargo.toml): with it the rooms that are included here would bring all their unit tests along.
#![allow(dead_code, unused_imports)]

// The rooms name each other as `crate::ROOM`, so here they stand at the root too.
// Without what calls on the clock and on threads.
#[cfg(feature = "auth")]
#[path = "../src/auth"]
mod auth {
    mod credentials;
    pub mod file;
    pub mod hash;
    pub use credentials::{Credentials, challenge};
}
// Of this room only what reads foreign bytes; the rest works with files and threads.
#[path = "../src/cache"]
mod cache {
    pub mod directives;
    pub mod format;
    mod meta;
    pub mod vary;
    pub use meta::{Meta, Variant};
}
// Its pure part.
#[path = "../src/cgi"]
mod cgi {
    pub mod answer;
    pub mod environment;
}
// As of the cache.
#[path = "../src/cli"]
mod cli {
    pub mod words;
}
#[path = "../src/config/mod.rs"]
mod config;
#[path = "../src/http/mod.rs"]
mod http;
// As of the cache.
#[path = "../src/respond"]
mod respond {
    pub mod conditions;
    pub mod head;
    pub mod ranges;
}
#[path = "../src/scgi/mod.rs"]
mod scgi;
#[path = "../src/template/mod.rs"]
mod template;
#[path = "../src/units/mod.rs"]
mod units;

#[path = "fuzz/src/checks/mod.rs"]
mod checks;
#[path = "fuzz/targets.rs"]
mod targets;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use targets::{TARGETS, Target};

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
    // As many rounds as a test has time for, or as long as one is told to go on.
    let seconds = std::env::var("SCGATE_FUZZ_SECONDS").ok();
    let limit = seconds
        .and_then(|s| s.parse().ok())
        .map(Duration::from_secs);
    let mut rounds = 0;
    while limit.map_or(rounds < target.rounds, |limit| began.elapsed() < limit) {
        let seed = &inputs[random.below(inputs.len())].1;
        let other = &inputs[random.below(inputs.len())].1;
        let input = random.change(seed, other, target.words);
        match holds(target, &input, &format_args!("round {rounds}")) {
            Some(taken) => accepted += usize::from(taken),
            None => return false,
        }
        rounds += 1;
    }
    let time = began.elapsed().as_millis();
    println!(
        "{}: {} saved, {rounds} changed, {accepted} of them accepted, {time} ms",
        target.name,
        inputs.len()
    );
    let tests_something = (rounds / target.one_in..rounds - rounds / 20).contains(&accepted);
    if !tests_something {
        println!(
            "{}: nearly all or nearly none: the changes test nothing",
            target.name
        );
    }
    tests_something
}

/// `cargo test fuzz_loop`, `cargo test --test fuzz_loop -- NAME`: words that are not options choose targets by a part of
/// their name, as test harnesses do; `=NAME` is the whole of it. With SCGATE_FUZZ_SECONDS each target is tried for so long.
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let is_wanted = |target: &&Target| {
        words.is_empty()
            || words.iter().any(|word| match word.strip_prefix('=') {
                Some(whole) => target.name == whole,
                None => target.name.contains(word.as_str()),
            })
    };
    let failed = TARGETS
        .iter()
        .filter(is_wanted)
        .filter(|target| !run(target))
        .count();
    ExitCode::from(u8::from(failed > 0))
}
