//! Both books against a model of each, with clients, applications and a clock at random. A book keeps what it found out when
//! the response came; the model keeps the response, and finds it out at each use.

use super::*;
use crate::cache::rules::Part;
use words::{Answer, Asked};

mod nginx;
mod standard;
mod words;

/// Marsaglia's xorshift: the same numbers in every run.
struct Random(u32);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A stored response, and when it came.
#[derive(Debug, Clone)]
struct Kept {
    answer: Answer,
    asked: u64,
    received: u64,
    len: u64,
    /// The 304 that it was validated by.
    newer: Option<Box<Kept>>,
}

impl Kept {
    /// RFC 9111 4.2.3, corrected_initial_age.
    fn initial_age(&self) -> i64 {
        let received = self.received as i64;
        let apparent = self.answer.date.map_or(0, |date| received - date as i64);
        let delay = received - self.asked as i64;
        apparent
            .max(0)
            .max(i64::from(self.answer.age.unwrap_or(0)) + delay)
    }

    /// RFC 9111 4.2.3, current_age.
    fn age(&self, now: u64) -> i64 {
        self.initial_age() + (now as i64 - self.received as i64).max(0)
    }

    fn has_validator(&self) -> bool {
        self.answer.status == 200 && (self.answer.etag.is_some() || self.answer.modified.is_some())
    }
}

/// What becomes of a stored response.
enum Fate {
    Renewed(Box<Kept>),
    Same,
    Dropped,
}

/// How often each decision was made: a model that never sees one tests nothing.
#[derive(Debug, Default)]
struct Seen {
    reused: [usize; 4],
    stored: [usize; 2],
    served_for_trouble: [usize; 2],
    /// Renewed, the same, dropped.
    freshened: [usize; 3],
    headed: [usize; 3],
    invalidated: usize,
}

/// One place for a response, in both worlds.
type Slot = Option<(Entry, Kept)>;

struct World {
    settings: Settings,
    random: Random,
    now: u64,
    slots: [Slot; 3],
    versions: [u32; 3],
    seen: Seen,
}

impl World {
    fn new(seed: u32, rfc9111: bool) -> World {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9) | 1);
        let mut words = if rfc9111 { "rfc9111" } else { "" }.to_owned();
        let choices = [
            "any=20",
            "200=40",
            "404=0",
            "use=error",
            "use=timeout",
            "use=500",
            "use=404",
            "use=updating",
            "use=invalid_header",
            "ignore=cc",
            "ignore=expires",
            "ignore=accel",
            "ignore=vary",
            "ignore=cookie",
            "targeted=t",
        ];
        for choice in choices {
            if random.one_in(5) {
                words = format!("{words} {choice}");
            }
        }
        World {
            settings: Settings::of(&words),
            random,
            now: NOW,
            slots: [None, None, None],
            versions: [0; 3],
            seen: Seen::default(),
        }
    }

    fn is_rfc9111(&self) -> bool {
        self.settings.cache.rules == RuleBook::Rfc9111
    }

    fn step(&mut self) {
        let at = self.random.below(self.slots.len());
        match self.random.below(40) {
            0 => self.now += 500,
            1 => self.now -= 7,
            2..20 => self.now += self.random.below(12) as u64,
            _ => {}
        }
        self.versions[at] += u32::from(self.random.one_in(15));
        let asked = Asked::random(&mut self.random);
        let request = request(&asked.lines());
        let takes = match asked.method {
            "POST" if self.is_rfc9111() => Part::Invalidates,
            "POST" => Part::None,
            _ => Part::Takes,
        };
        assert_eq!(self.settings.book().part(&request), takes);
        match asked.method {
            "POST" => self.change(at, &request),
            _ => self.ask(at, &asked, &request),
        }
        self.probe(at);
    }

    /// RFC 9111 4.4.
    fn change(&mut self, at: usize, request: &Request) {
        let status = [200, 204, 302, 404, 500][self.random.below(5)];
        let invalid = self
            .settings
            .book()
            .invalidates(request, &head(&format!("Status: {status}")));
        assert_eq!(invalid.is_some(), self.is_rfc9111() && status < 400);
        if invalid.is_some() {
            self.seen.invalidated += usize::from(self.slots[at].is_some());
            self.slots[at] = None;
        }
    }

    fn ask(&mut self, at: usize, asked: &Asked, request: &Request) {
        if let Some((entry, kept)) = &self.slots[at] {
            let expected = self.reuse(asked, kept, self.now);
            let reuse = self.settings.book().reuse(&entry.meta, request, self.now);
            assert_eq!(reused(reuse), expected, "{asked:?}\n{kept:?}\n{}", self.now);
            let kinds = ["fresh", "stale", "may", "ask"];
            let kind = kinds.iter().position(|kind| *kind == expected);
            self.seen.reused[kind.expect(expected)] += 1;
            if matches!(expected, "fresh" | "stale") && !self.random.one_in(8) {
                return;
            }
        }
        let only = self.settings.book().only_if_cached(request);
        assert_eq!(only, self.is_rfc9111() && asked.only_if_cached);
        if only {
            return;
        }
        let began = self.now;
        self.now += [0, 0, 0, 2][self.random.below(4)];
        if self.random.one_in(6) {
            let troubles = [Trouble::Error, Trouble::Timeout, Trouble::InvalidHeader];
            let trouble = troubles[self.random.below(3)];
            self.trouble(at, asked, request, trouble);
            return;
        }
        self.answer(at, asked, request, began);
    }

    fn answer(&mut self, at: usize, asked: &Asked, request: &Request, began: u64) {
        let mut answer = Answer::random(&mut self.random, self.now, self.versions[at]);
        let is_conditional = match &self.slots[at] {
            Some((entry, kept)) => {
                let has = entry.validators() != (None, None);
                assert_eq!(has, kept.has_validator(), "{kept:?}");
                has && asked.method == "GET"
            }
            None => false,
        };
        let is_head = asked.method == "HEAD" && self.is_rfc9111();
        if is_conditional && self.random.one_in(2) {
            answer.status = 304;
        }
        if is_head {
            answer.length = self.random.one_in(3).then(|| self.random.below(2) as u64);
        }
        let kept = Kept {
            answer,
            asked: began,
            received: self.now,
            len: self.random.below(2) as u64,
            newer: None,
        };
        match kept.answer.status {
            304 => self.validated(at, asked, request, &kept),
            status
                if status >= 400 && self.trouble(at, asked, request, Trouble::Status(status)) => {}
            _ if is_head => self.headed(at, asked, request, &kept),
            _ => self.store(at, asked, request, kept),
        }
    }

    fn trouble(&mut self, at: usize, asked: &Asked, request: &Request, trouble: Trouble) -> bool {
        let Some((entry, kept)) = &self.slots[at] else {
            return false;
        };
        let expected = match self.is_rfc9111() {
            true => standard::stale_on(&self.settings, asked, kept, trouble, self.now),
            false => nginx::stale_on(&self.settings, kept, trouble, self.now),
        };
        let book = self.settings.book();
        let may = book.stale_on(&entry.meta, request, trouble, self.now);
        let now = self.now;
        assert_eq!(may, expected, "{trouble:?}\n{asked:?}\n{kept:?}\n{now}");
        self.seen.served_for_trouble[usize::from(may)] += 1;
        may
    }

    fn store(&mut self, at: usize, asked: &Asked, request: &Request, kept: Kept) {
        let asked_as = Asked {
            method: "GET",
            ..asked.clone()
        };
        let expected = match self.is_rfc9111() {
            true => standard::stores(&self.settings, &asked_as, &kept),
            false => nginx::stores(&self.settings, &kept),
        };
        let stored =
            self.settings
                .book()
                .store(request, &parsed(&kept.answer.bytes()), times(&kept));
        let cache = (&self.settings.cache.use_stale, &self.settings.ignore);
        assert_eq!(
            stored.is_ok(),
            expected,
            "{:?}\n{asked:?}\n{kept:?}\n{cache:?}",
            stored.err()
        );
        self.seen.stored[usize::from(expected)] += 1;
        if let Ok(storable) = stored {
            self.slots[at] = Some((kept_entry(&storable, kept.len), kept));
        }
    }

    fn validated(&mut self, at: usize, asked: &Asked, request: &Request, newer: &Kept) {
        let Some((entry, kept)) = &self.slots[at] else {
            return;
        };
        let fate = match self.is_rfc9111() {
            true => standard::freshen(&self.settings, asked, kept, newer),
            false => nginx::freshen(&self.settings, kept, newer),
        };
        let head = parsed(&newer.answer.bytes());
        let book = self.settings.book();
        let freshened = book.freshen(request, entry, &head, times(newer));
        let kind = self.settle(at, fate, freshened, newer);
        self.seen.freshened[kind] += 1;
    }

    fn headed(&mut self, at: usize, asked: &Asked, request: &Request, newer: &Kept) {
        let Some((entry, kept)) = &self.slots[at] else {
            return;
        };
        let fate = standard::head_seen(&self.settings, asked, kept, newer);
        let head = parsed(&newer.answer.bytes());
        let book = self.settings.book();
        let seen = book.head_seen(request, entry, &head, times(newer));
        assert_eq!(
            seen.is_some(),
            fate.is_some(),
            "{asked:?}\n{kept:?}\n{newer:?}"
        );
        if let (Some(seen), Some(fate)) = (seen, fate) {
            let kind = self.settle(at, fate, seen, newer);
            self.seen.headed[kind] += 1;
        }
    }

    /// Does to a slot what both worlds say, if they say the same.
    fn settle(&mut self, at: usize, fate: Fate, freshened: Freshened, newer: &Kept) -> usize {
        let Some((_, kept)) = self.slots[at].take() else {
            return 2;
        };
        let (kept, kind) = match (fate, freshened) {
            (Fate::Dropped, Freshened::Drop) => return 2,
            (Fate::Same, Freshened::Update(storable)) => ((kept, storable), 1),
            (Fate::Renewed(renewed), Freshened::Update(storable)) => ((*renewed, storable), 0),
            (_, freshened) => panic!("{freshened:?}\n{kept:?}\n{newer:?}"),
        };
        let (kept, storable) = kept;
        self.slots[at] = Some((kept_entry(&storable, kept.len), kept));
        kind
    }

    fn reuse(&self, asked: &Asked, kept: &Kept, now: u64) -> &'static str {
        match self.is_rfc9111() {
            true => standard::reuse(&self.settings, asked, kept, now),
            false => nginx::reuse(&self.settings, kept, now),
        }
    }

    /// What both would do with other requests at other times.
    fn probe(&mut self, at: usize) {
        let asked = Asked::random(&mut self.random);
        let later = self.random.below(130) as u64;
        let Some((entry, kept)) = &self.slots[at] else {
            return;
        };
        let request = request(&asked.lines());
        for now in [self.now, self.now + later, kept.received] {
            assert_eq!(entry.meta.age(now) as i64, kept.age(now), "{kept:?}\n{now}");
            let reuse = self.settings.book().reuse(&entry.meta, &request, now);
            let expected = self.reuse(&asked, kept, now);
            assert_eq!(reused(reuse), expected, "{asked:?}\n{kept:?}\n{now}");
        }
    }
}

fn times(kept: &Kept) -> Times {
    Times {
        asked: kept.asked,
        received: kept.received,
    }
}

fn parsed(bytes: &[u8]) -> Head {
    match parse(bytes, &mut 0) {
        Ok(Parsed::Done(head, _)) => head,
        other => panic!("{}: {other:?}", String::from_utf8_lossy(bytes)),
    }
}

fn kept_entry(storable: &Storable, len: u64) -> Entry {
    Entry {
        meta: storable.meta,
        head: parsed(&storable.head),
        len,
        ..entry("")
    }
}

/// Several worlds of many steps each; the sums of what was seen.
fn run(rfc9111: bool) -> Seen {
    let mut sum = Seen::default();
    for seed in 1..=24 {
        let mut world = World::new(seed, rfc9111);
        for _ in 0..2000 {
            world.step();
        }
        let seen = world.seen;
        let add = |sum: &mut [usize], more: &[usize]| {
            sum.iter_mut()
                .zip(more)
                .for_each(|(sum, more)| *sum += more);
        };
        add(&mut sum.reused, &seen.reused);
        add(&mut sum.stored, &seen.stored);
        add(&mut sum.served_for_trouble, &seen.served_for_trouble);
        add(&mut sum.freshened, &seen.freshened);
        add(&mut sum.headed, &seen.headed);
        sum.invalidated += seen.invalidated;
    }
    sum
}

#[test]
fn the_book_of_the_standard_decides_as_its_model_does() {
    let seen = run(true);
    let all = [&seen.reused[..], &seen.stored, &seen.served_for_trouble];
    let least = all.into_iter().flatten().chain(&seen.freshened).min();
    assert!(least > Some(&100), "the model sees too little: {seen:?}");
    let heads = seen.headed[0].min(seen.headed[2]);
    assert!(heads.min(seen.invalidated) > 50, "{seen:?}");
}

#[test]
fn the_book_of_nginx_decides_as_its_model_does() {
    let seen = run(false);
    let [fresh, stale, may, ask] = seen.reused;
    let [renewed, same, dropped] = seen.freshened;
    let counts = [fresh, may, ask, renewed, dropped];
    let counts = counts
        .iter()
        .chain(&seen.stored)
        .chain(&seen.served_for_trouble);
    assert!(
        counts.min() > Some(&100),
        "the model sees too little: {seen:?}"
    );
    assert_eq!((stale, same, seen.invalidated), (0, 0, 0));
}
