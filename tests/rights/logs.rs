//! Access logs that root opens for the account of `--user`: the account may have been at the directory before.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use crate::common::gate::Starter;
use crate::common::{Gate, Temp, cannot_here, is_root};

fn nobody() -> u32 {
    let output = std::process::Command::new("id")
        .args(["-u", "nobody"])
        .output();
    let text = String::from_utf8(output.expect("id").stdout).expect("text");
    text.trim().parse().expect("a number")
}

/// A directory that everybody can search, one in it that is nobody's, and a file that is root's alone.
fn house() -> Temp {
    let temp = Temp::new();
    fs::set_permissions(temp.path(), PermissionsExt::from_mode(0o755)).expect("chmod");
    fs::create_dir(temp.file("theirs")).expect("made");
    chown(temp.file("theirs"), Some(nobody()), None).expect("given");
    let secret = temp.write("secret", "root's");
    fs::set_permissions(secret, PermissionsExt::from_mode(0o600)).expect("chmod");
    temp
}

#[test]
fn a_planted_link_makes_root_give_nothing_away() {
    if !is_root() {
        return cannot_here("a_planted_link_makes_root_give_nothing_away", "no root");
    }
    let house = house();
    symlink("../secret", house.file("theirs/log")).expect("linked");
    symlink("../new", house.file("theirs/other")).expect("linked");
    symlink("..", house.file("theirs/up")).expect("linked");
    for log in ["theirs/log", "theirs/other", "theirs/up/new"] {
        let stopped = Starter::new()
            .args(["--user", "nobody", "--return", "204", "--access-log"])
            .args([house.file(log)])
            .launch()
            .wait();
        assert_eq!(stopped.status.code(), Some(1), "{log}: {}", stopped.stderr);
        let why = "root follows no path that others can change";
        assert!(stopped.stderr.contains(why), "{}", stopped.stderr);
    }
    let meta = fs::metadata(house.file("secret")).expect("there");
    assert_eq!((meta.uid(), meta.len()), (0, 6));
    assert!(!house.path().join("new").exists());
}

#[test]
fn a_log_is_the_accounts_wherever_it_is() {
    if !is_root() {
        return cannot_here("a_log_is_the_accounts_wherever_it_is", "no root");
    }
    let house = house();
    fs::create_dir(house.file("ours")).expect("made");
    // What root has linked is followed.
    symlink("ours", house.file("link")).expect("linked");
    let logs = ["theirs/log", "ours/log", "link/other"].map(|log| house.file(log));
    let flags = logs.iter().flat_map(|log| ["--access-log", log]);
    let gate = Gate::start(
        ["--user", "nobody", "--return", "204"]
            .into_iter()
            .chain(flags),
    );
    gate.get("/").is(204);
    gate.stop();
    for log in &logs {
        let meta = fs::metadata(log).expect("there");
        assert_eq!(
            (meta.uid(), meta.mode() & 0o777),
            (nobody(), 0o640),
            "{log}"
        );
        assert!(meta.len() > 0, "{log}");
    }
}
