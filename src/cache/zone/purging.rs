//! What takes stored responses away before their time: purges of one key and of all that begin alike (C79 to C82).

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::{State, Zone};
use crate::cache::index::Node;
use crate::cache::key::Hash;

/// How many rules are kept apart.
const RULES: usize = 256;

/// What stands in a key behind what the request has, where a redirect has led it elsewhere or its method has entries of its own.
const NUL: u8 = 0;

/// A purge by wildcard: what was asked for before it and has a key that begins so is purged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub stamp: u64,
    /// A NUL alone stands for all keys with one in them.
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
        let node = state.index.get(hash);
        let purged = Purged {
            stored: node.is_some_and(Node::is_stored),
            look: loading || node.is_some_and(Node::is_on_disk),
        };
        state.index.purge(hash);
        state.counts.purges += u64::from(purged.stored);
        purged
    }

    /// Takes away whatever begins with `prefix` and has been asked for until now. Gives the rule, for the file of rules.
    pub fn purge_prefix(&self, prefix: &[u8], wall: SystemTime) -> Rule {
        self.lock().counts.purges += 1;
        let rule = self.rule_out(prefix, wall);
        // Errors do not have their keys with them, and cost little: all are forgotten, a few at a time.
        let mut block = 0;
        while self.lock().index.forget_errors(block) {
            block += 1;
        }
        rule
    }

    /// Takes away what redirects inside the gateway have led to that began with a request of this key.
    pub fn purge_led_to(&self, key: &[u8], wall: SystemTime) {
        self.rule_out(&[key, &[NUL]].concat(), wall);
    }

    fn rule_out(&self, prefix: &[u8], wall: SystemTime) -> Rule {
        let mut state = self.lock();
        // Or what was stored while the clock was ahead would be back once the clock has caught up.
        state.stamp = state.stamp.max(state.seen);
        let rule = Rule {
            stamp: state.next_stamp(wall),
            prefix: prefix.into(),
        };
        state.add_rule(rule.clone());
        self.ring(&mut state);
        rule
    }

    /// A redirect inside the gateway has led to a location that this zone is for.
    pub fn is_led_to(&self) {
        self.led_to.store(true, Ordering::Relaxed);
    }

    /// Whether one has, since the start.
    pub fn was_led_to(&self) -> bool {
        self.led_to.load(Ordering::Relaxed)
    }

    /// At start: rules of an earlier process. From now on stamps are of this one.
    pub fn set_rules(&self, rules: Vec<Rule>, wall: SystemTime) {
        let mut state = self.lock();
        state.next_stamp(wall);
        state.rules.clear();
        for rule in rules {
            state.stamp = state.stamp.max(rule.stamp);
            state.add_rule(rule);
        }
    }

    /// The rules that hold.
    pub fn rules(&self) -> Vec<Rule> {
        self.lock().rules.clone()
    }

    /// The keeper has removed all files that these rules are about. What is held takes their place here; and what was asked for
    /// before them can not be stored later either.
    pub fn drop_rules(&self, done: &[Rule]) {
        let mut block = 0;
        while self.purge_held(block, done) {
            block += 1;
        }
        let mut state = self.lock();
        let rules = std::mem::take(&mut state.rules);
        let (past, hold) = rules.into_iter().partition(|rule| done.contains(rule));
        state.rules = hold;
        state.past_rules.extend::<Vec<Rule>>(past);
        let oldest = state.begun.values().map(|begun| begun.stamp).min();
        let oldest = oldest.unwrap_or(u64::MAX);
        state.past_rules.retain(|rule| oldest < rule.stamp);
        bound(&mut state.past_rules);
    }

    /// Takes away what is held in a few places of memory and purged by these rules: a whole index at once would keep the
    /// others waiting. False: there are no such places.
    fn purge_held(&self, block: usize, rules: &[Rule]) -> bool {
        let mut state = self.lock();
        let last = state.stamp;
        let is_hit = |node: &&Node| {
            let entry = node.held();
            entry.is_some_and(|entry| are_hit(rules, &entry.key, entry.stamp, last))
        };
        let Some(held) = state.index.held_in(block) else {
            return false;
        };
        let hit: Vec<Hash> = held.filter(is_hit).map(Node::hash).collect();
        for hash in hit {
            let removed = state.index.purge(&hash);
            // A file that the keeper could not read.
            if removed.is_some_and(|removed| removed.on_disk) {
                self.remove_later(&mut state, hash);
            }
        }
        true
    }

    /// Lets go of what is held under a key, and its file, if a purge by wildcard has taken it away.
    pub(super) fn drop_purged(&self, state: &mut State, hash: &Hash) {
        if state.rules.is_empty() && state.past_rules.is_empty() {
            return;
        }
        let held = state.index.get(hash).and_then(Node::held);
        if held.is_some_and(|entry| state.is_purged(&entry.key, entry.stamp))
            && state.index.empty(hash).is_some_and(|gone| gone.on_disk)
        {
            self.remove_later(state, *hash);
        }
    }

    /// Keeper: whether these rules, which may be over otherwise, take this response away.
    pub fn is_hit(&self, rules: &[Rule], key: &[u8], stamp: u64) -> bool {
        are_hit(rules, key, stamp, self.lock().stamp)
    }

    /// Whether a purge by wildcard has taken this response away.
    pub fn is_purged(&self, key: &[u8], stamp: u64) -> bool {
        self.lock().is_purged(key, stamp)
    }
}

impl Rule {
    /// Whether it takes away what has this key and this stamp. `last`: the last stamp that was given. What is beyond it was stored by
    /// an earlier process when the clock was ahead: nobody knows whether before or after the purge.
    fn hits(&self, key: &[u8], stamp: u64, last: u64) -> bool {
        (stamp < self.stamp || stamp > last) && self.fits(key)
    }

    /// Whether it is about all keys that begin so.
    fn fits(&self, key: &[u8]) -> bool {
        key.starts_with(&self.prefix) || (*self.prefix == [NUL] && key.contains(&NUL))
    }
}

impl State {
    pub(super) fn is_purged(&self, key: &[u8], stamp: u64) -> bool {
        let are_hit = |rules: &[Rule]| are_hit(rules, key, stamp, self.stamp);
        are_hit(&self.rules) || are_hit(&self.past_rules)
    }

    fn add_rule(&mut self, rule: Rule) {
        // A rule that a later one covers says nothing new.
        let covers = |old: &Rule| rule.stamp >= old.stamp && rule.fits(&old.prefix);
        self.rules.retain(|old| !covers(old));
        self.rules.push(rule);
        bound(&mut self.rules);
    }
}

fn are_hit(rules: &[Rule], key: &[u8], stamp: u64, last: u64) -> bool {
    rules.iter().any(|rule| rule.hits(key, stamp, last))
}

/// Each lookup goes through all rules, so two of them become one where there are too many: the two that are most alike. It takes away
/// more than was asked for, never less. First go those about one key each, which come with every request that changes something, and
/// have to leave the others alone.
fn bound(rules: &mut Vec<Rule>) {
    if rules.len() <= RULES {
        return;
    }
    let is_of_one = |rule: &Rule| rule.prefix.last() == Some(&NUL);
    let of_one = rules.iter().filter(|rule| is_of_one(rule));
    if let Some(stamp) = of_one.map(|rule| rule.stamp).max() {
        rules.retain(|rule| !is_of_one(rule));
        rules.push(Rule {
            stamp,
            prefix: [NUL].into(),
        });
    }
    rules.sort_by(|a, b| a.prefix.cmp(&b.prefix));
    while rules.len() > RULES {
        let pairs = rules.windows(2).enumerate();
        let common = pairs.map(|(at, pair)| match pair {
            [a, b] => (common(&a.prefix, &b.prefix), at),
            _ => (0, at),
        });
        let Some((len, at)) = common.max() else {
            return;
        };
        let first = rules.remove(at);
        if let Some(second) = rules.get_mut(at) {
            second.stamp = second.stamp.max(first.stamp);
            second.prefix = first.prefix.get(..len).unwrap_or_default().into();
        }
    }
}

/// How many bytes two prefixes begin with alike.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
