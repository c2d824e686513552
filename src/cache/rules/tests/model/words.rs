//! What clients and applications say in the model, and how that looks on the wire.

use super::Random;
use crate::http::date::HttpDate;

/// A number of seconds; inside `None` is one that is no number.
pub type Number = Option<Option<u32>>;

/// The method and Cache-Control of a request.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: &'static str,
    pub authorization: bool,
    pub pragma: bool,
    pub no_cache: bool,
    pub no_store: bool,
    pub only_if_cached: bool,
    pub max_age: Option<u32>,
    pub min_fresh: Option<u32>,
    /// Inside `None`: however stale.
    pub max_stale: Option<Option<u32>>,
    pub stale_if_error: Option<u32>,
}

/// The Cache-Control of a response.
#[derive(Debug, Clone, Default)]
pub struct Control {
    pub max_age: Number,
    pub s_maxage: Number,
    pub no_store: bool,
    pub no_cache: bool,
    pub private: bool,
    pub public: bool,
    pub must_revalidate: bool,
    pub proxy_revalidate: bool,
    pub must_understand: bool,
    pub stale_while: Option<u32>,
    pub stale_error: Option<u32>,
    /// `private` and `no-cache` about a field that is not there: without effect.
    pub qualified: bool,
}

/// X-Accel-Expires.
#[derive(Debug, Clone, Copy)]
pub enum Accel {
    Seconds(u64),
    At(u64),
}

/// A response's head.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub control: Option<Control>,
    pub targeted: Option<Control>,
    pub accel: Option<Accel>,
    /// Inside `None`: no date.
    pub expires: Option<Option<u64>>,
    pub date: Option<u64>,
    pub age: Option<u32>,
    pub modified: Option<u64>,
    /// Whether it is weak, and its number.
    pub etag: Option<(bool, u32)>,
    pub cookie: bool,
    pub vary_all: bool,
    pub length: Option<u64>,
}

const SECONDS: [u32; 8] = [0, 1, 2, 5, 10, 30, 60, 100];

fn seconds(random: &mut Random) -> u32 {
    SECONDS[random.below(SECONDS.len())]
}

fn maybe(random: &mut Random, one_in: usize) -> Option<u32> {
    random.one_in(one_in).then(|| seconds(random))
}

fn number(random: &mut Random, one_in: usize) -> Number {
    random
        .one_in(one_in)
        .then(|| (!random.one_in(12)).then(|| seconds(random)))
}

impl Asked {
    pub fn random(random: &mut Random) -> Asked {
        let strict = random.one_in(2);
        Asked {
            method: ["GET", "GET", "GET", "GET", "GET", "GET", "HEAD", "POST"][random.below(8)],
            authorization: random.one_in(10),
            pragma: random.one_in(25),
            no_cache: strict && random.one_in(15),
            no_store: strict && random.one_in(15),
            only_if_cached: strict && random.one_in(15),
            max_age: maybe(random, 6).filter(|_| strict),
            min_fresh: maybe(random, 6).filter(|_| strict),
            max_stale: random
                .one_in(4)
                .then(|| maybe(random, 2))
                .filter(|_| strict),
            stale_if_error: maybe(random, 8).filter(|_| strict),
        }
    }

    /// Lines, as [`super::super::request`] has them.
    pub fn lines(&self) -> String {
        let mut words = Vec::new();
        let mut flag = |is: bool, name: &str| is.then(|| words.push(name.to_owned()));
        flag(self.no_cache, "no-cache");
        flag(self.no_store, "no-store");
        flag(self.only_if_cached, "only-if-cached");
        flag(self.max_stale == Some(None), "max-stale");
        let numbers = [
            ("max-age", self.max_age),
            ("min-fresh", self.min_fresh),
            ("max-stale", self.max_stale.flatten()),
            ("stale-if-error", self.stale_if_error),
        ];
        for (name, number) in numbers {
            words.extend(number.map(|number| format!("{name}={number}")));
        }
        let mut lines = format!("{} /a", self.method);
        if !words.is_empty() {
            lines += " ~ Cache-Control: ";
            lines += &words.join(", ");
        }
        if self.authorization {
            lines += " ~ Authorization: Basic eA==";
        }
        if self.pragma {
            lines += " ~ Pragma: no-cache";
        }
        lines
    }

    /// Whether the client wants the response validated whatever its age; Pragma is for those who know no Cache-Control.
    pub fn wants_validation(&self) -> bool {
        let has_control = self.no_cache
            || self.no_store
            || self.only_if_cached
            || self.max_age.is_some()
            || self.min_fresh.is_some()
            || self.max_stale.is_some()
            || self.stale_if_error.is_some();
        self.no_cache || (self.pragma && !has_control)
    }
}

impl Control {
    fn random(random: &mut Random) -> Option<Control> {
        let rare = random.one_in(3);
        let found = Control {
            max_age: number(random, 2),
            s_maxage: number(random, 6),
            no_store: rare && random.one_in(8),
            no_cache: rare && random.one_in(5),
            private: rare && random.one_in(8),
            public: random.one_in(6),
            must_revalidate: random.one_in(8),
            proxy_revalidate: random.one_in(12),
            must_understand: rare && random.one_in(6),
            stale_while: maybe(random, 4),
            stale_error: maybe(random, 4),
            qualified: random.one_in(8),
        };
        (!found.text().is_empty()).then_some(found)
    }

    fn text(&self) -> String {
        let flags = [
            ("no-store", self.no_store),
            ("no-cache", self.no_cache),
            ("private", self.private),
            ("public", self.public),
            ("must-revalidate", self.must_revalidate),
            ("proxy-revalidate", self.proxy_revalidate),
            ("must-understand", self.must_understand),
            (
                "private=\"x-a\"",
                self.qualified && !self.private && !self.no_cache,
            ),
        ];
        let flags = flags.iter().filter(|(_, is)| *is);
        let mut words: Vec<String> = flags.map(|(name, _)| (*name).to_owned()).collect();
        let numbers = [
            ("max-age", self.max_age),
            ("s-maxage", self.s_maxage),
            ("stale-while-revalidate", self.stale_while.map(Some)),
            ("stale-if-error", self.stale_error.map(Some)),
        ];
        for (name, number) in numbers {
            words.extend(number.map(|number| match number {
                Some(number) => format!("{name}={number}"),
                None => format!("{name}=x"),
            }));
        }
        words.join(", ")
    }
}

impl Answer {
    /// At about `now`, of a resource that is in its state `version`.
    pub fn random(random: &mut Random, now: u64, version: u32) -> Answer {
        let date = now - [0, 0, 3, 50][random.below(4)] + [0, 0, 0, 4][random.below(4)];
        let expires = now + [0, 5, 30, 100][random.below(4)] - [0, 0, 0, 10][random.below(4)];
        Answer {
            status: [200, 200, 200, 200, 200, 200, 404, 302, 500, 503, 206, 299][random.below(12)],
            control: random.one_in(2).then(|| Control::random(random)).flatten(),
            targeted: random.one_in(5).then(|| Control::random(random)).flatten(),
            accel: random
                .one_in(12)
                .then(|| match (random.below(3), seconds(random)) {
                    (0, seconds) => Accel::At(now + u64::from(seconds) - 10),
                    (_, seconds) => Accel::Seconds(u64::from(seconds)),
                }),
            expires: random
                .one_in(4)
                .then(|| (!random.one_in(6)).then_some(expires)),
            date: random.one_in(2).then_some(date),
            age: maybe(random, 5),
            modified: random
                .one_in(3)
                .then_some(now - now % 1000 - 2000 * u64::from(version + 1)),
            etag: random
                .one_in(2)
                .then(|| (random.one_in(3), version + u32::from(random.one_in(20)))),
            cookie: random.one_in(12),
            vary_all: random.one_in(25),
            length: None,
        }
    }

    /// The head's bytes, as an application sends them.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("Status: {}\n", self.status);
        let mut put = |name: &str, value: &str| text += &format!("{name}: {value}\n");
        let date = |seconds| HttpDate::new(seconds).as_str().to_owned();
        if let Some(control) = &self.control {
            put("Cache-Control", &control.text());
        }
        if let Some(control) = &self.targeted {
            put("T", &control.text());
        }
        match self.accel {
            Some(Accel::Seconds(seconds)) => put("X-Accel-Expires", &seconds.to_string()),
            Some(Accel::At(seconds)) => put("X-Accel-Expires", &format!("@{seconds}")),
            None => {}
        }
        if let Some(expires) = self.expires {
            put("Expires", &expires.map_or("0".to_owned(), date));
        }
        if let Some(seconds) = self.date {
            put("Date", &date(seconds));
        }
        if let Some(age) = self.age {
            put("Age", &age.to_string());
        }
        if let Some(modified) = self.modified {
            put("Last-Modified", &date(modified));
        }
        if let Some((is_weak, number)) = self.etag {
            let weak = if is_weak { "W/" } else { "" };
            put("ETag", &format!("{weak}\"{number}\""));
        }
        if self.cookie {
            put("Set-Cookie", "a=b");
        }
        if self.vary_all {
            put("Vary", "*");
        }
        if let Some(length) = self.length {
            put("Content-Length", &length.to_string());
        }
        text.push('\n');
        text.into_bytes()
    }

    /// This stored response with the fields of a newer one (RFC 9111 3.2).
    pub fn with(&self, newer: &Answer) -> Answer {
        Answer {
            status: self.status,
            control: newer.control.clone().or(self.control.clone()),
            targeted: newer.targeted.clone().or(self.targeted.clone()),
            accel: newer.accel.or(self.accel),
            expires: newer.expires.or(self.expires),
            date: newer.date,
            age: newer.age,
            modified: newer.modified.or(self.modified),
            etag: newer.etag.or(self.etag),
            cookie: false,
            vary_all: newer.vary_all || self.vary_all,
            length: self.length,
        }
    }
}
