//! Caches as the command line gives them: the zones of `--cache-path`, and what a location does with one.

use std::path::PathBuf;
use std::time::Duration;

use crate::template::Template;

/// `--cache-path`: a directory and the zone of memory that knows what is in it.
#[derive(Debug, Clone)]
pub struct Zone {
    /// `keys_zone=NAME`.
    pub name: String,
    /// Absolute, without a slash at its end.
    pub path: PathBuf,
    /// Digits of up to three levels of directories, each 1 or 2.
    pub levels: Vec<u8>,
    /// A file that is not complete is made in `--temp-path` where that is on the same file system, else below `path`; `false`:
    /// beside the place it will have.
    pub use_temp_path: bool,
    /// The `--temp-path` of the http level.
    pub temp: PathBuf,
    /// Bytes of memory for the index and the responses held in memory.
    pub size: usize,
    /// Entries that nobody asked for in this time are removed.
    pub inactive: Duration,
    /// Bytes on the disk; `None`: no limit.
    pub max_size: Option<u64>,
    /// Bytes that stay free on the file system.
    pub min_free: u64,
    pub manager: Pace,
    pub loader: Pace,
    /// `purger=on`: files that a purge by wildcard has marked are looked for and removed.
    pub purger: Option<Pace>,
}

/// How much of its work the keeper does at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Files at once.
    pub files: usize,
    /// The longest stretch.
    pub threshold: Duration,
    /// The pause between two stretches.
    pub sleep: Duration,
}

/// What a location does with a cache.
#[derive(Debug, Clone)]
pub struct Cache {
    pub zone: ZoneName,
    pub key: Template,
    /// In the order of the command line.
    pub valid: Vec<Valid>,
    /// `--cache-methods` has POST. GET and HEAD always may be kept (C9).
    pub post: bool,
    /// At least 1.
    pub min_uses: u32,
    pub bypass: Vec<Template>,
    pub no_cache: Vec<Template>,
    pub lock: bool,
    pub lock_age: Duration,
    pub lock_timeout: Duration,
    pub use_stale: UseStale,
    pub background_update: bool,
    pub revalidate: bool,
    /// Bytes.
    pub max_range_offset: Option<u64>,
    pub purge: Vec<Template>,
    /// `--cache-status NAME`; `None`: no field.
    pub status_name: Option<String>,
    /// `--cache-targeted`: names, lowercased, in order.
    pub targeted: Vec<String>,
    pub rules: RuleBook,
}

/// `--cache`.
#[derive(Debug, Clone)]
pub enum ZoneName {
    /// Index into `Config::zones`.
    Fixed(usize),
    /// Empty or `off` means no cache; a name that is none's is answered with 500 (C10).
    Template(Template),
}

/// `--cache-rules`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleBook {
    Nginx,
    Rfc9111,
}

/// One `--cache-valid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valid {
    pub codes: ValidCodes,
    /// Zero: not stored.
    pub time: Duration,
}

/// Which status codes a `--cache-valid` is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValidCodes {
    Any,
    /// Without codes on the command line: 200, 301, 302.
    These(Vec<u16>),
}

/// `--cache-use-stale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UseStale {
    pub error: bool,
    pub timeout: bool,
    pub invalid_header: bool,
    pub updating: bool,
    pub http_500: bool,
    pub http_503: bool,
    pub http_403: bool,
    pub http_404: bool,
    pub http_429: bool,
}

impl Cache {
    /// How long a response of this status is good by `--cache-valid`: a specific code goes before `any` (Z39).
    pub fn valid_for(&self, status: u16) -> Option<Duration> {
        let named = |valid: &&Valid| match &valid.codes {
            ValidCodes::These(codes) => codes.contains(&status),
            ValidCodes::Any => false,
        };
        let any = |valid: &&Valid| valid.codes == ValidCodes::Any;
        let found = self.valid.iter().find(named);
        let found = found.or_else(|| self.valid.iter().find(any));
        found.map(|valid| valid.time)
    }

    /// The same in whole seconds, which is what responses are kept by: a part of one is a whole one.
    pub fn valid_seconds(&self, status: u16) -> Option<u64> {
        let millis = self.valid_for(status)?.as_millis();
        Some(u64::try_from(millis.div_ceil(1000)).unwrap_or(u64::MAX))
    }
}

impl UseStale {
    /// Whether this status of an application's response is listed.
    pub fn lists(&self, status: u16) -> bool {
        match status {
            500 => self.http_500,
            503 => self.http_503,
            403 => self.http_403,
            404 => self.http_404,
            429 => self.http_429,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(valid: &[(ValidCodes, u64)]) -> Cache {
        let valid = valid.iter().map(|(codes, millis)| Valid {
            codes: codes.clone(),
            time: Duration::from_millis(*millis),
        });
        Cache {
            zone: ZoneName::Fixed(0),
            key: Template::text(b""),
            valid: valid.collect(),
            post: false,
            min_uses: 1,
            bypass: Vec::new(),
            no_cache: Vec::new(),
            lock: false,
            lock_age: Duration::ZERO,
            lock_timeout: Duration::ZERO,
            use_stale: UseStale::default(),
            background_update: false,
            revalidate: false,
            max_range_offset: None,
            purge: Vec::new(),
            status_name: None,
            targeted: Vec::new(),
            rules: RuleBook::Nginx,
        }
    }

    #[test]
    fn a_code_goes_before_any_and_a_part_of_a_second_is_a_second() {
        let these = ValidCodes::These(vec![404]);
        let cache = cache(&[
            (ValidCodes::Any, 500),
            (these, 1001),
            (ValidCodes::Any, 9000),
        ]);
        assert_eq!(cache.valid_seconds(404), Some(2));
        assert_eq!(cache.valid_seconds(200), Some(1));
        assert_eq!(cache.valid_for(500), Some(Duration::from_millis(500)));
        assert_eq!(super::tests::cache(&[]).valid_seconds(200), None);
    }
}
