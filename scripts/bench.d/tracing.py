"""System calls a request, counted by strace on a fixed number of 13-byte requests."""

import os
import re
import selectors
import signal
import time

import contenders
import footprint
import procs
import workloads

REQUESTS = 4000


def tasks(pids):
    return [t for pid in pids for t in os.listdir(f"/proc/{pid}/task")]


def traced(tid):
    try:
        with open(f"/proc/{tid}/status") as f:
            return not re.search(r"^TracerPid:\s+0$", f.read(), re.M)
    except FileNotFoundError:
        return True


def attach(contender, out):
    pids = contender.pids()
    argv = ["strace", "-f", "-c", "-o", out] + [word for pid in pids for word in ("-p", str(pid))]
    tracer = procs.spawn(argv, out + ".log")
    deadline = time.monotonic() + 10
    while not all(traced(t) for t in tasks(pids)):
        if tracer.poll() is not None or time.monotonic() > deadline:
            with open(out + ".log") as f:
                raise RuntimeError("strace cannot attach: " + f.read().strip())
        time.sleep(0.02)
    return tracer


def drive(socks, requests):
    """`requests` requests over the connections, each of which asks again as soon as it was answered."""
    poll, left, running = selectors.DefaultSelector(), requests - len(socks), len(socks)
    got = dict.fromkeys(socks, b"")
    for s in socks:
        poll.register(s, selectors.EVENT_READ)
        s.sendall(footprint.GET)
    while running:
        ready = poll.select(30)
        if not ready:
            raise RuntimeError("no answer within 30 s")
        for s in (key.fileobj for key, _ in ready):
            more = s.recv(4096)
            if not more:
                raise RuntimeError("a keep-alive connection was closed")
            got[s] += more
            if not footprint.complete(got[s]):
                continue
            got[s] = b""
            if left:
                s.sendall(footprint.GET)
                left -= 1
            else:
                running -= 1
    poll.close()


def count(contender, base, content, clients):
    """{system call: (calls, errors)} a request."""
    contender.start(base, content, contenders.NORMAL)
    try:
        socks = [footprint.connect(contender.port) for _ in range(clients)]
        drive(socks, 200)
        out = os.path.join(base, "strace.out")
        tracer = attach(contender, out)
        drive(socks, REQUESTS)
        os.kill(tracer.pid, signal.SIGINT)
        tracer.wait(20)
        procs.forget(tracer)
        for s in socks:
            s.close()
    finally:
        contender.stop()
    calls = {}
    with open(out) as f:
        for line in f:
            m = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+(\d+))?\s+(\w+)$", line)
            if m and m[3] != "total":
                calls[m[3]] = (int(m[1]) / REQUESTS, int(m[2] or 0) / REQUESTS)
    return calls
