//! `--bind '$remote_addr transparent'`: the application sees the client's address as its peer, over real networks in which
//! that address is somebody else's. Where networks of our own are not allowed, what is left to see on one machine is
//! checked instead, and the test says so.

#[path = "../common/mod.rs"]
mod common;

mod alone;
mod nets;

use std::net::{IpAddr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::process::Command;

use common::gate::Starter;
use common::{App, Client, Gate, Pattern, Scgi, cannot_here, is_root, left_out, process};
use nets::{Family, Missing, Nets};

/// The networks for a test. Without them the test has been told so, and the rest of it was done elsewhere.
#[track_caller]
fn nets(test: &str, family: Family) -> Option<Nets> {
    if !is_root() {
        if !alone::as_root_of_our_own(test) {
            cannot_here(
                test,
                "needs root, or an account that may make namespaces; looked at the socket alone",
            );
            alone::the_socket_shows_it(family);
        }
        return None;
    }
    match Nets::new(family) {
        Ok(nets) => return Some(nets),
        Err(Missing::Tool(tool)) => left_out(test, &format!("{tool} is not installed")),
        Err(Missing::Right(what)) => {
            cannot_here(test, &format!("{what}; looked at the socket alone"));
        }
    }
    alone::the_socket_shows_it(family);
    None
}

/// Says who its peer is and who the gateway says the client is, and gives the body back.
fn tell(scgi: &mut Scgi) {
    let peer = scgi.peer.expect("TCP").ip();
    let (request, body) = scgi.all();
    let line = format!("{peer} {}\n", request.get("REMOTE_ADDR"));
    scgi.reply([line.as_bytes(), &body].concat());
}

/// A gateway in its network, and where it listens.
struct Proxy {
    gate: Gate,
    addr: SocketAddr,
}

impl Proxy {
    #[track_caller]
    fn start(nets: &Nets, at: IpAddr, args: &[&str]) -> Proxy {
        let listener = nets.listener(at);
        let addr = listener.local_addr().expect("local address");
        let gate = nets.at_gateway(|| {
            Starter::new()
                .without_listener()
                .descriptor(&listener, 3)
                .args(["--listen", "fd:3"])
                .args(args)
                .start()
        });
        Proxy { gate, addr }
    }

    #[track_caller]
    fn client(&self, nets: &Nets, from: IpAddr) -> Client {
        nets.client(from, self.addr)
    }
}

const TRANSPARENT: [&str; 2] = ["--bind", "$remote_addr transparent"];

/// Each client is seen as itself, on new connections and on one that is kept; bodies arrive whole in both directions.
#[track_caller]
fn each_client_is_seen(nets: &Nets, proxy: &Proxy, clients: [IpAddr; 2]) {
    let body = Pattern::new().bytes(1 << 20);
    for ip in clients {
        let line = format!("{ip} {ip}\n");
        let mut client = proxy.client(nets, ip);
        for _ in 0..3 {
            assert_eq!(client.get("/").is(200).text(), line);
        }
        let response = client.post("/", &body).is(200);
        let rest = response.body.strip_prefix(line.as_bytes());
        assert!(rest == Some(&body), "not {line:?} and the body");
    }
}

#[track_caller]
fn the_application_sees_the_client(test: &str, family: Family) {
    let Some(nets) = nets(test, family) else {
        return;
    };
    let at = family.addresses();
    let app = nets.app(at.app, tell);
    let pass = app.addr();
    let [bind, transparent] = TRANSPARENT;
    let proxy = Proxy::start(
        &nets,
        at.gateway[0],
        &[
            bind,
            transparent,
            "--client-max-body-size",
            "2m",
            "--location",
            "/",
            "--pass",
            &pass,
            "--location",
            "/plain",
            "--bind",
            "off",
            "--pass",
            &pass,
        ],
    );
    each_client_is_seen(&nets, &proxy, at.clients);
    // What it would see otherwise, on the same way.
    let [one, _] = at.clients;
    let plain = proxy.client(&nets, one).get("/plain").is(200).text();
    assert_eq!(plain, format!("{} {one}\n", at.gateway[1]));
    proxy.gate.stop().clean();
}

#[test]
fn the_application_sees_the_client_over_ipv4() {
    the_application_sees_the_client("the_application_sees_the_client_over_ipv4", Family::V4);
}

#[test]
fn the_application_sees_the_client_over_ipv6() {
    the_application_sees_the_client("the_application_sees_the_client_over_ipv6", Family::V6);
}

/// A client of IPv4 that came to a listener of both families has no address of the form ::ffff:203.0.113.2 to bind to.
#[test]
fn a_client_of_ipv4_on_a_listener_of_both_families_is_seen() {
    let test = "a_client_of_ipv4_on_a_listener_of_both_families_is_seen";
    let Some(nets) = nets(test, Family::V4) else {
        return;
    };
    let at = Family::V4.addresses();
    let app = nets.app(at.app, tell);
    let any = IpAddr::from([0u16; 8]);
    let pass = app.addr();
    let [bind, transparent] = TRANSPARENT;
    let mut proxy = Proxy::start(&nets, any, &[bind, transparent, "--pass", &pass]);
    proxy.addr.set_ip(at.gateway[0]);
    for ip in at.clients {
        let mut client = proxy.client(&nets, ip);
        assert_eq!(client.get("/").is(200).text(), format!("{ip} {ip}\n"));
    }
    proxy.gate.stop().clean();
}

/// Both servers of a group see the client, and each of many connections at once.
#[track_caller]
fn a_group_sees_the_client(test: &str, family: Family) {
    let Some(nets) = nets(test, family) else {
        return;
    };
    let at = family.addresses();
    let apps: [App; 2] = [nets.app(at.app, tell), nets.app(at.app, tell)];
    let [one, two] = apps.each_ref().map(|app| format!("app {}", app.addr()));
    let [bind, transparent] = TRANSPARENT;
    let servers = ["--upstream", &one, "--upstream", &two, "--pass", "app"];
    let args: Vec<&str> = [bind, transparent].into_iter().chain(servers).collect();
    let proxy = Proxy::start(&nets, at.gateway[0], &args);
    let [ip, _] = at.clients;
    let mut clients: Vec<Client> = (0..20).map(|_| proxy.client(&nets, ip)).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for client in &mut clients {
        let text = client.response().is(200).text();
        assert_eq!(text, format!("{ip} {ip}\n"));
    }
    assert_eq!(apps.each_ref().map(App::accepted), [10, 10]);
    proxy.gate.stop().clean();
}

#[test]
fn a_group_sees_the_client_over_ipv4() {
    a_group_sees_the_client("a_group_sees_the_client_over_ipv4", Family::V4);
}

#[test]
fn a_group_sees_the_client_over_ipv6() {
    a_group_sees_the_client("a_group_sees_the_client_over_ipv6", Family::V6);
}

/// The number of CAP_NET_RAW, and the one set of capabilities that has nothing else.
const NET_RAW_ALONE: &str = "0000000000002000";

/// `--user` gives up root and all that root may do but this.
#[track_caller]
fn without_root_the_application_sees_the_client(test: &str, family: Family) {
    // Whoever is root of a namespace of his own alone has nobody to become.
    let nobody = || Command::new("true").uid(65534).gid(65534).status();
    if !is_root() || !nobody().is_ok_and(|status| status.success()) {
        return cannot_here(test, "needs root that can become nobody");
    }
    let Some(nets) = nets(test, family) else {
        return;
    };
    let at = family.addresses();
    let app = nets.app(at.app, tell);
    let pass = app.addr();
    let [bind, transparent] = TRANSPARENT;
    let proxy = Proxy::start(
        &nets,
        at.gateway[0],
        &[
            "--user",
            "nobody",
            bind,
            transparent,
            "--client-max-body-size",
            "2m",
            "--pass",
            &pass,
        ],
    );
    each_client_is_seen(&nets, &proxy, at.clients);
    let status = |name: &str| process::status_line(proxy.gate.pid(), name).unwrap_or_default();
    let ids = status("Uid");
    assert!(ids.split_whitespace().all(|id| id != "0"), "{ids}");
    for set in ["CapPrm", "CapEff"] {
        assert_eq!(status(set), NET_RAW_ALONE, "{set}");
    }
    assert_eq!(status("CapInh"), "0".repeat(16));
    proxy.gate.stop().clean();
}

#[test]
fn without_root_the_application_sees_the_client_over_ipv4() {
    let test = "without_root_the_application_sees_the_client_over_ipv4";
    without_root_the_application_sees_the_client(test, Family::V4);
}

#[test]
fn without_root_the_application_sees_the_client_over_ipv6() {
    let test = "without_root_the_application_sees_the_client_over_ipv6";
    without_root_the_application_sees_the_client(test, Family::V6);
}
