//! One pass through the servers of a group: which are tried, what follows from each try.

use std::net::IpAddr;
use std::time::Instant;

use super::Desk;
use super::attempt::Heard;
use super::retry::{Condition, Situation, Verdict, judge, status_counts};
use super::script::{Passed, Script};
use crate::config::address::{Address, BindAddress, bind_address};
use crate::config::group::{Balance, Sticky};
use crate::config::{BindTo, Pass, Scgi};
use crate::error::{Described, Fault};
use crate::ops::vars::cookie;
use crate::scgi::request::{EncodeError, Validators};
use crate::upstream::groups::{Group, Picked, Run};

/// What all tries of a pass have in common.
pub(super) struct Plan {
    pub(super) scgi: &'static Scgi,
    pub(super) bind: Option<(BindAddress, bool)>,
    /// Where the encoded request begins on the desk, and the bytes of its block.
    pub(super) params: (usize, usize),
}

/// The servers of a pass, and how far it has come.
struct Tour {
    run: Run,
    /// From which address servers must be reached.
    from: Option<IpAddr>,
    began: Instant,
    tries: usize,
    /// There is but one server: that no other is left goes without saying.
    single: bool,
}

/// What the status page says of a server's fault.
pub(super) fn told(fault: &Fault, server: &Picked) -> String {
    let unix = matches!(server.address(), Address::Unix(_));
    Described { fault, unix }.to_string()
}

/// Why no other server is tried, for the log: after a verdict that found none, or forbids it.
fn why_none(verdict: Verdict, single: bool) -> &'static str {
    match verdict {
        _ if single => "",
        Verdict::Stop(why) => why,
        Verdict::Next => "; no other server is left",
    }
}

impl Script<'_> {
    /// Asks the servers of the location's group in turn, until one has answered or no other may be tried.
    pub(super) fn pass(&mut self, scgi: &'static Scgi, desk: &mut Desk) -> Result<Passed, Fault> {
        self.protect(scgi.ignore_client_abort);
        let gone = self.left();
        // What is to be stored is fetched for others, too (S9).
        let stores = scgi.store.is_some() && self.exchange.request.method() == "GET";
        let stores = stores || self.asking.as_ref().is_some_and(|a| a.is_candidate());
        self.protect(scgi.ignore_client_abort || stores);
        if let Some(gone) = gone {
            // It left while the request was queued: an application that forks for each connection is spared one.
            let fault = Fault::Client(gone);
            self.blame(&fault, None, "");
            return Err(fault);
        }
        let bind = self.bind_address(scgi);
        desk.request.clear();
        let params = self.encode(scgi, desk)?;
        let plan = Plan { scgi, bind, params };
        let mut tour = self.begin_tour(&plan)?;
        let mut next = tour.run.next(tour.from, tour.began);
        while let Some(server) = next {
            tour.tries += 1;
            if tour.tries > 1
                && let Some(gone) = self.left()
            {
                return Err(Fault::Client(gone));
            }
            let mut heard = match self.attempt(&plan, &server, desk) {
                Ok(heard) => heard,
                Err(fault) => {
                    next = self.after_fault(fault, &plan, &server, &mut tour)?;
                    continue;
                }
            };
            next = self.after_status(&mut heard, &plan, &server, &mut tour);
            if next.is_none() {
                return self.conclude(heard, &plan, server, desk);
            }
        }
        let fault = if tour.run.fits_any(tour.from) {
            Fault::NoServer
        } else {
            Fault::NoCandidate
        };
        self.no_server(&plan, &fault);
        Err(fault)
    }

    /// The next server after a fault, if there is one and it may be tried.
    fn after_fault(
        &mut self,
        fault: Fault,
        plan: &Plan,
        server: &Picked,
        tour: &mut Tour,
    ) -> Result<Option<Picked>, Fault> {
        let now = Instant::now();
        if fault.is_server_fault() {
            server.failed(&told(&fault, server), now);
        }
        let begun = self.begun_sending;
        let verdict = self.judge(Condition::of(&fault), plan, tour, begun);
        let next = match verdict {
            Verdict::Next => tour.run.next(tour.from, now),
            Verdict::Stop(_) => None,
        };
        let address = Some(server.address());
        match &next {
            Some(other) => {
                self.blame(&fault, address, &format!("; trying {}", other.address()));
                Ok(next)
            }
            None => {
                self.blame(&fault, address, why_none(verdict, tour.single));
                Err(fault)
            }
        }
    }

    /// The next server after a response with a status that is listed, if there is one and it may be tried. `None`: the response
    /// stands, as does any other.
    fn after_status(
        &mut self,
        heard: &mut Heard,
        plan: &Plan,
        server: &Picked,
        tour: &mut Tour,
    ) -> Option<Picked> {
        let status = heard.head.status();
        if !plan.scgi.next_upstream.lists(status) {
            return None;
        }
        let verdict = self.judge(Condition::Status(status), plan, tour, true);
        let other = match verdict {
            Verdict::Next => tour.run.next(tour.from, Instant::now()),
            Verdict::Stop(_) => None,
        };
        if status_counts(status) {
            server.failed(&format!("status {status}"), Instant::now());
            heard.counted = true;
        } else if other.is_some() {
            // It is alive, whatever it says of this request (N25).
            server.succeeded(Instant::now());
        }
        self.say_status(status, server, (other.as_ref(), verdict), tour.single);
        if other.is_some() {
            heard.account(server);
        }
        other
    }

    fn judge(&self, condition: Condition, plan: &Plan, tour: &Tour, begun: bool) -> Verdict {
        let settings = &plan.scgi.next_upstream;
        let situation = Situation {
            tries: tour.tries,
            max_tries: plan.scgi.next_upstream_tries,
            elapsed: tour.began.elapsed(),
            timeout: plan.scgi.next_upstream_timeout,
            begun,
            idempotent: self.exchange.request.method_is_idempotent(),
            replayable: !self.body_gone,
        };
        judge(condition, settings, &situation)
    }

    fn say_status(
        &self,
        status: u16,
        server: &Picked,
        (next, verdict): (Option<&Picked>, Verdict),
        single: bool,
    ) {
        let prefix = self.prefix(Some(server.address()));
        match next {
            Some(next) => log::warn!("{prefix}: status {status}; trying {}", next.address()),
            None => {
                let why = why_none(verdict, single);
                log::warn!("{prefix}: status {status}{why}; passed on");
            }
        }
    }

    /// No server could be chosen (T9): the lists of `$upstream_…` variables name the group (V15).
    fn no_server(&mut self, plan: &Plan, fault: &Fault) {
        let name = match &plan.scgi.pass {
            Pass::Group(index) => self
                .shared
                .config
                .groups
                .get(*index)
                .map(|g| g.name.clone()),
            Pass::Template(template) => {
                Some(String::from_utf8_lossy(&self.render(template)).into_owned())
            }
        };
        let name = name.unwrap_or_default();
        let prefix = self.prefix(None);
        let said = Described { fault, unix: false };
        log::error!("{prefix}, group {name}: {said}");
        self.begin_failed(&name, fault);
    }

    fn encode(&mut self, scgi: &Scgi, desk: &mut Desk) -> Result<(usize, usize), Fault> {
        let request = &self.exchange.request;
        let bodyless = !scgi.pass_request_body || request.is_bodyless();
        let length = if bodyless {
            0
        } else {
            self.exchange.body.len()
        };
        let validators = self.validators(scgi);
        let is_whole = self.asking.as_ref().is_some_and(|a| a.is_candidate());
        let result = self.with_facts(0, |facts| {
            let out = &mut desk.request;
            if !is_whole {
                return scgi.params.encode(request, facts, length, out);
            }
            let entry = validators.as_ref().map(|entry| entry.validators());
            let (etag, modified) = entry.unwrap_or_default();
            let validators = Validators { etag, modified };
            scgi.params
                .encode_whole(request, validators, facts, length, out)
        });
        self.validating = validators.is_some_and(|entry| entry.validators() != (None, None));
        match result {
            Ok(encoded) => Ok((encoded.start, encoded.block)),
            Err(error) => {
                let fault = match error {
                    EncodeError::TooLarge { size, max } => Fault::ParamsTooLarge { size, max },
                    EncodeError::Nul(name) => Fault::ParamNul {
                        ours: scgi.params.list().iter().any(|param| param.name == name),
                        name: name.into(),
                    },
                };
                self.blame(&fault, None, "");
                Err(fault)
            }
        }
    }

    /// The servers that this pass may ask.
    fn begin_tour(&mut self, plan: &Plan) -> Result<Tour, Fault> {
        let upstreams = &self.shared.upstreams;
        let run = match &plan.scgi.pass {
            Pass::Group(index) => {
                let group = upstreams.group(*index).ok_or(Fault::NoServer)?;
                self.begin_run(group)
            }
            Pass::Template(template) => {
                let text = self.render(template);
                let text = String::from_utf8_lossy(&text);
                match upstreams.named(&text) {
                    Some(group) => self.begin_run(group),
                    None => self.resolve(&text)?,
                }
            }
        };
        Ok(Tour {
            from: plan.bind.map(|(from, _)| from.ip),
            began: Instant::now(),
            tries: 0,
            single: run.is_single(),
            run,
        })
    }

    /// The servers of an address that a template gave.
    fn resolve(&mut self, text: &str) -> Result<Run, Fault> {
        // An earlier pass may have left its own.
        self.group = None;
        let run = self.shared.upstreams.resolve(text);
        run.inspect_err(|fault| {
            self.blame(fault, None, "");
            self.begin_failed(text, fault);
        })
    }

    /// An entry in the lists of tries for a server that there is none of.
    fn begin_failed(&mut self, name: &str, fault: &Fault) {
        self.begin_try(name);
        if let Some(attempt) = self.tries.last_mut() {
            attempt.status = fault.status();
        }
    }

    fn begin_run(&mut self, group: &Group) -> Run {
        self.group = Some(group.config);
        let key = match &group.config.balance {
            Balance::Hash { key, .. } => self.render(key),
            Balance::IpHash => self.client_bytes(),
            _ => Vec::new(),
        };
        let sticky = match &group.config.sticky {
            None => None,
            Some(Sticky::Cookie(sticky)) => {
                cookie(&self.exchange.request, &sticky.name).map(<[u8]>::to_vec)
            }
            Some(Sticky::Route(templates)) => templates
                .iter()
                .map(|template| self.render(template))
                .find(|id| !id.is_empty()),
        };
        let sticky = sticky.map(|id| String::from_utf8_lossy(&id).into_owned());
        group.begin(&key, sticky.as_deref())
    }

    /// The client's address in binary, for `ip_hash`; empty on a Unix socket.
    fn client_bytes(&self) -> Vec<u8> {
        match self.exchange.conn.remote.map(|r| r.ip().to_canonical()) {
            Some(IpAddr::V4(ip)) => ip.octets().to_vec(),
            Some(IpAddr::V6(ip)) => ip.octets().to_vec(),
            None => Vec::new(),
        }
    }

    /// The source address of upstream connections, as far as settings and the request give one (K13, K14).
    fn bind_address(&self, scgi: &Scgi) -> Option<(BindAddress, bool)> {
        let bind = scgi.bind.as_ref()?;
        let address = match &bind.address {
            BindTo::Fixed(address) => *address,
            BindTo::Template(template) => {
                let text = self.render(template);
                if text.is_empty() {
                    return None;
                }
                match bind_address(&String::from_utf8_lossy(&text)) {
                    Ok(address) => address,
                    Err(why) => {
                        log::warn!("{}: --bind: {why}; not bound", self.prefix(None));
                        return None;
                    }
                }
            }
        };
        Some((address, bind.transparent))
    }
}
