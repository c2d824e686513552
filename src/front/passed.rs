//! Sockets that a service manager has passed: descriptors from 3 on, with names (sd_listen_fds(3)).

use std::io;

use crate::sys;

/// The first of them.
const FIRST: i32 = 3;
/// More are not looked at.
const MOST: usize = 1024;

/// The names of the sockets that were passed to this process, in the order of their descriptors.
pub struct Passed {
    names: Vec<String>,
}

impl Passed {
    /// What the environment says: `LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`.
    ///
    /// # Errors
    /// Nothing was passed to this process.
    pub fn from_env() -> io::Result<Passed> {
        let text = |name| std::env::var(name).ok();
        let (pid, fds, names) = (
            text("LISTEN_PID"),
            text("LISTEN_FDS"),
            text("LISTEN_FDNAMES"),
        );
        let passed = parse(
            pid.as_deref(),
            fds.as_deref(),
            names.as_deref(),
            std::process::id(),
        );
        passed.ok_or_else(|| {
            missing("no sockets were passed to this process (LISTEN_PID, LISTEN_FDS)".into())
        })
    }

    /// The descriptors of this name: several where a socket unit has several addresses.
    ///
    /// # Errors
    /// There is none; the message has the names that there are.
    pub fn named(&self, name: &str) -> io::Result<Vec<i32>> {
        let fits = |(_, n): &(i32, &str)| *n == name;
        let found: Vec<i32> = self.all().filter(fits).map(|(fd, _)| fd).collect();
        match found.is_empty() {
            true => Err(missing(format!(
                "no passed socket has this name; there are: {}",
                self.names.join(", ")
            ))),
            false => Ok(found),
        }
    }

    /// Closes what no `--listen` has taken: clients would wait there for ever.
    pub fn close_all_but(&self, taken: &[i32]) {
        for (fd, name) in self.all().filter(|(fd, _)| !taken.contains(fd)) {
            // Closed as soon as it is ours. What is not open needs no warning.
            if sys::inherit(fd).is_ok() {
                log::warn!("the passed socket {name} (descriptor {fd}) is in no --listen: closed");
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = (i32, &str)> {
        (FIRST..).zip(self.names.iter().map(String::as_str))
    }
}

fn missing(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, what)
}

/// The rules of sd_listen_fds_with_names: the number of the process must be ours; sockets are called `unknown` without a list
/// of names, and nothing where the list is too short. `None`: nothing was passed.
fn parse(pid: Option<&str>, fds: Option<&str>, names: Option<&str>, ours: u32) -> Option<Passed> {
    if pid?.parse() != Ok(ours) {
        return None;
    }
    let count = fds?.parse().ok().filter(|count| *count > 0)?;
    let rest = if names.is_some() { "" } else { "unknown" };
    let given = names.iter().flat_map(|names| names.split(':'));
    let names = given.chain(std::iter::repeat(rest)).map(str::to_owned);
    Some(Passed {
        names: names.take(MOST.min(count)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_have_the_names_of_their_places() {
        let names = |fds, names| parse(Some("7"), Some(fds), names, 7).map(|p| p.names);
        let list = |list: &[&str]| Some(list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!(names("2", Some("web:admin")), list(&["web", "admin"]));
        assert_eq!(names("3", Some("web::admin")), list(&["web", "", "admin"]));
        assert_eq!(names("2", Some("web")), list(&["web", ""]));
        assert_eq!(names("1", Some("web:admin")), list(&["web"]));
        assert_eq!(names("2", None), list(&["unknown", "unknown"]));
        assert_eq!(names("4000000000", None).map(|n| n.len()), Some(MOST));
    }

    #[test]
    fn what_is_not_for_this_process_is_not_taken() {
        for (pid, fds) in [
            (None, Some("1")),
            (Some("8"), Some("1")),
            (Some(""), Some("1")),
            (Some("7"), None),
            (Some("7"), Some("0")),
            (Some("7"), Some("-1")),
            (Some("7"), Some("x")),
        ] {
            assert!(parse(pid, fds, Some("web"), 7).is_none(), "{pid:?} {fds:?}");
        }
    }

    #[test]
    fn all_sockets_of_a_name_are_found() {
        let passed = parse(Some("7"), Some("3"), Some("a:b:a"), 7).unwrap();
        assert_eq!(passed.named("a").unwrap(), [3, 5]);
        assert_eq!(passed.named("b").unwrap(), [4]);
        let error = passed.named("c").unwrap_err().to_string();
        assert!(error.contains("a, b, a"), "{error}");
    }
}
