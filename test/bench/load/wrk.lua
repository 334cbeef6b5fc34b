-- Sends bodies drawn by chance, and prints what came of it as one line of JSON.
-- Arguments: the method, and a folder with the files `headers` and `bodies`, one a line.

local requests = {}

function init(arguments)
  math.randomseed(os.time())
  local method, folder = arguments[1], arguments[2]
  local headers = {}
  for line in io.lines(folder .. "/headers") do
    local name, value = line:match("^(.-): (.*)$")
    headers[name] = value
  end
  for body in io.lines(folder .. "/bodies") do
    requests[#requests + 1] = wrk.format(method, wrk.path, headers, body)
  end
  -- Without bodies, the file is empty, and so is the request's.
  if #requests == 0 then requests[1] = wrk.format(method, wrk.path, headers) end
end

function request()
  return requests[math.random(#requests)]
end

function done(summary, latency)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format(
    '\nfigures {"requestCount":%d,"seconds":%.6f,"p50Ms":%.3f,"p99Ms":%.3f,"failureCount":%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failures
  ))
end
