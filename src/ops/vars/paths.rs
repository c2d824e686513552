//! Where a path is cut into SCRIPT_NAME and PATH_INFO (RFC 3875 4.1.5 and 4.1.13, P44, P47).
#![forbid(unsafe_code)]

use crate::config::{Match, PathInfo};

/// SCRIPT_NAME and PATH_INFO of a decoded path, `None` where neither is sent.
pub fn split<'p>(
    mode: &PathInfo,
    matching: &Match,
    path: &'p [u8],
) -> Option<(&'p [u8], &'p [u8])> {
    if !path.starts_with(b"/") {
        // `OPTIONS *` is about the server and not about a script.
        return matches!(mode, PathInfo::On | PathInfo::Extensions(_))
            .then_some((b"".as_slice(), b"".as_slice()));
    }
    match mode {
        PathInfo::Off => None,
        PathInfo::On => Some(path.split_at(script_len(matching, path))),
        PathInfo::Extensions(list) => Some(path.split_at(extension_len(list, path))),
    }
}

/// How much of the path the location accounts for: its own path without a trailing slash, so that PATH_INFO keeps the
/// slash. The prefix `/app` also matches `/apple/x`, but no script `/app` is meant then: the cut moves back to the
/// last `/` of the prefix, and PATH_INFO is `/apple/x`.
fn script_len(matching: &Match, path: &[u8]) -> usize {
    let base = match matching {
        Match::Prefix(text) | Match::Exact(text) => text.trim_end_matches('/').as_bytes(),
        Match::Named(_) => b"",
    };
    match path.strip_prefix(base) {
        Some([] | [b'/', ..]) => base.len(),
        Some(_) => base.iter().rposition(|b| *b == b'/').unwrap_or(0),
        None => 0,
    }
}

/// The end of the first segment that ends in one of the extensions; without such a segment all is script.
fn extension_len(list: &[String], path: &[u8]) -> usize {
    let mut end = 0;
    for segment in path.split(|b| *b == b'/') {
        end += segment.len();
        if list.iter().any(|ext| ends_with(segment, ext.as_bytes())) {
            return end;
        }
        end += 1; // the slash
    }
    path.len()
}

fn ends_with(segment: &[u8], ext: &[u8]) -> bool {
    let cut = segment.len().checked_sub(ext.len());
    !ext.is_empty()
        && cut
            .and_then(|cut| segment.get(cut..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(ext))
}

/// What follows the directory of `--alias`, which stands for what the location matches: whether there is a slash after it,
/// and the rest of the path without one in front. `None`: the path is not the location's, or would lead out of the
/// directory, as `/i../x` would below the location `/i`.
pub fn below<'p>(matching: &Match, path: &'p [u8]) -> Option<(bool, &'p [u8])> {
    let (Match::Prefix(base) | Match::Exact(base)) = matching else {
        return None;
    };
    let rest = path.strip_prefix(base.as_bytes())?;
    if base.ends_with('/') {
        return Some((true, rest));
    }
    let slash = !rest.is_empty();
    let rest = rest.strip_prefix(b"/").unwrap_or(rest);
    // A path has no such segments; only here, where a name is cut in two, one may come to be.
    let first = rest.split(|b| *b == b'/').next();
    (first != Some(b"..")).then_some((slash, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(matching: Match, path: &str) -> (String, String) {
        cut(&PathInfo::On, matching, path).expect("both are sent")
    }

    fn cut(mode: &PathInfo, matching: Match, path: &str) -> Option<(String, String)> {
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        split(mode, &matching, path.as_bytes()).map(|(s, p)| (text(s), text(p)))
    }

    fn pair(script: &str, info: &str) -> (String, String) {
        (script.into(), info.into())
    }

    fn prefix(text: &str) -> Match {
        Match::Prefix(text.into())
    }

    #[test]
    fn the_location_is_the_script_and_the_rest_is_path_info() {
        assert_eq!(on(prefix("/"), "/a/b"), pair("", "/a/b"));
        assert_eq!(on(prefix("/"), "/"), pair("", "/"));
        assert_eq!(on(prefix("/app"), "/app/a"), pair("/app", "/a"));
        assert_eq!(on(prefix("/app"), "/app"), pair("/app", ""));
        assert_eq!(on(prefix("/app/"), "/app/a/"), pair("/app", "/a/"));
        assert_eq!(on(prefix("/app/"), "/app/"), pair("/app", "/"));
    }

    #[test]
    fn a_prefix_inside_a_segment_moves_back_to_its_last_slash() {
        assert_eq!(on(prefix("/app"), "/apple/x"), pair("", "/apple/x"));
        assert_eq!(on(prefix("/a/app"), "/a/apple"), pair("/a", "/apple"));
    }

    #[test]
    fn an_exact_location_is_all_script() {
        assert_eq!(on(Match::Exact("/app".into()), "/app"), pair("/app", ""));
        assert_eq!(on(Match::Exact("/".into()), "/"), pair("", "/"));
    }

    #[test]
    fn a_named_location_has_no_path_of_its_own() {
        assert_eq!(on(Match::Named("n".into()), "/x"), pair("", "/x"));
    }

    #[test]
    fn off_sends_neither() {
        assert_eq!(cut(&PathInfo::Off, prefix("/"), "/x"), None);
        assert_eq!(cut(&PathInfo::Off, prefix("/"), "*"), None);
    }

    #[test]
    fn the_request_for_the_whole_server_has_no_script() {
        assert_eq!(on(prefix("/"), "*"), pair("", ""));
    }

    #[test]
    fn an_alias_stands_for_what_the_location_matches() {
        let rest = |matching: Match, path: &str| {
            below(&matching, path.as_bytes())
                .map(|(slash, rest)| (slash, String::from_utf8_lossy(rest).into_owned()))
        };
        let some = |slash, rest: &str| Some((slash, rest.to_owned()));
        assert_eq!(rest(prefix("/i/"), "/i/a/b"), some(true, "a/b"));
        assert_eq!(rest(prefix("/i/"), "/i/"), some(true, ""));
        assert_eq!(rest(prefix("/i"), "/i/a"), some(true, "a"));
        assert_eq!(rest(prefix("/i"), "/i"), some(false, ""));
        assert_eq!(rest(prefix("/i"), "/ia"), some(true, "a"));
        assert_eq!(rest(prefix("/"), "/a"), some(true, "a"));
        assert_eq!(rest(Match::Exact("/a".into()), "/a"), some(false, ""));
        assert_eq!(rest(prefix("/i"), "/x"), None);
        assert_eq!(rest(Match::Named("@n".into()), "/x"), None);
    }

    #[test]
    fn an_alias_is_not_left_by_a_name_that_is_cut_in_two() {
        for path in ["/i..", "/i../", "/i../x"] {
            assert_eq!(below(&prefix("/i"), path.as_bytes()), None, "{path}");
        }
        assert!(below(&prefix("/i"), b"/i...").is_some());
        assert!(below(&prefix("/i"), b"/i.x").is_some());
    }

    #[test]
    fn extensions_split_after_the_first_segment_that_ends_in_one() {
        let mode = PathInfo::Extensions(vec![".php".into(), ".cgi".into()]);
        let ext = |path: &str| cut(&mode, prefix("/"), path).expect("both are sent");
        assert_eq!(ext("/a/x.PHP/rest/y.cgi"), pair("/a/x.PHP", "/rest/y.cgi"));
        assert_eq!(ext("/a/x.cgi"), pair("/a/x.cgi", ""));
        assert_eq!(ext("/a/x.phpx/b.php/"), pair("/a/x.phpx/b.php", "/"));
        assert_eq!(ext("/a/b"), pair("/a/b", ""));
        assert_eq!(ext("/"), pair("/", ""));
        assert_eq!(ext("/php"), pair("/php", ""));
    }
}
