//! The structure of the source, held to its rules: rooms import downwards only, `unsafe` and `mio` stay in their
//! places, files stay short.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Files under this many lines; longer ones are to be split.
const MAX_LINES: usize = 500;

/// One source file.
struct Source {
    /// Below src/, with `/`.
    name: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut todo: Vec<PathBuf> = vec![root.clone()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).expect("src/").flatten() {
            let path = entry.path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path
                    .strip_prefix(&root)
                    .expect("below src/")
                    .to_str()
                    .expect("text")
                    .to_owned();
                found.push(Source {
                    name,
                    text: std::fs::read_to_string(path).expect("a source file"),
                });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(found.len() > 10, "where is the source?");
    found
}

/// The level of a room; the higher may import the lower. `None`: not a room we know.
fn level(room: &str) -> Option<u8> {
    Some(match room {
        "sys" | "units" | "error" => 0,
        "buffer" | "template" => 1,
        "http" | "scgi" => 2,
        "config" => 3,
        "upstream" | "cache" | "auth" => 4,
        "sink" | "respond" | "ops" | "cgi" => 5,
        "worker" => 6,
        "front" | "probe" => 7,
        "cli" | "demo" => 8,
        _ => return None,
    })
}

impl Source {
    fn room(&self) -> &str {
        let first = self.name.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// A file of tests, or the part of a file that is one.
    fn is_tests(&self) -> bool {
        self.name.ends_with("tests.rs") || self.name.contains("/tests/")
    }

    /// (line number, line) without comments and without what follows `#[cfg(test)]` before a module with a body.
    fn code(&self) -> Vec<(usize, String)> {
        let mut lines = Vec::new();
        let mut in_tests: Option<usize> = None;
        let mut cfg_test = false;
        for (i, line) in self.text.lines().enumerate() {
            let bare = line.split("//").next().unwrap_or_default();
            let trimmed = bare.trim();
            let indent = line.len() - line.trim_start().len();
            if let Some(depth) = in_tests {
                if trimmed == "}" && indent == depth {
                    in_tests = None;
                }
                continue;
            }
            if trimmed == "#[cfg(test)]" {
                cfg_test = true;
                continue;
            }
            if std::mem::take(&mut cfg_test) && !trimmed.is_empty() {
                if trimmed.ends_with('{') {
                    in_tests = Some(indent);
                }
                continue;
            }
            lines.push((i + 1, bare.to_owned()));
        }
        lines
    }

    /// Rooms named by `crate::ROOM` anywhere in the code, and in `use crate::{a::…, b::…}`.
    fn imports(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (number, line) in self.code() {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                if let Some(list) = rest.strip_prefix('{') {
                    found.extend(top_level_names(list).into_iter().map(|name| (number, name)));
                } else {
                    let name: String = rest
                        .chars()
                        .take_while(|c| c.is_alphanumeric() || *c == '_')
                        .collect();
                    found.push((number, name));
                }
            }
        }
        found
    }
}

/// The first segment of each entry of `a::x, b::{c, d}, e}`.
fn top_level_names(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut name = String::new();
    let mut open = true;
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(std::mem::take(&mut name));
                open = true;
            }
            ':' if depth == 0 => open = false,
            c if depth == 0 && open && (c.is_alphanumeric() || c == '_') => name.push(c),
            _ => {}
        }
    }
    names.push(name);
    names.retain(|n| !n.is_empty());
    names
}

#[test]
fn lists_of_imports_are_understood() {
    assert_eq!(top_level_names("a::x, b::{c, d::e}, f};"), ["a", "b", "f"]);
    assert_eq!(top_level_names("config::Config};"), ["config"]);
}

#[test]
fn rooms_import_downwards_only() {
    let mut wrong = Vec::new();
    let mut unknown = BTreeSet::new();
    let mut siblings = BTreeSet::new();
    for source in sources() {
        if source.name == "main.rs" || source.is_tests() {
            continue;
        }
        let room = source.room();
        let Some(own) = level(room) else {
            unknown.insert(room.to_owned());
            continue;
        };
        for (line, import) in source.imports() {
            if import == room {
                continue;
            }
            match level(&import) {
                Some(theirs) if theirs < own => {}
                // Rooms of one level may lean on each other in one direction.
                Some(theirs) if theirs == own => {
                    siblings.insert((room.to_owned(), import));
                }
                Some(theirs) => {
                    wrong.push(format!(
                        "src/{}:{line}: {room} (level {own}) imports {import} (level {theirs})",
                        source.name
                    ));
                }
                None => wrong.push(format!(
                    "src/{}:{line}: imports {import}, which has no level",
                    source.name
                )),
            }
        }
    }
    for room in siblings.iter().map(|(from, _)| from) {
        assert!(
            !reaches(&siblings, room, room),
            "{room} imports itself by way of rooms of its own level: {siblings:?}"
        );
    }
    assert!(
        unknown.is_empty(),
        "rooms without a level (tests/levels.rs): {unknown:?}"
    );
    assert!(
        wrong.is_empty(),
        "imports that point upwards:\n{}",
        wrong.join("\n")
    );
}

/// Whether imports lead from one room to the other. `edges` is small and has no more levels than rooms.
fn reaches(edges: &BTreeSet<(String, String)>, from: &str, to: &str) -> bool {
    let mut known = BTreeSet::from([from.to_owned()]);
    loop {
        let next: BTreeSet<String> = edges
            .iter()
            .filter(|(a, _)| known.contains(a))
            .map(|(_, b)| b.clone())
            .collect();
        if next.contains(to) {
            return true;
        }
        let before = known.len();
        known.extend(next);
        if known.len() == before {
            return false;
        }
    }
}

/// Flash wears out, and what is lost with the power is fetched again.
#[test]
fn nothing_is_forced_to_the_disk() {
    const CALLS: [&str; 6] = [
        "fsync",
        "fdatasync",
        "sync_all",
        "sync_data",
        "syncfs",
        "O_SYNC",
    ];
    for source in sources() {
        for (line, code) in source.code() {
            let found = CALLS.iter().find(|call| code.contains(**call));
            assert_eq!(found, None, "src/{}:{line}", source.name);
        }
    }
}

#[test]
fn unsafe_code_lives_in_one_file() {
    for source in sources() {
        if source.name == "sys.rs" || source.name.starts_with("sys/") {
            continue;
        }
        for (line, code) in source.code() {
            let words = code
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|w| w == "unsafe");
            assert!(
                !words,
                "src/{}:{line}: unsafe outside src/sys.rs",
                source.name
            );
            let call = code.split("libc::").skip(1).any(|rest| {
                let name: String = rest
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                name.starts_with(|c: char| c.is_lowercase()) && rest[name.len()..].starts_with('(')
            });
            assert!(
                !call,
                "src/{}:{line}: a raw call outside src/sys.rs",
                source.name
            );
        }
    }
}

#[test]
fn each_unsafe_block_says_why_it_is_sound() {
    for source in sources() {
        let mut reason = false;
        for (i, line) in source.text.lines().enumerate() {
            let trimmed = line.trim();
            if trimmed.starts_with("// SAFETY") || trimmed.starts_with("/// # Safety") {
                reason = true;
            } else if !trimmed.starts_with("//") {
                let block = trimmed.contains("unsafe {");
                assert!(
                    !block || reason,
                    "src/{}:{}: unsafe without a SAFETY line",
                    source.name,
                    i + 1
                );
                // A statement may span lines; the reason holds until one that ends it.
                if trimmed.ends_with(';') || trimmed.ends_with('}') {
                    reason = false;
                }
            }
        }
    }
}

#[test]
fn the_event_loop_is_known_to_the_front_alone() {
    for source in sources() {
        if ["front", "sys"].contains(&source.room()) {
            continue;
        }
        for (line, code) in source.code() {
            assert!(
                !code.contains("mio::"),
                "src/{}:{line}: mio outside src/front",
                source.name
            );
        }
    }
}

/// On 32-bit systems a file that is opened without the flag ends at 2 GiB.
#[test]
fn files_are_written_to_any_length() {
    let mut found = 0;
    for source in sources() {
        for function in source.text.split("\n}\n") {
            if function.contains("libc::O_RDWR") || function.contains("libc::O_WRONLY") {
                found += 1;
                let name = function.split("fn ").nth(1).unwrap_or_default();
                let name = name.split('(').next().unwrap_or_default();
                let large = function.contains("libc::O_LARGEFILE");
                assert!(large, "src/{}: {name} without O_LARGEFILE", source.name);
            }
        }
    }
    assert!(found > 0, "where are files opened?");
}

#[test]
fn no_atomic_of_64_bits_is_used() {
    for source in sources() {
        for (line, code) in source.code() {
            let found = code.contains("AtomicU64") || code.contains("AtomicI64");
            assert!(
                !found,
                "src/{}:{line}: some targets have no 64-bit atomics",
                source.name
            );
        }
    }
}

/// Tests inside a file do not count, and neither does sys.rs, which is one file so that there is one to read.
#[test]
fn files_stay_short() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|s| s.name != "sys.rs" && !s.is_tests())
        .map(|s| (s.code().len(), &s.name))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, name)| format!("src/{name}: {lines} lines"))
        .collect();
    assert!(
        long.is_empty(),
        "files over {MAX_LINES} lines:\n{}",
        long.join("\n")
    );
}
