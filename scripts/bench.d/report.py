"""Tables, on a terminal or as Markdown."""

import datetime
import os
import platform
import statistics


def table(header, rows, markdown):
    """The first column is left-aligned, the others right-aligned."""
    rows = [[str(c) for c in row] for row in rows]
    if markdown:
        lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
    else:
        wide = [max(len(r[i]) for r in [header, *rows]) for i in range(len(header))]
        lines = ["  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, wide))).rstrip()
                 for row in [header, *rows]]
        lines.insert(1, "  ".join("-" * w for w in wide))
    print("\n".join(lines) + "\n", flush=True)


def heading(text, markdown):
    print(("### " if markdown else "== ") + text + ("\n" if markdown else ""), flush=True)


def number(x):
    """Three significant digits or more, no exponent."""
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def spread(values):
    return f"{number(statistics.median(values))} ({number(min(values))}–{number(max(values))})"


def kib(n):
    return f"{n / 1024:.0f} KiB"


def filesystem(path):
    """The kind of file system that holds path: temp files cost more on a disk than on tmpfs."""
    best = ("", "unknown")
    with open("/proc/mounts") as f:
        for line in f:
            _, point, kind = line.split()[:3]
            if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best[0]):
                best = (point, kind)
    return best[1]


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.lower().startswith(("model name", "hardware", "cpu model")):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as f:
        total = int(f.readline().split()[1]) // 1024
    return (f"{model}, {os.cpu_count()} processors, {total} MiB, {platform.system()} {platform.release()} "
            f"{platform.machine()}; load {os.getloadavg()[0]:.2f}; {datetime.date.today().isoformat()}")


def best_peer(samples, peers, field, choose):
    """The best median among those of the peers that were measured, or None."""
    medians = [statistics.median(getattr(r, field) for r in samples[name]) for name in samples if name in peers]
    return choose(medians) if medians else None


def workload_table(workload, samples, peers, unable, markdown):
    """One workload: `samples` maps a contender's name to its rounds; `unable` are the names of those that can not do it."""
    heading(f"{workload.name}: {workload.title}", markdown)
    cpu, rate = best_peer(samples, peers, "cpu", min), best_peer(samples, peers, "rate", max)
    rows = []
    for name, rounds in samples.items():
        median = {f: statistics.median(getattr(r, f) for r in rounds) for f in ("cpu", "rate", "user", "p99")}
        rows.append([name, spread([r.rate for r in rounds]), spread([r.cpu for r in rounds]),
                     f"{median['user'] * 100:.0f} %", spread([r.p99 for r in rounds]),
                     f"{median['cpu'] / cpu:.2f}" if cpu else "-", f"{median['rate'] / rate:.2f}" if rate else "-",
                     str(sum(r.errors for r in rounds))])
    rows += [[name, *"-" * 7] for name in unable]
    table(["contender", "requests/s", "CPU µs/request", "user", "p99 ms", "CPU/best peer", "req/s/best peer",
           "errors"], rows, markdown)
    every = [r for rounds in samples.values() for r in rounds]
    backend, load = (max(getattr(r, f) for r in every) for f in ("backend_busy", "wrk_busy"))
    others, worst = statistics.median(r.others for r in every), max(r.others for r in every)
    remarks = [f"of one processor: backend at most {backend * 100:.0f} %, wrk at most {load * 100:.0f} %, "
               f"other programs {others * 100:.0f} %, at most {worst * 100:.0f} %"]
    if backend > 0.9 or load > 0.95:
        remarks.append("requests/s were limited by the backend or by wrk; CPU per request still counts")
    if worst > 0.2:
        remarks.append("the machine was not quiet: trust the better values")
    print("; ".join(remarks) + "\n", flush=True)


def beside_table(workload, samples, plain, markdown):
    """What each contender's cache adds to its own cost of the same response without one, `plain`: in all, and before the last
    answer was given. What is written later costs the disk as much, but no request waits for it."""
    rows = []
    for name, rounds in samples.items():
        if name in plain:
            cached, bare = (statistics.median(r.cpu for r in s) for s in (rounds, plain[name]))
            soon = statistics.median(r.answering for r in rounds)
            rows.append([name, number(bare), number(soon), f"{soon / bare:.2f}", number(cached), f"{cached / bare:.2f}"])
    if rows:
        heading(f"{workload.name} beside the contender's own {workload.beside} without a cache", markdown)
        table(["contender", "uncached", "while answering", "ratio", "in all", "ratio"], rows, markdown)


def goals(results, scgates, peers, distributed, markdown):
    """How far scgate is: its CPU per request as a part of the best peer's."""
    rows = []
    for workload, samples in results:
        best, plain = best_peer(samples, peers, "cpu", min), best_peer(samples, distributed, "cpu", min)
        for name in scgates:
            if best and name in samples:
                mine = statistics.median(r.cpu for r in samples[name])
                part = mine / best
                verdict = "met" if part <= workload.goal else "not behind" if part <= 1 else "BEHIND"
                rows.append([f"{workload.name} {name}", f"{part:.2f}", f"{mine / plain:.2f}" if plain else "-",
                             f"{workload.goal:.2f}", verdict])
    if rows:
        heading("CPU per request against the best peer", markdown)
        table(["workload", "best peer", "best with distributed buffers", "goal", "verdict (best peer)"], rows, markdown)


def footprint_table(workload, prints, markdown):
    heading(f"memory (PSS of all processes) and size; load: {workload.name}", markdown)
    rows = [[name, kib(f.idle), kib(f.idle_private), kib(f.loaded), kib(f.after), kib(f.spread),
             f"{f.per_connection:.0f} B", "-" if f.active is None else kib(f.active),
             f"{f.processes}/{f.threads}", kib(f.binary), kib(f.mapped)] for name, f in prints.items()]
    table(["contender", "idle", "of it private", "under load", "after load", "idle, 4 workers",
           "an idle client", "a request in work",
           "processes/threads", "binary", "with libraries"], rows, markdown)


def strace_table(title, counts, markdown):
    heading(title, markdown)
    most = {s: max(c.get(s, (0, 0))[0] for c in counts.values()) for c in counts.values() for s in c}
    names = [s for s in sorted(most, key=most.get, reverse=True) if most[s] >= 0.005]

    def cell(c, s):
        calls, errors = c.get(s, (0, 0))
        return (f"{calls:.2f}" if calls >= 0.005 else "") + (f" ({errors:.2f} failed)" if errors >= 0.005 else "")

    rows = [["all", *(f"{sum(v[0] for v in c.values()):.2f}" for c in counts.values())]]
    table(["system calls a request", *counts], rows + [[s, *(cell(c, s) for c in counts.values())] for s in names],
          markdown)
