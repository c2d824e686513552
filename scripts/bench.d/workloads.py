"""The workloads, the check that a contender serves each one right, and one timed round with wrk."""

import dataclasses
import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
import time

import contenders
import procs

HERE = os.path.dirname(os.path.abspath(__file__))
HELLO = b"Hello, world\n"
UPLOAD = 1 << 20
PATIENCE = 30       # seconds that one request may take before wrk counts an error
POOL = 4000         # known keys of a mixed load
WRITING = 120       # seconds that a cache may take to write all it has stored
ROOM = 8 << 30      # bytes that stay free: a round of fill64k can take 2 GiB
NEW = 0.1           # of the requests of a mixed load have a new key: see load.lua


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    title: str
    path: str
    size: int           # bytes of the response body
    clients: int
    goal: float         # CPU per request, as a part of the best peer's, that scgate aims at
    close: bool = False
    upload: int = 0
    form: contenders.Form = contenders.NORMAL
    keys: str = ""          # of the cache: "same" for all requests, "new" for each, or "mixed"
    beside: str = ""        # the workload without a cache that its cost is compared with

    @property
    def bulky(self):
        """Few and long requests: the unfinished ones at the end count by their bytes."""
        return self.size >= 1 << 20


WORKLOADS = [
    Workload("13", "13-byte responses, 64 keep-alive clients", "/13", 13, 64, 0.75),
    Workload("16k", "16 KiB responses, 64 keep-alive clients", "/16k", 16 << 10, 64, 0.75),
    Workload("1m", "1 MiB responses, 16 keep-alive clients", "/1m", 1 << 20, 16, 0.5),
    Workload("64m", "64 MiB responses, 4 keep-alive clients", "/64m", 64 << 20, 4, 0.5),
    Workload("close", "13-byte responses, 64 clients, a connection per request", "/13", 13, 64, 0.75, close=True),
    Workload("one", "13-byte responses, 1 keep-alive client", "/13", 13, 1, 0.75),
    Workload("upload", "uploads of 1 MiB, 16 keep-alive clients", "/upload", 7, 16, 0.5, upload=UPLOAD),
    Workload("sleep50", "an application that takes 50 ms, 500 keep-alive clients", "/sleep50", 13, 500, 1.0,
             form=contenders.WIDE),
    Workload("file", "a file of 64 KiB, 64 keep-alive clients", "/64k", 64 << 10, 64, 1.0, form=contenders.FILE),
    Workload("group", "13-byte responses from a group of two servers, 64 keep-alive clients", "/13", 13, 64, 0.75,
             form=contenders.GROUP),
    Workload("64k", "64 KiB responses, 64 keep-alive clients", "/64k", 64 << 10, 64, 0.75),
    Workload("hit13", "13 bytes from the cache, 64 keep-alive clients", "/13", 13, 64, 0.75, form=contenders.CACHE,
             keys="same"),
    Workload("hit64k", "64 KiB from the cache, 64 keep-alive clients", "/64k", 64 << 10, 64, 1.0, form=contenders.CACHE,
             keys="same"),
    Workload("fill", "13 bytes, each stored under a new key, 64 keep-alive clients", "/13", 13, 64, 0.75,
             form=contenders.CACHE, keys="new", beside="13"),
    Workload("fill64k", "64 KiB, each stored under a new key, 64 keep-alive clients", "/64k", 64 << 10, 64, 0.75,
             form=contenders.CACHE, keys="new", beside="64k"),
    Workload("mixed", f"13 bytes, 9 of 10 from {POOL} entries of the cache, 1 stored under a new key, 64 keep-alive clients",
             "/13", 13, 64, 0.75, form=contenders.CACHE, keys="mixed", beside="13"),
]


def expected(workload):
    """The body that the backend sends, or that the file has: see the head of backend.c."""
    if workload.upload:
        return str(workload.upload).encode()
    if workload.size == len(HELLO):
        return HELLO
    block = b"".join(b"%07x\n" % i for i in range(min(workload.size, 1 << 20) // 8))
    return block * (workload.size // len(block))


def check(workload, port):
    """Raises AssertionError unless what serves `port` does the workload byte for byte, twice on one connection."""
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    right = expected(workload)
    for _ in range(1 if workload.close else 2):
        began = time.monotonic()
        conn.request("POST" if workload.upload else "GET", workload.path, body=b"x" * workload.upload or None,
                     headers={"Connection": "close"} if workload.close else {})
        answer = conn.getresponse()
        body = answer.read()
        took = time.monotonic() - began
        assert answer.status == 200, f"status {answer.status}"
        assert len(body) == len(right), f"{len(body)} bytes of body instead of {len(right)}"
        assert body == right, "the body's bytes are wrong"
        assert answer.will_close == workload.close, "closes" if answer.will_close else "does not close"
        if workload.name == "sleep50":
            assert 0.05 <= took < 1, f"took {took:.3f} s"
    conn.close()
    if workload.form.serves == "group":
        check_all_serve(port)
    if workload.keys == "mixed":
        fetch(port, workload, (f"?p={n}" for n in range(POOL)))


def fetch(port, workload, queries):
    """Asks for the workload's path with each of these query strings, and raises AssertionError unless all are right."""
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    right = expected(workload)
    for query in queries:
        conn.request("GET", workload.path + query)
        answer = conn.getresponse()
        assert answer.status == 200 and answer.read() == right, f"the answer to {workload.path}{query} is wrong"
    conn.close()


def answered(path):
    """How many requests the application behind this socket has answered."""
    params = b"CONTENT_LENGTH\0000\0SCGI\0001\0REQUEST_METHOD\0GET\0REQUEST_URI\0/count\0"
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(b"%d:%s," % (len(params), params))
        with s.makefile("rb") as f:
            return int(f.read().rpartition(b"\n")[2])


def check_cache(workload, port, backend):
    """Raises AssertionError unless a new key asks the application once, and then never again."""
    query = f"?check={time.monotonic_ns()}"
    for asked, times in ((1, 1), (0, 20)):
        before = answered(backend)
        fetch(port, workload, [query] * times)
        more = answered(backend) - before
        assert more == asked, f"the application was asked {more} times, not {asked}, for {times} requests with one key"


def check_share(workload, result, asked):
    """Raises AssertionError unless the application was asked for as many of wrk's requests as the workload means."""
    share = {"same": 0, "new": 1, "mixed": NEW}[workload.keys]
    low = share * result["requests"]
    high = share * (result["requests"] + workload.clients)      # wrk does not count what was on its way at the end
    slack = workload.clients if workload.keys == "mixed" else 0
    assert low - slack <= asked <= high + slack, \
        f"of {result['requests']} requests {asked} reached the application, where {low:.0f} should have"


def stored(workload, contender):
    """How many files of a contender's cache have a whole response."""
    found = 0
    for where, _, names in os.walk(contender.cache):
        for name in names:
            try:
                found += os.path.getsize(os.path.join(where, name)) >= workload.size
            except FileNotFoundError:
                pass
    return found


def await_files(workload, contender):
    """Waits until the files of a cache do not become more, and counts them: scgate writes small ones after it has answered, at
    leisure."""
    before = -1
    deadline = time.monotonic() + WRITING
    while time.monotonic() < deadline:
        files = stored(workload, contender)
        if files == before:
            return files
        before = files
        time.sleep(1.5)     # longer than a small response waits for its file
    raise AssertionError(f"after {WRITING} s it still writes files")


def check_stored(workload, contender, asked, before):
    """Raises AssertionError unless what was asked for since there were `before` files is there. They stay: a file system is slow to
    make files where many have just been removed.

    What was on its way to a client that left at the end may be missing."""
    new = await_files(workload, contender) - before
    assert new >= asked - workload.clients, f"{asked} responses should have been stored, {new} were"


def make_room(contender):
    """Removes the files of a cache where their file system would be full soon."""
    if shutil.disk_usage(contender.cache).free >= ROOM:
        return
    for where, _, names in os.walk(contender.cache):
        for name in names:
            try:
                os.unlink(os.path.join(where, name))
            except FileNotFoundError:
                pass


def check_all_serve(port):
    """Raises AssertionError unless requests at the same time are spread over the two servers of the group."""
    seen = []

    def ask():
        conn = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        conn.request("GET", "/who")
        seen.append(conn.getresponse().read())
        conn.close()

    askers = [threading.Thread(target=ask) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(seen) == len(askers) and len(set(seen)) == 2, f"the group's servers are {sorted(set(seen))}"


@dataclasses.dataclass
class Round:
    """What one timed run gave."""
    rate: float             # requests a second
    cpu: float              # CPU microseconds of the gateway a request
    answering: float        # the same without what it did after the last answer
    user: float             # the part of it that was spent in user mode, 0 to 1
    p99: float              # milliseconds
    errors: int
    wrk_busy: float         # of one processor
    backend_busy: float     # of one backend process
    others: float           # processors kept busy by anything else on the machine
    wrk: dict               # wrk's own results


def wrk(workload, port, seconds):
    """Runs wrk; returns its results and the CPU seconds it took itself."""
    threads = 1 if (os.cpu_count() or 1) <= 2 or workload.clients == 1 else 2
    argv = ["wrk", f"-t{threads}", f"-c{workload.clients}", f"-d{seconds}s", f"--timeout={PATIENCE}s", "--latency",
            "-s", os.path.join(HERE, "load.lua"), f"http://127.0.0.1:{port}{workload.path}"]
    if workload.close:
        argv[1:1] = ["-H", "Connection: close"]
    log = os.path.join(os.environ["BENCH_TEMP"], "wrk.out")
    if os.path.exists(log):
        os.unlink(log)
    keys = workload.keys if workload.keys != "same" else ""
    child = procs.spawn(argv, log, env={**os.environ, "BENCH_UPLOAD": str(workload.upload), "BENCH_KEYS": keys,
                                        "BENCH_POOL": str(POOL), "BENCH_RUN": str(time.monotonic_ns())})
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    procs.forget(child)
    with open(log) as f:
        text = f.read()
    lines = [line for line in text.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise RuntimeError(f"wrk failed: {text.strip()}")
    return json.loads(lines[0][len("RESULT "):]), usage.ru_utime + usage.ru_stime


def cache_round(workload, contender, backend_pids, seconds, backend):
    """A timed round, checked to have been what it says."""
    files = await_files(workload, contender) if workload.keys == "new" else 0
    before = answered(backend)
    result = timed_round(workload, contender, backend_pids, seconds)
    asked = answered(backend) - before
    check_share(workload, result.wrk, asked)
    if workload.keys == "new":
        check_stored(workload, contender, asked, files)
        make_room(contender)
    return result


def warm(workload, contender, backend):
    """Makes the directories that a cache makes only once, and shows that it is one."""
    check_cache(workload, contender.port, backend)
    wrk(workload, contender.port, 1)
    await_files(workload, contender)


def timed_round(workload, contender, backend_pids, seconds):
    pids = contender.pids()
    cpu0, split0 = procs.settled_cpu(pids), procs.cpu_split(pids)
    back0, busy0, began = procs.cpu(backend_pids), procs.machine_busy(), time.monotonic()
    result, wrk_cpu = wrk(workload, contender.port, seconds)
    back, busy, took = procs.cpu(backend_pids) - back0, procs.machine_busy() - busy0, time.monotonic() - began
    in_time = procs.cpu(pids) - cpu0
    if workload.keys in ("new", "mixed"):
        await_files(workload, contender)
    used, split = procs.settled_cpu(pids) - cpu0, procs.cpu_split(pids)
    user, system = split[0] - split0[0], split[1] - split0[1]
    # A head has about 150 bytes; of 1 MiB and more that is nothing.
    requests = result["bytes"] / (workload.size + 150) if workload.bulky else result["requests"]
    if not requests:
        raise RuntimeError("no request was answered")
    spent = result["micros"] / 1e6
    return Round(requests / spent, used * 1e6 / requests, in_time * 1e6 / requests, user / max(user + system, 0.01), result["p99"] / 1000,
                 result["socket_errors"] + result["status_errors"], wrk_cpu / spent,
                 back / spent / len(backend_pids), max(0.0, busy - in_time - back - wrk_cpu) / took, result)


def version():
    """wrk's, as it prints it."""
    text = subprocess.run(["wrk", "-v"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    return text.split("[")[0].strip() or "wrk"
