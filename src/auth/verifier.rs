//! Checks passwords on a thread of its own, and tells what is known without a check.
//!
//! The front and workers `ask`; what is remembered is answered at once, the rest gets a ticket. The same question asked by
//! many is one check. When it is over, waiters of the front are woken and `take` their answers, workers have waited in
//! `wait`. The thread alone touches the files: at most once a second it looks whether one has changed, and what was remembered
//! of it is forgotten then; so an answer from memory is given only while the last look is no older than that, else the
//! thread is asked, which looks first. The lock is never held while a file is read or a hash is computed.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Display, Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::credentials::Credentials;
use super::file::{Entries, NOBODY, Stamp};
use super::memory::Memory;
use super::reading::read;
use crate::cache::zone::Waiter;

/// Guesses that may wait: in all, and those of one client address. Whoever was right before is let in all the same, ahead of them.
const QUEUE: usize = 64;
const SHARE: usize = QUEUE / 4;
/// A file is looked at again after this long.
const LOOK: Duration = Duration::from_secs(1);
/// How long an answer is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Right,
    /// There is no such user, or this is not the password.
    Wrong,
    /// The file can not be read: nobody is let in.
    Broken,
    /// Too many checks wait, or it took too long.
    Busy,
}

/// What a question led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Known(Verdict),
    /// The answer will come.
    Wait(Ticket),
}

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// See the module's text.
pub struct Verifier {
    paths: &'static [PathBuf],
    /// Workers that may wait for guesses at a time: the others are for those who are let in, or need not be.
    patient: usize,
    keys: [RandomState; 2],
    state: Mutex<State>,
    /// Rung when there is something to check.
    work: Condvar,
    /// Rung when something has been checked.
    done: Condvar,
    wake: OnceLock<Wake>,
}

/// Lets the front look at a connection whose answer has come.
pub type Wake = Box<dyn Fn(Waiter) + Send + Sync>;

#[derive(Default)]
struct State {
    memory: Memory,
    files: Vec<Seen>,
    /// Those that were right before, then the longest waiting first; never long.
    queue: Vec<Job>,
    /// What is being checked. Its name and password are with the thread.
    running: Option<Job>,
    /// Who asked for that: another's turn comes next.
    served: Option<IpAddr>,
    /// Answers that nobody has taken yet.
    answers: Vec<(Ticket, Verdict)>,
    tickets: u64,
    /// Threads in [`Verifier::wait`].
    waiting: usize,
    /// How often everything was to be forgotten: what was begun before is not remembered after.
    forgotten: u32,
}

/// What is known of a file.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// When the thread has looked at it. `None`: it shall do so at once.
    looked: Option<Instant>,
    broken: bool,
}

struct Job {
    file: usize,
    digest: u128,
    who: Credentials,
    /// Who asked first; `None`: a client without an address of its own, which may be many.
    from: Option<IpAddr>,
    /// It was right when it was checked last.
    trusted: bool,
    waiters: Vec<(Ticket, Option<Waiter>)>,
    forgotten: u32,
}

/// A file as the thread has read it.
struct Book {
    /// `None`: it is to be read again.
    stamp: Option<Stamp>,
    /// As of [`State::forgotten`].
    forgotten: u32,
    /// Of its text.
    digest: u64,
    entries: Result<Entries, String>,
}

/// Whom an address stands for: who has one of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
        address => address,
    }
}

impl State {
    /// The answer, as far as it is known without asking the thread.
    fn known(&self, file: usize, digest: u128, now: Instant) -> Option<Verdict> {
        let seen = self.files.get(file)?;
        let fresh = |at| now.saturating_duration_since(at) < LOOK;
        if !seen.looked.is_some_and(fresh) {
            return None;
        }
        match self.memory.find(digest, now) {
            _ if seen.broken => Some(Verdict::Broken),
            Some(true) => Some(Verdict::Right),
            Some(false) => Some(Verdict::Wrong),
            None => None,
        }
    }

    /// A check of the same that has not ended.
    fn under_way(&mut self, digest: u128) -> Option<&mut Job> {
        let forgotten = self.forgotten;
        let jobs = self.running.iter_mut().chain(&mut self.queue);
        let mut same = jobs.filter(|job| job.digest == digest && job.forgotten == forgotten);
        same.next()
    }

    fn take(&mut self, ticket: Ticket) -> Option<Verdict> {
        let at = self.answers.iter().position(|(of, _)| *of == ticket)?;
        Some(self.answers.swap_remove(at).1)
    }

    /// Whether one more check may wait for this client.
    fn has_room(&self, from: Option<IpAddr>) -> bool {
        let own = self.queue.iter().filter(|job| job.from == from).count();
        self.queue.len() < QUEUE && (from.is_none() || own < SHARE)
    }

    /// The check that is to be made next: one that was right before; else that of another client than the last one's, so that
    /// many guesses of one do not delay the others.
    fn next(&mut self) -> Option<Job> {
        let turn = |job: &Job| job.trusted || job.from.is_none() || job.from != self.served;
        let at = self.queue.iter().position(turn).unwrap_or(0);
        (at < self.queue.len()).then(|| self.queue.remove(at))
    }

    /// Whether this answer may be waited for by one more of those who do nothing else then.
    fn may_wait(&self, ticket: Ticket, patient: usize) -> bool {
        let mut jobs = self.running.iter().chain(&self.queue);
        let is_asked = |job: &&Job| job.waiters.iter().any(|(of, _)| *of == ticket);
        // Who was right before does not wait for long. Nor does who asks for what is known by now.
        self.waiting < patient || jobs.find(is_asked).is_none_or(|job| job.trusted)
    }

    /// Nobody waits for this answer any more. A check that has not begun and that nobody else waits for is not made.
    fn leave(&mut self, ticket: Ticket) {
        self.take(ticket);
        for job in self.running.iter_mut().chain(&mut self.queue) {
            job.waiters.retain(|(of, _)| *of != ticket);
        }
        self.queue.retain(|job| !job.waiters.is_empty());
    }
}

impl Verifier {
    /// Reads the files and starts the thread. Call where the files can be read as they will be later: after `--user`.
    /// `workers`: how many threads there are that may have to [`Verifier::wait`].
    ///
    /// # Errors
    /// A file can not be read, or there is no thread.
    pub fn start(paths: &'static [PathBuf], workers: usize) -> Result<&'static Verifier, String> {
        let verifier: &'static Verifier = Box::leak(Box::new(Verifier::new(paths, workers)));
        let mut books = Vec::new();
        for path in paths {
            let stamp = Stamp::read(path, SystemTime::now()).unwrap_or_default();
            let text =
                read(path).map_err(|why| format!("--auth-basic: {}: {why}", path.display()))?;
            books.push(Book {
                stamp,
                forgotten: 0,
                digest: verifier.digest(&text),
                // What is wrong with it has been said of the command line.
                entries: Ok(Entries::parse(&text).0),
            });
        }
        let thread = std::thread::Builder::new().name("passwords".into());
        thread
            .spawn(move || verifier.run(&mut books))
            .map_err(|error| format!("--auth-basic: {error}"))?;
        Ok(verifier)
    }

    fn new(paths: &'static [PathBuf], workers: usize) -> Verifier {
        Verifier {
            paths,
            patient: (workers / 2).max(1),
            keys: Default::default(),
            state: Mutex::new(State {
                files: vec![Seen::default(); paths.len()],
                ..State::default()
            }),
            work: Condvar::new(),
            done: Condvar::new(),
            wake: OnceLock::new(),
        }
    }

    /// Once, before any request: how the front is told of an answer.
    pub fn set_wake(&self, wake: Wake) {
        // A second one would be of the same front.
        let _ = self.wake.set(wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of this number, for messages.
    pub fn path(&self, file: usize) -> Display<'_> {
        let path = self.paths.get(file).map(PathBuf::as_path);
        path.unwrap_or(Path::new("")).display()
    }

    fn digest(&self, text: impl std::hash::Hash) -> u64 {
        self.keys[0].hash_one(text)
    }

    /// Asks whether a file lets somebody in. `from`: the client's address, where it has one of its own. `key`: the connection
    /// that is to be woken; `None` for who will [`Verifier::wait`].
    pub fn ask(
        &self,
        file: usize,
        who: Credentials,
        from: Option<IpAddr>,
        key: Option<Waiter>,
        now: Instant,
    ) -> Asked {
        let [high, low] = &self.keys;
        let text = (file, &who.user, &who.password);
        let digest = u128::from(high.hash_one(text)) << 64 | u128::from(low.hash_one(text));
        let mut state = self.lock();
        if let Some(verdict) = state.known(file, digest, now) {
            return Asked::Known(verdict);
        }
        state.tickets += 1;
        let ticket = Ticket(state.tickets);
        if let Some(job) = state.under_way(digest) {
            job.waiters.push((ticket, key));
            return Asked::Wait(ticket);
        }
        let (from, trusted) = (from.map(network), state.memory.was_right(digest));
        if !trusted && !state.has_room(from) {
            return Asked::Known(Verdict::Busy);
        }
        let forgotten = state.forgotten;
        let at = if trusted { 0 } else { state.queue.len() };
        let job = Job {
            file,
            digest,
            who,
            from,
            trusted,
            waiters: vec![(ticket, key)],
            forgotten,
        };
        state.queue.insert(at, job);
        drop(state);
        self.work.notify_one();
        Asked::Wait(ticket)
    }

    /// The answer, if it has come. It is given once.
    pub fn take(&self, ticket: Ticket) -> Option<Verdict> {
        self.lock().take(ticket)
    }

    /// Nobody waits for this answer any more.
    pub fn leave(&self, ticket: Ticket) {
        self.lock().leave(ticket);
    }

    /// Waits for an answer, where the thread may. [`Verdict::Busy`] at once where that would leave too few workers for others.
    pub fn wait(&self, ticket: Ticket) -> Verdict {
        let mut verdict = None;
        let mut state = self.lock();
        if !state.may_wait(ticket, self.patient) {
            state.leave(ticket);
            return Verdict::Busy;
        }
        state.waiting += 1;
        let waited = self.done.wait_timeout_while(state, PATIENCE, |state| {
            verdict = state.take(ticket);
            verdict.is_none()
        });
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        verdict.unwrap_or_else(|| {
            state.leave(ticket);
            Verdict::Busy
        })
    }

    /// Forgets everything and lets the thread read the files anew (SIGHUP).
    pub fn forget(&self) {
        let mut state = self.lock();
        state.memory = Memory::default();
        state.files.iter_mut().for_each(|seen| seen.looked = None);
        state.forgotten = state.forgotten.wrapping_add(1);
    }

    fn run(&self, books: &mut [Book]) {
        loop {
            let (file, digest, who) = self.next();
            let judged = catch_unwind(AssertUnwindSafe(|| self.judge(books, file, digest, &who)));
            let verdict = judged.unwrap_or_else(|_| {
                log::error!("--auth-basic: panic; the check is given up");
                Verdict::Broken
            });
            self.announce(verdict);
        }
    }

    /// Waits for the next check.
    fn next(&self) -> (usize, u128, Credentials) {
        let mut state = self.lock();
        loop {
            if let Some(mut job) = state.next() {
                let nobody = Credentials {
                    user: Vec::new(),
                    password: Vec::new(),
                };
                let who = std::mem::replace(&mut job.who, nobody);
                let (file, digest) = (job.file, job.digest);
                if !job.trusted {
                    state.served = job.from;
                }
                state.running = Some(job);
                return (file, digest, who);
            }
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The check is over: whoever waits is told.
    fn announce(&self, verdict: Verdict) {
        let mut state = self.lock();
        let Some(job) = state.running.take() else {
            return;
        };
        if job.forgotten == state.forgotten && matches!(verdict, Verdict::Right | Verdict::Wrong) {
            let right = verdict == Verdict::Right;
            state
                .memory
                .put(job.digest, job.file, right, Instant::now());
        }
        let answers = job.waiters.iter().map(|(ticket, _)| (*ticket, verdict));
        state.answers.extend(answers);
        drop(state);
        self.done.notify_all();
        if let Some(wake) = self.wake.get() {
            job.waiters
                .iter()
                .filter_map(|(_, key)| *key)
                .for_each(wake);
        }
    }

    fn judge(&self, books: &mut [Book], file: usize, digest: u128, who: &Credentials) -> Verdict {
        let (Some(book), Some(path)) = (books.get_mut(file), self.paths.get(file)) else {
            return Verdict::Broken;
        };
        let now = Instant::now();
        let (due, forgotten) = {
            let state = self.lock();
            let looked = state.files.get(file).and_then(|seen| seen.looked);
            let due = looked.is_none_or(|at| now.saturating_duration_since(at) >= LOOK);
            (due, state.forgotten)
        };
        if due {
            if book.forgotten != forgotten {
                book.forgotten = forgotten;
                book.stamp = None;
            }
            let changed = self.read(book, path);
            let mut state = self.lock();
            if changed {
                state.memory.forget(file);
            }
            // Should all be forgotten once more meanwhile, it is looked at again.
            if forgotten == state.forgotten
                && let Some(seen) = state.files.get_mut(file)
            {
                seen.looked = Some(now);
                seen.broken = book.entries.is_err();
            }
        }
        if let Some(verdict) = self.lock().known(file, digest, now) {
            return verdict;
        }
        let Ok(entries) = &book.entries else {
            return Verdict::Broken;
        };
        let right = entries.admits(&who.user, &who.password, self.digest(&who.user));
        log::debug!(
            "--auth-basic: a password checked against {} in {} ms",
            path.display(),
            now.elapsed().as_millis()
        );
        match right {
            true => Verdict::Right,
            false => Verdict::Wrong,
        }
    }

    /// Reads a file again if it has changed. Whether it says something else now.
    fn read(&self, book: &mut Book, path: &Path) -> bool {
        let stamp = Stamp::read(path, SystemTime::now());
        if let Ok(stamp) = &stamp
            && stamp.is_some()
            && *stamp == book.stamp
        {
            return false;
        }
        book.stamp = stamp.unwrap_or(None);
        match read(path) {
            Ok(text) => {
                let digest = self.digest(&text);
                if book.entries.is_ok() && book.digest == digest {
                    return false;
                }
                let (entries, remarks) = Entries::parse(&text);
                log::info!("--auth-basic: {} has been read again", path.display());
                for remark in remarks {
                    log::warn!("--auth-basic: {}: {remark}", path.display());
                }
                if entries.is_empty() {
                    log::error!("--auth-basic: {}: {NOBODY}", path.display());
                }
                book.digest = digest;
                book.entries = Ok(entries);
            }
            Err(why) => {
                log::error!("--auth-basic: {}: {why}", path.display());
                book.stamp = None;
                book.entries = Err(why);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
