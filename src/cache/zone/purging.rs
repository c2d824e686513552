//! What takes stored responses away before their time: purges of one key and of all that begin alike (C79 to C82).

use std::time::SystemTime;

use super::Zone;
use crate::cache::Entry;
use crate::cache::key::Hash;

/// A purge by wildcard: what was asked for before it and has a key that begins so is purged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub stamp: u64,
    pub prefix: Box<[u8]>,
}

/// What a purge found in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// There was a response.
    pub stored: bool,
    /// There is, or may be, a file to be removed.
    pub look: bool,
}

impl Zone {
    /// A worker, with the file lock: takes a key's response away, and lets nothing be stored that was asked for before. The
    /// caller removes the file.
    pub fn purge(&self, hash: &Hash) -> Purged {
        let mut state = self.lock();
        let loading = state.loading;
        let Some(node) = state.index.get_mut(hash) else {
            return Purged {
                stored: false,
                look: loading,
            };
        };
        node.version = node.version.wrapping_add(1);
        let purged = Purged {
            stored: node.is_stored(),
            look: node.is_on_disk() || loading,
        };
        state.index.empty(hash);
        state.counts.purges += u64::from(purged.stored);
        purged
    }

    /// Takes away whatever begins with `prefix` and has been asked for until now. Gives the rule, for the file of rules.
    pub fn purge_prefix(&self, prefix: &[u8], wall: SystemTime) -> Rule {
        let mut state = self.lock();
        let rule = Rule {
            stamp: state.next_stamp(wall),
            prefix: prefix.into(),
        };
        // A rule that this one covers says nothing new.
        state
            .rules
            .retain(|old| !old.prefix.starts_with(&rule.prefix));
        state.rules.push(rule.clone());
        state.counts.purges += 1;
        self.ring(&mut state);
        rule
    }

    /// At start: rules of an earlier process.
    pub fn set_rules(&self, rules: Vec<Rule>) {
        let mut state = self.lock();
        let last = rules.iter().map(|rule| rule.stamp).max();
        state.stamp = state.stamp.max(last.unwrap_or(0));
        state.rules = rules;
    }

    /// The rules that hold.
    pub fn rules(&self) -> Vec<Rule> {
        self.lock().rules.clone()
    }

    /// The keeper has removed all files that these rules are about. What they hit and is held goes now; and nothing is stored that is
    /// being asked for, for nobody would know any more that it was before the purge.
    pub fn drop_rules(&self, done: &[Rule]) {
        let mut state = self.lock();
        let hits = |entry: &Entry| done.iter().any(|rule| rule.hits(&entry.key, entry.stamp));
        state.index.settle(hits);
        state.rules.retain(|rule| !done.contains(rule));
    }

    /// Whether a purge by wildcard has taken this response away.
    pub fn is_purged(&self, key: &[u8], stamp: u64) -> bool {
        let state = self.lock();
        state.rules.iter().any(|rule| rule.hits(key, stamp))
    }
}

impl Rule {
    /// Whether it has taken this response away.
    pub fn hits(&self, key: &[u8], stamp: u64) -> bool {
        stamp < self.stamp && key.starts_with(&self.prefix)
    }
}
