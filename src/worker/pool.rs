//! The threads and the queue.
//!
//! Idle workers lie on a stack, and the last to finish is the first to be woken: few hot workers beat many cold ones. A
//! worker that finishes takes the next queued job before it parks. So while a few are busy ([`Pool::hot`] of them), another
//! job rather waits a moment for one of these than wake a cold one: of fast applications 8 workers made of 64 use a quarter
//! less CPU for 16 KiB responses than 64 that take turns. Only when a job has waited for [`PATIENCE`] is the application
//! known to be slow; then more are woken, and kept hot for as long as they are needed.
//! Threads are started when they are first needed, up to the fixed number, so that a small machine does not pay for stacks
//! it never uses.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::Desk;
use crate::sys;

/// A worker's stack in bytes. The exchange itself needs little; a name lookup of the C library takes the most.
const STACK: usize = 256 * 1024;

/// How long a job waits for a hot worker before a cold one is woken.
const PATIENCE: Duration = Duration::from_millis(4);
/// Workers for each processor that are always hot: enough to keep it busy while some of them wait for the application.
const HOT_PER_PROCESSOR: usize = 4;
/// How often the number of hot workers is lowered again, by a quarter.
const COOLING: Duration = Duration::from_secs(1);

/// Where a parked worker finds its next job.
struct Seat<J> {
    job: Mutex<Option<J>>,
    thread: OnceLock<Thread>,
}

/// Does one job.
type Run<J> = Box<dyn Fn(J, &mut Desk) + Send + Sync>;

struct State<J> {
    /// With the time since when each job waits.
    queue: VecDeque<(Instant, J)>,
    idle: Vec<Arc<Seat<J>>>,
    started: usize,
    /// Up to this many busy workers, a job wakes another at once.
    hot: usize,
    cooled: Instant,
}

impl<J> State<J> {
    fn busy(&self) -> usize {
        self.started - self.idle.len()
    }
}

/// A pool of workers for jobs of one kind. Lives as long as the program.
pub struct Pool<J: Send + 'static> {
    state: Mutex<State<J>>,
    /// Threads at most.
    workers: usize,
    /// Jobs that may wait.
    waiting: usize,
    /// The least number of hot workers.
    hot: usize,
    /// Jobs in the queue, to be read without the lock.
    queued: AtomicUsize,
    run: Run<J>,
}

/// How busy the pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    pub queued: usize,
    pub busy: usize,
    pub started: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<J: Send + 'static> Pool<J> {
    /// A pool of at most `workers` threads and `waiting` queued jobs. `run` does one job; it must not panic.
    pub fn new(workers: usize, waiting: usize, run: Run<J>) -> Pool<J> {
        let workers = workers.max(1);
        let hot = workers.min(HOT_PER_PROCESSOR * sys::processors());
        Pool {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                idle: Vec::new(),
                started: 0,
                hot,
                cooled: Instant::now(),
            }),
            workers,
            waiting,
            hot,
            queued: AtomicUsize::new(0),
            run,
        }
    }

    /// Front: hands a job to a worker, or queues it.
    ///
    /// # Errors
    /// The queue is full, or not even one thread can be started: the job comes back.
    pub fn submit(&'static self, job: J, now: Instant) -> Result<(), J> {
        let mut state = lock(&self.state);
        if state.hot > self.hot && now.saturating_duration_since(state.cooled) >= COOLING {
            state.hot = (state.hot - state.hot / 4).max(self.hot);
            state.cooled = now;
        }
        let full = state.queue.len() >= self.waiting;
        let can_wake = !state.idle.is_empty() || state.started < self.workers;
        if !can_wake && full {
            return Err(job);
        }
        if !can_wake || (state.busy() >= state.hot && !full) {
            self.enqueue(&mut state, job, now);
            return Ok(());
        }
        // Who waits goes first.
        self.enqueue(&mut state, job, now);
        let Some((since, first)) = state.queue.pop_front() else {
            return Ok(());
        };
        self.queued.store(state.queue.len(), Ordering::Relaxed);
        match self.wake(state, first) {
            Ok(()) => Ok(()),
            // No thread can be started: it waits, if there is any to take it. If there is none, it is the only job.
            Err((mut state, first)) if state.started > 0 => {
                state.queue.push_front((since, first));
                self.queued.store(state.queue.len(), Ordering::Relaxed);
                Ok(())
            }
            Err((_, only)) => Err(only),
        }
    }

    /// Front, once in each turn: wakes workers for jobs that have waited for too long. Returns when to come again.
    pub fn relieve(&'static self, now: Instant) -> Option<Instant> {
        if self.queued.load(Ordering::Relaxed) == 0 {
            return None;
        }
        loop {
            let mut state = lock(&self.state);
            let (since, _) = state.queue.front()?;
            let due = *since + PATIENCE;
            if state.idle.is_empty() && state.started >= self.workers {
                return None; // whoever finishes takes it
            }
            if due > now {
                return Some(due);
            }
            let (since, job) = state.queue.pop_front()?;
            self.queued.store(state.queue.len(), Ordering::Relaxed);
            state.hot = (state.hot.max(state.busy()) + 1).min(self.workers);
            state.cooled = now;
            if let Err((mut state, job)) = self.wake(state, job) {
                state.queue.push_front((since, job));
                self.queued.store(state.queue.len(), Ordering::Relaxed);
                return None;
            }
        }
    }

    /// Gives a job to an idle worker, or to a new one. The job comes back, with the lock, where there is neither.
    #[inline(never)]
    fn wake<'a>(
        &'static self,
        mut state: MutexGuard<'a, State<J>>,
        job: J,
    ) -> Result<(), (MutexGuard<'a, State<J>>, J)> {
        if let Some(seat) = state.idle.pop() {
            drop(state);
            *lock(&seat.job) = Some(job);
            if let Some(thread) = seat.thread.get() {
                thread.unpark();
            }
            return Ok(());
        }
        if state.started >= self.workers {
            return Err((state, job));
        }
        let result = self.start(&mut state, job);
        result.map_err(|job| (state, job))
    }

    /// Front: takes a job back that no worker has begun.
    pub fn withdraw(&self, is_it: impl Fn(&J) -> bool) -> Option<J> {
        let mut state = lock(&self.state);
        let at = state.queue.iter().position(|(_, job)| is_it(job))?;
        let found = state.queue.remove(at).map(|(_, job)| job);
        self.queued.store(state.queue.len(), Ordering::Relaxed);
        found
    }

    /// How busy the pool is at this moment.
    pub fn load(&self) -> Load {
        let state = lock(&self.state);
        Load {
            queued: state.queue.len(),
            busy: state.busy(),
            started: state.started,
        }
    }

    /// Waits until no worker has anything to do, but not for long: a worker writes its line of the access log when the
    /// client has its response already. For the end of the program.
    pub fn settle(&self, limit: Duration) {
        let start = Instant::now();
        while self.load().busy > 0 && start.elapsed() < limit {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn enqueue(&self, state: &mut State<J>, job: J, now: Instant) {
        state.queue.push_back((now, job));
        self.queued.store(state.queue.len(), Ordering::Relaxed);
    }

    #[cold]
    #[inline(never)]
    fn start(&'static self, state: &mut State<J>, job: J) -> Result<(), J> {
        let seat = Arc::new(Seat {
            job: Mutex::new(Some(job)),
            thread: OnceLock::new(),
        });
        let own = Arc::clone(&seat);
        let builder = thread::Builder::new()
            .name("worker".into())
            .stack_size(STACK);
        match builder.spawn(move || self.work(&own)) {
            Ok(handle) => {
                // Nobody unparks a worker before it has lain down on the stack, which needs the lock that is held here.
                let _ = seat.thread.set(handle.thread().clone());
                state.started += 1;
                Ok(())
            }
            Err(error) => {
                log::error!(
                    "can not start a worker thread: {error}; {} of {} run",
                    state.started,
                    self.workers
                );
                lock(&seat.job).take().map_or(Ok(()), Err)
            }
        }
    }

    fn work(&'static self, seat: &Arc<Seat<J>>) {
        let mut desk = Desk::new();
        loop {
            let Some(job) = lock(&seat.job).take() else {
                thread::park();
                continue;
            };
            (self.run)(job, &mut desk);
            desk.clear();
            let mut state = lock(&self.state);
            match state.queue.pop_front() {
                Some((_, job)) => {
                    self.queued.store(state.queue.len(), Ordering::Relaxed);
                    drop(state);
                    *lock(&seat.job) = Some(job);
                }
                None => state.idle.push(Arc::clone(seat)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A pool whose jobs say their number, then wait for a word.
    fn pool(workers: usize, waiting: usize) -> (&'static Pool<u32>, Receiver<u32>, Sender<()>) {
        let (said, hear) = channel();
        let (go, wait) = channel::<()>();
        let wait = Mutex::new(wait);
        let run = Box::new(move |job, _: &mut Desk| {
            said.send(job).unwrap();
            lock(&wait).recv().unwrap();
        });
        (
            Box::leak(Box::new(Pool::new(workers, waiting, run))),
            hear,
            go,
        )
    }

    fn until_idle(pool: &'static Pool<u32>) {
        while pool.load().busy > 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn jobs_beyond_the_workers_wait_in_order_and_beyond_the_queue_come_back() {
        let (pool, hear, go) = pool(1, 2);
        assert_eq!(pool.submit(1, Instant::now()), Ok(()));
        assert_eq!(hear.recv(), Ok(1));
        assert_eq!(pool.submit(2, Instant::now()), Ok(()));
        assert_eq!(pool.submit(3, Instant::now()), Ok(()));
        assert_eq!(pool.submit(4, Instant::now()), Err(4));
        for next in [2, 3] {
            go.send(()).unwrap();
            assert_eq!(hear.recv(), Ok(next));
        }
        go.send(()).unwrap();
        until_idle(pool);
        assert_eq!(
            pool.load(),
            Load {
                queued: 0,
                busy: 0,
                started: 1
            }
        );
    }

    #[test]
    fn a_thread_is_started_only_when_no_worker_is_idle() {
        let (pool, hear, go) = pool(8, 8);
        for job in 0..5 {
            assert_eq!(pool.submit(job, Instant::now()), Ok(()));
            assert_eq!(hear.recv(), Ok(job));
            go.send(()).unwrap();
            until_idle(pool);
        }
        assert_eq!(pool.load().started, 1);
    }

    #[test]
    fn beyond_the_hot_workers_a_job_waits_a_moment_before_a_cold_one_is_woken() {
        let (pool, hear, go) = pool(64, 64);
        let hot = pool.hot;
        let now = Instant::now();
        for job in 0..=hot as u32 {
            assert_eq!(pool.submit(job, now), Ok(()));
        }
        let count = (0..hot).filter(|_| hear.recv().is_ok()).count();
        assert_eq!((count, pool.load().queued), (hot, 1));
        assert_eq!(pool.relieve(now), Some(now + PATIENCE));
        assert_eq!(pool.relieve(now + PATIENCE), None);
        assert_eq!(hear.recv(), Ok(hot as u32));
        assert_eq!(pool.load().busy, hot + 1);
        assert_eq!(
            lock(&pool.state).hot,
            hot + 1,
            "the application is slow: more stay hot"
        );
        (0..=hot).for_each(|_| go.send(()).unwrap());
        until_idle(pool);
        let later = now + PATIENCE + COOLING;
        assert_eq!(pool.submit(0, later), Ok(()));
        assert_eq!(lock(&pool.state).hot, hot, "and cool down again");
        hear.recv().unwrap();
        go.send(()).unwrap();
        until_idle(pool);
    }
}
