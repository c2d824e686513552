//! What becomes of a response: redirects inside, files in its place, files made of it.

use super::*;
use crate::config::content::{InternalRedirect, Store};
use std::path::PathBuf;

#[test]
fn switches_reach_the_location() {
    let s = one(&["--intercept-errors", "on", "--force-ranges", "on"]);
    assert!(s.intercept_errors && s.force_ranges);
    let s = one(&[]);
    assert!(!s.intercept_errors && !s.force_ranges && s.sendfile.is_none() && s.store.is_none());
}

#[test]
fn a_local_location_is_followed_unless_told_otherwise() {
    let redirect = |text: &str| one(&["--internal-redirect", text]).internal_redirect;
    assert_eq!(one(&[]).internal_redirect, InternalRedirect::Location);
    assert_eq!(redirect("on"), InternalRedirect::Location);
    assert_eq!(redirect("LOCATION"), InternalRedirect::Location);
    assert_eq!(redirect("off"), InternalRedirect::Off);
    assert_eq!(
        redirect("X-Internal"),
        InternalRedirect::Field("x-internal".into())
    );
}

#[test]
fn files_come_from_below_the_roots() {
    let s = one(&[
        "--sendfile",
        "on",
        "--sendfile-root",
        "/srv//files/",
        "--sendfile-root",
        "/data/./x",
    ]);
    let sendfile = s.sendfile.expect("sendfile");
    assert_eq!(sendfile.field, "x-sendfile");
    assert_eq!(
        sendfile.roots,
        vec![PathBuf::from("/srv/files"), PathBuf::from("/data/x")]
    );
    let s = one(&["--sendfile", "X-Lighttpd-Send-File", "--sendfile-root", "/"]);
    assert_eq!(s.sendfile.expect("sendfile").field, "x-lighttpd-send-file");
    assert!(
        one(&["--sendfile", "off", "--sendfile-root", "/"])
            .sendfile
            .is_none()
    );
}

#[test]
fn files_without_a_root_are_warned_of() {
    let (c, warnings) = ok(&["--sendfile", "on", "--location", "/a", P]);
    let sendfile = scgi(location(&c, 0, 0)).sendfile.as_ref();
    assert!(sendfile.is_some_and(|sendfile| sendfile.roots.is_empty()));
    assert_eq!(
        warnings,
        vec![
            "--sendfile: there is no --sendfile-root in --location '/a', so every x-sendfile is refused with 502"
        ]
    );
}

#[test]
fn responses_are_stored_below_the_root_or_where_it_is_said() {
    let s = one(&["--store", "on", "--root", "/srv"])
        .store
        .expect("a store");
    assert!(matches!(s.place, Store::On));
    assert_eq!(s.mode, 0o600);
    let c = config(&["--location", "/a/", P, "--alias", "/srv/", "--store", "on"]);
    assert!(scgi(location(&c, 0, 0)).store.is_some());
    for place in ["/srv$uri", "$document_root/x", "\"/a b/$uri\""] {
        let s = one(&["--store", place]).store.expect("a store");
        assert!(matches!(s.place, Store::At(_)), "{place}");
    }
    assert!(one(&["--store", "off"]).store.is_none());
    let c = config(&["--store", "/s$uri", "--location", "/a", P, "--store", "off"]);
    assert!(scgi(location(&c, 0, 0)).store.is_none());
}

#[test]
fn a_store_needs_a_place() {
    assert_eq!(
        error(&["--store", "on", "--location", "/a", P]),
        "--store 'on': needs --root or --alias in --location '/a'"
    );
    assert_eq!(
        error(&[P, "--store", "on"]),
        "--store 'on': needs --root or --alias"
    );
}

#[test]
fn a_store_without_buffering_is_warned_of() {
    let (_, warnings) = ok(&[P, "--store", "/s$uri", "--buffering", "off"]);
    assert_eq!(
        warnings,
        vec!["--store: keeps nothing where --buffering is off, as it is"]
    );
}

#[test]
fn rights_become_a_mode() {
    let mode = |text: &str| {
        let s = one(&["--store", "/s$uri", "--store-access", text]);
        s.store.expect("a store").mode
    };
    for (text, expected) in [
        ("user:rw", 0o600),
        ("user:r", 0o400),
        ("user:rw group:r all:r", 0o644),
        ("group:rw all:r", 0o664),
        ("all:r", 0o604),
        ("all:rw user:r", 0o406),
    ] {
        assert_eq!(mode(text), expected, "{text}");
    }
}

#[test]
fn odd_values_are_refused() {
    for (flag, value, part) in [
        ("intercept-errors", "yes", "is neither on nor off"),
        ("force-ranges", "1", "is neither on nor off"),
        ("internal-redirect", "a b", "takes one word"),
        ("internal-redirect", "a:", "is not the name of a field"),
        ("sendfile", "", "needs a value"),
        ("sendfile", "X/Y", "is not the name of a field"),
        ("sendfile-root", "files", "is not an absolute path"),
        ("sendfile-root", "/srv/../etc", "is not an absolute path"),
        ("sendfile-root", "\"\"", "is not an absolute path"),
        ("store", "\"\"", "needs on, off or the path"),
        ("store", "files$uri", "is neither on, off nor a path"),
        ("store", "/a$nope", "unknown variable"),
        ("store-access", "", "needs rights"),
        ("store-access", "user:w", "is not user, group or all"),
        ("store-access", "others:r", "is not user, group or all"),
        ("store-access", "group", "is not user, group or all"),
        (
            "store-access",
            "all:r all:rw",
            "rights of all are given twice",
        ),
    ] {
        let flag = format!("--{flag}");
        let text = error(&[P, &flag, value]);
        assert!(
            text.starts_with(&format!("{flag} '{value}': ")) && text.contains(part),
            "{text}"
        );
    }
}
