//! What is refused or warned of about a location's cache.

use super::*;

const Z: &str = "--cache-path=/c keys_zone=z:1m";

fn warnings(args: &[&str]) -> Vec<String> {
    let args: Vec<&str> = [Z, "--cache", "z"].iter().chain(args).copied().collect();
    ok(&args).1
}

#[test]
fn odd_values_are_refused() {
    let condition = "needs a text with variables (0 where it shall never hold)";
    let off = "\"off\" would mean yes; write 0";
    let methods = "is not one of GET, HEAD and POST";
    let stale = "is not one of error, timeout, invalid_header, updating, http_500, http_503, http_403, http_404, http_429, off";
    let name = "is neither off nor a name (a letter, then letters, digits and signs such as \".\", \"_\" and \"-\")";
    let code = "is neither a status code (100 to 599) nor any";
    for (flag, value, why) in [
        ("cache", "", "needs a value".to_owned()),
        ("cache", "\"\"", "needs the name of a zone or off".into()),
        (
            "cache",
            "a b",
            "takes one word; put quotes inside the value where it contains blanks".into(),
        ),
        (
            "cache",
            "$nope",
            "unknown variable \"$nope\" in \"$nope\"".into(),
        ),
        (
            "cache-key",
            "\"\"",
            "may not be empty, for all requests would share one response".into(),
        ),
        (
            "cache-key",
            "$uri $args",
            "takes one word; put quotes inside the value where it contains blanks".into(),
        ),
        (
            "cache-key",
            "$nope",
            "unknown variable \"$nope\" in \"$nope\"".into(),
        ),
        (
            "cache-valid",
            "",
            "needs a time, and before it status codes or any (example: '200 302 10m')".into(),
        ),
        ("cache-valid", "200", String::new()),
        ("cache-valid", "99 1m", format!("\"99\" {code}")),
        ("cache-valid", "600 1m", format!("\"600\" {code}")),
        ("cache-valid", "Any 1m", format!("\"Any\" {code}")),
        (
            "cache-valid",
            "1m 200x",
            "\"200x\" is not a time (examples: 30s, 1h30m, 500ms)".into(),
        ),
        ("cache-valid", "1h 30m", format!("\"1h\" {code}")),
        (
            "cache-methods",
            "",
            "needs at least one of GET, HEAD and POST".into(),
        ),
        ("cache-methods", "GET PUT", format!("\"PUT\" {methods}")),
        ("cache-methods", "off", format!("\"off\" {methods}")),
        (
            "cache-min-uses",
            "0",
            "\"0\" is not between 1 and 1073741824".into(),
        ),
        (
            "cache-min-uses",
            "x",
            "\"x\" is not a number (1 to 1073741824)".into(),
        ),
        ("cache-bypass", "", condition.into()),
        ("cache-bypass", "$arg_x off", off.into()),
        ("no-cache", "", condition.into()),
        ("no-cache", "off", off.into()),
        (
            "no-cache",
            "$nope",
            "unknown variable \"$nope\" in \"$nope\"".into(),
        ),
        ("cache-purge", "", condition.into()),
        ("cache-purge", "off", off.into()),
        ("cache-lock", "yes", "\"yes\" is neither on nor off".into()),
        (
            "cache-lock-age",
            "x",
            "\"x\" is not a time (examples: 30s, 1h30m, 500ms)".into(),
        ),
        (
            "cache-lock-timeout",
            "5 s",
            "takes one word; put quotes inside the value where it contains blanks".into(),
        ),
        (
            "cache-use-stale",
            "",
            "needs at least one condition, or off".into(),
        ),
        ("cache-use-stale", "error off", "off stands alone".into()),
        ("cache-use-stale", "off error", "off stands alone".into()),
        (
            "cache-use-stale",
            "http_502",
            format!("\"http_502\" {stale}"),
        ),
        (
            "cache-use-stale",
            "non_idempotent",
            format!("\"non_idempotent\" {stale}"),
        ),
        (
            "cache-background-update",
            "1",
            "\"1\" is neither on nor off".into(),
        ),
        ("cache-revalidate", "", "needs a value".into()),
        (
            "cache-max-range-offset",
            "x",
            "\"x\" is not a size (examples: 512, 8k, 1m, 2g)".into(),
        ),
        (
            "cache-max-range-offset",
            "-1",
            "\"-1\" is not a size (examples: 512, 8k, 1m, 2g)".into(),
        ),
        ("cache-status", "\"\"", format!("\"\" {name}")),
        ("cache-status", "1x", format!("\"1x\" {name}")),
        ("cache-status", "\"a b\"", format!("\"a b\" {name}")),
        (
            "cache-targeted",
            "",
            "needs the name of a field, or off".into(),
        ),
        (
            "cache-targeted",
            "a:",
            "\"a:\" is not the name of a field".into(),
        ),
        ("cache-targeted", "a off", "off stands alone".into()),
        (
            "cache-targeted",
            "Cache-Control",
            "\"Cache-Control\" is always obeyed and is not a targeted field".into(),
        ),
        (
            "cache-rules",
            "rfc",
            "\"rfc\" is neither nginx nor rfc9111".into(),
        ),
    ] {
        if why.is_empty() {
            // A lone number is a time.
            ok(&[P, &format!("--{flag}"), value]);
            continue;
        }
        let flag = format!("--{flag}");
        assert_eq!(
            error(&[P, &flag, value]),
            format!("{flag} '{value}': {why}")
        );
    }
}

#[test]
fn a_cache_without_buffering_is_warned_of() {
    assert_eq!(
        warnings(&["--location", "/a", P, "--buffering", "off"]),
        [
            "--cache: keeps nothing where --buffering is off, as it is in --location '/a', unless the application turns it on"
        ]
    );
}

#[test]
fn one_key_for_all_is_warned_of() {
    assert_eq!(
        warnings(&[P, "--cache-key", "x"]),
        ["--cache-key: holds no variable, so all requests share one response"]
    );
    assert!(warnings(&["--cache-key", "x", "--location", "= /a", P]).is_empty());
}

#[test]
fn a_purge_that_everybody_may_do_is_warned_of() {
    let why = [
        "--cache-purge: no --deny holds in --location '/a', so any client may remove what is kept",
    ];
    let purge = |args: &[&str]| {
        let location = ["--location", "/a", P];
        let args: Vec<&str> = location.iter().chain(args).copied().collect();
        warnings(&args)
    };
    assert_eq!(purge(&["--cache-purge", "$http_x_purge"]), why);
    assert_eq!(purge(&["--cache-purge", "1"]), why);
    assert_eq!(
        purge(&["--cache-purge", "$http_x_purge", "--allow", "127.0.0.1"]),
        why
    );
    assert_eq!(purge(&["--cache-purge", "$remote_addr $arg_x"]), why);
    assert_eq!(purge(&["--cache-purge", "$remote_user"]), why);
    assert!(purge(&["--cache-purge", "$http_x_purge", "--deny", "10.0.0.0/8"]).is_empty());
    assert!(purge(&["--cache-purge", "$http_x_purge", "--internal"]).is_empty());
    assert!(purge(&["--cache-purge", "0"]).is_empty());
}

#[test]
fn a_map_may_say_who_may_purge() {
    let map = |first: &str, second: &str| {
        warnings(&[
            "--map",
            &format!("$remote_addr $it {first}"),
            "--map",
            &format!("$request_method $purge {second}"),
            "--location",
            "/a",
            P,
            "--cache-purge",
            "$purge",
        ])
    };
    assert!(map("127.0.0.1 1", "PURGE $it").is_empty());
    assert_eq!(map("127.0.0.1 1", "PURGE 1").len(), 1);
    let source = [
        "--map",
        "$request_method$remote_addr $it PURGE127.0.0.1 1",
        P,
        "--cache-purge",
        "$it",
    ];
    assert!(warnings(&source).is_empty());
}
