//! scgate: an SCGI gateway. HTTP/1.1 in front, SCGI applications behind, told everything by flags.
//!
//! `main` turns flags into a [`config::Config`] and runs it; it is the only place that ends the process.
//! The rooms import only downwards; `tests/levels.rs` holds them to it.
#![deny(unsafe_code)]

#[cfg(feature = "auth")]
mod auth;
mod buffer;
mod cache;
mod cgi;
mod cli;
mod config;
mod error;
mod front;
mod http;
mod ops;
mod probe;
mod respond;
mod scgi;
mod sink;
mod sys;
mod template;
mod units;
mod upstream;
mod worker;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use buffer::memory::Memory;
use cache::keeper::Keeper;
use cgi::Incoming;
use cli::Action;
use config::address::ListenAddress;
use config::{BindTo, Config};
use front::listener::{self, Listener};
use front::{Accepted, Front, Only};
use log::Level;
use ops::accesslog::AccessLogs;
use ops::demo::{self, DemoHandle};
use ops::logging::complain;
use ops::notify::Notify;
use ops::privileges::Account;
use ops::stats::Stats;
use ops::vars::Local;
use ops::{confine, logging, privileges};
use sys::Signals;
use upstream::Upstreams;
use worker::exchange::{self, Exchange};
use worker::pool::Pool;
use worker::{Desk, Shared};

/// A command line that is wrong.
const USAGE: u8 = 2;
/// A start that failed, or a front that could not go on.
const FAILURE: u8 = 1;
/// How long the end of the program waits for workers that have answered to write their lines of the access log.
const LAST_LINES: Duration = Duration::from_millis(200);
/// And for the keeper to write what only memory has of caches.
const LAST_WRITES: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Ok(connection) = cgi::connection::take(&args) else {
        return ExitCode::from(FAILURE);
    };
    let demo_dir = cli::temp_dir().join(format!("scgate-demo-{}", std::process::id()));
    match cli::parse(&args, &demo_dir.join("demo.sock")) {
        Action::Fail(lines) => {
            complain(Level::Error, &lines);
            answer_failure(&args, connection.as_ref());
            ExitCode::from(USAGE)
        }
        Action::Print(text) => print(&text),
        Action::Test(config, text, warnings) => {
            let missing = missing_accounts(&config);
            if !missing.is_empty() {
                complain(Level::Error, &missing);
                return ExitCode::from(USAGE);
            }
            let warnings: Vec<String> = warnings
                .iter()
                .map(|w| format!("scgate: warning: {w}"))
                .collect();
            complain(Level::Warn, &warnings);
            print(&text)
        }
        Action::Probe(plan) => match cfg!(feature = "probe") && probe::run(&plan, &mut write) {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(FAILURE),
        },
        Action::Run(mut config, warnings) => {
            let call = match take_call(&mut config, connection.as_ref()) {
                Ok(call) => call,
                Err(why) => {
                    let line =
                        format!("scgate: --cgi: {why}; it is for a web server or inetd to run");
                    complain(Level::Error, &[line]);
                    return ExitCode::from(USAGE);
                }
            };
            match run(Box::leak(config), &warnings, &demo_dir, call) {
                Ok(true) => ExitCode::SUCCESS,
                Ok(false) => ExitCode::from(FAILURE),
                Err(message) => {
                    complain(Level::Error, &[format!("scgate: {message}")]);
                    answer_failure(&args, connection.as_ref());
                    ExitCode::from(FAILURE)
                }
            }
        }
    }
}

/// What `--cgi` is called for.
enum Call {
    /// A request, which the environment and standard input tell of.
    Request(Incoming),
    /// A client's connection.
    Connection(OwnedFd),
}

/// What `--cgi` is called for, where it is.
fn take_call(
    config: &mut Config,
    connection: Option<&OwnedFd>,
) -> Result<Option<Call>, &'static str> {
    if !config.process.cgi {
        return Ok(None);
    }
    if let Some(connection) = connection {
        let connection = connection.try_clone().map_err(|_| "no descriptor is left");
        return connection.map(|connection| Some(Call::Connection(connection)));
    }
    let bytes = |(name, value): (OsString, OsString)| (name.into_vec(), value.into_vec());
    let variables: Vec<_> = std::env::vars_os().map(bytes).collect();
    let mut incoming = cgi::incoming(&variables, cgi::input_is_pipe())?;
    config.outer = Some(std::mem::take(&mut incoming.outer));
    Ok(Some(Call::Request(incoming)))
}

/// Who calls us for one request has a client who waits; what is wrong stands in the log.
fn answer_failure(args: &[OsString], connection: Option<&OwnedFd>) {
    match connection {
        Some(connection) => cgi::connection::fail(connection),
        None if cgi::is_called(args) => drop(print(cgi::FAILED)),
        None => {}
    }
}

/// Prints to standard output; a reader that has gone (`| head`) is not a failure.
fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(FAILURE),
        _ => ExitCode::SUCCESS,
    }
}

/// Writes a line to standard output; says whether it could be written.
fn write(line: &str) -> bool {
    io::stdout().lock().write_all(line.as_bytes()).is_ok()
}

/// Users and groups of the command line that do not exist.
fn missing_accounts(config: &Config) -> Vec<String> {
    let user = config.process.user.iter().filter_map(|(user, group)| {
        let found = privileges::account(user, group.as_deref());
        found.err().map(|e| format!("scgate: --user '{user}': {e}"))
    });
    let groups = config.listens.iter().filter_map(|listen| {
        let group = listen.group.as_deref()?;
        let found = privileges::group_id(group);
        found
            .err()
            .map(|e| format!("scgate: --listen 'group={group}': {e}"))
    });
    user.chain(groups).collect()
}

/// Starts everything, in the order in which rights are needed, and runs until a signal ends it.
/// With a `call` it is for that alone; false: no whole response to a request has gone out.
fn run(
    config: &'static Config,
    warnings: &[String],
    demo_dir: &Path,
    call: Option<Call>,
) -> Result<bool, String> {
    logging::init(config.process.log_level);
    for warning in warnings {
        log::warn!("{warning}");
    }
    // Before any thread: they inherit the mask.
    let signals = Signals::open().map_err(|e| format!("signals: {e}"))?;
    // A web server that runs us as a CGI program may leave us its own variables: its manager is none of ours.
    let manager = match call {
        Some(_) => None,
        None => Notify::open(Instant::now()),
    };
    privileges::bound_heaps();
    let listeners = match call {
        Some(_) => Vec::new(),
        None => {
            raise_limits(config);
            listener::open_all(config).map_err(|e| e.to_string())?
        }
    };
    let account = account(config)?;
    let logs = AccessLogs::open(&config.process.access_logs, account.as_ref());
    let logs = logs.map_err(|e| e.to_string())?;
    let pid = config
        .process
        .pid
        .as_deref()
        .map(privileges::PidFile::create);
    let _pid = pid.transpose().map_err(|e| e.to_string())?;
    prepare_caches(config, account.as_ref())?;
    drop_rights(config, account.as_ref())?;
    if config.process.confine {
        confine::begin(config, demo_dir.parent().unwrap_or(demo_dir))?;
    }
    let _demo = (cfg!(feature = "demo") && config.process.demo)
        .then(|| Demo::start(demo_dir))
        .transpose()?;

    let shared = share(config, logs)?;
    serve((listeners, signals, manager), shared, call)
}

/// What all threads use. The one that checks passwords is started with it.
fn share(config: &'static Config, logs: AccessLogs) -> Result<&'static Shared, String> {
    Ok(Box::leak(Box::new(Shared {
        config,
        memory: Box::leak(Box::new(Memory::new(config.process.memory))),
        upstreams: Upstreams::new(config),
        stats: Stats::new(Instant::now()),
        keeps_tries: !logs.is_empty() || config.asks_upstream,
        logs,
        zones: cache::open(&config.zones),
        #[cfg(feature = "auth")]
        verifier: (!config.password_files.is_empty())
            .then(|| auth::Verifier::start(&config.password_files, config.process.workers))
            .transpose()?,
    })))
}

/// Starts the threads and runs the front to its end. The result is that of [`run`].
fn serve(
    (listeners, signals, manager): (Vec<Listener>, Signals, Option<Notify>),
    shared: &'static Shared,
    call: Option<Call>,
) -> Result<bool, String> {
    let config = shared.config;
    let keeper = Keeper::start(shared.zones).map_err(|e| format!("--cache-path: {e}"))?;
    if call.is_none() {
        // Neither lives for one request: its line is written at the end, and names are as they were a moment ago.
        shared.logs.start();
        shared.upstreams.start();
    }
    let work = move |job: Box<Exchange>, desk: &mut Desk| exchange::run(job, desk, shared);
    let pool = Pool::new(config.process.workers, config.process.queue, Box::new(work));
    if call.is_none() {
        announce(config, &listeners);
    }
    let pool: &'static Pool<_> = Box::leak(Box::new(pool));
    let front = Front::new(listeners, signals, manager, shared, pool);
    let mut front = front.map_err(|e| e.to_string())?;
    let pump = match call {
        Some(call) => take_over(call, &mut front).map_err(|e| format!("--cgi: {e}"))?,
        None => None,
    };
    let result = front.run().map_err(|e| e.to_string());
    // After a signal nobody waits for it.
    let whole = pump.is_none_or(|pump| front.is_idle() && pump.join().unwrap_or(false));
    pool.settle(LAST_LINES);
    shared.logs.finish();
    if let Some(keeper) = keeper {
        keeper.finish(LAST_WRITES);
    }
    result.map(|()| whole)
}

/// Hands to the front what `--cgi` is called for, as a connection of the client's.
fn take_over(call: Call, front: &mut Front) -> io::Result<Option<JoinHandle<bool>>> {
    let incoming = match call {
        Call::Connection(connection) => {
            front.serve_only(Accepted::by_another(connection)?, Only::Client)?;
            return Ok(None);
        }
        Call::Request(incoming) => incoming,
    };
    if let Some(flaw) = &incoming.flaw {
        log::info!("{flaw}");
    }
    let (ours, theirs) = UnixStream::pair()?;
    theirs.set_nonblocking(true)?;
    let accepted = Accepted {
        socket: theirs.into(),
        remote: incoming.remote,
        local: Local::Unix(PathBuf::new()),
    };
    front.serve_only(accepted, Only::Ours)?;
    cgi::start(incoming, ours).map(Some)
}

/// Room for every connection, its spilled response or body, every upstream connection, and the rest.
fn raise_limits(config: &Config) {
    let process = &config.process;
    let kept = config.zones.len() * cache::zone::OPEN_FILES;
    let wanted = (2 * process.connections + 2 * process.workers + kept) as u64 + 64;
    match privileges::raise_nofile(wanted) {
        Ok(holds) if holds < wanted => log::warn!(
            "only {holds} descriptors are allowed; --connections and --workers may need {wanted}"
        ),
        Ok(_) => {}
        Err(error) => log::warn!("can not read the limit of open descriptors: {error}"),
    }
}

/// Whom `--user` names.
fn account(config: &Config) -> Result<Option<Account>, String> {
    let account = |(user, group): &(String, Option<String>)| {
        privileges::account(user, group.as_deref()).map_err(|e| format!("--user: {e}"))
    };
    config.process.user.as_ref().map(account).transpose()
}

/// The directories of caches, while there is the right to make them.
fn prepare_caches(config: &Config, account: Option<&Account>) -> Result<(), String> {
    let owner = account.map(|account| (account.uid, account.gid));
    for zone in &config.zones {
        cache::disk::prepare(zone, owner).map_err(|e| format!("--cache-path: {e}"))?;
    }
    Ok(())
}

/// `--user`, and whatever else is not needed once the sockets and the logs are open. Binding to foreign addresses
/// (`--bind … transparent`) or to a low port needs one right each, which is kept.
fn drop_rights(config: &Config, account: Option<&Account>) -> Result<(), String> {
    let mut needed = 0;
    for bind in config.binds() {
        if bind.transparent {
            needed |= sys::NET_RAW;
        }
        if matches!(bind.address, BindTo::Fixed(to) if (1..1024).contains(&to.port)) {
            needed |= sys::NET_BIND_SERVICE;
        }
    }
    privileges::give_up(account, needed).map_err(|e| match account {
        Some(_) => format!("--user: {e}"),
        None => e.to_string(),
    })
}

fn announce(config: &Config, listeners: &[Listener]) {
    for listener in listeners {
        match (config.listens.get(listener.listen()), listener.bound()) {
            (Some(listen), Some(addr)) if matches!(listen.address, ListenAddress::Inet(_)) => {
                log::info!("listening on {addr}");
            }
            (Some(listen), _) => log::info!("listening on {}", listen.address),
            (None, _) => {}
        }
    }
    let bound = listeners.iter().filter_map(Listener::bound);
    for mut addr in bound.filter(|_| config.process.demo) {
        if addr.ip().is_unspecified() {
            let here: IpAddr = match addr.is_ipv4() {
                true => Ipv4Addr::LOCALHOST.into(),
                false => Ipv6Addr::LOCALHOST.into(),
            };
            addr.set_ip(here);
        }
        complain(
            Level::Info,
            &[format!("scgate: the demo is at http://{addr}/")],
        );
    }
}

/// The built-in application, in a directory of its own that nobody else can enter.
struct Demo {
    _application: DemoHandle,
    _dir: TempDir,
}

/// Removed when dropped, after what is in it.
struct TempDir(PathBuf);

impl Drop for TempDir {
    fn drop(&mut self) {
        // What can not be removed is an empty directory below the temp directory.
        let _ = std::fs::remove_dir(&self.0);
    }
}

impl Demo {
    fn start(dir: &Path) -> Result<Demo, String> {
        let wrong = |e: io::Error| format!("--demo: {}: {e}", dir.display());
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(dir)
            .map_err(wrong)?;
        let guard = TempDir(dir.to_path_buf());
        let application = demo::start(&dir.join("demo.sock")).map_err(wrong)?;
        Ok(Demo {
            _application: application,
            _dir: guard,
        })
    }
}
