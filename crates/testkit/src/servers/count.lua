-- wrk's load, with a pause before each request of a connection; counts answers
-- by version and status in each thread and adds nothing up.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  pause = tonumber(args[1])
  counts = {}
end

function delay()
  return pause
end

function response(status, headers, body)
  local key = (headers["x-version"] or "-") .. " " .. status
  counts[key] = (counts[key] or 0) + 1
end

function done(summary, latency, requests)
  for _, thread in ipairs(threads) do
    for key, count in pairs(thread:get("counts")) do
      io.write("answers ", key, " ", count, "\n")
    end
  end
  local errors = summary.errors
  io.write("failed ", errors.connect + errors.read + errors.write + errors.timeout, "\n")
  io.write("microseconds ", summary.duration, "\n")
end
