//! What the tables of both books are written in, and a model that each is held to.
//!
//! Settings are words: `200=60`, `any=60` and `valid=60` (without codes) are `--cache-valid` in order, `ignore=NAME`,
//! `use=CONDITION`, `targeted=FIELD`, `post`, `rfc9111` for that book. In heads `<60>` is the date sixty seconds from now, ` ~ `
//! the end of a line. What comes of a response is one line: the seconds that it is fresh, then what else differs from the
//! usual; or `no: ` and why not.

use std::time::Duration;

use super::{Book, Freshened, Reuse, Storable, Times, Trouble};
use crate::cache::{Body, Entry, Meta, Variant};
use crate::config::Ignore;
use crate::config::cache::{Cache, RuleBook, UseStale, Valid, ValidCodes, ZoneName};
use crate::http::date::HttpDate;
use crate::http::request::{Limits, Request};
use crate::scgi::response::{Head, Parsed, parse};
use crate::template::Template;

mod model;

/// The present.
pub const NOW: u64 = 1_000_000_000;

pub struct Settings {
    pub cache: Cache,
    pub ignore: Ignore,
}

impl Settings {
    pub fn of(words: &str) -> Settings {
        let mut settings = Settings {
            cache: Cache {
                zone: ZoneName::Fixed(0),
                key: Template::text(b"key"),
                valid: Vec::new(),
                post: false,
                min_uses: 1,
                bypass: Vec::new(),
                no_cache: Vec::new(),
                lock: false,
                lock_age: Duration::from_secs(5),
                lock_timeout: Duration::from_secs(5),
                use_stale: UseStale::default(),
                background_update: false,
                revalidate: true,
                max_range_offset: None,
                purge: Vec::new(),
                status_name: None,
                targeted: Vec::new(),
                rules: RuleBook::Nginx,
            },
            ignore: Ignore::default(),
        };
        for word in words.split_ascii_whitespace() {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            settings.set(name, value);
        }
        settings
    }

    fn set(&mut self, name: &str, value: &str) {
        let codes = match name {
            "rfc9111" => return self.cache.rules = RuleBook::Rfc9111,
            "post" => return self.cache.post = true,
            "targeted" => return self.cache.targeted.push(value.to_owned()),
            "ignore" => return *self.ignored(value) = true,
            "use" => return *self.used(value) = true,
            "any" => ValidCodes::Any,
            "valid" => ValidCodes::These(vec![200, 301, 302]),
            code => ValidCodes::These(vec![code.parse().expect("a code")]),
        };
        let time = Duration::from_secs(value.parse().expect("seconds"));
        self.cache.valid.push(Valid { codes, time });
    }

    fn ignored(&mut self, name: &str) -> &mut bool {
        match name {
            "accel" => &mut self.ignore.accel_expires,
            "expires" => &mut self.ignore.expires,
            "cc" => &mut self.ignore.cache_control,
            "cookie" => &mut self.ignore.set_cookie,
            "vary" => &mut self.ignore.vary,
            "redirect" => &mut self.ignore.redirect,
            "buffering" => &mut self.ignore.buffering,
            _ => panic!("{name}"),
        }
    }

    fn used(&mut self, name: &str) -> &mut bool {
        let used = &mut self.cache.use_stale;
        match name {
            "error" => &mut used.error,
            "timeout" => &mut used.timeout,
            "invalid_header" => &mut used.invalid_header,
            "updating" => &mut used.updating,
            "500" => &mut used.http_500,
            "503" => &mut used.http_503,
            "403" => &mut used.http_403,
            "404" => &mut used.http_404,
            "429" => &mut used.http_429,
            _ => panic!("{name}"),
        }
    }

    pub fn book(&self) -> Book<'_> {
        Book {
            cache: &self.cache,
            ignore: &self.ignore,
        }
    }
}

/// The cells of a table's rows.
#[track_caller]
pub fn rows<const N: usize>(table: &str) -> impl Iterator<Item = [&str; N]> {
    let lines = table.lines().filter(|line| !line.is_empty());
    lines.map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        cells.try_into().expect(line)
    })
}

/// The lines of a head, ` ~ ` between them; a Host is put behind the first.
pub fn request(lines: &str) -> Request {
    let (first, fields) = lines.split_once(" ~ ").unwrap_or((lines, ""));
    let mut text = format!("{first} HTTP/1.1\r\nHost: a\r\n");
    for field in fields.split(" ~ ").filter(|field| !field.is_empty()) {
        text += field;
        text += "\r\n";
    }
    text += "\r\n";
    let limits = Limits {
        max_size: 4096,
        underscores: false,
    };
    Request::parse(text.as_bytes(), &limits).expect(lines)
}

/// Of lines; `<60>` is a date.
pub fn head(lines: &str) -> Head {
    let lines = lines.replace(" ~ ", "\n");
    let mut text = String::new();
    for (i, part) in lines.split('<').enumerate() {
        match part.split_once('>') {
            Some((offset, rest)) if i > 0 => {
                let offset: i64 = offset.parse().expect("an offset");
                text += HttpDate::new(NOW.saturating_add_signed(offset)).as_str();
                text += rest;
            }
            _ => text += part,
        }
    }
    match parse(format!("{text}\n\n").as_bytes(), &mut 0) {
        Ok(Parsed::Done(head, _)) => head,
        other => panic!("{lines}: {other:?}"),
    }
}

pub const TIMES: Times = Times {
    asked: NOW,
    received: NOW,
};

pub fn entry(lines: &str) -> Entry {
    Entry {
        key: Box::default(),
        meta: Default::default(),
        variant: Variant::default(),
        stamp: 0,
        head: head(lines),
        len: 0,
        body: Body::Memory(Vec::new().into()),
    }
}

pub fn line(storable: &Storable) -> String {
    let meta = &storable.meta;
    let mut line = (meta.fresh_until as i64 - NOW as i64).to_string();
    let numbers = [
        (" age=", meta.initial_age),
        (" while=", meta.stale_while),
        (" error=", meta.stale_error),
    ];
    for (name, number) in numbers.iter().filter(|(_, number)| *number > 0) {
        line += &format!("{name}{number}");
    }
    let flags = [
        (" must", meta.must_revalidate),
        (" no-cache", meta.no_cache),
    ];
    for (name, _) in flags.iter().filter(|(_, is)| *is) {
        line += name;
    }
    if !storable.vary_names.is_empty() {
        line += " vary=";
        line += &String::from_utf8_lossy(&storable.vary_names);
    }
    assert_eq!(meta.received, NOW);
    assert!(matches!(
        parse(&storable.head, &mut 0),
        Ok(Parsed::Done(..))
    ));
    line
}

pub fn freshened(freshened: &Freshened) -> String {
    match freshened {
        Freshened::Update(storable) => line(storable),
        Freshened::Drop => "drop".to_owned(),
    }
}

/// `fresh=10 while=5 error=5 must no-cache`: seconds from [`NOW`].
pub fn meta(words: &str) -> Meta {
    let mut meta = Meta {
        received: NOW,
        fresh_until: NOW,
        ..Meta::default()
    };
    for word in words.split_ascii_whitespace() {
        let (name, value) = word.split_once('=').unwrap_or((word, "0"));
        let value: i64 = value.parse().expect("seconds");
        match name {
            "fresh" => meta.fresh_until = NOW.saturating_add_signed(value),
            "age" => meta.initial_age = value as u32,
            "while" => meta.stale_while = value as u32,
            "error" => meta.stale_error = value as u32,
            "must" => meta.must_revalidate = true,
            "no-cache" => meta.no_cache = true,
            _ => panic!("{name}"),
        }
    }
    meta
}

/// A [`Reuse`] in a word.
pub fn reused(reuse: Reuse) -> &'static str {
    match reuse {
        Reuse::Fresh => "fresh",
        Reuse::Stale => "stale",
        Reuse::Expired {
            while_updating: true,
        } => "may",
        Reuse::Expired {
            while_updating: false,
        } => "ask",
    }
}

/// `error`, `timeout`, `invalid_header`, or a status.
pub fn trouble(word: &str) -> Trouble {
    match word {
        "error" => Trouble::Error,
        "timeout" => Trouble::Timeout,
        "invalid_header" => Trouble::InvalidHeader,
        status => Trouble::Status(status.parse().expect("a status")),
    }
}

/// A clock that was ahead for a while must not make what was stored then fresh until that time has come.
#[test]
fn what_came_when_the_clock_was_ahead_is_not_fresh() {
    let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let limits = Limits {
        max_size: 100,
        underscores: false,
    };
    let request = Request::parse(text, &limits).unwrap();
    for words in ["", "rfc9111"] {
        let settings = Settings::of(words);
        let book = Book {
            cache: &settings.cache,
            ignore: &settings.ignore,
        };
        for (ahead, is_fresh) in [(0, true), (60, true), (61, false), (1 << 40, false)] {
            let meta = Meta {
                received: NOW + ahead,
                fresh_until: NOW + ahead + 60,
                ..Meta::default()
            };
            let reuse = book.reuse(&meta, &request, NOW);
            assert_eq!(reuse == Reuse::Fresh, is_fresh, "{words} {ahead}");
        }
    }
}
