//! One look with headless Chromium, and one press of a button.

use std::process::Command;

use crate::common::process::{self, Setup, find_program};
use crate::common::{App, Temp, left_out};
use crate::{WRITABLE, gate, json, text};

/// The names that the program goes by.
const BROWSERS: [&str; 5] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

#[test]
fn a_browser_shows_the_page_whole_and_its_buttons_work() {
    let test = "a_browser_shows_the_page_whole_and_its_buttons_work";
    let (Some(browser), Some(python)) = (find_program(&BROWSERS), find_program(&["python3"]))
    else {
        return left_out(
            test,
            "no Chromium, or no python3 to drive it (scripts/test); the_page_has_a_sound_structure stands in",
        );
    };
    // Two servers: one that has answered, and one with a long name that has failed.
    let good = App::tcp(|scgi| {
        scgi.all();
        let _ = scgi.try_send("Content-Type: text/plain\r\n\r\ngood");
    });
    let dir = Temp::new();
    let deep = format!(
        "{}/{}.sock",
        dir.path().display(),
        "long-name-of-an-application".repeat(2)
    );
    let bad = App::script_at(&deep, |scgi| {
        scgi.all();
    });
    let gate = gate(&[&good, &bad], &WRITABLE);
    for _ in 0..6 {
        gate.get("/").is(200);
    }
    let profile = Temp::new();
    // Pictures for whoever wants to look: SCGATE_TEST_PICTURES names an existing directory.
    let pictures = std::env::var("SCGATE_TEST_PICTURES").unwrap_or_default();
    let mut command = Command::new(python);
    command
        .arg(format!(
            "{}/tests/status/look.py",
            env!("CARGO_MANIFEST_DIR")
        ))
        .arg(browser)
        .arg(profile.path())
        .arg(format!("{}/status", gate.url()))
        .args([&pictures, "drain", &good.addr()])
        .env("HOME", profile.path())
        .env("TMPDIR", profile.path())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let mut looking = process::start("look.py", command, Setup::default());
    let ended = looking.wait();
    let said = looking.stdout();
    assert!(ended.success(), "{}{said}", looking.stderr());
    // The script has judged what it saw; this is what it was to see at all.
    assert_eq!(said.trim(), "6 views, 1 button pressed");
    assert_eq!(
        text(&json(&gate), &["groups", "servers", &good.addr(), "state"]),
        "draining"
    );
    gate.stop();
}
