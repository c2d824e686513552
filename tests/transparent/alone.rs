//! What is done where a test may not make networks: it is run again as root of a user namespace, or what one machine alone
//! shows of the socket is checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Command, Stdio};

use crate::common::{App, Gate, cannot_here, process, until};
use crate::nets::Family;

/// Runs the test again as root of a user namespace, which many systems let everybody have, and of a network of its own,
/// since the test may not come back to one that is another root's. Says whether that was possible.
#[track_caller]
pub fn as_root_of_our_own(test: &str) -> bool {
    let unshare = |args: &[&str]| {
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--net"])
            .args(args);
        command.stdin(Stdio::null());
        command
    };
    let allowed = unshare(&["true"]).stderr(Stdio::null()).status();
    if !allowed.is_ok_and(|status| status.success()) {
        return false;
    }
    let me = std::env::current_exe().expect("the test binary");
    let me = me.to_str().expect("its path is text");
    // What it cannot do it says on standard error, past the runner, as we would.
    let script = "ip link set lo up; exec \"$@\"";
    let output = unshare(&["sh", "-c", script, "sh", me, "--exact", test])
        .stderr(Stdio::inherit())
        .output()
        .expect("started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "as root of its own:\n{said}");
    assert!(said.contains("1 passed"), "{said}");
    true
}

/// The numbers of CAP_NET_ADMIN and CAP_NET_RAW (linux/capability.h); either will do.
const RIGHTS: u64 = 1 << 12 | 1 << 13;

/// On the way from a foreign address to this machine itself the connection comes no further than its first packet, but
/// the kernel lists the attempt, and lists it with that address: so the socket was bound to it. Without the right to do
/// so, the attempt fails with the reason.
#[track_caller]
pub fn the_socket_shows_it(family: Family) {
    let (here, foreign): (IpAddr, IpAddr) = match family {
        Family::V4 => (Ipv4Addr::LOCALHOST.into(), family.addresses().clients[0]),
        Family::V6 => (Ipv6Addr::LOCALHOST.into(), family.addresses().clients[0]),
    };
    let app = App::tcp_at(SocketAddr::new(here, 0), |scgi| drop(scgi.answer("here")));
    let app = match app {
        Ok(app) => app,
        Err(e) => return cannot_here("nor the look at the socket", &format!("[{here}]: {e}")),
    };
    let bind = format!("{foreign} transparent");
    let gate = Gate::start(["--bind", &bind, "--pass", &app.addr()]);
    let rights = process::status_line(gate.pid(), "CapEff");
    let rights = rights.and_then(|set| u64::from_str_radix(&set, 16).ok());
    if rights.expect("a set of capabilities") & RIGHTS == 0 {
        let page = gate.get("/").is(502).text();
        assert!(page.contains("EPERM"), "{page}");
        gate.logs("bind: ");
        assert_eq!(app.accepted(), 0);
        return;
    }
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (from, to) = (listed(foreign), listed(here));
    until("an attempt from the foreign address", || {
        let tables = ["tcp", "tcp6"].map(|name| {
            std::fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default()
        });
        tables.iter().flat_map(|table| table.lines()).any(|line| {
            let mut words = line.split_whitespace().skip(1);
            let is = |word: Option<&str>, ip: &str| word.is_some_and(|w| w.starts_with(ip));
            is(words.next(), &from) && words.next() == Some(&format!("{to}{:04X}", app.port()))
        })
    });
}

/// An address as /proc/net/tcp has it, with the colon before the port: each 32 bits in the machine's order of bytes.
fn listed(ip: IpAddr) -> String {
    let octets = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = octets.as_chunks::<4>().0.iter();
    let words: String = words
        .map(|word| format!("{:08X}", u32::from_ne_bytes(*word)))
        .collect();
    format!("{words}:")
}
