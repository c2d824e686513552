"""Processes: started in their own groups, always ended, and measured through /proc."""

import ctypes
import os
import re
import signal
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_started = []


def spawn(argv, log, env=None):
    """Starts argv in a group of its own, output to the file `log`. It ends with us, even if we are killed."""
    parent = os.getpid()

    def die_with_parent():
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    with open(log, "ab") as out:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env,
                                 start_new_session=True, preexec_fn=die_with_parent)
    _started.append(child)
    return child


def forget(child):
    """The child has ended and was waited for."""
    _started.remove(child)


def stop(child):
    """Asks the child's group to end, then makes it."""
    if child in _started:
        forget(child)
    for sig, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 3)):
        try:
            os.killpg(child.pid, sig)
        except ProcessLookupError:
            pass
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            child.poll()
            try:
                os.killpg(child.pid, 0)
            except (ProcessLookupError, PermissionError):
                child.wait()
                return
            time.sleep(0.01)


def stop_all():
    for child in list(_started):
        stop(child)


def tree(pid):
    """pid and all its descendants that are alive."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as f:
                    parent = int(f.read().rpartition(b")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(entry))
    found = [pid]
    for p in found:
        found += children.get(p, [])
    return found


def cpu_split(pids):
    """(user, system) CPU seconds of the processes: utime and stime, in ticks of 10 ms."""
    user = system = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", "rb") as f:
                fields = f.read().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        user, system = user + int(fields[11]), system + int(fields[12])
    return user / TICK, system / TICK


def cpu(pids):
    """CPU seconds of the processes: the scheduler's clock that utime + stime are made of, but in nanoseconds."""
    total = 0
    for pid in pids:
        try:
            total += time.clock_gettime_ns((~pid << 3) | 2)  # CPUCLOCK_SCHED of a process, see clock_getcpuclockid(3)
        except OSError:
            pass
    return total / 1e9


def settled_cpu(pids, patience=2.0):
    """cpu() once the processes have come to rest: they may still be closing what the last load left behind."""
    deadline = time.monotonic() + patience
    before = cpu(pids)
    while True:
        time.sleep(0.05)
        after = cpu(pids)
        if after - before < 0.001 or time.monotonic() > deadline:
            return after
        before = after


def machine_busy():
    """Seconds of CPU that all processors together were not idle, since boot."""
    with open("/proc/stat", "rb") as f:
        ticks = [int(t) for t in f.readline().split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / TICK


def memory(pids):
    """(PSS, private) bytes: shared pages counted by their share, and pages that nobody else maps."""
    pss = private = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                text = f.read()
        except (FileNotFoundError, ProcessLookupError):
            continue
        kib = {name: int(n) for name, n in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}
        pss += kib["Pss"]
        private += kib["Private_Clean"] + kib["Private_Dirty"]
    return pss * 1024, private * 1024


def mapped_files(pid):
    """Total size of the program and of every library and module it has mapped: what a router has to store."""
    with open(f"/proc/{pid}/maps") as f:
        paths = {line.split(None, 5)[5].strip() for line in f if "x" in line.split()[1] and "/" in line}
    return sum(os.path.getsize(p) for p in paths if os.path.isfile(p))
