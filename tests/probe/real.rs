//! Real applications, whose habits are known.

use super::common::apps::{self, Application, aioscgi, free_port, perl, quixote, uwsgi};
use super::common::process::find_program;
use super::common::{Temp, left_out};
use super::{Said, probe};

use std::process::Command;

fn ask(app: &mut Application, uri: &str) -> Said {
    let said = probe(&format!("{} {uri}", app.address), &[]).answered();
    app.alive();
    said
}

/// What all of them take.
#[track_caller]
fn takes_all_methods(said: &Said) {
    assert!(said.about("answer").starts_with("200 to GET"));
    for method in [
        "GET",
        "POST without a body",
        "POST with a body",
        "POST of 1 MiB",
    ] {
        assert_eq!(said.about(method), "answers 200", "{method}");
    }
    assert_eq!(said.about("end"), "it closes the connection");
}

#[test]
fn python_scgi_takes_everything() {
    let Some(mut app) = quixote() else {
        return left_out(
            "python_scgi_takes…",
            "no Python package scgi (scripts/test)",
        );
    };
    let said = ask(&mut app, "/echo");
    takes_all_methods(&said);
    let status = "in a Status field; lines end with LF; Content-Length is given";
    assert_eq!(said.about("status"), status);
    assert_eq!(said.about("CONTENT_LENGTH"), "may stand anywhere");
    assert!(
        said.about("parameters")
            .starts_with("131072 bytes and more")
    );
    assert_eq!(said.about("needed"), "PATH_INFO (else it answers 404)");
    let expected = format!("--pass {} --read-timeout 60s", app.address);
    assert_eq!(said.flags(), expected);
}

#[test]
fn aioscgi_needs_many_parameters_and_has_a_limit() {
    let Some(mut app) = aioscgi() else {
        return left_out("aioscgi_needs…", "no Python package aioscgi (scripts/test)");
    };
    let said = ask(&mut app, "/echo");
    takes_all_methods(&said);
    assert!(said.about("status").contains("lines end with CRLF"));
    assert!(
        said.about("parameters")
            .starts_with("at most 65536 bytes; ")
    );
    assert_eq!(
        said.about("needed"),
        "REQUEST_METHOD, QUERY_STRING, SERVER_PROTOCOL, SERVER_PORT, SERVER_NAME, SCRIPT_NAME (else it closes without a word); \
         PATH_INFO (else it answers 404)"
    );
    assert!(said.flags().contains("--params-max '65536 trim'"));
}

/// 4096 bytes less two for each parameter: the limit is lower than its number says.
fn uwsgi_has_a_limit(option: &str, status: &str) {
    let Some(mut app) = uwsgi(option) else {
        return left_out(option, "no uWSGI with Python (scripts/test)");
    };
    let said = ask(&mut app, "/echo");
    takes_all_methods(&said);
    assert!(said.about("status").starts_with(status));
    assert!(said.0.stdout.contains("--preset uwsgi"));
    assert!(said.0.stdout.contains("Its --buffer-size is 4096"));
    let limit = said.about("parameters");
    let limit = limit
        .strip_prefix("at most ")
        .and_then(|rest| rest.split(' ').next());
    let limit: usize = limit.and_then(|n| n.parse().ok()).expect("a limit");
    assert!((4000..4096).contains(&limit), "{limit}");
    let flag = format!("--params-max '{limit} trim'");
    assert!(said.flags().contains(&flag));
    // Whatever it was, the gateway with these flags says so itself.
    let gate = app.gate(&["--params-max", &limit.to_string()]);
    for size in 3000..4096 {
        let target = format!("/echo?{}", "x".repeat(size));
        match gate.get(&target).status {
            200 => {}
            431 => return,
            other => panic!("{other} with {size} bytes of query"),
        }
    }
    panic!("no limit");
}

#[test]
fn uwsgi_has_a_limit_below_its_number() {
    uwsgi_has_a_limit("--scgi-socket", "in a Status field");
}

#[test]
fn uwsgi_nph_has_the_same_limit() {
    uwsgi_has_a_limit("--scgi-nph-socket", "in a status line of HTTP");
}

#[test]
fn perl_wants_content_length_first_and_serves_one_at_a_time() {
    let Some(mut app) = perl() else {
        return left_out("perl_wants…", "no Perl module SCGI (scripts/test)");
    };
    let said = ask(&mut app, "/echo");
    takes_all_methods(&said);
    let status = "not said, which means 200; lines end with LF; no Content-Length";
    assert_eq!(said.about("status"), status);
    assert!(said.about("CONTENT_LENGTH").starts_with("must come first"));
    let beside = "no, the second connection waits for the first";
    assert_eq!(said.about("two at once"), beside);
}

#[test]
fn rtorrent_wants_a_post_with_a_body_and_few_parameters() {
    let found = apps::rtorrent(|dir| {
        let socket = dir.file("rpc");
        (
            format!("network.scgi.open_local={socket}"),
            format!("unix:{socket}"),
        )
    });
    let Some(mut app) = found else {
        return left_out("rtorrent_wants…", "no rTorrent (scripts/test)");
    };
    let said = ask(&mut app, "/RPC2");
    assert!(said.about("answer").starts_with("200 to POST"));
    assert_eq!(said.about("GET"), "closes without a word");
    assert_eq!(said.about("POST without a body"), "closes without a word");
    assert_eq!(said.about("POST with a body"), "answers 200");
    assert!(said.about("CONTENT_LENGTH").starts_with("must come first"));
    assert!(said.about("parameters").starts_with("at most 2000 bytes; "));
    assert_eq!(said.about("needed"), "none of those that scgate sends");
    assert!(said.flags().contains("--params-max '2000 trim'"));
    assert!(said.0.stdout.contains("--preset rtorrent"));
}

#[test]
fn rtorrent_over_tcp_is_the_same() {
    let found = apps::rtorrent(|_| {
        let address = format!("127.0.0.1:{}", free_port());
        (format!("network.scgi.open_port={address}"), address)
    });
    let Some(mut app) = found else {
        return left_out("rtorrent_over_tcp…", "no rTorrent (scripts/test)");
    };
    let said = ask(&mut app, "/RPC2");
    assert!(said.about("parameters").starts_with("at most 2000 bytes; "));
}

#[test]
fn fossil_needs_a_path_in_one_form_or_the_other() {
    let Some(fossil) = find_program(&["fossil"]) else {
        return left_out("fossil_needs…", "no Fossil (scripts/test)");
    };
    let dir = Temp::new();
    let repository = dir.file("r.fossil");
    let made = Command::new(fossil)
        .args(["init", "-A", "admin", &repository])
        .env("HOME", dir.path())
        .env("USER", "admin")
        .output();
    assert!(made.expect("fossil").status.success());
    let mut app = apps::fossil(&repository).expect("Fossil, as above");
    let said = ask(&mut app, "/");
    assert!(said.about("answer").starts_with("302 to GET"));
    // Either PATH_INFO, or both of the others.
    assert_eq!(
        said.about("needed"),
        "one of SCRIPT_NAME, PATH_INFO (else it answers 501); one of REQUEST_URI, PATH_INFO (else it answers 501)"
    );
    assert!(said.0.stdout.contains("--preset fossil"));
    said.flags();
}
