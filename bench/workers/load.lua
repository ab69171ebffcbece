-- Prints what wrk rounds in its own summary: seconds, requests, bytes, and answers that are none of those that were wanted.
done = function(summary)
  local errors = summary.errors
  io.write(string.format("%.6f %d %d %d\n", summary.duration / 1000000, summary.requests, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
