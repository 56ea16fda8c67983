-- Requests of one kind, and a line of JSON at the end. Arguments: kind, first number.
local AGGREGATES = 10000
local JSON_TYPE = { ["content-type"] = "application/json" }
local ITEMS = '[{"product_id":"6f1a3c55-4d0e-4a43-9d0a-2f0f0b8a1c11","quantity":2},' ..
  '{"product_id":"0c8d0d4e-8f1b-4b7e-a2a5-7d7c9a1f2b22","quantity":1}]'
local CUSTOMERS = 1000

local deposits, orders = {}, {}
local kind, count, run

local function post(path, body)
  return wrk.format("POST", path, JSON_TYPE, body)
end

local function open(at)
  return post("/accounts/acc-" .. at, '{"type":"OpenAccount","owner":"Owner ' .. at .. '","initial_balance":100}')
end

function init(args)
  -- wrk takes one request to look at and does not send it.
  kind, count = args[1], tonumber(args[2]) - 1
  run = string.format("%x-%x", os.time(), count)
  -- What wrk was given by -H goes with all of them.
  for name, value in pairs(wrk.headers) do JSON_TYPE[name] = value end
  math.randomseed(os.time() + count)
  for at = 0, AGGREGATES - 1 do
    deposits[at] = post("/accounts/acc-" .. at, '{"type":"Deposit","amount":5}')
  end
  for at = 0, CUSTOMERS - 1 do
    local customer = string.format("5b0e7a1c-0000-4000-8000-%012x", at)
    local body = '{"type":"CreateOrder","customer_id":"' .. customer .. '","items":' .. ITEMS .. '}'
    orders[at] = post("/orders", body):gsub("\r\n\r\n", "\r\nIdempotency-Key: KEY\r\n\r\n", 1)
  end
end

local kinds = {
  -- Opens each account once; then pays into those opened first.
  open = function()
    local at = count
    count = count + 1
    return at < AGGREGATES and open(at) or deposits[at % AGGREGATES]
  end,
  deposit = function() return deposits[math.random(0, AGGREGATES - 1)] end,
  one = function() return deposits[0] end,
  order = function()
    count = count + 1
    return (orders[count % CUSTOMERS]:gsub("KEY", run .. "-" .. count, 1))
  end,
}

function request()
  return kinds[kind]()
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('RESULT {"requests":%d,"durationUs":%d,"refused":%d,"broken":%d,"p50Us":%.0f,"p99Us":%.0f}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
