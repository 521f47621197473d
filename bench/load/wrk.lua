-- wrk sends the batch of requests that stands on its stdin, and ends with one line of JSON. One thread only: a second one would find stdin read.
-- The batch is given to wrk as its one request, so that no Lua runs between two answers; wrk counts by itself how many answers it asks for.

function init()
  local batch = io.read("*a")
  wrk.format = function() return batch end
end

function done(summary)
  local errors = summary.errors
  io.write(string.format(
    '\nmillrace {"answers":%d,"us":%d,"bytes":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.duration, summary.bytes, errors.connect, errors.read, errors.write, errors.status, errors.timeout
  ))
end
