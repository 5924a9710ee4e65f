"""The one script that counts rates in Redis: every limit of a call in one step, at the server's time, and the one that settles.

The counts are those of `policy.limits.cells`, in milliseconds: `b` a bucket (a hash of level and time), `s` a sliding window (a hash of
pieces, `u` used and `r` reserved), `c` calls that run (a sorted set by when their lease ends). Every key expires when nothing counts in it.
"""

LAYOUT = "1"
"""Part of every key: raised where the keys' contents change, so that two versions never read each other's."""

_STATES = """
local function now_ms(given)
  if given > 0 then return given end
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function expire(key, milliseconds)
  if tonumber(ARGV[#KEYS * 4 + 1]) == 0 then redis.call('PEXPIRE', key, milliseconds) end
end
local function pieces(key, period, now)
  local first = math.floor(now / (period / 20)) - 20
  local all = redis.call('HGETALL', key)
  local total, reserved, found = 0, 0, {}
  for i = 1, #all, 2 do
    local index, value = tonumber(string.sub(all[i], 2)), tonumber(all[i + 1])
    if index < first then
      redis.call('HDEL', key, all[i])
    else
      total = total + value
      if string.sub(all[i], 1, 1) == 'r' then reserved = reserved + value end
      found[index] = (found[index] or 0) + value
    end
  end
  return first, total, reserved, found
end
local function level_of(key, amount, now)
  local state = redis.call('HMGET', key, 'level', 'at')
  return math.max(0, (tonumber(state[1]) or 0) - (now - (tonumber(state[2]) or now)) * amount)
end
"""

TAKE = (
    _STATES
    + """
local count, own = #KEYS, #KEYS * 4
local now, id, lease = now_ms(tonumber(ARGV[own + 1])), ARGV[own + 2], tonumber(ARGV[own + 3])
local answer, fits, states = {}, 1, {}
for i = 1, count do
  local a = 1 + (i - 1) * 4
  local kind, amount, period = ARGV[a], tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local want, enforced = tonumber(ARGV[own + 3 + i]), ARGV[a + 3] == '1'
  local left, used, reserved, wait, reset
  if kind == 'b' then
    local level = level_of(KEYS[i], amount, now)
    left = math.floor((amount * period - level) / period)
    used, reserved = math.ceil(level / period), 0
    local over = level + (want - amount) * period
    wait = over <= 0 and 0 or (want > amount and -1 or math.ceil(over / amount))
    reset = level == 0 and 0 or (amount > 0 and math.ceil(level / amount) or -1)
    states[i] = level
  elseif kind == 's' then
    local first, total, held, found = pieces(KEYS[i], period, now)
    local piece = period / 20
    left, used, reserved, wait, reset = amount - total, total - held, held, 0, 0
    local needed = total + want - amount
    if needed > 0 and want > amount then wait = -1 end
    for index = first, first + 20 do
      local value = found[index]
      if value and value > 0 then
        reset = (index + 1) * piece + period - now
        if wait == 0 and needed > 0 then
          needed = needed - value
          if needed <= 0 then wait = reset end
        end
      end
    end
    states[i] = first + 20
  else
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
    local running = redis.call('ZCARD', KEYS[i])
    left, used, reserved = amount - running, 0, running
    wait = left >= want and 0 or (want > amount and -1 or 1000)
    reset = running > 0 and 1000 or 0
    states[i] = 0
  end
  if enforced and want > 0 and left < want then fits = 0 end
  for _, value in ipairs({left, used, reserved, wait, reset, states[i]}) do answer[#answer + 1] = value end
end
if fits == 1 and lease > 0 then
  for i = 1, count do
    local a = 1 + (i - 1) * 4
    local kind, amount, period, want = ARGV[a], tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2]), tonumber(ARGV[own + 3 + i])
    if kind == 'b' then
      local level = states[i] + want * period
      redis.call('HSET', KEYS[i], 'level', string.format('%.0f', level), 'at', string.format('%.0f', now))
      expire(KEYS[i], amount > 0 and math.ceil(level / amount) + 1000 or period)
    elseif kind == 's' then
      redis.call('HINCRBY', KEYS[i], 'r' .. string.format('%.0f', states[i]), want)
      expire(KEYS[i], math.ceil(period * 1.1) + 1000)
    elseif want > 0 then
      redis.call('ZADD', KEYS[i], now + lease, id)
      expire(KEYS[i], lease + 1000)
    end
  end
end
table.insert(answer, 1, fits)
return answer
"""
)
"""KEYS: one for each limit. ARGV: for each limit kind, amount, period, and 1 where it refuses; then the time (0 = the server's, and keys
expire), the attempt, its lease (0 = only look), and for each limit how much. Gives 1 where all was taken, and for each limit what was left,
used and reserved before, the wait and the time until it is whole (-1 = never), and the piece that was booked. Times in milliseconds."""

SETTLE = (
    _STATES
    + """
local own = #KEYS * 4
local now, id = now_ms(tonumber(ARGV[own + 1])), ARGV[own + 2]
for i = 1, #KEYS do
  local a, d = 1 + (i - 1) * 4, own + 3 + (i - 1) * 3
  local kind, amount, period, place = ARGV[a], tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2]), tonumber(ARGV[d])
  local reserved, actual = tonumber(ARGV[d + 1]), tonumber(ARGV[d + 2])
  if kind == 'c' then
    redis.call('ZREM', KEYS[i], id)
  elseif kind == 'b' then
    if actual ~= reserved and redis.call('EXISTS', KEYS[i]) == 1 then
      local level = math.max(0, level_of(KEYS[i], amount, now) + (actual - reserved) * period)
      redis.call('HSET', KEYS[i], 'level', string.format('%.0f', level), 'at', string.format('%.0f', now))
    end
  else
    local first = math.floor(now / (period / 20)) - 20
    local over = actual - reserved
    if place >= first then
      local name = string.format('%.0f', place)
      local held = redis.call('HINCRBY', KEYS[i], 'r' .. name, -reserved)
      if held < 0 then
        redis.call('HSET', KEYS[i], 'r' .. name, 0)
        expire(KEYS[i], math.ceil(period * 1.1) + 1000)
      end
      if actual > 0 then redis.call('HINCRBY', KEYS[i], 'u' .. name, actual) end
    elseif over > 0 then
      redis.call('HINCRBY', KEYS[i], 'u' .. string.format('%.0f', first + 20), over)
      expire(KEYS[i], math.ceil(period * 1.1) + 1000)
    end
  end
end
return 1
"""
)
"""KEYS and what is said of each limit as before; then the time, the attempt, and for each limit the piece, what was reserved and what it
was."""

RENEW = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], 'XX', now + tonumber(ARGV[1]), ARGV[i + 1])
  redis.call('PEXPIRE', KEYS[i], tonumber(ARGV[1]) + 1000)
end
return 1
"""
"""KEYS: sets of calls that run. ARGV: the lease in milliseconds, and the attempt in each."""
