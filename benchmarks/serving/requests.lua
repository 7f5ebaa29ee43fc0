-- Each connection of wrk asks the bodies of a file, a line each, in turn; every thread begins
-- elsewhere. The last line of the output is a JSON object with what was counted.
-- Arguments: FILE PATH

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  bodies = {}
  for line in io.lines(args[1]) do bodies[#bodies + 1] = line end
  path = args[2]
  place = number * math.floor(#bodies / 2)
end

function request()
  place = place % #bodies + 1
  return wrk.format("POST", path, { ["Content-Type"] = "application/json" }, bodies[place])
end

function done(summary, latency, requests)
  local e = summary.errors
  print(string.format(
    '\n{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p95_ms": %.3f, "p99_ms": %.3f, '
      .. '"refused": %d, "broken": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(95) / 1e3, latency:percentile(99) / 1e3, e.status,
    e.connect + e.read + e.write + e.timeout))
end
