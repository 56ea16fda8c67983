local requests = {}
function init(args)
  math.randomseed(os.time())
  for i = 0, 9999 do
    requests[i] = wrk.format("POST", args[1] .. i, { ["content-type"] = "application/json" },
      '{"type":"Deposit","amount":5}')
  end
end
function request()
  return requests[math.random(0, 9999)]
end
function done(summary, latency)
  io.write(string.format('RESULT {"requests":%d,"micros":%d,"errors":%d,"p50":%.0f,"p99":%.0f}\n', summary.requests,
    summary.duration, summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
