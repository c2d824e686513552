//! `--preset`: named sets of flags, each for one kind of application. The manual of the flag tells them too.
//!
//! A set holds what the application needs to work, also where that is the default: at an outer level something else may
//! have been said. Every flag in it may stand at every level, and none of them may be repeated, for a level that has such
//! a flag itself would discard those of its preset.

use super::scopes::{Said, Scope};
use super::table::{self, Role};
use super::words::Value;

/// One set: its name and its flags, without dashes, with their values.
pub struct Preset {
    pub name: &'static str,
    pub flags: &'static [(&'static str, &'static str)],
}

pub static PRESETS: [Preset; 4] = [
    // SCgiTask: 2000 bytes of parameters, 16 MiB of body (2 MiB in 0.9.8), and 100 connections for all.
    Preset {
        name: "rtorrent",
        flags: &[
            ("params-max", "2000 trim"),
            ("client-max-body-size", "16m"),
            ("request-buffering", "on"),
            ("buffering", "on"),
        ],
    },
    // Of its 4096 bytes uWSGI takes two for each parameter and one more, so that these are enough for 47 parameters. A
    // WSGI application always gives a status, and means the client when it gives a Location.
    Preset {
        name: "uwsgi",
        flags: &[
            ("params-max", "4000"),
            ("path-info", "on"),
            ("internal-redirect", "off"),
        ],
    },
    // A file is one body; a tarball or a large commit is silent for long, and ten minutes are Fossil's own default.
    Preset {
        name: "fossil",
        flags: &[
            ("client-max-body-size", "100m"),
            ("read-timeout", "10m"),
            ("path-info", "on"),
        ],
    },
    // RFC 3875: all meta-variables, a body of known length, local redirects; no fields that mean something to one server.
    Preset {
        name: "cgi",
        flags: &[
            ("default-params", "on"),
            ("pass-request-headers", "on"),
            ("pass-request-body", "on"),
            ("path-info", "on"),
            ("internal-redirect", "on"),
            ("sendfile", "off"),
            (
                "ignore-headers",
                "X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset",
            ),
        ],
    },
];

/// The value of `--preset`.
///
/// # Errors
/// There is no such preset.
pub fn preset(value: &Value) -> Result<&'static Preset, String> {
    let name = value.one()?;
    let known = PRESETS.iter().find(|preset| preset.name == name);
    known.ok_or_else(|| format!("\"{name}\" is not rtorrent, uwsgi, fossil or cgi"))
}

impl Preset {
    /// Its flags as if a level had them.
    pub fn scope(&self) -> Scope {
        let mut scope = Scope::default();
        for (long, raw) in self.flags {
            let (Some(flag), Ok(value)) = (table::find(long), Value::parse(raw)) else {
                continue;
            };
            if let Role::Set(set) = flag.role
                && set(&mut scope.settings, &value).is_ok()
            {
                scope.said.push(Said { flag, value });
            }
        }
        scope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_of_a_preset_holds_at_every_level_and_is_in_the_manual() {
        let manual = table::find("preset").expect("its row").text();
        for preset in &PRESETS {
            assert_eq!(
                preset.scope().said.len(),
                preset.flags.len(),
                "all values are valid"
            );
            let (_, item) = manual
                .split_once(&format!("\n* `{}`: ", preset.name))
                .expect("its item");
            let item = item.split("\n* ").next().expect("a text");
            for (long, raw) in preset.flags {
                let flag = table::find(long).expect(long);
                assert!(flag.levels == table::ALL && !flag.many, "{long}");
                assert!(item.contains(&format!("`--{long}` `{raw}`")), "{long}");
            }
            let first = item.split(". ").next().expect("a sentence");
            assert_eq!(first.matches("`--").count(), preset.flags.len());
        }
    }
}
