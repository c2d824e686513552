//! The body of a response, from the application to the sink: framing undone, framing put on, paces kept.
//!
//! Every read goes into one block, behind room for a chunk's size line and before room for its end, so that a piece is
//! framed in place and written with one call. Nothing is held back: what has been read is passed on before the worker
//! waits for more (Z23).

use std::time::{Duration, Instant};

use super::caching::Filling;
use super::receive::{Got, HEADROOM, Incoming, TAILROOM};
use crate::error::{Fault, Gone, Phase};
use crate::http::chunked::{self, Decoder};
use crate::respond::head::{Framing, Plan, Window};
use crate::respond::store::Store;
use crate::scgi::response::Length;
use crate::sink::{Ending, Overflow, Sink};
use crate::upstream::Connection;

/// Response heads are sent together with a first piece of up to this many bytes by copying it.
const COPY_MAX: usize = 2048;

/// Where the application's body ends.
#[derive(Debug)]
enum Source {
    Known { left: u64 },
    Chunked(Decoder),
    UntilClose,
}

/// One delivery: what it reads from, and what it writes to.
pub struct Delivery<'a, 'o> {
    pub sink: &'a Sink,
    pub plan: &'a Plan,
    pub overflow: &'a mut Overflow<'o>,
    /// The client's response head, to go with the first piece; empty once it has gone.
    pub head: &'a mut Vec<u8>,
    /// Bytes a second at which the application is read; 0: no limit (`--limit-rate`).
    pub rate: u64,
    /// `--buffer-size`: the unit of unbuffered reading.
    pub unit: usize,
    /// Go on reading when the client has left (`--ignore-client-abort`).
    pub protected: bool,
    /// Asked for when the last piece is about to go: what becomes of the connection.
    pub ending: &'a dyn Fn(&Delivered) -> Ending,
    /// The request's body was not all taken, or may not have been: a reset is the application's way to close then.
    pub reset_is_end: bool,
    /// Whether the connection's end is our own doing (`--connection-drop`), and not the application's.
    pub severed: &'a dyn Fn() -> bool,
    /// Where the body is kept meanwhile.
    pub store: Option<Keeping>,
}

/// What becomes of a body besides being delivered.
pub enum Keeping {
    /// `--store`.
    Store(Storing),
    /// `--cache`.
    Cache(Box<Filling>),
}

impl Keeping {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Keeping::Store(storing) => storing.store.write(bytes),
            Keeping::Cache(filling) => filling.write(bytes),
        }
    }

    fn commit(self) -> std::io::Result<()> {
        match self {
            Keeping::Store(storing) => storing.store.commit(storing.modified.as_deref()),
            Keeping::Cache(filling) => filling.commit(),
        }
    }

    fn flag(&self) -> &'static str {
        match self {
            Keeping::Store(_) => "--store",
            Keeping::Cache(_) => "--cache",
        }
    }

    /// Something is wrong with the response, or with the place where it was to be kept.
    fn fail(self, unfit: bool) {
        if let Keeping::Cache(filling) = self {
            filling.fail(unfit);
        }
    }
}

/// A response that becomes a file.
pub struct Storing {
    pub store: Store,
    /// The value of Last-Modified: the file's time.
    pub modified: Option<Vec<u8>>,
}

/// How a delivery went.
#[derive(Debug, Default)]
pub struct Delivered {
    /// Bytes of the application's body, without its framing.
    pub body: u64,
    /// Bytes received in all, the head included.
    pub received: u64,
    /// The application sent more than it had announced: bytes seen beyond the end.
    pub extra: usize,
    /// The client left, and the application was heard out all the same.
    pub unheard: Option<Gone>,
    /// Something of the response has been given to the sink.
    pub begun: bool,
    /// Why the response was not stored.
    /// With the flag that wanted it.
    pub store_error: Option<(&'static str, std::io::Error)>,
    /// Why what was to be kept was not, where that is no error of ours.
    pub unkept: Option<&'static str>,
    /// The last piece has been, and with it the exchange has ended.
    pub finished: bool,
}

/// The state of one delivery.
struct Flow<'a, 'b, 'o> {
    job: &'a mut Delivery<'b, 'o>,
    source: Source,
    done: Delivered,
    start: Option<Instant>,
    /// Bytes of the body before those that are there.
    passed: u64,
}

/// Delivers the body that begins in `incoming`. The result says how far it came, even when it failed.
pub fn deliver(
    job: &mut Delivery<'_, '_>,
    from: &Connection,
    incoming: &mut Incoming,
) -> (Delivered, Result<(), Fault>) {
    let source = match job.plan.length {
        Length::Known(left) => Source::Known { left },
        Length::Chunked => Source::Chunked(Decoder::lenient()),
        Length::UntilClose => Source::UntilClose,
    };
    let mut flow = Flow {
        job,
        source,
        done: Delivered::default(),
        start: None,
        passed: 0,
    };
    let result = flow.run(from, incoming);
    if let Some(keeping) = flow.job.store.take() {
        flow.done.unkept = Some("the response was cut short");
        keeping.fail(false);
    }
    (flow.done, result)
}

impl Flow<'_, '_, '_> {
    fn run(&mut self, from: &Connection, incoming: &mut Incoming) -> Result<(), Fault> {
        self.done.received = incoming.received;
        if self.job.plan.bodyless && self.job.store.is_none() {
            return self.push(&[], true);
        }
        loop {
            let mut end = self.decode(incoming)?;
            let mut fault = None;
            if !end && self.may_gather() {
                match self.gather(from, incoming) {
                    Ok(complete) => end = complete,
                    Err(error) => fault = Some(error),
                }
            }
            if !end && incoming.ended {
                fault.get_or_insert_with(|| self.cut_short());
            }
            self.store(incoming, end);
            // What did come is the client's, whatever follows; an end that would make it look whole is not sent.
            self.emit(incoming, end)?;
            match fault {
                Some(fault) => return Err(fault),
                None if end => return Ok(()),
                None => {}
            }
            incoming.rewind()?;
            self.keep_rate()?;
            let limit = self.read_limit();
            match incoming.read(from, limit, Phase::Body) {
                Ok(()) => {}
                Err(fault) => self.after_fault(fault, incoming)?,
            }
        }
    }

    /// Keeps what there is of the body, and with the last of it gives the file its name: before the client has all, so that it
    /// finds the file with its next request. A failure costs the file and not the response (S7).
    fn store(&mut self, incoming: &Incoming, end: bool) {
        let Some(keeping) = &mut self.job.store else {
            return;
        };
        let flag = keeping.flag();
        let mut result = keeping.write(incoming.bytes());
        if result.is_ok() && !end {
            return;
        }
        let Some(keeping) = self.job.store.take() else {
            return;
        };
        // Neither a body that was longer than announced nor one that only a reset has ended is known to be whole.
        let by_reset = incoming.reset && matches!(self.source, Source::UntilClose);
        if result.is_err() || self.done.extra > 0 || by_reset {
            let why = "it may not be whole: it was longer than announced, or ended by a reset";
            self.done.unkept = result.is_ok().then_some(why);
            keeping.fail(result.is_err());
        } else {
            result = keeping.commit();
        }
        self.done.store_error = result.err().map(|error| (flag, error));
    }

    /// Small pieces may be joined, where nothing asks for each at once, or for a pace.
    fn may_gather(&self) -> bool {
        self.job.plan.buffering && !self.job.plan.stream && self.job.rate == 0
    }

    /// Reads on for as long as more is there at once and there is room, so that small pieces go out as one.
    fn gather(&mut self, from: &Connection, incoming: &mut Incoming) -> Result<bool, Fault> {
        loop {
            let have = incoming.to;
            let limit = self.read_limit();
            let got = match incoming.read_now(from, limit, Phase::Body) {
                Ok(got) => got,
                Err(fault) => {
                    self.after_fault(fault, incoming)?;
                    Got::End
                }
            };
            if got == Got::Nothing {
                return Ok(false);
            }
            // Decode the new part alone; what was there before is payload already.
            let payload = std::mem::replace(&mut incoming.from, have);
            let decoded = self.decode(incoming);
            incoming.from = payload;
            if decoded.is_err() {
                incoming.to = have;
            }
            if decoded? || got == Got::End {
                return Ok(self.is_complete(incoming));
            }
        }
    }

    /// A reset is an end where the application had reason to close without reading, and a truncation elsewhere.
    fn after_fault(&mut self, fault: Fault, incoming: &mut Incoming) -> Result<(), Fault> {
        match fault {
            Fault::Io(_, error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                if self.job.reset_is_end {
                    incoming.end_by_reset();
                    Ok(())
                } else {
                    Err(self.cut_short())
                }
            }
            other => Err(other),
        }
    }

    fn cut_short(&self) -> Fault {
        Fault::CutShort {
            missing: match self.source {
                Source::Known { left } => Some(left),
                Source::Chunked(_) | Source::UntilClose => None,
            },
        }
    }

    /// Takes the application's framing off `incoming.bytes()`, in place. True: the body is complete.
    fn decode(&mut self, incoming: &mut Incoming) -> Result<bool, Fault> {
        // Here, as all that is read comes by: the last push tells it, and a bad chunk has been received as well.
        self.done.received = incoming.received;
        let length = incoming.to - incoming.from;
        match &mut self.source {
            Source::Known { left } => {
                let due = usize::try_from(*left).unwrap_or(usize::MAX);
                self.done.extra = length.saturating_sub(due);
                incoming.to -= self.done.extra;
                *left -= (incoming.to - incoming.from) as u64;
            }
            Source::Chunked(decoder) => {
                let bytes = &mut incoming.block[incoming.from..incoming.to];
                let (kept, extra) = unchunk(decoder, bytes).map_err(Fault::BadChunk)?;
                incoming.to = incoming.from + kept;
                self.done.extra = extra;
            }
            Source::UntilClose => {}
        }
        self.done.body += (incoming.to - incoming.from) as u64;
        Ok(self.is_complete(incoming))
    }

    fn is_complete(&self, incoming: &Incoming) -> bool {
        match &self.source {
            Source::Known { left } => *left == 0,
            Source::Chunked(decoder) => decoder.is_done(),
            Source::UntilClose => incoming.ended && !(self.job.severed)(),
        }
    }

    /// Frames and pushes what there is; `end` adds what ends the body.
    fn emit(&mut self, incoming: &mut Incoming, end: bool) -> Result<(), Fault> {
        if self.job.plan.bodyless {
            // The body is the cache's alone.
            return self.push(&[], end);
        }
        if let Some(window) = self.job.plan.window {
            let count = (incoming.to - incoming.from) as u64;
            let (from, to) = shown(window, self.passed, count);
            self.passed += count;
            (incoming.from, incoming.to) = (incoming.from + from, incoming.from + to);
        }
        let (mut from, mut to) = (incoming.from, incoming.to);
        if self.job.plan.framing == Framing::Chunked {
            if to > from {
                from -= chunked::write_size(to - from, &mut incoming.block[from - HEADROOM..from]);
                incoming.block[to..to + 2].copy_from_slice(b"\r\n");
                to += 2;
            }
            if end {
                let last = chunked::LAST_CHUNK;
                incoming.block[to..to + last.len()].copy_from_slice(last);
                to += last.len();
            }
        }
        debug_assert!(to <= incoming.block.len() && incoming.to + TAILROOM <= incoming.block.len());
        self.push(&incoming.block[from..to], end)?;
        if !self.job.plan.buffering && !end && self.done.unheard.is_none() {
            let drained = self.job.sink.drain();
            self.heard(drained)?;
        }
        Ok(())
    }

    /// Gives the head, if it has not gone yet, and `bytes` to the client; with the last of them the exchange ends.
    fn push(&mut self, bytes: &[u8], last: bool) -> Result<(), Fault> {
        let nothing = bytes.is_empty() && self.job.head.is_empty() && !last;
        if self.done.unheard.is_some() || nothing {
            return Ok(());
        }
        self.done.begun = true;
        let copy = bytes.len() <= COPY_MAX && !self.job.head.is_empty();
        if copy {
            self.job.head.extend_from_slice(bytes);
        }
        let bytes = if copy { &[] } else { bytes };
        let (sink, head) = (self.job.sink, &self.job.head[..]);
        let result = if last {
            let ending = (self.job.ending)(&self.done);
            let result = sink.push_last(head, bytes, self.job.overflow, ending);
            self.done.finished = result.is_ok();
            result
        } else {
            sink.push(head, bytes, self.job.overflow)
        };
        self.job.head.clear();
        self.heard(result)
    }

    fn heard(&mut self, result: Result<(), Gone>) -> Result<(), Fault> {
        match result {
            Err(gone) if !self.job.protected => Err(Fault::Client(gone)),
            Err(gone) => {
                self.done.unheard = Some(gone);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// How much the next read may take: all there is room for, or a unit, or what the rate has for a second (B17).
    fn read_limit(&self) -> usize {
        let unit = if self.job.plan.buffering {
            usize::MAX
        } else {
            self.job.unit
        };
        match self.job.rate {
            0 => unit,
            rate => unit.min(usize::try_from(rate).unwrap_or(usize::MAX)),
        }
    }

    /// Waits until what has been read is no more than the rate allows.
    fn keep_rate(&mut self) -> Result<(), Fault> {
        if self.job.rate == 0 {
            return Ok(());
        }
        let start = *self.start.get_or_insert_with(Instant::now);
        let millis = u128::from(self.done.body) * 1000 / u128::from(self.job.rate);
        let due = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        let wait = due.saturating_sub(start.elapsed());
        if wait.is_zero() {
            return Ok(());
        }
        match self.job.sink.pause(wait) {
            Some(gone) if !self.job.protected => Err(Fault::Client(gone)),
            _ => Ok(()),
        }
    }
}

/// What of `count` bytes, which begin `passed` bytes into the body, lies within the window: where it begins and ends among them.
fn shown(window: Window, passed: u64, count: u64) -> (usize, usize) {
    let clamp = |at: u64| at.saturating_sub(passed).min(count);
    let (from, to) = (clamp(window.from), clamp(window.from + window.len));
    (
        usize::try_from(from).unwrap_or(usize::MAX),
        usize::try_from(to).unwrap_or(usize::MAX),
    )
}

/// Moves the data runs of a chunked piece together at its start. Returns their length, and what lies beyond the end.
fn unchunk(decoder: &mut Decoder, bytes: &mut [u8]) -> Result<(usize, usize), &'static str> {
    let (mut at, mut kept) = (0, 0);
    while at < bytes.len() && !decoder.is_done() {
        let step = decoder.step(&bytes[at..]).map_err(|e| e.why())?;
        let run = at + step.data.start..at + step.data.end;
        let length = run.len();
        bytes.copy_within(run, kept);
        kept += length;
        if step.consumed == 0 {
            break;
        }
        at += step.consumed;
    }
    Ok((kept, bytes.len() - at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_runs_of_a_chunked_piece_move_together() {
        let mut decoder = Decoder::lenient();
        let mut piece = *b"3\r\nabc\r\n2\nde\n0\r\n\r\nrest";
        let (kept, extra) = unchunk(&mut decoder, &mut piece).unwrap();
        assert_eq!((&piece[..kept], extra), (&b"abcde"[..], 4));
        assert!(decoder.is_done());
    }

    #[test]
    fn a_chunk_may_be_split_anywhere() {
        let whole = b"a\r\n0123456789\r\n0\r\n\r\n";
        for cut in 1..whole.len() {
            let mut decoder = Decoder::lenient();
            let mut out = Vec::new();
            for part in [&whole[..cut], &whole[cut..]] {
                let mut part = part.to_vec();
                let (kept, _) = unchunk(&mut decoder, &mut part).unwrap();
                out.extend_from_slice(&part[..kept]);
            }
            assert_eq!(out, b"0123456789", "cut at {cut}");
            assert!(decoder.is_done());
        }
    }
}
