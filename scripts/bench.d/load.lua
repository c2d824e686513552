-- wrk's side of scripts/bench: an optional upload, optional keys for a cache, and one JSON line of results that a program
-- can read. Without keys neither request() nor response() is defined, so wrk sends one prepared request and calls no Lua
-- while it measures.
local upload = tonumber(os.getenv("BENCH_UPLOAD") or "0")
if upload > 0 then
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/octet-stream"
  wrk.body = string.rep("x", upload)
end

-- BENCH_KEYS: "new", each request has a query string that was never seen before; "mixed", so has every tenth, and the others
-- go through a pool of BENCH_POOL known ones. BENCH_RUN tells this run from all others.
local keys = os.getenv("BENCH_KEYS") or ""
if keys ~= "" then
  local threads = 0
  function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
  end

  local known, before, after, count = {}, "", "", 0
  local stride = 7919   -- a prime: neighbours in time are not neighbours in the pool
  function init()
    local first, last = wrk.format(nil, wrk.path .. "?n=@"):match("^(.-)@(.*)$")
    before = first .. os.getenv("BENCH_RUN") .. "." .. number .. "."
    after = last
    for i = 0, tonumber(os.getenv("BENCH_POOL")) - 1 do
      known[i] = wrk.format(nil, wrk.path .. "?p=" .. i)
    end
  end

  local pool = tonumber(os.getenv("BENCH_POOL"))
  function request()
    count = count + 1
    if keys == "mixed" and count % 10 ~= 0 then
      return known[(count * stride) % pool]
    end
    return before .. count .. after
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "bytes": %d, "micros": %d, "p50": %d, "p99": %d, "max": %d, ' ..
    '"socket_errors": %d, "status_errors": %d}\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    e.connect + e.read + e.write + e.timeout, e.status))
end
