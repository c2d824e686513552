//! Child processes that cannot outlive their test, and what /proc tells about a process.

use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use super::LIMIT;

/// A running child in its own process group, killed with the whole group when dropped. What it writes is collected.
pub struct Running {
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    stdout: Collected,
    stderr: Collected,
}

/// The output of a child so far.
#[derive(Clone, Default)]
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Collected {
    fn from(mut pipe: impl Read + Send + 'static) -> Collected {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut buf = [0; 8192];
            while let Ok(n @ 1..) = pipe.read(&mut buf) {
                sink.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend_from_slice(&buf[..n]);
            }
        });
        Collected {
            bytes,
            reader: Arc::new(Mutex::new(Some(reader))),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
            .into_owned()
    }

    /// Waits until the child has closed its end.
    fn whole(&self) -> String {
        if let Some(reader) = self
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            let _ = reader.join();
        }
        self.text()
    }
}

/// The number of a limit (`RLIMIT_NOFILE`…), of which the C libraries do not make one type.
#[cfg(target_env = "gnu")]
pub type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
pub type Resource = libc::c_int;

/// Changes made to a child between fork and exec.
#[derive(Default, Clone)]
pub struct Setup {
    /// (descriptor of ours, number in the child).
    pub fds: Vec<(RawFd, RawFd)>,
    /// (resource, soft and hard limit).
    pub limits: Vec<(Resource, u64)>,
    /// Signals that the child finds ignored.
    pub ignored: Vec<libc::c_int>,
    /// A file that the child finds as /etc/hosts. Needs root and mount namespaces: see [`can_have_own_hosts`].
    pub hosts: Option<std::ffi::CString>,
    /// The child is nobody's (65534) and has these capabilities, ambient ones too, as a service manager gives them. Needs
    /// root.
    pub nobody_with: Option<u64>,
    /// For the child the kernel has no such system call (ENOSYS).
    pub without_call: Option<libc::c_long>,
}

/// Starts `command` with pipes for its output.
#[track_caller]
pub fn start(name: &str, mut command: Command, setup: Setup) -> Running {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // SAFETY: between fork and exec only async-signal-safe calls are made, on memory prepared before the fork.
    unsafe { command.pre_exec(move || in_child(&setup)) };
    let mut child = command
        .spawn()
        .unwrap_or_else(|e| panic!("cannot start {name}: {e}"));
    let stdout = Collected::from(child.stdout.take().expect("stdout is a pipe"));
    let stderr = Collected::from(child.stderr.take().expect("stderr is a pipe"));
    Running {
        name: name.to_owned(),
        child,
        status: None,
        stdout,
        stderr,
    }
}

/// Whether we may give a child an /etc/hosts of its own.
pub fn can_have_own_hosts() -> bool {
    let setup = Setup {
        hosts: Some(c"/etc/hosts".into()),
        ..Setup::default()
    };
    let mut command = Command::new("true");
    // SAFETY: as in `start`.
    unsafe { command.pre_exec(move || in_child(&setup)) };
    command.status().is_ok_and(|status| status.success())
}

/// Runs in the child. The kernel kills it when the thread that started it ends, also by a panic.
fn in_child(setup: &Setup) -> io::Result<()> {
    let ok = |rc: libc::c_int| {
        if rc < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(rc)
        }
    };
    // SAFETY: plain system calls on integers and on memory that lives in `setup`.
    unsafe {
        ok(libc::setpgid(0, 0))?;
        ok(libc::prctl(
            libc::PR_SET_PDEATHSIG,
            libc::SIGKILL as libc::c_ulong,
        ))?;
        // First away from the low numbers, so that no source is overwritten before it is used.
        let mut high = [-1; 16];
        for (slot, (ours, _)) in high.iter_mut().zip(&setup.fds) {
            *slot = ok(libc::fcntl(*ours, libc::F_DUPFD_CLOEXEC, 200))?;
        }
        for (slot, (_, theirs)) in high.iter().zip(&setup.fds) {
            ok(libc::dup2(*slot, *theirs))?;
        }
        for &(resource, limit) in &setup.limits {
            let limit = libc::rlimit {
                rlim_cur: limit as libc::rlim_t,
                rlim_max: limit as libc::rlim_t,
            };
            ok(libc::setrlimit(resource, &raw const limit))?;
        }
        for &signal in &setup.ignored {
            libc::signal(signal, libc::SIG_IGN);
        }
        if let Some(hosts) = &setup.hosts {
            let none = std::ptr::null();
            ok(libc::unshare(libc::CLONE_NEWNS))?;
            ok(libc::mount(
                none,
                c"/".as_ptr(),
                none,
                libc::MS_REC | libc::MS_PRIVATE,
                none.cast(),
            ))?;
            ok(libc::mount(
                hosts.as_ptr(),
                c"/etc/hosts".as_ptr(),
                none,
                libc::MS_BIND,
                none.cast(),
            ))?;
        }
        if let Some(capabilities) = setup.nobody_with {
            become_nobody(capabilities)?;
        }
        if let Some(number) = setup.without_call {
            ok(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
            let filter = without(number as u32);
            let program = libc::sock_fprog {
                len: filter.len() as libc::c_ushort,
                filter: filter.as_ptr().cast_mut(),
            };
            let mode = libc::SECCOMP_MODE_FILTER;
            ok(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program))?;
        }
    }
    Ok(())
}

/// A filter of system calls by which one is not there: load the number, compare, and give one of two answers.
fn without(number: u32) -> [libc::sock_filter; 4] {
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let answer = (libc::BPF_RET | libc::BPF_K) as u16;
    let missing = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    [
        step((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, 0, 0, 0),
        step(
            (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
            0,
            1,
            number,
        ),
        step(answer, 0, 0, missing),
        step(answer, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

/// Runs in the child.
fn become_nobody(capabilities: u64) -> io::Result<()> {
    const NOBODY: u32 = 65534;
    let (low, high) = (capabilities as u32, (capabilities >> 32) as u32);
    let header = [0x2008_0522_u32, 0]; // version 3, this thread
    let sets = [low, low, low, high, high, high];
    let ok = |rc: libc::c_long| match rc {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    };
    let prctl = |what: libc::c_int, one: libc::c_int, two: u32| {
        let [one, two] = [i64::from(one) as libc::c_ulong, libc::c_ulong::from(two)];
        let none: libc::c_ulong = 0;
        // SAFETY: these operations take numbers.
        ok(unsafe { libc::prctl(what, one, two, none, none) }.into())
    };
    // SAFETY: plain system calls on integers and on the two arrays above.
    unsafe {
        ok(libc::setgroups(0, std::ptr::null()).into())?;
        ok(libc::setresgid(NOBODY, NOBODY, NOBODY).into())?;
        prctl(libc::PR_SET_KEEPCAPS, 1, 0)?;
        ok(libc::setresuid(NOBODY, NOBODY, NOBODY).into())?;
        ok(libc::syscall(
            libc::SYS_capset,
            header.as_ptr(),
            sets.as_ptr(),
        ))?;
    }
    for capability in (0..u64::BITS).filter(|bit| capabilities >> bit & 1 != 0) {
        prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, capability)?;
    }
    // The change of user has undone it.
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0)
}

impl Running {
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    pub fn signal(&self, signal: libc::c_int) {
        assert!(self.status.is_none(), "{} has ended already", self.name);
        // SAFETY: the child is not reaped yet, so the pid is still its own.
        let rc = unsafe { libc::kill(self.pid(), signal) };
        assert_eq!(rc, 0, "kill: {}", io::Error::last_os_error());
    }

    /// The exit status if the process has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("wait for a child");
        }
        self.status
    }

    /// Waits for the end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(
                start.elapsed() < LIMIT,
                "{} does not end; it wrote:\n{}",
                self.name,
                self.stderr()
            );
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }

    /// What it wrote to standard error so far; all of it once it has ended.
    pub fn stderr(&self) -> String {
        if self.status.is_some() {
            self.stderr.whole()
        } else {
            self.stderr.text()
        }
    }

    pub fn stdout(&self) -> String {
        if self.status.is_some() {
            self.stdout.whole()
        } else {
            self.stdout.text()
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.status.is_none() {
            // SAFETY: the child leads its own group and is not reaped yet, so both numbers are still its own.
            unsafe { libc::kill(-self.pid(), libc::SIGKILL) };
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            println!(
                "--- {} wrote:\n{}{}---",
                self.name,
                self.stdout.text(),
                self.stderr.text()
            );
        }
    }
}

/// Describes an exit status in a word.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or(0)),
    }
}

/// A line of /proc/PID/status, such as `VmHWM`.
pub fn status_line(pid: i32, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// A value of /proc/PID/status that is in kB, in bytes.
#[track_caller]
pub fn memory(pid: i32, name: &str) -> u64 {
    let line = status_line(pid, name).unwrap_or_else(|| panic!("no {name} for process {pid}"));
    line.trim_end_matches(" kB")
        .parse::<u64>()
        .expect("a number of kB")
        * 1024
}

/// User and system time of a process, in hundredths of a second.
pub fn cpu_ticks(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .expect("fields")
        .split_whitespace()
        .collect();
    fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime")
}

/// What the descriptors of a process point to.
pub fn descriptors(pid: i32) -> Vec<(RawFd, String)> {
    let Ok(dir) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    dir.flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            let target = std::fs::read_link(entry.path()).ok()?;
            Some((number, target.to_string_lossy().into_owned()))
        })
        .collect()
}

/// A pipe of the smallest size, to be read and to be written. Nobody reads it until somebody does.
#[track_caller]
pub fn small_pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [-1; 2];
    // SAFETY: the pointer is to an array of two; what the kernel puts there is ours alone.
    unsafe {
        let rc = libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC);
        assert_eq!(rc, 0, "pipe: {}", io::Error::last_os_error());
        libc::fcntl(ends[1], libc::F_SETPIPE_SZ, 4096);
        (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    }
}

/// Makes a FIFO.
#[track_caller]
pub fn fifo(path: &str) {
    let name = std::ffi::CString::new(path).expect("a path");
    // SAFETY: the pointer is to a string that lives through the call.
    let rc = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
    assert_eq!(rc, 0, "mkfifo {path}: {}", io::Error::last_os_error());
}

/// Whether somebody on this machine listens on `unix:/path` or on this port. Asks the kernel: a
/// connection to find out would be a request to a prefork application, and one that it may take badly.
pub fn listens(address: &str) -> bool {
    if let Some(path) = address.strip_prefix("unix:") {
        // The fourth column has the flag __SO_ACCEPTCON.
        let table = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
        return table.lines().any(|line| {
            let mut words = line.split_whitespace().skip(3);
            words.next() == Some("00010000") && words.nth(3) == Some(path)
        });
    }
    let port: u16 = address
        .rsplit(':')
        .next()
        .and_then(|p| p.parse().ok())
        .expect("an address with a port");
    // An application may listen on a socket of IPv6 that takes IPv4 as well.
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|p| std::fs::read_to_string(p).unwrap_or_default());
    tables.iter().flat_map(|t| t.lines()).any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let local = words.get(1).and_then(|a| a.rsplit(':').next());
        words.get(3) == Some(&"0A")
            && local.and_then(|p| u16::from_str_radix(p, 16).ok()) == Some(port)
    })
}

/// Whether a socket of this machine at the port `at` still has its connection to this port of ours whole: nothing of its end
/// has arrived. Other servers may have a connection to the same port.
pub fn is_whole_with(port: u16, at: u16) -> bool {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|p| std::fs::read_to_string(p).unwrap_or_default());
    tables.iter().flat_map(|t| t.lines()).any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let port_in = |word: usize| {
            let digits = words.get(word)?.rsplit(':').next()?;
            u16::from_str_radix(digits, 16).ok()
        };
        words.get(3) == Some(&"01") && port_in(2) == Some(port) && port_in(1) == Some(at)
    })
}

/// Lifts our own soft limit of descriptors to the hard one; children inherit it. Returns the limit.
pub fn raise_descriptor_limit() -> libc::rlim_t {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointers are to a live structure.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
    limit.rlim_cur
}

/// Sets a limit of another running process.
pub fn set_limit_of(pid: i32, resource: Resource, value: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: value as libc::rlim_t,
        rlim_max: value as libc::rlim_t,
    };
    // SAFETY: the pointer is to a live structure, the old value is not asked for.
    let rc = unsafe { libc::prlimit(pid, resource, &raw const limit, std::ptr::null_mut()) };
    if rc < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// The first of `names` found in PATH.
pub fn find_program(names: &[&str]) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut dirs: Vec<_> = std::env::split_paths(&path).collect();
    dirs.push("/usr/sbin".into());
    names
        .iter()
        .find_map(|name| dirs.iter().map(|d| d.join(name)).find(|p| p.is_file()))
}
