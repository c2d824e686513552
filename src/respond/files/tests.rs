//! Where paths lie, and what is found there.

use std::io::Read;
use std::os::unix::net::UnixListener;
use std::process::Command;

use super::*;
use crate::respond::scratch::Scratch;

const WAYS: [Way; 2] = [Way::Kernel, Way::Walk];

/// `$host` has this value, `$uri` that of the path, `$document_root` that of the root; nothing else is set.
struct Fixed<'a> {
    host: &'a str,
    uri: &'a str,
    root: &'a str,
}

impl Values for Fixed<'_> {
    fn put(&self, var: &Var, out: &mut Vec<u8>) -> bool {
        let text = match var {
            Var::Host => self.host,
            Var::Uri => self.uri,
            Var::DocumentRoot => self.root,
            _ => return false,
        };
        out.extend_from_slice(text.as_bytes());
        true
    }
}

const NONE: Fixed<'static> = Fixed {
    host: "",
    uri: "",
    root: "",
};

fn root(text: &str, alias: bool) -> Root {
    Root {
        dir: Template::parse(text, &|_| None).expect("a template"),
        alias,
    }
}

/// Base, rest and whether the index is meant.
fn shown(place: Option<Place>) -> Option<(String, String, bool)> {
    let place = place?;
    Some((
        place.base.display().to_string(),
        String::from_utf8(place.rest).expect("text"),
        place.index,
    ))
}

fn some(base: &str, rest: &str, index: bool) -> Option<(String, String, bool)> {
    Some((base.into(), rest.into(), index))
}

#[test]
fn a_root_takes_the_whole_path() {
    let prefix = Match::Prefix("/i/".into());
    let table = [
        ("/srv", "/i/a/b", some("/srv", "i/a/b", false)),
        ("/srv/", "/i/a", some("/srv/", "i/a", false)),
        ("/srv", "/i/", some("/srv", "i", true)),
        ("/srv", "/", some("/srv", "", true)),
        ("www", "/i/x", some("www", "i/x", false)),
        ("/", "/i/x", some("/", "i/x", false)),
    ];
    for (dir, path, expected) in table {
        let place = place(&root(dir, false), &prefix, path.as_bytes(), &NONE);
        assert_eq!(shown(place), expected, "{dir} {path}");
    }
}

#[test]
fn an_alias_stands_for_the_locations_own_part() {
    let prefix = |text: &str| Match::Prefix(text.into());
    let exact = |text: &str| Match::Exact(text.into());
    let table = [
        (
            prefix("/i/"),
            "/img/",
            "/i/a/b",
            some("/img/", "a/b", false),
        ),
        (prefix("/i/"), "/img/", "/i/", some("/img/", "", true)),
        // The slash that is so easily forgotten.
        (prefix("/i/"), "/img", "/i/a", some("/img", "a", false)),
        (prefix("/i"), "/img", "/i/a", some("/img", "a", false)),
        (prefix("/i"), "/img", "/i", some("/img", "", false)),
        (prefix("/i"), "/img/", "/i/", some("/img/", "", true)),
        // nginx would open /img/../x.
        (
            prefix("/i"),
            "/img/",
            "/i../x",
            some("/img/", "../x", false),
        ),
        (
            prefix("/i-"),
            "/img/",
            "/i-x.png",
            some("/img/", "x.png", false),
        ),
        (
            exact("/robots.txt"),
            "/f/r.txt",
            "/robots.txt",
            some("/f/r.txt", "", false),
        ),
        (exact("/d/"), "/f/d/", "/d/", some("/f/d/", "", true)),
        // By a redirect inside the gateway.
        (
            Match::Named("n".into()),
            "/img",
            "/a/b",
            some("/img", "a/b", false),
        ),
        (
            prefix("/other/"),
            "/img",
            "/a/b",
            some("/img", "a/b", false),
        ),
    ];
    for (matching, dir, path, expected) in table {
        let place = place(&root(dir, true), &matching, path.as_bytes(), &NONE);
        assert_eq!(shown(place), expected, "{matching:?} {dir} {path}");
    }
}

#[test]
fn the_text_before_the_first_variable_is_not_left() {
    let values = Fixed {
        host: "h.example",
        ..NONE
    };
    let evil = Fixed { host: "..", ..NONE };
    let table = [
        ("/srv/$host", &values, some("/srv/", "h.example/a", false)),
        ("/srv/$host/", &values, some("/srv/", "h.example/a", false)),
        (
            "/srv/www-$host/x",
            &values,
            some("/srv/", "www-h.example/x/a", false),
        ),
        ("/srv//$host", &NONE, some("/srv//", "a", false)),
        ("/srv/$host", &evil, some("/srv/", "../a", false)),
        ("$host/x", &values, some(".", "h.example/x/a", false)),
        ("www$host", &values, some(".", "wwwh.example/a", false)),
        // Nothing is not the root of the file system.
        ("$host", &NONE, None),
        ("", &NONE, None),
    ];
    let prefix = Match::Prefix("/".into());
    for (dir, values, expected) in table {
        let place = place(&root(dir, false), &prefix, b"/a", values);
        assert_eq!(shown(place), expected, "{dir}");
    }
    let absolute = Fixed {
        host: "/data/x",
        ..NONE
    };
    let at_root = place(&root("$host", false), &prefix, b"/a", &absolute);
    assert_eq!(shown(at_root), some("/", "data/x/a", false));
}

#[test]
fn a_template_that_begins_with_the_document_root_stays_below_it() {
    let values = Fixed {
        host: "..",
        uri: "/a/b",
        root: "/srv",
    };
    let template = |text: &str| Template::parse(text, &|_| None).expect("a template");
    let fixed = root("/srv", false);
    let rendered = |text: &str, root| shown(Place::rendered(&template(text), root, &values));
    let expected = some("/srv", "a/b", false);
    assert_eq!(rendered("$document_root$uri", Some(&fixed)), expected);
    let expected = some("/srv", "store/a/b", false);
    assert_eq!(rendered("$document_root/store$uri", Some(&fixed)), expected);
    let moving = root("/var/$host/x", false);
    let expected = some("/var/", "../x/a/b", false);
    assert_eq!(rendered("$document_root$uri", Some(&moving)), expected);
    // Without a root to go by, the value is all there is.
    assert_eq!(
        rendered("$document_root$uri", None),
        some("/", "srv/a/b", false)
    );
    assert_eq!(rendered("/data$uri", None), some("/data", "a/b", false));
    assert_eq!(rendered("/data-$uri", None), some("/data-", "a/b", false));
    assert_eq!(rendered("/x/da$host", None), some("/x/", "da..", false));
    // What ends in a slash is a directory's, not the file's of the name before it.
    assert_eq!(rendered("/data$uri/", None), some("/data", "a/b", true));
    assert_eq!(
        rendered("$document_root$uri/", Some(&fixed)),
        some("/srv", "a/b", true)
    );
    assert_eq!(rendered("/data/$uri", None), some("/data/", "a/b", false));
    assert_eq!(rendered("$arg_x", None), None);
}

#[test]
fn an_absolute_path_is_taken_below_the_longest_root_it_is_in() {
    let tree = Scratch::new();
    tree.file("real/f", "x");
    tree.link("real", "link");
    let roots = [PathBuf::from("/a"), "/a/b".into(), tree.at("link")];
    let at = |path: &str| shown(below(&roots, path.as_bytes()));
    assert_eq!(at("/a/x/y"), some("/a", "x/y", false));
    assert_eq!(at("/a/b/y"), some("/a/b", "y", false));
    assert_eq!(at("//a//b/./y"), some("/a/b", "y", false));
    assert_eq!(at("/ab/y"), None);
    assert_eq!(at("/a"), None);
    assert_eq!(at("a/b"), None);
    assert_eq!(at(""), None);
    assert_eq!(at("/a/../etc/passwd"), some("/a", "../etc/passwd", false));
    let link = tree.at("link").display().to_string();
    for name in ["link/f", "real/f"] {
        assert_eq!(
            at(&tree.at(name).display().to_string()),
            some(&link, "f", false)
        );
    }
    assert!(shown(below(&[], b"/a/x")).is_none());
}

/// What is found at `rest` of a tree; a slash at its end asks for the index.
fn kind(way: Way, tree: &Scratch, rest: &str) -> String {
    let place = Place {
        base: tree.path().into(),
        rest: rest.trim_end_matches('/').into(),
        index: rest.is_empty() || rest.ends_with('/'),
    };
    match find_by(way, &place) {
        Found::File(mut open) => {
            let mut text = String::new();
            open.file.read_to_string(&mut text).expect("a file");
            assert_eq!(text.len() as u64, open.size);
            let media = open.media.unwrap_or("-");
            format!("{text} {media}")
        }
        Found::Directory => "directory".into(),
        Found::Status(status, _) => status.to_string(),
    }
}

#[test]
fn only_regular_files_and_indexes_are_content() {
    let tree = Scratch::new();
    tree.file("a.txt", "text");
    tree.file("plain", "no name");
    tree.file("d/index.html", "index");
    tree.dir("d/empty");
    tree.dir("odd/index.html");
    tree.file(".scgate-1-1", "half");
    tree.file("out-of-it", "");
    tree.link("/etc/passwd", "out");
    let _socket = UnixListener::bind(tree.at("socket")).expect("a socket");
    let made = Command::new("mkfifo").arg(tree.at("fifo")).status();
    assert!(made.expect("mkfifo").success());
    let table = [
        ("a.txt", "text text/plain"),
        ("plain", "no name -"),
        ("d/index.html", "index text/html"),
        ("d/", "index text/html"),
        ("d", "directory"),
        ("d/empty", "directory"),
        ("d/empty/", "403"),
        ("", "403"),
        ("odd/", "403"),
        ("odd/index.html/", "403"),
        ("fifo", "403"),
        ("socket", "403"),
        ("none", "404"),
        ("none/", "404"),
        ("a.txt/", "404"),
        ("a.txt/x", "404"),
        ("out", "404"),
        ("../x", "404"),
        ("d/../a.txt", "404"),
        (".scgate-1-1", "404"),
    ];
    for way in WAYS {
        for (rest, expected) in table {
            assert_eq!(kind(way, &tree, rest), expected, "{way:?} {rest}");
        }
        let long = "n".repeat(300);
        assert_eq!(kind(way, &tree, &long), "404");
        assert_eq!(kind(way, &tree, &"n/".repeat(5000)), "404");
    }
}

#[test]
fn a_device_is_not_content() {
    for way in WAYS {
        let place = Place {
            base: "/dev".into(),
            rest: b"null".to_vec(),
            index: false,
        };
        let found = find_by(way, &place);
        assert!(matches!(found, Found::Status(403, _)), "{found:?}");
    }
}

#[test]
fn an_exact_location_may_name_a_file_or_a_directory_itself() {
    let tree = Scratch::new();
    let file = tree.file("real.json", "{}");
    tree.link(&file, "link.txt");
    let at = |name: &str| Place {
        base: tree.at(name),
        rest: Vec::new(),
        index: false,
    };
    // The operator's own path: links in it are followed.
    for (name, media) in [
        ("real.json", "application/json"),
        ("link.txt", "text/plain"),
    ] {
        let Found::File(open) = find(&at(name)) else {
            panic!("{name} is a file");
        };
        assert_eq!((open.size, open.media), (2, Some(media)));
        assert!(open.mtime > 1_600_000_000);
    }
    assert!(matches!(find(&at("")), Found::Directory));
    assert!(matches!(find(&at("none")), Found::Status(404, _)));
}

#[test]
fn errors_of_the_system_have_a_status_each() {
    let table = [
        (libc::ENOENT, 404),
        (libc::ENOTDIR, 404),
        (libc::ENAMETOOLONG, 404),
        (libc::EXDEV, 404),
        (libc::ELOOP, 404),
        (libc::EACCES, 403),
        (libc::EPERM, 403),
        (libc::ENXIO, 403),
        (libc::EMFILE, 503),
        (libc::ENFILE, 503),
        (libc::ENOMEM, 503),
        (libc::EIO, 500),
    ];
    for (code, status) in table {
        assert_eq!(status_of(&io::Error::from_raw_os_error(code)), status);
    }
    assert_eq!(status_of(&io::ErrorKind::InvalidInput.into()), 404);
}
