/**
 * What has to be one step is a script: Redis runs it alone. All keys of one script share a hash tag, so that they are on one node.
 * Times are Redis's own: the clocks of replicas need not agree.
 */

/** KEYS: epoch, entries…; ARGV: an epoch never used, its time to live. Entries of other epochs are not there. */
export const LOOK = `
local epoch = redis.call('GET', KEYS[1])
if epoch then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
else
  epoch = ARGV[1]
  redis.call('SET', KEYS[1], epoch, 'PX', ARGV[2])
end
local answer = { epoch }
for i = 2, #KEYS do
  local value = redis.call('GET', KEYS[i])
  if value and string.sub(value, 1, #epoch + 1) == epoch .. ' ' then
    answer[i] = string.sub(value, #epoch + 2)
  else
    answer[i] = ''
  end
end
return answer`;

/** KEYS: epoch, entry; ARGV: epoch, value, time to live. */
export const KEEP = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
return 1`;

/**
 * KEYS: times of the last requests, pause of the caller; ARGV: requests per window (0: no limit), window, a name for this request,
 * 1 where there is a caller. Answers what it is (0 taken, 1 paused, 2 used up) and milliseconds.
 */
export const TAKE_TURN = `
if ARGV[4] == '1' then
  local left = redis.call('PTTL', KEYS[2])
  if left > 0 then return { 1, left } end
end
local limit = tonumber(ARGV[1])
if limit == 0 then return { 0, 0 } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local count = redis.call('ZCARD', KEYS[1])
if count >= limit then
  local oldest = redis.call('ZRANGE', KEYS[1], count - limit, count - limit, 'WITHSCORES')
  return { 2, math.max(1, tonumber(oldest[2]) + window - now) }
end
redis.call('ZADD', KEYS[1], now, ARGV[3])
redis.call('PEXPIRE', KEYS[1], window)
return { 0, 0 }`;

/** KEYS: pause; ARGV: milliseconds. A longer one stays. */
export const PAUSE = `
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end
return 1`;

/** KEYS: lease, its tokens; ARGV: owner, time to live, time to live of the tokens. Answers the token; 0: held by somebody. */
export const ACQUIRE = `
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local token = redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return token`;

/** KEYS: lease; ARGV: owner, time to live. */
export const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;

/** KEYS: lease; ARGV: owner. */
export const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`;

/** KEYS: record; ARGV: field, value, time to live. */
export const NOTE = `
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`;
