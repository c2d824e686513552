//! Three networks of a test's own: the clients', the gateway's and the application's, with a cable on either side of the
//! gateway. They need no names and no configuration of the machine, and are gone when nothing refers to them any more:
//! neither this value, nor a socket, nor a process. A test that fails, or is killed, leaves nothing.

use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

use socket2::{Domain, Socket, Type};

use crate::common::{App, Client, Scgi, Stream, process};

/// The addresses, from the blocks for documentation. Each network is a /24 or a /64.
pub struct Addresses {
    pub clients: [IpAddr; 2],
    /// The gateway's, towards the clients and towards the application.
    pub gateway: [IpAddr; 2],
    pub app: IpAddr,
}

/// What the networks speak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub fn addresses(self) -> Addresses {
        let (one, two) = match self {
            Family::V4 => ("203.0.113.", "198.51.100."),
            Family::V6 => ("2001:db8:1::", "2001:db8:2::"),
        };
        let at = |net: &str, host: u8| format!("{net}{host}").parse().expect("an address");
        Addresses {
            clients: [at(one, 2), at(one, 3)],
            gateway: [at(one, 1), at(two, 1)],
            app: at(two, 2),
        }
    }
}

/// The networks. Where they end, whoever is still in them can reach nobody else.
pub struct Nets {
    clients: Net,
    gateway: Net,
    app: Net,
}

/// Why there are none.
pub enum Missing {
    /// Something that can be installed.
    Tool(&'static str),
    /// Something that this machine, or this account, does not have.
    Right(String),
}

impl Nets {
    /// Makes them, with the routes that transparent proxying needs: the application sends its answers by way of the
    /// gateway, since it believes the client to be there, and the gateway takes whatever comes from that side for its own,
    /// though it is addressed to somebody else (the kernel's Documentation/networking/tproxy.rst; the interface tells the
    /// packets as well as a mark would).
    ///
    /// # Errors
    /// What is missing.
    pub fn new(family: Family) -> Result<Nets, Missing> {
        if process::find_program(&["ip"]).is_none() {
            return Err(Missing::Tool("iproute2 (the command ip)"));
        }
        let net = || Net::new().map_err(|e| Missing::Right(format!("network namespaces: {e}")));
        let nets = Nets {
            clients: net()?,
            gateway: net()?,
            app: net()?,
        };
        let (at, prefix) = match family {
            Family::V4 => (family.addresses(), "24"),
            // Usable at once, as above.
            Family::V6 => (family.addresses(), "64 nodad"),
        };
        let (toward_clients, toward_app) = (at.gateway[0], at.gateway[1]);
        let (one, two) = (at.clients[0], at.clients[1]);
        let cables = format!(
            "link set lo up\n\
             link add toclients type veth peer name togate netns {}\n\
             link add toapp type veth peer name togate netns {}\n",
            nets.clients.path(),
            nets.app.path(),
        );
        let routes = format!(
            "link set toclients up\n\
             link set toapp up\n\
             addr add {toward_clients}/{prefix} dev toclients\n\
             addr add {toward_app}/{prefix} dev toapp\n\
             rule add iif toapp lookup 100\n\
             route add local default dev lo table 100\n"
        );
        let clients = format!(
            "link set lo up\n\
             link set togate up\n\
             addr add {one}/{prefix} dev togate\n\
             addr add {two}/{prefix} dev togate\n"
        );
        let app = format!(
            "link set lo up\n\
             link set togate up\n\
             addr add {}/{prefix} dev togate\n\
             route add default via {toward_app}\n",
            at.app
        );
        let gate = &nets.gateway;
        gate.ip(family, "virtual cables (veth)", &cables)?;
        gate.ip(family, "addresses and policy routing", &routes)?;
        nets.clients.ip(family, "addresses", &clients)?;
        nets.app.ip(family, "addresses and a route", &app)?;
        Ok(nets)
    }

    /// A connection of a client with this address.
    #[track_caller]
    pub fn client(&self, from: IpAddr, to: SocketAddr) -> Client {
        let connect = || {
            let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
            socket.bind(&SocketAddr::new(from, 0).into())?;
            socket.connect(&to.into())?;
            socket.set_tcp_nodelay(true)?;
            io::Result::Ok(socket)
        };
        let socket = self.clients.enter(connect);
        Client::new(Stream::Tcp(socket.expect("connect to the gateway").into()))
    }

    /// An application in its network.
    #[track_caller]
    pub fn app(&self, at: IpAddr, script: impl Fn(&mut Scgi) + Send + Sync + 'static) -> App {
        let addr = SocketAddr::new(at, 0);
        self.app.enter(|| App::tcp_at(addr, script)).expect("bind")
    }

    /// A listener in the gateway's network.
    #[track_caller]
    pub fn listener(&self, at: IpAddr) -> TcpListener {
        let listener = self.gateway.enter(|| TcpListener::bind((at, 0)));
        listener.expect("bind the gateway's port")
    }

    /// Starts something in the gateway's network.
    pub fn at_gateway<T>(&self, work: impl FnOnce() -> T) -> T {
        self.gateway.enter(work)
    }
}

/// A network namespace.
struct Net(File);

impl Net {
    /// A thread of its own becomes the first inhabitant; ours stays where it is.
    fn new() -> io::Result<Net> {
        let settle = || {
            // SAFETY: takes a number only, and changes the calling thread alone.
            if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
                return Err(io::Error::last_os_error());
            }
            // Who looks whether an address of IPv6 is taken stays silent for a second or two. Where this may not be
            // changed the test takes longer.
            let _ = std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
            here()
        };
        let settled = std::thread::spawn(settle).join();
        settled.expect("the thread does not panic").map(Net)
    }

    /// Runs `work` there. Sockets that it opens and processes that it starts stay there.
    fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _home = Home(here().expect("our own network"));
        go(&self.0).expect("enter a network of ours");
        work()
    }

    /// A name of it for other processes.
    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    /// Runs these commands of ip(8) there; `what` is what they need.
    fn ip(&self, family: Family, what: &str, commands: &str) -> Result<(), Missing> {
        let family = match family {
            Family::V4 => "-4",
            Family::V6 => "-6",
        };
        let program = process::find_program(&["ip"]).expect("looked for before");
        let mut command = Command::new(program);
        command
            .args([family, "-batch", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let run = || {
            let mut child = command.spawn()?;
            // Dropped at once, which ends the commands.
            let sent = child
                .stdin
                .take()
                .map(|mut s| s.write_all(commands.as_bytes()));
            let output = child.wait_with_output()?;
            sent.unwrap_or(Ok(()))?;
            io::Result::Ok(output)
        };
        let output = self.enter(run);
        let output = output.map_err(|e| Missing::Right(format!("{what}: ip: {e}")))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        Err(Missing::Right(format!("{what}: {said}")))
    }
}

/// The calling thread's network.
fn here() -> io::Result<File> {
    File::open("/proc/thread-self/ns/net")
}

fn go(net: &File) -> io::Result<()> {
    // SAFETY: takes a descriptor that is open, and changes the calling thread alone.
    match unsafe { libc::setns(net.as_raw_fd(), libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The way back, also for a panic.
struct Home(File);

impl Drop for Home {
    fn drop(&mut self) {
        go(&self.0).expect("return to our own network");
    }
}
