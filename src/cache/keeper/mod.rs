//! The keeper: one thread for all zones, only where there are any. It loads what is on the disk, writes there what is held in memory
//! alone, and removes what is too old, too much, damaged or purged. It answers no request, and none waits for it.
//!
//! Each kind of work goes on for a stretch (`*_files`, `*_threshold`) and pauses (`*_sleep`), so that a slow disk is left to the
//! requests, and no work waits for the end of another's.

mod loader;
mod manager;
mod purger;
mod saver;
mod walk;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::zone::Zone;
use super::{disk, purged};
use crate::config::cache::Pace;
use loader::Loader;
use manager::Manager;
use purger::{End, Purger};
use saver::Saver;

/// Its stack in bytes: a path, the start of a file and log lines.
const STACK: usize = 128 * 1024;
/// How often it looks after all zones where there are several: only the first one can wake it.
const ROUND: Duration = Duration::from_secs(1);
/// How long after a walk that could not look at everything the next one begins: what was short then may not be any more.
const AGAIN: Duration = Duration::from_secs(30);
/// The shortest sleep, whatever is configured: entries wait for being written, and a second look costs little.
const MOMENT: Duration = Duration::from_millis(1);

/// The thread, as the end of the process sees it.
#[derive(Debug)]
pub struct Keeper {
    zones: &'static [Zone],
    ending: &'static AtomicBool,
    ended: Receiver<()>,
}

impl Keeper {
    /// Starts it, before any request and after rights have been dropped; looks whether the zones' directories can be used, and
    /// what was purged in an earlier process. Without zones there is none.
    ///
    /// # Errors
    /// A directory can not be used, with its path; or the system has no thread.
    pub fn start(zones: &'static [Zone]) -> io::Result<Option<Keeper>> {
        if zones.is_empty() {
            return Ok(None);
        }
        for zone in zones {
            disk::check(zone.settings)?;
            zone.set_rules(purged::load(zone.settings)?, SystemTime::now());
        }
        let ending: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
        let (tell, ended) = mpsc::channel();
        thread::Builder::new()
            .name("keeper".into())
            .stack_size(STACK)
            .spawn(move || run(zones, ending, &tell))?;
        Ok(Some(Keeper {
            zones,
            ending,
            ended,
        }))
    }

    /// When no request runs any more: has it write what is held in memory alone, and waits for that, at most so long.
    pub fn finish(self, patience: Duration) {
        self.ending.store(true, Ordering::Release);
        self.zones.iter().for_each(Zone::call_keeper);
        if self.ended.recv_timeout(patience).is_err() {
            log::warn!("cache: not all responses could be written to the disk in time");
        }
    }
}

fn run(zones: &'static [Zone], ending: &AtomicBool, tell: &Sender<()>) {
    let mut now = Instant::now();
    let mut wards: Vec<Ward> = zones.iter().map(|zone| Ward::new(zone, now)).collect();
    while !ending.load(Ordering::Acquire) {
        let due = wards.iter_mut().map(|ward| ward.tend(now)).min();
        now = Instant::now();
        let mut time = due.map_or(ROUND, |due| due.saturating_duration_since(now));
        if zones.len() > 1 {
            time = time.min(ROUND);
        }
        if let Some(first) = zones.first() {
            first.rest(time.max(MOMENT));
        }
        now = Instant::now();
    }
    for ward in &mut wards {
        ward.flush();
    }
    // Nobody listens where patience has run out.
    let _ = tell.send(());
}

/// One zone, and what is to be done in it when.
#[derive(Debug)]
struct Ward {
    zone: &'static Zone,
    saver: Saver,
    manager: Manager,
    loader: Option<Loader>,
    purger: Option<Purger>,
    /// When each goes on.
    save_due: Instant,
    remove_due: Instant,
    manage_due: Instant,
    load_due: Instant,
    purge_due: Instant,
}

impl Ward {
    fn new(zone: &'static Zone, now: Instant) -> Ward {
        Ward {
            zone,
            saver: Saver::new(zone),
            manager: Manager::new(zone),
            loader: Some(Loader::new(zone)),
            purger: None,
            save_due: now,
            remove_due: now,
            manage_due: now,
            load_due: now,
            purge_due: now,
        }
    }

    /// Does what is due. Gives when to come again, if nothing new turns up.
    fn tend(&mut self, now: Instant) -> Instant {
        let pauses = [
            self.load(now),
            self.save(now),
            self.manage(now),
            self.purge(now),
        ];
        let later = Instant::now() + manager::PAUSE;
        pauses.into_iter().flatten().min().unwrap_or(later)
    }

    fn load(&mut self, now: Instant) -> Option<Instant> {
        let loader = self.loader.as_mut()?;
        if now >= self.load_due {
            let pace = &self.zone.settings.loader;
            match stretch(pace, || loader.step(Instant::now())) {
                Some(due) => self.load_due = due,
                None if !loader.is_done() => self.load_due = Instant::now() + AGAIN,
                None => {
                    self.loader = None;
                    // Only now is it known whether that is too much.
                    self.manage_due = now;
                    return None;
                }
            }
        }
        Some(self.load_due)
    }

    fn save(&mut self, now: Instant) -> Option<Instant> {
        if now >= self.save_due
            && let Some(before) = now.checked_sub(saver::DELAY)
        {
            let pace = &self.zone.settings.manager;
            self.save_due = stretch(pace, || self.saver.step(before)).unwrap_or(now);
        }
        let since = self.zone.unsaved_since()?;
        Some(self.save_due.max(since + saver::DELAY))
    }

    /// What others have found is removed at once, the rest is looked for now and then.
    fn manage(&mut self, now: Instant) -> Option<Instant> {
        let looks = now >= self.manage_due;
        if now >= self.remove_due {
            let pace = &self.zone.settings.manager;
            match stretch(pace, || self.manager.step(looks, now)) {
                // It goes on looking then.
                Some(due) => self.remove_due = due,
                None if looks => self.manage_due = Instant::now() + manager::PAUSE,
                None => {}
            }
        }
        Some(match self.remove_due > now {
            true => self.remove_due,
            false => self.manage_due,
        })
    }

    fn purge(&mut self, now: Instant) -> Option<Instant> {
        let pace = self.zone.settings.purger.as_ref()?;
        if now < self.purge_due {
            return Some(self.purge_due);
        }
        if self.purger.is_none() {
            self.purger = Some(Purger::begin(self.zone, now)?);
        }
        let purger = self.purger.as_mut()?;
        match stretch(pace, || purger.step()) {
            Some(due) => self.purge_due = due,
            None => match purger.finish() {
                End::Done => self.purger = None,
                End::Waits => self.purge_due = Instant::now() + saver::DELAY,
                End::Failed => {
                    self.purger = None;
                    self.purge_due = Instant::now() + AGAIN;
                }
            },
        }
        // With the walk over, rules that came meanwhile want another.
        Some(self.purge_due)
    }

    /// Writes everything that is held in memory alone.
    fn flush(&mut self) {
        let now = Instant::now();
        while self.saver.step(now) {}
    }
}

/// Works until there is nothing to do, or the pace says that it is enough: then it gives when to go on.
fn stretch(pace: &Pace, mut step: impl FnMut() -> bool) -> Option<Instant> {
    let began = Instant::now();
    for _ in 0..pace.files.max(1) {
        if !step() {
            return None;
        }
        if began.elapsed() >= pace.threshold {
            break;
        }
    }
    Some(Instant::now() + pace.sleep)
}

#[cfg(test)]
pub mod tests;
