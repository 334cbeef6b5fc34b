-- Sends bodies drawn by chance, and prints what came of it as one line of JSON.
-- Arguments: the method, and a folder with the files `headers` and `bodies`, one a line.

local requests = {}

function init(arguments)
  math.randomseed(os.time())
  local method, folder = arguments[1], arguments[2]
  -- In the file's order: wrk.format has another in each run, and servers compile code for the order that they know.
  local head = string.format("%s %s HTTP/1.1\r\nHost: %s:%s\r\n", method, wrk.path, wrk.host, wrk.port)
  for line in io.lines(folder .. "/headers") do head = head .. line .. "\r\n" end
  for body in io.lines(folder .. "/bodies") do
    requests[#requests + 1] = string.format("%sContent-Length: %d\r\n\r\n%s", head, #body, body)
  end
  -- Without bodies, the file is empty, and so is the request's.
  if #requests == 0 then requests[1] = head .. "\r\n" end
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
