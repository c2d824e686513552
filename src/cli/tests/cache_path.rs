//! The zones of `--cache-path`.

use super::*;
use crate::config::cache::{Pace, Zone};
use std::path::PathBuf;
use std::time::Duration;

/// The one zone of a command line.
fn zone(value: &str) -> Zone {
    let mut config = ok(&[P, "--cache-path", value, "--cache", "$arg_z"]).0;
    assert_eq!(config.zones.len(), 1);
    config.zones.remove(0)
}

fn pace(files: usize, threshold: u64, sleep: u64) -> Pace {
    Pace {
        files,
        threshold: Duration::from_millis(threshold),
        sleep: Duration::from_millis(sleep),
    }
}

#[test]
fn the_defaults_are_those_of_nginx() {
    let z = zone("/var/cache/app keys_zone=app:10m");
    assert_eq!((z.name.as_str(), z.size), ("app", 10 << 20));
    assert_eq!(z.path, PathBuf::from("/var/cache/app"));
    assert!(z.levels.is_empty() && z.use_temp_path);
    assert_eq!(z.inactive, Duration::from_secs(600));
    assert_eq!((z.max_size, z.min_free), (None, 0));
    assert_eq!(z.manager, pace(100, 200, 50));
    assert_eq!((z.loader, z.purger), (pace(100, 200, 50), None));
}

#[test]
fn every_parameter_reaches_the_zone() {
    let z = zone(
        "\"/var/my cache/\" levels=1:2:1 use_temp_path=off keys_zone=a.b-c_1:64k inactive=1h30m max_size=2g min_free=100m \
         manager_files=1 manager_sleep=2ms manager_threshold=3ms loader_files=4 loader_sleep=5ms loader_threshold=6ms \
         purger=on purger_files=7 purger_sleep=8ms purger_threshold=9ms",
    );
    assert_eq!((z.name.as_str(), z.size), ("a.b-c_1", 64 << 10));
    assert_eq!(z.path, PathBuf::from("/var/my cache"));
    assert_eq!((z.levels, z.use_temp_path), (vec![1, 2, 1], false));
    assert_eq!(z.inactive, Duration::from_secs(5400));
    assert_eq!((z.max_size, z.min_free), (Some(2 << 30), 100 << 20));
    assert_eq!((z.manager, z.loader), (pace(1, 3, 2), pace(4, 6, 5)));
    assert_eq!(z.purger, Some(pace(7, 9, 8)));
}

#[test]
fn a_purger_has_its_own_pace() {
    let purger = |text: &str| zone(&format!("/c keys_zone=z:1m {text}")).purger;
    assert_eq!(purger("purger=on"), Some(pace(10, 50, 50)));
    assert_eq!(purger("purger_files=5 purger=on"), Some(pace(5, 50, 50)));
    assert_eq!(purger("purger=off purger_files=5"), None);
    assert_eq!(purger("purger_files=5"), None);
}

#[test]
fn the_temporary_files_are_those_of_the_outermost_level() {
    let c = config(&[
        "--cache-path",
        "/c keys_zone=z:1m",
        "--cache",
        "z",
        "--temp-path",
        "/t 1 2",
        "--location",
        "/",
        P,
        "--temp-path",
        "/u",
    ]);
    assert_eq!(c.zones[0].temp, PathBuf::from("/t"));
    assert_eq!(
        zone("/c keys_zone=z:1m").temp,
        location(&config(&[P]), 0, 0).client.temp.dir
    );
}

#[test]
fn paths_are_made_absolute_and_plain() {
    let path = |text: &str| zone(&format!("{text} keys_zone=z:1m")).path;
    let here = std::env::current_dir().expect("a working directory");
    assert_eq!(path("cache/"), here.join("cache"));
    assert_eq!(path("./a/./b"), here.join("a/b"));
    assert_eq!(path("/a//b///"), PathBuf::from("/a/b"));
}

#[test]
fn zones_have_names_and_files_of_their_own() {
    let two = |second: &str| {
        let all = [
            P,
            "--cache",
            "a",
            "--cache-path",
            "/c/a keys_zone=a:1m",
            "--cache-path",
            second,
        ];
        error(&all)
    };
    assert_eq!(
        two("/d keys_zone=a:1m"),
        "--cache-path '/d keys_zone=a:1m': there is a zone \"a\" already"
    );
    for path in ["/c/a", "/c//a/", "/c/a/b", "/c"] {
        let value = format!("{path} keys_zone=b:1m");
        assert_eq!(
            two(&value),
            format!(
                "--cache-path '{value}': its files would mix with those of the zone \"a\" in /c/a"
            )
        );
    }
    let c = config(&[
        P,
        "--cache",
        "$arg_z",
        "--cache-path",
        "/c/a keys_zone=a:1m",
        "--cache-path",
        "/c/ab keys_zone=A:1m",
    ]);
    assert_eq!(c.zones.len(), 2);
}

#[test]
fn a_zone_that_nobody_uses_is_warned_of() {
    let zones = [
        "--cache-path",
        "/c keys_zone=a:1m",
        "--cache-path",
        "/d keys_zone=b:1m",
    ];
    let warned = |args: &[&str]| {
        let args: Vec<&str> = zones.iter().chain(args).copied().collect();
        ok(&args).1
    };
    let b = "--cache-path '/d keys_zone=b:1m': no location uses the zone \"b\"";
    assert_eq!(warned(&[P, "--cache", "a"]), [b]);
    assert_eq!(warned(&[P]).len(), 2);
    assert_eq!(
        warned(&["--cache", "b", "--location", "/", P, "--cache", "a"]),
        [b]
    );
    assert_eq!(warned(&["--cache", "a", "--return", "204"]).len(), 2);
    assert!(warned(&["--cache", "$arg_x", "--location", "/", P]).is_empty());
}

#[test]
fn a_cache_stands_at_the_http_level() {
    let text = error(&["--location", "/", P, "--cache-path", "/c keys_zone=z:1m"]);
    assert!(text.contains("may stand at the http level only"), "{text}");
}

#[test]
fn odd_values_are_refused() {
    let known = "is not one of keys_zone=NAME:SIZE, levels=L:L:L, use_temp_path=on|off, inactive=TIME, max_size=SIZE, \
        min_free=SIZE, purger=on|off, and files=N, sleep=TIME and threshold=TIME after manager_, loader_ or purger_";
    let name = "is not a name (letters, digits, \".\", \"_\" and \"-\"), a colon and a size (example: main:1m)";
    let levels = "is not one to three times 1 or 2 (example: 1:2)";
    let nothing = "would keep nothing; it must be more than 0";
    for (rest, why) in [
        ("", "lacks keys_zone=NAME:SIZE".to_owned()),
        ("keys_zone", format!("\"\" {name}")),
        ("keys_zone=", format!("\"\" {name}")),
        ("keys_zone=:1m", format!("\":1m\" {name}")),
        ("keys_zone=a/b:1m", format!("\"a/b:1m\" {name}")),
        (
            "keys_zone=z",
            "\"\" is not a size (examples: 512, 8k, 1m, 2g)".into(),
        ),
        (
            "keys_zone=z:x",
            "\"x\" is not a size (examples: 512, 8k, 1m, 2g)".into(),
        ),
        (
            "keys_zone=z:63k",
            "\"63k\" is too small (at least 65536)".into(),
        ),
        (
            "keys_zone=off:1m",
            "a zone cannot have the name off, which --cache takes for none".into(),
        ),
        ("keys_zone=z:1m levels=3", format!("\"3\" {levels}")),
        ("keys_zone=z:1m levels=", format!("\"\" {levels}")),
        ("keys_zone=z:1m levels=1:", format!("\"1:\" {levels}")),
        (
            "keys_zone=z:1m levels=1:1:1:1",
            format!("\"1:1:1:1\" {levels}"),
        ),
        (
            "keys_zone=z:1m use_temp_path=no",
            "\"use_temp_path=no\" is neither on nor off".into(),
        ),
        (
            "keys_zone=z:1m purger",
            "\"purger\" is neither on nor off".into(),
        ),
        (
            "keys_zone=z:1m inactive=x",
            "\"x\" is not a time (examples: 30s, 1h30m, 500ms)".into(),
        ),
        (
            "keys_zone=z:1m inactive=0",
            format!("\"inactive=0\" {nothing}"),
        ),
        (
            "keys_zone=z:1m max_size=1t",
            "\"1t\" is not a size (examples: 512, 8k, 1m, 2g)".into(),
        ),
        (
            "keys_zone=z:1m max_size=0",
            format!("\"max_size=0\" {nothing}"),
        ),
        (
            "keys_zone=z:1m min_free=x",
            "\"x\" is not a size (examples: 512, 8k, 1m, 2g)".into(),
        ),
        (
            "keys_zone=z:1m loader_files=0",
            "\"0\" is not between 1 and 1048576".into(),
        ),
        (
            "keys_zone=z:1m manager_files=x",
            "\"x\" is not a number (1 to 1048576)".into(),
        ),
        (
            "keys_zone=z:1m purger_sleep=x",
            "\"x\" is not a time (examples: 30s, 1h30m, 500ms)".into(),
        ),
        (
            "keys_zone=z:1m loader_frob=1",
            format!("\"loader_frob=1\" {known}"),
        ),
        ("keys_zone=z:1m frob=1", format!("\"frob=1\" {known}")),
        (
            "keys_zone=z:1m levels=1 levels=2",
            "\"levels\" is given twice".into(),
        ),
    ] {
        let value = format!("/c {rest}");
        assert_eq!(
            error(&[P, "--cache-path", &value]),
            format!("--cache-path '{value}': {why}")
        );
    }
    for (value, why) in [
        ("", "needs a directory and keys_zone=NAME:SIZE"),
        (
            "\"\" keys_zone=z:1m",
            "needs a directory and keys_zone=NAME:SIZE",
        ),
        (
            "/ keys_zone=z:1m",
            "/ cannot hold a cache; name a directory of its own",
        ),
        (
            "// keys_zone=z:1m",
            "/ cannot hold a cache; name a directory of its own",
        ),
    ] {
        assert_eq!(
            error(&[P, "--cache-path", value]),
            format!("--cache-path '{value}': {why}")
        );
    }
}

#[test]
fn a_test_looks_for_the_directory() {
    let check = |path: &str| {
        run(&[
            "-t",
            P,
            "--cache",
            "z",
            "--cache-path",
            &format!("\"{path}\" keys_zone=z:1m"),
        ])
    };
    let dir = std::env::temp_dir();
    let there = dir.to_string_lossy();
    let missing = dir.join("scgate-no-such-cache").join("below");
    let file = std::env::current_exe().expect("this program");
    for good in [&*there, &*missing.to_string_lossy()] {
        assert!(matches!(check(good), Action::Test(_, _, warnings) if warnings.is_empty()));
    }
    for bad in [file.clone(), file.join("below")] {
        match check(&bad.to_string_lossy()) {
            Action::Fail(lines) => assert!(lines[0].contains("is not a directory"), "{lines:?}"),
            other => panic!("{other:?}"),
        }
    }
    let args = [
        "-t",
        P,
        "--cache",
        "z",
        "--cache-path",
        "/c keys_zone=z:1m",
        "--temp-path",
        "/no/such",
    ];
    assert!(error(&args).starts_with("--temp-path '/no/such': "));
}
