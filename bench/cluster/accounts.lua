-- Opens accounts that nobody opened before, and prints a line of JSON at the end. Argument: the name of this run.
local HEADERS = { ["content-type"] = "application/json" }
local BODY = '{"type":"OpenAccount","owner":"Somebody","initial_balance":100}'
local run, count = "", 0

function init(args)
  run = args[1]
end

function request()
  count = count + 1
  return wrk.format("POST", "/accounts/" .. run .. "-" .. count, HEADERS, BODY)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('RESULT {"requests":%d,"durationUs":%d,"refused":%d,"broken":%d,"p50Us":%.0f,"p99Us":%.0f}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
