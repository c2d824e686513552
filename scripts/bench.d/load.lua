-- wrk's side of scripts/bench: an optional upload, and one JSON line of results that a program can read.
-- Neither request() nor response() is defined, so wrk sends one prepared request and calls no Lua while it measures.
local upload = tonumber(os.getenv("BENCH_UPLOAD") or "0")
if upload > 0 then
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/octet-stream"
  wrk.body = string.rep("x", upload)
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "bytes": %d, "micros": %d, "p50": %d, "p99": %d, "max": %d, ' ..
    '"socket_errors": %d, "status_errors": %d}\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    e.connect + e.read + e.write + e.timeout, e.status))
end
