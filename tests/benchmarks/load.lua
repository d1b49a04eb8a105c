-- What wrk sends: one case, each request for another customer at random, from another address.
--
-- Arguments: the path, the file of the body, the first and the last customer, requests a second (0:
-- as many as can be), how customers are chosen (random, or once: each at most one time), and a word
-- that an answer must have to be counted (none: all are).

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } instant;
  int clock_gettime(int clock, instant *now);
]]

local instant = ffi.new("instant")
local path, template, first, last, rate, choice, word
local step, due, good, sent = 0, 0, 0, 0

local function milliseconds()
  ffi.C.clock_gettime(1, instant)
  return tonumber(instant.seconds) * 1000 + tonumber(instant.nanoseconds) / 1e6
end

local function customer()
  if choice == "once" then
    return first + sent % (last - first + 1)
  end
  return math.random(first, last)
end

-- Each connection takes the next place in one timetable: as long as one is free, a stall of the
-- server does not slow the requests that are to come.
local function wait()
  local now = milliseconds()
  due = math.max(due + step, now)
  return due - now
end

function init(arguments)
  path = arguments[1]
  local file = io.open(arguments[2])
  template = file:read("*a")
  file:close()
  first, last, rate = tonumber(arguments[3]), tonumber(arguments[4]), tonumber(arguments[5])
  choice, word = arguments[6], arguments[7] or ""
  math.randomseed(milliseconds())
  if rate > 0 then
    step, due = 1000 / rate, milliseconds()
    delay = wait
  end
  if word ~= "" then
    response = function(status, _, body)
      if status == 200 and body:find(word, 1, true) then
        good = good + 1
        wrk.thread:set("good", good)
      end
    end
  end
end

function request()
  local number = customer()
  sent = sent + 1
  local body = template:gsub("@NUMBER@", string.format("%06d", number)):gsub("@SENT@", sent)
  return table.concat({
    "POST ", path, " HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n",
    "Authorization: Bearer bench-", number, "\r\n",
    "X-Forwarded-For: 10.", math.random(0, 255), ".", math.random(0, 255), ".", math.random(0, 255),
    "\r\nContent-Length: ", #body, "\r\n\r\n", body,
  })
end

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

function done(summary, latency, _)
  local failed = summary.errors
  print(string.format(
    'RESULT {"seconds": %.3f, "requests": %d, "good": %d, "p50": %.3f, "p99": %.3f, "failed": %d}',
    summary.duration / 1e6, summary.requests, threads[1]:get("good") or summary.requests,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
