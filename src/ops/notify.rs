//! Telling the service manager how we are: the protocol of systemd, one datagram a message (sd_notify(3)).
//!
//! Opened while the program still has its rights, then the front's alone. Nothing here waits: what the manager is too busy
//! to take is kept if it matters, and offered again. Without a manager there is no [`Notify`], and nothing is done.
//! The program starts no others, so that its variables need not be hidden from anybody.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::sys;

/// The status is looked at no more often than this while the program serves.
const RARELY: Duration = Duration::from_secs(10);
/// And while it stops, or owes the manager a message.
const OFTEN: Duration = Duration::from_secs(1);
/// No more signs of life than this, whatever the manager wants.
const PULSE_MIN: Duration = Duration::from_millis(1);

/// The way to the service manager.
pub struct Notify {
    socket: Socket,
    /// Time between signs of life: half of what the manager waits for one.
    pulse: Option<Duration>,
    next_pulse: Instant,
    /// When the status was looked at last.
    looked: Instant,
    /// The status that the manager has.
    said: String,
    /// What it was too busy for, oldest first. Of orders to reload the last one stands for all.
    owed: Vec<String>,
}

impl Notify {
    /// The manager that the environment names (`NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`). One that can not be
    /// reached is warned of and then forgotten: the program runs without it.
    pub fn open(now: Instant) -> Option<Notify> {
        let name = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty())?;
        let socket = connect(&name).map_err(|e| {
            log::warn!(
                "NOTIFY_SOCKET {}: {e}; the service manager is told nothing",
                name.to_string_lossy()
            );
        });
        let text = |name| std::env::var(name).ok();
        let (usec, pid) = (text("WATCHDOG_USEC"), text("WATCHDOG_PID"));
        Some(Notify {
            socket: socket.ok()?,
            pulse: pulse(usec.as_deref(), pid.as_deref(), std::process::id()),
            next_pulse: now,
            looked: now,
            said: String::new(),
            owed: Vec::new(),
        })
    }

    /// The program serves from now on.
    pub fn ready(&mut self, status: String, now: Instant) {
        self.say(format!("READY=1\nSTATUS={status}"));
        self.said = status;
        self.looked = now;
    }

    /// What HUP asks for begins. [`Notify::reloaded`] ends it.
    pub fn reloading(&mut self) {
        // A reload that is told of without its end would last for ever; and they are not counted.
        if let [.., first, _] = self.owed.as_slice()
            && first.starts_with("RELOADING")
        {
            self.owed.truncate(self.owed.len() - 2);
        }
        let now = sys::monotonic_micros();
        self.say(format!("RELOADING=1\nMONOTONIC_USEC={now}"));
    }

    /// It has been done.
    pub fn reloaded(&mut self) {
        self.say("READY=1".to_owned());
    }

    /// The program ends, as soon as it can.
    pub fn stopping(&mut self, status: String, now: Instant) {
        self.say(format!("STOPPING=1\nSTATUS={status}"));
        self.said = status;
        self.looked = now;
    }

    /// When the front must look here though nothing has happened.
    pub fn wakes_at(&self, stopping: bool) -> Option<Instant> {
        let look = (stopping || !self.owed.is_empty()).then_some(self.looked + OFTEN);
        let pulse = self.pulse.map(|_| self.next_pulse);
        match (look, pulse) {
            (Some(look), Some(pulse)) => Some(look.min(pulse)),
            (look, pulse) => look.or(pulse),
        }
    }

    /// Whether a sign of life or the status is due. Asked in each turn of the front.
    pub fn is_due(&self, stopping: bool, now: Instant) -> bool {
        now >= self.looked + RARELY || self.wakes_at(stopping).is_some_and(|at| now >= at)
    }

    /// Sends what is due.
    pub fn tell(&mut self, status: String, now: Instant) {
        self.looked = now;
        while let Some(first) = self.owed.first() {
            if self.is_refused(first) {
                break;
            }
            self.owed.remove(0);
        }
        let mut message = String::new();
        if let Some(pulse) = self.pulse
            && now >= self.next_pulse
        {
            message.push_str("WATCHDOG=1\n");
            self.next_pulse = now + pulse;
        }
        if status != self.said {
            message.push_str("STATUS=");
            message.push_str(&status);
        }
        // Not kept where it is refused: the next one says more.
        if !message.is_empty() && self.owed.is_empty() && !self.is_refused(&message) {
            self.said = status;
        }
    }

    /// Sends a message that must not be lost.
    fn say(&mut self, message: String) {
        if !self.owed.is_empty() || self.is_refused(&message) {
            self.owed.push(message);
        }
    }

    /// Sends, and says whether the manager is too busy. Other errors mean that it is gone, which is no matter of ours.
    fn is_refused(&self, message: &str) -> bool {
        let sent = sys::send(self.socket.as_fd(), message.as_bytes(), false);
        sent.is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock)
    }
}

/// A socket for datagrams to a path, or to an abstract name that is written with `@`.
fn connect(name: &OsStr) -> io::Result<Socket> {
    let mut name = name.as_bytes().to_vec();
    match name.first_mut() {
        Some(b'/') => {}
        Some(first @ b'@') => *first = 0,
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "neither a path nor @ and a name",
            ));
        }
    }
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    socket.connect(&SockAddr::unix(OsStr::from_bytes(&name))?)?;
    Ok(socket)
}

/// Half of the watchdog's time, if it watches this process.
fn pulse(usec: Option<&str>, pid: Option<&str>, ours: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.parse() != Ok(ours)) {
        return None;
    }
    match usec?.parse() {
        Ok(0 | u64::MAX) | Err(_) => None,
        Ok(usec) => Some(Duration::from_micros(usec / 2).max(PULSE_MIN)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn a_sign_of_life_comes_at_half_of_the_time() {
        let half = Some(Duration::from_secs(15));
        assert_eq!(pulse(Some("30000000"), None, 7), half);
        assert_eq!(pulse(Some("30000000"), Some("7"), 7), half);
        assert_eq!(pulse(Some("1"), None, 7), Some(PULSE_MIN));
    }

    #[test]
    fn a_watchdog_of_others_or_of_nobody_gets_none() {
        for (usec, pid) in [
            (None, None),
            (None, Some("7")),
            (Some("30000000"), Some("8")),
            (Some("30000000"), Some("")),
            (Some("30000000"), Some("7x")),
            (Some("0"), None),
            (Some("18446744073709551615"), None),
            (Some("18446744073709551616"), None),
            (Some("-5"), None),
            (Some(""), None),
            (Some("30s"), None),
        ] {
            assert_eq!(pulse(usec, pid, 7), None, "{usec:?} {pid:?}");
        }
    }

    #[test]
    fn names_that_are_no_sockets_are_errors() {
        let long = format!("/{}", "x".repeat(200));
        for name in ["relative", "vsock:2:1234", "/no/such/socket", long.as_str()] {
            assert!(connect(OsStr::new(name)).is_err(), "{name}");
        }
    }

    fn notify(pulse: Option<Duration>, now: Instant) -> (Notify, UnixDatagram) {
        let (ours, manager) = UnixDatagram::pair().unwrap();
        manager.set_nonblocking(true).unwrap();
        let notify = Notify {
            socket: Socket::from(std::os::fd::OwnedFd::from(ours)),
            pulse,
            next_pulse: now,
            looked: now,
            said: String::new(),
            owed: Vec::new(),
        };
        (notify, manager)
    }

    fn heard(manager: &UnixDatagram) -> Vec<String> {
        let mut all = Vec::new();
        let mut buf = [0; 512];
        while let Ok(count) = manager.recv(&mut buf) {
            all.push(String::from_utf8(buf[..count].to_vec()).unwrap());
        }
        all
    }

    #[test]
    fn without_a_watchdog_nothing_wakes_the_front_while_it_serves() {
        let now = Instant::now();
        let (mut notify, manager) = notify(None, now);
        notify.ready("a".into(), now);
        assert_eq!(notify.wakes_at(false), None);
        assert!(!notify.is_due(false, now + RARELY / 2));
        assert!(notify.is_due(false, now + RARELY));
        notify.tell("a".into(), now + RARELY);
        notify.tell("b".into(), now + RARELY * 2);
        assert_eq!(heard(&manager), ["READY=1\nSTATUS=a", "STATUS=b"]);
        assert_eq!(notify.wakes_at(true), Some(now + RARELY * 2 + OFTEN));
    }

    #[test]
    fn the_watchdog_is_fed_on_time_and_not_before() {
        let now = Instant::now();
        let pulse = Duration::from_secs(3);
        let (mut notify, manager) = notify(Some(pulse), now);
        notify.tell("a".into(), now);
        assert_eq!(notify.wakes_at(false), Some(now + pulse));
        notify.tell("a".into(), now + pulse / 2);
        assert_eq!(notify.wakes_at(true), Some(now + pulse / 2 + OFTEN));
        notify.tell("a".into(), now + pulse);
        assert_eq!(
            heard(&manager),
            ["WATCHDOG=1\nSTATUS=a", "WATCHDOG=1\n"],
            "one each"
        );
    }

    #[test]
    fn what_a_busy_manager_does_not_take_is_said_again_in_order() {
        let now = Instant::now();
        let (mut notify, manager) = notify(None, now);
        while !notify.is_refused("FILL") {}
        notify.ready("a".into(), now);
        for _ in 0..100 {
            notify.reloading();
            notify.reloaded();
        }
        assert_eq!(notify.owed.len(), 3);
        assert_eq!(notify.wakes_at(false), Some(now + OFTEN));
        notify.tell("b".into(), now + OFTEN);
        assert_eq!(notify.owed.len(), 3, "still busy");
        assert_eq!(notify.said, "a");

        assert!(heard(&manager).iter().all(|m| m == "FILL"));
        let at = now + OFTEN * 2;
        notify.tell("b".into(), at);
        let first: Vec<String> = heard(&manager);
        assert_eq!(first.len(), 4, "{first:?}");
        assert_eq!(first[0], "READY=1\nSTATUS=a");
        assert!(first[1].starts_with("RELOADING=1\nMONOTONIC_USEC="));
        assert_eq!(first[2], "READY=1");
        assert_eq!(first.last().map(String::as_str), Some("STATUS=b"));

        // Busy between the two: the end of it comes all the same.
        notify.reloading();
        while !notify.is_refused("FILL") {}
        notify.reloaded();
        for _ in 0..100 {
            notify.reloading();
            notify.reloaded();
        }
        notify.stopping("c".into(), at);
        assert!(heard(&manager).len() > 1);
        notify.tell("c".into(), at + OFTEN);
        let rest: Vec<String> = heard(&manager);
        assert_eq!(rest[0], "READY=1");
        assert!(rest[1].starts_with("RELOADING=1\n"));
        assert_eq!(rest[2..], ["READY=1", "STOPPING=1\nSTATUS=c"]);
    }

    #[test]
    fn a_manager_that_has_gone_is_no_error() {
        let now = Instant::now();
        let (mut notify, manager) = notify(None, now);
        drop(manager);
        notify.ready("a".into(), now);
        assert!(notify.owed.is_empty());
    }
}
