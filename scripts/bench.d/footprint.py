"""Memory: idle, under load, for each idle connection; and what a gateway takes on disk."""

import dataclasses
import os
import socket
import threading
import time

import contenders
import holder
import procs
import workloads

IDLE_CONNECTIONS = 1000
ACTIVE = 100        # requests in work at a time


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n\r\n".encode()


GET = get("/13")


@dataclasses.dataclass
class Footprint:
    """Bytes, except threads and processes."""
    idle: int
    idle_private: int
    loaded: int
    after: int
    per_connection: float
    spread: int         # idle, with four workers
    active: float | None    # for each request in work; None where no application is asked
    processes: int
    threads: int
    binary: int
    mapped: int


def complete(got, size=len(workloads.HELLO)):
    """Whether `got` is a whole answer of `size` bytes. Apache turns Content-Length into chunks whenever it likes."""
    head, _, body = got.partition(b"\r\n\r\n")
    if got and not got.startswith(b"HTTP/1.1 200 "[:len(got)]):
        raise RuntimeError(f"answered {got!r}")
    return body.endswith(b"0\r\n\r\n") if b"chunked" in head else len(body) >= size


def ask(sock, workload):
    """One keep-alive request, and its answer to the end."""
    sock.sendall(get(workload.path))
    got = b""
    while not complete(got, workload.size):
        more = sock.recv(65536)
        if not more:
            raise RuntimeError(f"connection closed after {got!r}")
        got += more


def connect(port, workload=workloads.WORKLOADS[0]):
    sock = socket.create_connection(("127.0.0.1", port), 10)
    ask(sock, workload)
    return sock


def loaded_peak(contender, workload, seconds):
    """The largest PSS seen while wrk runs the workload."""
    pids, done, seen = contender.pids(), threading.Event(), [0]

    def watch():
        while not done.wait(0.2):
            seen.append(procs.memory(pids)[0])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        workloads.wrk(workload, contender.port, seconds)
    finally:
        done.set()
        watcher.join()
    return max(seen)


def per_connection(contender, workload):
    """What an idle keep-alive connection costs once it was served. They are opened one by one, so no pool grows."""
    connect(contender.port, workload).close()
    time.sleep(0.3)
    pids, held = contender.pids(), []
    before = procs.memory(pids)[0]
    try:
        for _ in range(IDLE_CONNECTIONS):
            held.append(connect(contender.port, workload))
        time.sleep(1)
        return (procs.memory(pids)[0] - before) / IDLE_CONNECTIONS
    finally:
        for sock in held:
            sock.close()


def per_active(contender, base, content, form):
    """What a request costs while the application works on it, beyond its client's connection, which was served one before."""
    app, held = holder.Holder(base), []
    try:
        contender.start(base, contenders.Content([app.path], content.root), form)
        for _ in range(ACTIVE):
            held.append(connect(contender.port))
        time.sleep(0.5)
        pids = contender.pids()
        before = procs.memory(pids)[0]
        for sock in held:
            sock.sendall(get("/hold"))
        app.wait_held(ACTIVE)
        time.sleep(0.5)
        return (procs.memory(pids)[0] - before) / ACTIVE
    finally:
        app.close()
        for sock in held:
            sock.close()
        contender.stop()


def idle_spread(contender, base, content, form):
    contender.start(base, content, form)
    try:
        time.sleep(0.5)
        return procs.memory(contender.pids())[0]
    finally:
        contender.stop()


def measure(contender, base, content, workload, seconds):
    """Starts the contender alone, as pages shared between contenders would make each look smaller.

    It is started again for the idle connections: memory kept from the load would hide what these need."""
    form = workload.form.small()
    try:
        contender.start(base, content, form)
        time.sleep(0.5)
        pids = contender.pids()
        idle, private = procs.memory(pids)
        threads = sum(len(os.listdir(f"/proc/{pid}/task")) for pid in pids)
        mapped = procs.mapped_files(pids[0])
        loaded = loaded_peak(contender, workload, seconds)
        time.sleep(0.5)
        after = procs.memory(pids)[0]
        contender.stop()
        contender.start(base, content, form)
        each = per_connection(contender, workload)
        contender.stop()
        spread = idle_spread(contender, base, content, workload.form.spread())
        active = per_active(contender, base, content, workload.form.held()) if workload.form.serves == "app" else None
        return Footprint(idle, private, loaded, after, each, spread, active, len(pids), threads,
                         os.path.getsize(os.path.realpath(contender.path())), mapped)
    finally:
        contender.stop()
