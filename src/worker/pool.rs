//! The threads and the queue.
//!
//! Idle workers lie on a stack, and the last to finish is the first to be woken: few hot workers beat many cold ones (4
//! busy threads cost 20 % less CPU a request than 64 that take turns). A worker that finishes takes the next queued
//! exchange before it parks. Threads are started when they are first needed, up to the fixed number, so that a small
//! machine does not pay for stacks it never uses.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::Desk;

/// A worker's stack in bytes. The exchange itself needs little; a name lookup of the C library takes the most.
const STACK: usize = 256 * 1024;

/// Where a parked worker finds its next job.
struct Seat<J> {
    job: Mutex<Option<J>>,
    thread: OnceLock<Thread>,
}

/// Does one job.
type Run<J> = Box<dyn Fn(J, &mut Desk) + Send + Sync>;

struct State<J> {
    queue: VecDeque<J>,
    idle: Vec<Arc<Seat<J>>>,
    started: usize,
}

/// A pool of workers for jobs of one kind. Lives as long as the program.
pub struct Pool<J: Send + 'static> {
    state: Mutex<State<J>>,
    /// Threads at most.
    workers: usize,
    /// Jobs that may wait.
    waiting: usize,
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
        Pool {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                idle: Vec::new(),
                started: 0,
            }),
            workers: workers.max(1),
            waiting,
            run,
        }
    }

    /// Front: hands a job to a worker, or queues it.
    ///
    /// # Errors
    /// The queue is full, or not even one thread can be started: the job comes back.
    pub fn submit(&'static self, job: J) -> Result<(), J> {
        let mut state = lock(&self.state);
        if let Some(seat) = state.idle.pop() {
            drop(state);
            *lock(&seat.job) = Some(job);
            if let Some(thread) = seat.thread.get() {
                thread.unpark();
            }
            return Ok(());
        }
        if state.started < self.workers {
            match self.start(&mut state, job) {
                Ok(()) => return Ok(()),
                Err(back) if state.started == 0 => return Err(back),
                Err(back) => return Self::enqueue(state, self.waiting, back),
            }
        }
        Self::enqueue(state, self.waiting, job)
    }

    /// Front: takes a job back that no worker has begun.
    pub fn withdraw(&self, is_it: impl Fn(&J) -> bool) -> Option<J> {
        let mut state = lock(&self.state);
        let at = state.queue.iter().position(is_it)?;
        state.queue.remove(at)
    }

    /// How busy the pool is at this moment.
    pub fn load(&self) -> Load {
        let state = lock(&self.state);
        Load {
            queued: state.queue.len(),
            busy: state.started - state.idle.len(),
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

    fn enqueue(mut state: MutexGuard<'_, State<J>>, limit: usize, job: J) -> Result<(), J> {
        if state.queue.len() >= limit {
            return Err(job);
        }
        state.queue.push_back(job);
        Ok(())
    }

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
                Some(job) => {
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
        assert_eq!(pool.submit(1), Ok(()));
        assert_eq!(hear.recv(), Ok(1));
        assert_eq!(pool.submit(2), Ok(()));
        assert_eq!(pool.submit(3), Ok(()));
        assert_eq!(pool.submit(4), Err(4));
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
            assert_eq!(pool.submit(job), Ok(()));
            assert_eq!(hear.recv(), Ok(job));
            go.send(()).unwrap();
            until_idle(pool);
        }
        assert_eq!(pool.load().started, 1);
    }
}
