//! Which server and which location a request belongs to: pure lookups over names and prefixes.

use super::{Location, Match, Server};

/// The server names of one listen address (H24): exact before `*.suffix` (longest) before `prefix.*` (longest) before the default.
#[derive(Clone, Debug, Default)]
pub struct NameTable {
    /// Index into `Config::servers`.
    pub default: usize,
    /// Lowercased name to server, sorted by name.
    pub exact: Vec<(String, usize)>,
    /// `.example.org` of `*.example.org`, sorted by length, longest first.
    pub suffixes: Vec<(String, usize)>,
    /// `www.example.` of `www.example.*`, sorted by length, longest first.
    pub prefixes: Vec<(String, usize)>,
}

impl NameTable {
    /// Whether clients can reach this server here.
    pub fn has(&self, server: usize) -> bool {
        let mut names = [&self.exact, &self.suffixes, &self.prefixes]
            .into_iter()
            .flatten();
        self.default == server || names.any(|(_, named)| *named == server)
    }

    /// The server for a host that is lowercased and has no port; empty means the client gave none.
    pub fn find(&self, host: &str) -> usize {
        if let Ok(at) = self
            .exact
            .binary_search_by(|(name, _)| name.as_str().cmp(host))
        {
            return self
                .exact
                .get(at)
                .map_or(self.default, |(_, server)| *server);
        }
        // The star stands for at least one byte, so that `.example.org` itself is no host of `*.example.org`.
        let longer = |name: &str| host.len() > name.len();
        let suffix = self
            .suffixes
            .iter()
            .find(|(name, _)| longer(name) && host.ends_with(name.as_str()));
        let found = suffix.or_else(|| {
            self.prefixes
                .iter()
                .find(|(name, _)| longer(name) && host.starts_with(name.as_str()))
        });
        found.map_or(self.default, |(_, server)| *server)
    }

    /// Adds one name of `--server` in any of its forms, keeping the lists in their order: `example.org`,
    /// `*.example.org`, `.example.org` (both of these), `www.example.*`. `_` and `""` are names like others: the
    /// first is never asked for, the second is a request without Host. The first server to bring a name keeps it.
    ///
    /// # Errors
    /// A phrase that says what is wrong with the name, or that another server has it.
    pub fn add(&mut self, name: &str, server: usize) -> Result<(), String> {
        let name = name.to_ascii_lowercase();
        if let Some(rest) = name.strip_prefix("*.") {
            return add_wild(
                &mut self.suffixes,
                format!(".{}", plain(rest, &name)?),
                server,
                &name,
            );
        }
        if let Some(rest) = name.strip_prefix('.') {
            plain(rest, &name)?;
            self.add_exact(rest, server)?;
            return add_wild(&mut self.suffixes, name.clone(), server, &name);
        }
        if let Some(rest) = name.strip_suffix(".*") {
            return add_wild(
                &mut self.prefixes,
                format!("{}.", plain(rest, &name)?),
                server,
                &name,
            );
        }
        if !name.is_empty() {
            plain(&name, &name)?;
        }
        self.add_exact(&name, server)
    }

    fn add_exact(&mut self, name: &str, server: usize) -> Result<(), String> {
        match self
            .exact
            .binary_search_by(|(known, _)| known.as_str().cmp(name))
        {
            Ok(at) => claimed(self.exact.get(at).map(|(_, owner)| *owner), server, name),
            Err(at) => {
                self.exact.insert(at, (name.to_owned(), server));
                Ok(())
            }
        }
    }
}

/// A name without a star, of which a host can consist (H23), and not with a dot at either end.
fn plain<'a>(part: &'a str, whole: &str) -> Result<&'a str, String> {
    let fits = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'[' | b']' | b':')
    };
    if part.contains(':') && !(part.starts_with('[') && part.ends_with(']')) {
        return Err(format!(
            "\"{whole}\" is not a server name: names have no port"
        ));
    }
    let dots = part.starts_with('.') || part.ends_with('.') || part.contains("..");
    match part.is_empty() || dots || !part.bytes().all(fits) {
        true => Err(format!(
            "\"{whole}\" is not a server name (examples: example.org, *.example.org, .example.org, _)"
        )),
        false => Ok(part),
    }
}

fn add_wild(
    list: &mut Vec<(String, usize)>,
    key: String,
    server: usize,
    name: &str,
) -> Result<(), String> {
    if let Some((_, owner)) = list.iter().find(|(known, _)| *known == key) {
        return claimed(Some(*owner), server, name);
    }
    let at = list.partition_point(|(known, _)| known.len() >= key.len());
    list.insert(at, (key, server));
    Ok(())
}

/// The same name twice on one server changes nothing; on two servers of one address the second could never be met.
fn claimed(owner: Option<usize>, server: usize, name: &str) -> Result<(), String> {
    match owner == Some(server) {
        true => Ok(()),
        false => Err(format!(
            "the name \"{name}\" belongs to another server of the same address"
        )),
    }
}

impl Server {
    /// The location for a normalised path (H14): exact first, then the longest prefix. A prefix is compared byte by
    /// byte and not by segments: `/app` is also found for `/apple`, as in nginx. Named locations are never found here.
    pub fn find(&self, path: &[u8]) -> Option<&Location> {
        let mut best: Option<(usize, &Location)> = None;
        for location in &self.locations {
            match &location.matching {
                Match::Exact(exact) if exact.as_bytes() == path => return Some(location),
                Match::Prefix(prefix) if path.starts_with(prefix.as_bytes()) => {
                    if best.is_none_or(|(len, _)| prefix.len() > len) {
                        best = Some((prefix.len(), location));
                    }
                }
                Match::Exact(_) | Match::Prefix(_) | Match::Named(_) => {}
            }
        }
        best.map(|(_, location)| location)
    }
}

#[cfg(test)]
mod tests {
    use super::super::content::Content;
    use super::super::{Client, Handler, TempPath};
    use super::*;
    use std::time::Duration;

    fn table(names: &[(&str, usize)]) -> NameTable {
        let mut table = NameTable {
            default: 99,
            ..NameTable::default()
        };
        for (name, server) in names {
            table.add(name, *server).expect("a test name");
        }
        table
    }

    #[test]
    fn exact_goes_before_suffix_before_prefix_before_default() {
        let t = table(&[
            ("www.example.*", 3),
            ("*.example.org", 2),
            ("www.example.org", 1),
        ]);
        assert_eq!(t.find("www.example.org"), 1);
        assert_eq!(t.find("a.example.org"), 2);
        assert_eq!(t.find("www.example.net"), 3);
        assert_eq!(t.find("example.org"), 99);
        assert_eq!(t.find(""), 99);
    }

    #[test]
    fn the_longest_star_name_wins_in_any_order() {
        let t = table(&[
            ("*.org", 1),
            ("*.b.example.org", 3),
            ("*.example.org", 2),
            ("a.*", 4),
            ("a.b.*", 5),
        ]);
        assert_eq!(t.find("x.b.example.org"), 3);
        assert_eq!(t.find("x.c.example.org"), 2);
        assert_eq!(t.find("x.org"), 1);
        assert_eq!(t.find("a.b.c"), 5);
        assert_eq!(t.find("a.c"), 4);
        assert_eq!(t.find(".org"), 99);
    }

    #[test]
    fn a_leading_dot_means_the_name_and_all_below_it() {
        let t = table(&[(".Example.org", 1)]);
        assert_eq!(t.find("example.org"), 1);
        assert_eq!(t.find("a.b.example.org"), 1);
        assert_eq!(t.find("notexample.org"), 99);
    }

    #[test]
    fn the_empty_name_is_a_request_without_host() {
        assert_eq!(table(&[("", 1)]).find(""), 1);
    }

    #[test]
    fn two_servers_do_not_share_a_name() {
        let mut t = table(&[("a", 1), ("*.a", 1)]);
        assert!(t.add("A", 2).is_err());
        assert!(t.add("*.a", 2).is_err());
        assert!(t.add("a", 1).is_ok());
    }

    #[test]
    fn odd_names_are_refused() {
        for bad in [
            "*", "*.", ".*", ".", "a*b", "a..b", "a/b", "*.a.*", "a b", "..a",
        ] {
            assert!(NameTable::default().add(bad, 0).is_err(), "{bad}");
        }
    }

    fn server(matches: &[Match]) -> Server {
        let second = Duration::from_secs(1);
        let client = Client {
            max_body_size: 0,
            body_buffer_size: 0,
            body_timeout: second,
            send_timeout: second,
            keepalive_timeout: second,
            keepalive_requests: 1,
            limit_rate: None,
            limit_rate_after: None,
            temp: TempPath {
                dir: "/tmp".into(),
                levels: Vec::new(),
            },
        };
        let location = |m: &Match| Location {
            matching: m.clone(),
            handler: Handler::Files,
            access: Default::default(),
            auth: None,
            client: client.clone(),
            content: Content::default(),
            internal: false,
            adds_slash: false,
        };
        Server {
            name: String::new(),
            client_header_timeout: second,
            client_max_header_size: 1,
            underscores: false,
            client: client.clone(),
            content: Content::default(),
            answer: None,
            real_ip: None,
            locations: matches.iter().map(location).collect(),
        }
    }

    #[test]
    fn exact_locations_go_first_then_the_longest_prefix() {
        let prefix = |s: &str| Match::Prefix(s.into());
        let s = server(&[
            prefix("/"),
            prefix("/app"),
            prefix("/app/x"),
            Match::Exact("/app".into()),
            Match::Named("/n".into()),
        ]);
        let found = |path: &str| s.find(path.as_bytes()).map(|l| l.matching.clone());
        assert_eq!(found("/app"), Some(Match::Exact("/app".into())));
        assert_eq!(found("/app/"), Some(prefix("/app")));
        assert_eq!(found("/apple"), Some(prefix("/app")));
        assert_eq!(found("/app/xyz"), Some(prefix("/app/x")));
        assert_eq!(found("/n"), Some(prefix("/")));
        assert_eq!(found("*"), None);
    }
}
