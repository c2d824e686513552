//! What one row of the flag table says. Parser, help, manual page and completions all read the same rows; the rows
//! themselves stand in `flags/`, by topic.

use super::settings::Settings;
use super::words::Value;
use crate::template::spelling::distance;

/// The levels of the command line a flag may stand at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    pub http: bool,
    pub server: bool,
    pub location: bool,
}

pub const ALL: Levels = Levels {
    http: true,
    server: true,
    location: true,
};
pub const HTTP: Levels = Levels {
    http: true,
    server: false,
    location: false,
};
pub const HTTP_SERVER: Levels = Levels {
    http: true,
    server: true,
    location: false,
};
pub const LOCATION: Levels = Levels {
    http: false,
    server: false,
    location: true,
};
pub const SERVER_LOCATION: Levels = Levels {
    http: false,
    server: true,
    location: true,
};

impl Levels {
    /// `http, server, location`, as far as they apply.
    pub fn list(self) -> String {
        let names = [
            (self.http, "http"),
            (self.server, "server"),
            (self.location, "location"),
        ];
        let names: Vec<&str> = names
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, name)| *name)
            .collect();
        names.join(", ")
    }

    /// Where the flag may stand, as the end of an error message.
    pub fn advice(self) -> &'static str {
        match (self.http, self.server, self.location) {
            (true, false, false) => {
                "may stand at the http level only (before the first --server and --location)"
            }
            (false, false, true) => {
                "may stand in a location only (after --location, or with no --location at all)"
            }
            (true, true, false) => {
                "may stand at the http and server levels only (before any --location)"
            }
            (false, true, true) => {
                "may stand in a server or a location only (after --server or --location)"
            }
            _ => "may stand at every level",
        }
    }
}

/// The headings of help and manual, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    Scopes,
    Scgi,
    Params,
    Response,
    Buffers,
    Failover,
    Cache,
    Groups,
    Client,
    Content,
    Process,
    Info,
}

impl Topic {
    pub const ORDER: [Topic; 12] = [
        Topic::Scopes,
        Topic::Scgi,
        Topic::Params,
        Topic::Response,
        Topic::Buffers,
        Topic::Failover,
        Topic::Cache,
        Topic::Groups,
        Topic::Client,
        Topic::Content,
        Topic::Process,
        Topic::Info,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Topic::Scopes => "Servers and locations",
            Topic::Scgi => "The application and the connection to it",
            Topic::Params => "What the application is told",
            Topic::Response => "What becomes of a response",
            Topic::Buffers => "Buffers and spool files",
            Topic::Failover => "Failover",
            Topic::Cache => "Cache",
            Topic::Groups => "Upstream groups",
            Topic::Client => "Clients",
            Topic::Content => "Content and access",
            Topic::Process => "The process",
            Topic::Info => "Information",
        }
    }
}

/// Reads one value into the settings of one level; has no other effect. The error completes `scgate: --flag 'value': `.
pub type Setter = fn(&mut Settings, &Value) -> Result<(), String>;

/// What the flag does when it is met.
#[derive(Clone, Copy)]
pub enum Role {
    Set(Setter),
    /// Opens a server or a location.
    Scope,
    /// Changes what the program does altogether (`-t`, `-h`); may stand anywhere.
    Command,
}

/// One flag.
#[derive(Clone, Copy)]
pub struct Flag {
    /// The name without its dashes.
    pub long: &'static str,
    pub short: Option<char>,
    /// The word for its argument in help and manual; `a|b` lists the only values. Empty: takes none.
    pub arg: &'static str,
    pub levels: Levels,
    /// May be repeated on one level.
    pub many: bool,
    /// The value that holds when no level sets it; empty: none.
    pub default: &'static str,
    pub topic: Topic,
    /// One line for the overview, without a full stop.
    pub brief: &'static str,
    /// The text of the manual in the light markup of `markup.rs`. The program has it packed: see [`Flag::text`].
    pub manual: &'static str,
    /// Listed neither in the overview nor in the option list.
    pub hidden: bool,
    pub role: Role,
}

/// What a row is filled up with. One that does not say what its flag does has the flag refused.
pub const ROW: Flag = Flag {
    long: "",
    short: None,
    arg: "",
    levels: ALL,
    many: false,
    default: "",
    topic: Topic::Info,
    brief: "",
    manual: "",
    hidden: false,
    role: Role::Set(|_, _| Err("not supported yet".into())),
};

impl Flag {
    /// The text of the manual.
    #[cfg(any(feature = "manual", test))]
    pub fn text(&self) -> String {
        let row = all().position(|flag| flag.long == self.long);
        row.map_or_else(String::new, super::texts::manual)
    }

    /// What a build without the texts has in their place.
    #[cfg(not(any(feature = "manual", test)))]
    pub fn text(&self) -> String {
        format!("{}; see scgate(8)", self.brief)
    }

    pub fn takes_value(&self) -> bool {
        !self.arg.is_empty()
    }

    /// Whether it means anything to a process that lives for one request, which another server has accepted.
    pub fn goes_with_cgi(&self) -> bool {
        let without = [
            "client-header-timeout",
            "connection-drop",
            "connections",
            "demo",
            "health",
            "keepalive-requests",
            "keepalive-timeout",
            "listen",
            "pid",
            "queue",
            "resolve-interval",
            "shutdown-timeout",
            "status",
            "underscores-in-headers",
            "user",
            "workers",
        ];
        self.topic != Topic::Cache && !without.contains(&self.long)
    }

    /// The only values the flag takes, where its argument lists them.
    pub fn choices(&self) -> Vec<&'static str> {
        match self.arg.contains('|')
            && !self
                .arg
                .contains(|c: char| c.is_ascii_uppercase() || c == ' ')
        {
            true => self.arg.split('|').collect(),
            false => Vec::new(),
        }
    }
}

/// Every row, in the order of the manual.
pub fn all() -> impl Iterator<Item = &'static Flag> {
    super::flags::ROWS.iter()
}

/// Every row that help and manual list.
pub fn listed() -> impl Iterator<Item = &'static Flag> {
    all().filter(|flag| !flag.hidden)
}

/// The flag of this long name (without dashes).
pub fn find(long: &str) -> Option<&'static Flag> {
    all().find(|flag| flag.long == long)
}

pub fn find_short(short: char) -> Option<&'static Flag> {
    all().find(|flag| flag.short == Some(short))
}

/// The known flag nearest to a misspelt name, if one is near enough to be what was meant.
pub fn nearest(name: &str) -> Option<&'static Flag> {
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    let near = listed()
        .map(|flag| (distance(name, flag.long), flag))
        .min_by_key(|(d, _)| *d)?;
    match near.0 <= allowed {
        true => Some(near.1),
        // A directive of nginx under its own name, or an unfinished name.
        false => renamed(name).or_else(|| only_start(name)),
    }
}

fn renamed(name: &str) -> Option<&'static Flag> {
    let plain = name
        .strip_prefix("scgi_")
        .or_else(|| name.strip_prefix("scgi-"))
        .unwrap_or(name);
    let plain = plain.replace('_', "-");
    find(&plain)
        .or_else(|| find(&format!("client-{plain}")))
        .filter(|flag| !flag.hidden)
}

fn only_start(name: &str) -> Option<&'static Flag> {
    let mut starts = listed().filter(|flag| flag.long.starts_with(name));
    let first = starts.next()?;
    starts.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_given_once() {
        let mut names: Vec<&str> = all().map(|flag| flag.long).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let mut shorts: Vec<char> = all().filter_map(|flag| flag.short).collect();
        let count = shorts.len();
        shorts.sort_unstable();
        shorts.dedup();
        assert_eq!(shorts.len(), count);
    }

    #[test]
    fn every_row_is_complete() {
        for flag in all() {
            assert!(flag.long.len() >= 2, "{}", flag.long);
            assert!(
                !flag.brief.is_empty() && !flag.brief.ends_with('.'),
                "--{}",
                flag.long
            );
            assert!(
                flag.text().ends_with('.') || flag.text().contains("\n* "),
                "--{}",
                flag.long
            );
            assert!(!flag.arg.contains("..."), "--{}", flag.long);
        }
    }

    #[test]
    fn every_flag_of_the_contract_has_a_row() {
        for name in include_str!("flags/contract.txt").split_whitespace() {
            assert!(find(name).is_some(), "--{name}");
        }
    }

    #[test]
    fn misspelt_names_find_the_right_one() {
        for (wrong, right) in [
            ("buffer-sise", "buffer-size"),
            ("lsiten", "listen"),
            ("buffer_size", "buffer-size"),
            ("scgi_pass", "pass"),
            ("max-body-size", "client-max-body-size"),
            ("read-time", "read-timeout"),
            ("worker", "workers"),
            ("denny", "deny"),
        ] {
            assert_eq!(nearest(wrong).map(|flag| flag.long), Some(right), "{wrong}");
        }
        assert!(nearest("frobnicate").is_none());
    }
}
