//! The questions in their order, and what is said about the answers.

use std::time::Duration;

use super::answer::{Answer, End, Outcome, Seen, excerpt, form, speaks, uwsgi};
use super::asking::{CALLING, GET, GONE, Over, Probe, Question};
use super::search::{Limit, Needed, needed};
use super::talk::Until;
use super::trouble;
use crate::config::address::Address;
use crate::scgi::response::Length;

/// The largest block of parameters that is tried.
const BLOCK_MAX: usize = 128 << 10;
/// The body that is refused, read or lost.
const BODY: usize = 1 << 20;
/// How long an application may take to close after a whole answer.
const CLOSING: Duration = Duration::from_secs(1);
/// How long a second connection is waited for while the first is idle.
const BESIDE: Duration = Duration::from_secs(2);
/// For what only another protocol answers.
const FOREIGN: Duration = Duration::from_secs(1);

/// The request that was answered, to which others are compared.
struct Base {
    question: Question<'static>,
    outcome: Outcome,
    answer: Answer,
}

/// What the command line will have, and what is said below it.
#[derive(Default)]
struct Advice {
    flags: Vec<String>,
    hints: Vec<String>,
}

impl Advice {
    fn hint(&mut self, program: &str, preset: &str) {
        let hint = format!("It seems to be {program}, for which there is --preset {preset}.");
        self.hints.push(hint);
    }
}

/// Asks everything. Says whether there was an answer.
pub fn ask(probe: &mut Probe, addresses: Vec<Address>) -> bool {
    let Some((base, pass)) = find(probe, addresses) else {
        return false;
    };
    let mut advice = Advice::default();
    advice.flags.push(pass);
    advice.flags.extend(probe.plan.others.iter().cloned());
    if let Err(Over(why)) = describe(probe, base, &mut advice) {
        probe.say("here it ended", format_args!("{why}"));
    }
    probe.line(format_args!(""));
    probe.line(format_args!("What follows from it:"));
    let flags = advice.flags.join(" ");
    probe.line(format_args!("  scgate --listen 127.0.0.1:8080 {flags}"));
    for hint in advice.hints {
        probe.line(format_args!("{hint}"));
    }
    true
}

/// The first address that has an application, and its answer. Says why there is none.
fn find(probe: &mut Probe, addresses: Vec<Address>) -> Option<(Base, String)> {
    let several = addresses.len() > 1;
    let mut pass = probe.plan.pass.clone();
    for address in addresses {
        probe.address = Some(address.clone());
        if several {
            probe.say("address", format_args!("{address}"));
        }
        let first = closing(probe, GET);
        match probe.ask(first) {
            Err(Over(why)) => {
                probe.say("no answer", format_args!("{why}"));
                break;
            }
            Ok(Answer {
                end: End::Unconnected(fault),
                ..
            }) => {
                trouble::tell(&fault, &address, &mut |text| {
                    probe.say("no connection", text)
                });
                // A name stands for all its addresses, and this one would be tried too.
                pass.clear();
            }
            Ok(answer) => {
                let base = heard(probe, first, answer)?;
                if pass.is_empty() {
                    pass = format!("--pass {address}");
                }
                return Some((base, pass));
            }
        }
    }
    None
}

/// Asked so that the end of the connection is seen too.
fn closing(probe: &Probe, question: Question<'static>) -> Question<'static> {
    let patience = if probe.plan.patient {
        probe.patience
    } else {
        CLOSING
    };
    Question {
        until: Until::Closed(patience),
        ..question
    }
}

/// What GET was answered, or else POST. Says why neither is an answer of an SCGI application.
fn heard(probe: &mut Probe, question: Question<'static>, answer: Answer) -> Option<Base> {
    let first = Base::new(question, answer);
    let protocol = match first.outcome {
        Outcome::Status(_) => return genuine(probe, first),
        // Another protocol may wait for its end of line; that is soon found out.
        Outcome::Silent | Outcome::Bad(_) => foreign(probe),
        _ => None,
    };
    if protocol.is_some() {
        return unheard(probe, &first, protocol);
    }
    let question = closing(probe, CALLING);
    let second = probe
        .ask(question)
        .map(|answer| Base::new(question, answer));
    match second {
        Ok(second) if second.outcome.status().is_some() => genuine(probe, second),
        Ok(second) if matches!(second.outcome, Outcome::Bad(_)) => unheard(probe, &second, None),
        _ => {
            let protocol = foreign(probe);
            unheard(probe, &first, protocol)
        }
    }
}

/// A server for HTTP answers a block of parameters with an error, which looks like the answer of an application.
fn genuine(probe: &mut Probe, base: Base) -> Option<Base> {
    if base.answer.bytes.starts_with(b"HTTP/") && base.outcome.status() >= Some(400) {
        let protocol = foreign(probe).filter(|protocol| *protocol == "HTTP");
        if protocol.is_some() {
            return unheard(probe, &base, protocol);
        }
    }
    Some(base)
}

/// Says why there was no answer.
fn unheard(probe: &mut Probe, base: &Base, protocol: Option<&str>) -> Option<Base> {
    let within = probe.patience.as_millis() as u64;
    let why = match (protocol, base.outcome) {
        (Some(protocol), _) => format!(
            "it speaks {protocol}, not SCGI: have it listen for SCGI, on a socket of its own, and give that one"
        ),
        (_, Outcome::Bad(why)) => format!(
            "what it sends is no head ({why}): {}; it does not speak SCGI, or prints something first (a page, a traceback)",
            excerpt(&base.answer.bytes)
        ),
        (_, Outcome::Silent) => format!(
            "it takes the connection and does not answer within {within} ms: it hangs, is busy with another connection, or \
             waits for something other than SCGI; --read-timeout waits longer"
        ),
        (_, outcome) => format!(
            "it takes the connection and {outcome}, on GET as on POST: it does not speak SCGI, or fails at each request \
             (look at its log), or refuses these {} bytes of parameters",
            probe.encode(base.question).map_or(0, |(_, block)| block)
        ),
    };
    probe.say("no answer", format_args!("{why}"));
    None
}

/// The protocol that it speaks, if it is one of those that SCGI is mistaken for: it answers what only that one understands.
fn foreign(probe: &mut Probe) -> Option<&'static str> {
    let uri = &probe.plan.uri;
    let patience = if probe.plan.patient {
        probe.patience
    } else {
        FOREIGN
    };
    let http = format!("GET {uri} HTTP/1.0\r\nHost: localhost\r\n\r\n").into_bytes();
    let uwsgi = uwsgi(uri);
    // FCGI_GET_VALUES without names.
    let fastcgi = vec![1, 9, 0, 0, 0, 0, 0, 0];
    let greetings = [("HTTP", http), ("FastCGI", fastcgi), ("uwsgi", uwsgi)];
    greetings.into_iter().find_map(|(name, greeting)| {
        let answer = probe.send(&greeting, Until::Begun, patience).ok()?;
        speaks(name, &answer.bytes).then_some(name)
    })
}

impl Base {
    fn new(question: Question<'static>, answer: Answer) -> Base {
        let outcome = answer.outcome();
        Base {
            question,
            outcome,
            answer,
        }
    }
}

/// All that is asked of an application that answers.
fn describe(probe: &mut Probe, mut base: Base, advice: &mut Advice) -> Result<(), Over> {
    told(probe, &mut base, advice);
    methods(probe, &base, advice)?;
    let last = Question {
        last: true,
        ..base.question
    };
    let order = match changed(probe, &base, last)? {
        None => "may stand anywhere".to_owned(),
        Some(outcome) => {
            format!("must come first, as scgate sends it; elsewhere the application {outcome}")
        }
    };
    probe.say("CONTENT_LENGTH", format_args!("{order}"));
    block(probe, &base, advice)?;
    parameters(probe, &base)?;
    body(probe)?;
    beside(probe, &base)
}

/// What the first answer has shown.
fn told(probe: &mut Probe, base: &mut Base, advice: &mut Advice) {
    let method = base.question.method;
    let Seen::Head(head, _) = base.answer.seen() else {
        return;
    };
    let first = base.answer.first.unwrap_or_default();
    probe.say(
        "answer",
        format_args!(
            "{} to {method}, after {} ms",
            head.status(),
            first.as_millis() as u64
        ),
    );
    let form = form(&head);
    probe.say("status", format_args!("{form}"));
    let whole = base.answer.is_complete();
    let end = match base.answer.end {
        End::Closed => "it closes the connection",
        End::Broken => {
            "it breaks the connection off after its answer, which may lose the end of it"
        }
        End::Enough => "not seen, for the answer is long",
        _ if whole => {
            "it keeps the connection open, which does no harm: the answer's length is known"
        }
        _ if head.length() == Length::UntilClose => {
            "it neither closes nor gives a length: each answer lasts until --read-timeout, and is then cut"
        }
        _ => "the answer stops before the length that it announces",
    };
    probe.say("end", format_args!("{end}"));
    if head.size() > 4096 {
        let size = head.size().next_power_of_two();
        advice.flags.push(format!("--buffer-size {}k", size >> 10));
    }
    base.question.until = if whole || matches!(base.answer.end, End::Closed) {
        Until::Complete
    } else {
        Until::Head
    };
    if !probe.plan.patient {
        let usual = (first * 10).max(Duration::from_secs(1));
        probe.patience = probe.patience.min(usual);
    }
}

/// The outcome of a question, where it is another than that of the base.
fn changed(probe: &mut Probe, base: &Base, question: Question) -> Result<Option<Outcome>, Over> {
    match probe.ask(question)?.outcome() {
        Outcome::Unconnected => Err(GONE),
        outcome => Ok((outcome != base.outcome).then_some(outcome)),
    }
}

fn methods(probe: &mut Probe, base: &Base, advice: &mut Advice) -> Result<(), Over> {
    let until = base.question.until;
    let empty = Question {
        body: b"",
        ..CALLING
    };
    let mut outcomes = [base.outcome; 3];
    for (outcome, (about, question)) in outcomes.iter_mut().zip([
        ("GET", GET),
        ("POST without a body", empty),
        ("POST with a body", CALLING),
    ]) {
        let question = Question { until, ..question };
        *outcome = changed(probe, base, question)?.unwrap_or(base.outcome);
        probe.say(about, format_args!("{outcome}"));
    }
    let answer = &base.answer.bytes;
    let has = |text: &[u8]| answer.windows(text.len()).any(|piece| piece == text);
    if has(b"<methodResponse>") && outcomes[0].status().is_none() {
        advice.hint("rTorrent", "rtorrent");
    }
    let moved = base.outcome == Outcome::Status(302) && has(b"<p>Redirect to Location: ");
    if moved || has(b"by Fossil") {
        advice.hint("Fossil", "fossil");
    }
    if base.outcome.status() >= Some(400) {
        let hint = "The answer was an error: ask again for a page that is there, as in --probe 'ADDRESS /page'.";
        advice.hints.push(hint.to_owned());
    }
    Ok(())
}

/// The largest block of parameters.
fn block(probe: &mut Probe, base: &Base, advice: &mut Advice) -> Result<(), Over> {
    let cookie = |cookie| Question {
        cookie,
        ..base.question
    };
    let size = |probe: &Probe, question| probe.encode(question).map_or(0, |(_, block)| block);
    let own = size(probe, base.question);
    // With a cookie of one byte.
    let least = size(probe, cookie(1));
    let mut limit = Limit {
        good: own,
        bad: BLOCK_MAX + 1,
    };
    let mut next = Some(BLOCK_MAX);
    let mut how = base.outcome;
    let mut result = Ok(());
    while let Some(size) = next {
        match changed(probe, base, cookie((size + 1).saturating_sub(least))) {
            Ok(change) => {
                limit.told(size, change.is_none());
                how = change.unwrap_or(how);
            }
            Err(over) => {
                result = Err(over);
                break;
            }
        }
        next = limit.next(least);
    }
    let Limit { good, bad } = limit;
    if bad > BLOCK_MAX && result.is_err() {
        return result;
    }
    let text = match bad - good {
        _ if bad > BLOCK_MAX => format!("{good} bytes and more"),
        1 => format!("at most {good} bytes; with one more it {how}"),
        _ => format!("at least {good} bytes, but not {bad}, with which it {how}"),
    };
    probe.say("parameters", format_args!("{text} (these requests: {own})"));
    if bad <= BLOCK_MAX {
        let question = cookie((good + 1).saturating_sub(least).max(1));
        let request = probe.encode(question).unwrap_or_default().0;
        advise_of_block(advice, good, parameters_in(&request));
    }
    result
}

/// What follows from a limit: that of blocks with so many parameters.
fn advise_of_block(advice: &mut Advice, limit: usize, parameters: usize) {
    advice.flags.push(format!("--params-max '{limit} trim'"));
    // uWSGI has two lengths of two bytes where SCGI has two NULs, and takes less than its limit.
    let counted = limit + 2 * parameters + 1;
    if counted.is_multiple_of(1024) {
        advice.hint("uWSGI", "uwsgi");
        advice.hints.push(format!(
            "Its --buffer-size is {counted} then, of which each parameter takes two bytes that SCGI does not count; a larger one helps."
        ));
    }
}

/// Names with values in a request without NULs in its body.
fn parameters_in(request: &[u8]) -> usize {
    request.iter().filter(|byte| **byte == 0).count() / 2
}

/// Which parameters it can not do without.
fn parameters(probe: &mut Probe, base: &Base) -> Result<(), Over> {
    let names = probe.names();
    let all: Vec<usize> = (0..names.len()).collect();
    let mut found = Vec::new();
    let result = needed(
        &all,
        &mut |without| {
            let question = Question {
                without,
                ..base.question
            };
            changed(probe, base, question)
        },
        &mut found,
    );
    let text = match (found.is_empty(), &result) {
        (true, Ok(())) => "none of those that scgate sends".to_owned(),
        (true, Err(_)) => return result,
        (false, Ok(())) => list(&names, &found),
        (false, Err(_)) => list(&names, &found) + "; perhaps others",
    };
    probe.say("needed", format_args!("{text}"));
    result
}

/// `A, B (else it …); one of C, D (else it …)`: what has the same effect stands together.
fn list(names: &[&str], found: &[Needed<Outcome>]) -> String {
    let named = |set: &[usize]| {
        let set = set.iter().filter_map(|index| names.get(*index).copied());
        set.collect::<Vec<&str>>().join(", ")
    };
    let mut parts = Vec::new();
    for (at, (set, outcome)) in found.iter().enumerate() {
        let same = |other: &&Needed<Outcome>| other.0.len() == 1 && other.1 == *outcome;
        if set.len() > 1 {
            parts.push(format!("one of {} (else it {outcome})", named(set)));
        } else if !found.iter().take(at).any(|other| same(&other)) {
            let singles = found.iter().filter(same).flat_map(|(set, _)| set.clone());
            let singles: Vec<usize> = singles.collect();
            parts.push(format!("{} (else it {outcome})", named(&singles)));
        }
    }
    parts.join("; ")
}

/// What becomes of a large body: taken, refused and heard, or lost.
fn body(probe: &mut Probe) -> Result<(), Over> {
    let body = vec![b' '; BODY];
    let answer = probe.ask(Question {
        body: &body,
        ..CALLING
    })?;
    let text = match (answer.outcome(), answer.sent) {
        (Outcome::Unconnected, _) => return Err(GONE),
        (Outcome::Status(status), true) => format!("answers {status}"),
        (Outcome::Status(status), false) => {
            format!("answers {status} before it has read all of it, and is heard")
        }
        (outcome, _) => format!(
            "{outcome}, so that clients get 502 without a reason; --client-max-body-size says what is let through"
        ),
    };
    probe.say("POST of 1 MiB", format_args!("{text}"));
    Ok(())
}

/// A time that is long for what took this one alone.
pub(super) fn long_for(alone: Option<Duration>) -> Duration {
    BESIDE.max(alone.unwrap_or_default() * 3)
}

/// Whether it answers while another connection to it is idle.
fn beside(probe: &mut Probe, base: &Base) -> Result<(), Over> {
    let request = probe
        .encode(base.question)
        .map(|(bytes, _)| bytes)
        .unwrap_or_default();
    let (Ok(idle), Ok(second)) = (probe.connect(), probe.connect()) else {
        return Err(GONE);
    };
    let until = base.question.until;
    let long = probe.patience.min(long_for(base.answer.first));
    let answer = probe.talk(&second, &request, until, long)?;
    drop(idle);
    let text = match answer.outcome() {
        Outcome::Silent => match probe.talk(&second, b"", until, probe.patience)?.outcome() {
            Outcome::Status(_) => "no, the second connection waits for the first",
            _ => "no, and the second is not answered when the first has gone",
        },
        Outcome::Status(_) => "yes, a second connection is answered while the first is idle",
        _ => "no, the second connection is refused",
    };
    probe.say("two at once", format_args!("{text}"));
    Ok(())
}
