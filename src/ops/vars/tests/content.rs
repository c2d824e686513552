//! Variables of `--alias` and `--map`.

use super::*;
use crate::config::content::Map;

/// As `config`, with a location of this kind that has an alias.
fn aliased(matching: Match, dir: &str) -> Config {
    let mut config = config("", Some(dir));
    let location = &mut config.servers[0].locations[0];
    location.matching = matching;
    location.content.root.as_mut().expect("a root").alias = true;
    config
}

#[test]
fn an_alias_takes_the_place_of_the_prefix() {
    let conn = unix();
    for (prefix, dir, path, expected) in [
        ("/i/", "/data/", "/i/a/top.gif", "/data|/data/a/top.gif"),
        ("/i/", "/data", "/i/", "/data|/data/"),
        ("/i", "/data/", "/i/top.gif", "/data|/data/top.gif"),
        ("/i", "/data", "/i", "/data|/data"),
        ("/i", "/data", "/image", "/data|/data/mage"),
        ("/i", "/data", "/i../x", "/data|(unset)"),
        ("/", "/", "/a", "/|/a"),
    ] {
        let config = aliased(Match::Prefix(prefix.into()), dir);
        let r = request(&format!("GET {path} HTTP/1.1|Host: a"));
        assert_eq!(
            value(
                &facts(&config, &conn, Some(&r)),
                "$document_root|$request_filename"
            ),
            expected,
            "{prefix} {path}"
        );
    }
    let config = aliased(Match::Exact("/a".into()), "/data/file");
    let r = request("GET /a HTTP/1.1|Host: a");
    assert_eq!(
        value(&facts(&config, &conn, Some(&r)), "x/$request_filename"),
        "x//data/file"
    );
}

#[test]
fn the_request_for_the_whole_server_is_no_file() {
    let config = config("", Some("/srv"));
    let conn = unix();
    let r = request("OPTIONS * HTTP/1.1|Host: a");
    assert_eq!(
        value(&facts(&config, &conn, Some(&r)), "$request_filename"),
        "(unset)"
    );
}

fn map(source: &str, entries: &[(&str, &str)], default: &str) -> Map {
    let parse = |text: &str| {
        let find = |name: &str| ["first", "second"].iter().position(|known| *known == name);
        Template::parse(text, &find).expect("a test template")
    };
    Map {
        source: parse(source),
        entries: entries
            .iter()
            .map(|(value, result)| (value.to_string(), parse(result)))
            .collect(),
        default: parse(default),
    }
}

/// The value of `$first|$second` for a path.
fn mapped(config: &Config, path: &str) -> String {
    let (conn, mut out) = (unix(), Vec::new());
    let r = request(&format!("GET {path} HTTP/1.1|Host: a"));
    let f = facts(config, &conn, Some(&r));
    for var in [Var::Map(0), Var::Map(1)] {
        assert!(f.put(&var, &mut out), "a map is always set");
        out.push(b'|');
    }
    assert!(!f.put(&Var::Map(2), &mut out));
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn a_map_gives_the_result_of_its_value_whatever_the_case() {
    let mut config = config("", None);
    let first = [("/a", "one"), ("/b", "$request_method-$arg_x")];
    config.maps = vec![
        map("$uri", &first, "none"),
        map("$first", &[("none", ""), ("one", "1")], "other"),
    ];
    assert_eq!(mapped(&config, "/A"), "one|1|");
    assert_eq!(mapped(&config, "/b?x=2"), "GET-2|other|");
    assert_eq!(mapped(&config, "/c"), "none||");
}

#[test]
fn a_root_made_by_a_map_of_the_root_comes_to_an_end() {
    let mut config = config("", None);
    config.maps = vec![map(
        "$document_root$request_filename",
        &[("", "/empty$realpath_root")],
        "/other",
    )];
    config.servers[0].locations[0].content.root = Some(Root {
        dir: Template::var(Var::Map(0)),
        alias: false,
    });
    let conn = unix();
    assert_eq!(
        value(&facts(&config, &conn, None), "$document_root"),
        "/empty"
    );
}
