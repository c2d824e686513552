//! What the gateway answers by itself: files, texts, error pages, added fields, the status page.

use super::*;
use crate::config::content::{PageStatus, PageTarget, Return};

fn root(config: &Config, index: usize) -> Option<(String, bool)> {
    let root = location(config, 0, index).content.root.as_ref()?;
    let dir = root.dir.literal().expect("a plain directory");
    Some((String::from_utf8_lossy(dir).into_owned(), root.alias))
}

#[test]
fn a_location_without_a_handler_serves_files() {
    let c = config(&["--root", "/srv"]);
    assert!(matches!(location(&c, 0, 0).handler, Handler::Files));
    assert_eq!(root(&c, 0), Some(("/srv".into(), false)));
    assert!(c.servers[0].content.root.is_some() && c.groups.is_empty());
    let c = config(&["--location", "/i/", "--alias", "/data/"]);
    assert_eq!(root(&c, 0), Some(("/data/".into(), true)));
    assert!(c.servers[0].content.root.is_none());
    let c = config(&["--alias", "/data/"]);
    assert_eq!(root(&c, 0), Some(("/data/".into(), true)));
    assert!(
        c.servers[0].content.root.is_none(),
        "the server has no path that an alias could stand for"
    );
}

#[test]
fn an_alias_takes_the_place_of_an_outer_root() {
    let c = config(&[
        "--root",
        "/outer",
        "--location",
        "/a/",
        "--alias",
        "/inner",
        "--location",
        "= /b",
        "--alias",
        "/file",
        "--location",
        "/c",
        "--root",
        "/other",
        "--location",
        "/d",
    ]);
    let found: Vec<_> = (0..4).map(|at| root(&c, at).expect("a root")).collect();
    let expected = [
        ("/inner", true),
        ("/file", true),
        ("/other", false),
        ("/outer", false),
    ];
    assert_eq!(found, expected.map(|(dir, alias)| (dir.to_owned(), alias)));
    assert!(
        error(&["--location", "/", "--root", "/a", "--alias", "/b"])
            .contains("--alias '/b': does not go together with --root on one level")
    );
    assert!(
        error(&["--location", "/", "--alias", "/b", "--root", "/a"])
            .contains("--root '/a': does not go together with --alias on one level")
    );
}

#[test]
fn an_alias_stands_for_a_path() {
    assert_eq!(
        error(&["--location", "@n", P, "--alias", "/a"]),
        "--alias '/a': @n has no path that the directory could stand for; use --root"
    );
    assert!(error(&["--alias", "/a", "--location", "/", P]).contains("in a location only"));
}

/// The return of the first location.
fn location_return(text: &str) -> Return {
    let c = config(&["--location", "/", "--return", text]);
    match &location(&c, 0, 0).handler {
        Handler::Return(answer) => answer.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_return_is_a_status_a_text_or_a_url() {
    let plain = |text: &str| {
        let answer = location_return(text);
        let text = answer.text.as_ref().map(|text| {
            String::from_utf8_lossy(text.literal().expect("a plain text")).into_owned()
        });
        (answer.status, text)
    };
    assert_eq!(plain("404"), (404, None));
    assert_eq!(plain("444"), (444, None));
    assert_eq!(plain("204 \"\""), (204, None));
    assert_eq!(plain("200 \"\""), (200, Some(String::new())));
    assert_eq!(plain("200 \"a b\""), (200, Some("a b".into())));
    assert_eq!(plain("301 /new"), (301, Some("/new".into())));
    assert_eq!(plain("http://x.org/"), (302, Some("http://x.org/".into())));
    assert_eq!(plain("/here"), (302, Some("/here".into())));
    let moving = location_return("308 https://$host$request_uri");
    assert_eq!(
        (moving.status, moving.text.map(|text| text.parts().len())),
        (308, Some(3))
    );
    assert_eq!(location_return("$arg_to").status, 302);
}

#[test]
fn a_server_returns_before_its_locations() {
    let c = config(&["--return", "204"]);
    assert_eq!(c.servers[0].answer.as_ref().map(|a| a.status), Some(204));
    assert!(matches!(location(&c, 0, 0).handler, Handler::Files));
    let c = config(&[
        "--server",
        "a",
        "--return",
        "301 /x",
        "--server",
        "b",
        "--location",
        "/",
        P,
    ]);
    assert_eq!(c.servers[0].answer.as_ref().map(|a| a.status), Some(301));
    assert!(c.servers[1].answer.is_none());
    let c = config(&["--return", "503", "--location", "/", P]);
    assert!(c.servers[0].answer.is_some());
    assert!(matches!(location(&c, 0, 0).handler, Handler::Scgi(_)));
    assert!(
        error(&["--return", "204", "--server", "a", P]).contains("in a server or a location only")
    );
}

#[test]
fn one_handler_answers() {
    for (args, both) in [
        (&[P, "--return", "204"][..], "--pass and --return"),
        (&[P, "--status", "on"], "--pass and --status"),
        (
            &["--return", "204", "--status", "on"],
            "--return and --status",
        ),
    ] {
        assert_eq!(error(args), format!("{both}: only one of them can answer"));
        let inner: Vec<&str> = ["--location", "/x"].iter().chain(args).copied().collect();
        assert_eq!(
            error(&inner),
            format!("{both} in --location '/x': only one of them can answer")
        );
    }
    config(&[P, "--status", "off"]);
    let c = config(&[
        "--demo",
        "--location",
        "/x",
        "--return",
        "204",
        "--location",
        "/",
    ]);
    assert!(matches!(location(&c, 0, 0).handler, Handler::Return(_)));
    assert!(matches!(location(&c, 0, 1).handler, Handler::Scgi(_)));
}

#[test]
fn the_status_page_is_a_handler() {
    let handler = |args: &[&str]| {
        let mut config = config(args);
        config.servers.remove(0).locations.remove(0).handler
    };
    assert!(matches!(
        handler(&["--status", "on"]),
        Handler::Status { writable: false }
    ));
    assert!(matches!(
        handler(&[
            "--status",
            "writable",
            "--allow",
            "127.0.0.1",
            "--deny",
            "all"
        ]),
        Handler::Status { writable: true }
    ));
    assert!(error(&["--status", "off"]).starts_with("nothing to serve"));
    let (_, warnings) = ok(&[
        "--location",
        "/s",
        "--status",
        "writable",
        "--deny",
        "10.0.0.1",
    ]);
    assert_eq!(
        warnings,
        vec![
            "--status 'writable': no --allow holds in --location '/s', so nobody may change anything"
        ]
    );
}

#[test]
fn a_location_may_be_internal() {
    let c = config(&[
        "--location",
        "/a",
        P,
        "--internal",
        "--location",
        "@n",
        P,
        "--location",
        "/b",
        P,
    ]);
    let internal: Vec<bool> = c.servers[0].locations.iter().map(|l| l.internal).collect();
    assert_eq!(internal, vec![true, true, false]);
    assert_eq!(
        error(&["--location", "/", P, "--internal", "--internal"]),
        "--internal: given twice"
    );
}

#[test]
fn a_slash_is_added_where_it_is_missing() {
    let adds = |matching: &str, rest: &[&str]| {
        let args: Vec<&str> = ["--location", matching]
            .iter()
            .chain(rest)
            .copied()
            .collect();
        location(&config(&args), 0, 0).adds_slash
    };
    assert!(adds("/a/", &[P]));
    assert!(adds("/a/", &[P, "--auto-redirect", "default"]));
    assert!(!adds("/a/", &[P, "--auto-redirect", "off"]));
    assert!(!adds("/a/", &["--pass", "unix:/$host"]), "K21");
    assert!(adds(
        "/a/",
        &["--pass", "unix:/$host", "--auto-redirect", "on"]
    ));
    assert!(!adds("/a/", &["--root", "/srv"]));
    assert!(adds("/a/", &["--root", "/srv", "--auto-redirect", "on"]));
    let c = config(&["--upstream", "g unix:/a", "--location", "/a/", "--pass=g"]);
    assert!(location(&c, 0, 0).adds_slash);
    assert!(!adds("/a", &[P]) && !adds("= /a/", &[P]) && !adds("/", &[P]));
    for matching in ["/a", "= /a/", "@a/"] {
        let text = error(&["--location", matching, P, "--auto-redirect", "on"]);
        assert!(
            text.starts_with("--auto-redirect 'on': the location ")
                && text.ends_with("is not a prefix that ends in a slash"),
            "{text}"
        );
    }
}

#[test]
fn fields_are_added_with_every_status_or_with_good_ones() {
    let c = config(&[
        "--add-header",
        "X-A \"a b\"",
        "--location",
        "/1",
        P,
        "--location",
        "/2",
        P,
        "--add-header",
        "X-B $host always",
        "--add-header",
        "X-Empty \"\"",
    ]);
    let names = |index: usize| {
        let list = &location(&c, 0, index).content.add_headers;
        list.iter()
            .map(|h| (h.name.clone(), h.always))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(0), vec![("X-A".into(), false)]);
    assert_eq!(
        names(1),
        vec![("X-B".into(), true), ("X-Empty".into(), false)]
    );
    assert_eq!(c.servers[0].content.add_headers.len(), 1);
}

#[test]
fn the_default_type_is_inherited() {
    let c = config(&[
        "--default-type",
        "application/octet-stream",
        "--location",
        "/a",
        P,
        "--location",
        "/b",
        P,
        "--default-type",
        "\"text/html; charset=utf-8\"",
    ]);
    let kind = |index| location(&c, 0, index).content.default_type.clone();
    assert_eq!(kind(0), "application/octet-stream");
    assert_eq!(kind(1), "text/html; charset=utf-8");
    assert_eq!(config(&[P]).servers[0].content.default_type, "text/plain");
}

fn page(text: &str) -> (Vec<u16>, PageStatus, PageTarget) {
    let c = config(&[
        "--error-page",
        text,
        "--location",
        "/",
        P,
        "--location",
        "@n",
        P,
    ]);
    let content = &location(&c, 0, 0).content;
    let page = content.error_pages[0].clone();
    assert_eq!(c.servers[0].content.error_pages.len(), 1);
    (page.codes, page.status, page.target)
}

#[test]
fn every_form_of_error_page_is_read() {
    let (codes, status, target) = page("500 502 503 504 /50x.html");
    assert_eq!(
        (codes, status),
        (vec![500, 502, 503, 504], PageStatus::Keep)
    );
    assert!(matches!(target, PageTarget::Uri(uri) if uri.literal() == Some(b"/50x.html")));
    let (_, status, target) = page("404 =200 /empty.gif");
    assert_eq!(status, PageStatus::Set(200));
    assert!(matches!(target, PageTarget::Uri(_)));
    let (_, status, target) = page("404 = /fetch$uri");
    assert_eq!(status, PageStatus::Target);
    assert!(matches!(target, PageTarget::Uri(uri) if uri.parts().len() == 2));
    let (_, status, target) = page("404 = @n");
    assert_eq!(status, PageStatus::Target);
    assert!(matches!(target, PageTarget::Named(name) if name == "@n"));
    let (_, status, target) = page("403 http://example.org/x");
    assert_eq!(status, PageStatus::Set(302));
    assert!(matches!(target, PageTarget::Url(_)));
    let (_, status, target) = page("404 =301 $scheme://example.org$uri");
    assert_eq!(status, PageStatus::Set(301));
    assert!(matches!(target, PageTarget::Url(url) if url.parts().len() == 3));
    assert_eq!(page("404 = http://example.org/").1, PageStatus::Set(302));
}

#[test]
fn a_level_with_an_error_page_inherits_none() {
    let c = config(&[
        "--error-page",
        "404 /a",
        "--error-page",
        "500 /b",
        "--location",
        "/1",
        P,
        "--location",
        "/2",
        P,
        "--error-page",
        "403 /c",
    ]);
    let has = |index, status| location(&c, 0, index).content.error_page(status).is_some();
    assert!(has(0, 404) && has(0, 500) && !has(0, 403));
    assert!(!has(1, 404) && !has(1, 500) && has(1, 403));
}

#[test]
fn a_named_error_page_is_in_its_server() {
    assert_eq!(
        error(&["--location", "/", P, "--error-page", "404 @n"]),
        "--error-page '404 @n': there is no --location @n"
    );
    let text = error(&[
        "--error-page",
        "404 @n",
        "--server",
        "a",
        "--location",
        "@n",
        P,
        "--server",
        "b",
        "--location",
        "/",
        P,
    ]);
    assert_eq!(
        text,
        "--error-page '404 @n': there is no --location @n in --server 'b'"
    );
}

#[test]
fn odd_content_is_refused() {
    for (flag, value, part) in [
        ("root", "\"\"", "a path may not be empty"),
        ("alias", "$nope", "unknown variable"),
        ("error-page", "404", "needs status codes and a target"),
        ("error-page", "", "needs status codes and a target"),
        ("error-page", "= /x", "names no status code"),
        ("error-page", "299 /x", "\"299\" is not a status code that"),
        ("error-page", "499 /x", "\"499\" is not a status code that"),
        ("error-page", "600 /x", "\"600\" is not a status code that"),
        ("error-page", "404 x /x", "\"x\" is not a status code that"),
        ("error-page", "404 =199 /x", "is not a status code of an"),
        (
            "error-page",
            "404 =x /x",
            "is not a status code of an answer",
        ),
        (
            "error-page",
            "404 page.html",
            "is neither a path that begins",
        ),
        ("error-page", "404 @", "is not the name of a location"),
        ("error-page", "404 @$host", "is not the name of a location"),
        ("error-page", "404 /$nope", "unknown variable"),
        ("error-page", "404 =200 http://x/", "=200 cannot send"),
        ("error-page", "404 \"http://x/\ny\"", "control character"),
        ("return", "", "needs a status code or a URL"),
        ("return", "199", "is not a status code of an answer"),
        ("return", "600", "is not a status code of an answer"),
        ("return", "somewhere", "is neither a status code"),
        ("return", "200 a b", "put quotes round a text with blanks"),
        ("return", "x y", "is not a status code of an answer"),
        ("return", "301", "301 needs the URL"),
        ("return", "307 \"\"", "307 needs the URL"),
        ("return", "204 text", "204 is answered without a text"),
        ("return", "444 text", "444 is answered without a text"),
        ("return", "200 $nope", "unknown variable"),
        ("return", "302 \"/a\nb\"", "holds a control character"),
        ("add-header", "X", "needs a name and a value"),
        ("add-header", "X a b", "\"b\" is not \"always\""),
        ("add-header", "X a always b", "is not \"always\""),
        ("add-header", "X: a", "is not the name of a field"),
        (
            "add-header",
            "Content-Length 5",
            "the gateway alone can set",
        ),
        (
            "add-header",
            "connection close",
            "the gateway alone can set",
        ),
        ("add-header", "Keep-Alive 5", "the gateway alone can set"),
        (
            "add-header",
            "Transfer-Encoding chunked",
            "the gateway alone can set",
        ),
        ("add-header", "X \"a\nb\"", "holds a control character"),
        ("add-header", "X $nope", "unknown variable"),
        ("default-type", "html", "is not a media type"),
        ("default-type", "text/", "is not a media type"),
        ("default-type", "\"text/h t\"", "is not a media type"),
        ("status", "yes", "is not on, off or writable"),
        ("auto-redirect", "yes", "is not on, off or default"),
    ] {
        let flag = format!("--{flag}");
        let shown = value.replace('\n', "\\n");
        let text = error(&["--location", "/", &flag, value]);
        assert!(
            text.starts_with(&format!("{flag} '{shown}': ")) && text.contains(part),
            "{flag} {value}: {text}"
        );
    }
}

#[test]
fn nothing_is_served_without_any_of_them() {
    assert!(error(&["--location", "/"]).starts_with("nothing to serve"));
    assert!(error(&["--server", "a", "--error-page", "404 /x"]).starts_with("nothing to serve"));
}
