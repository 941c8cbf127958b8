-- Counts one request of one caller in three windows, if there is room in all, by the clock of this
-- server: the windows and the schedule of `rate.rs`, kept in one hash whose fields are `m<slot>`,
-- `h<slot>` and `d<slot>`, what each slot of the first, second and third window counts, and `s`,
-- when the schedule is empty. How wide slots are and what the request adds to each window is told
-- with it; what is told `always` is counted even where there is no room. Times are microseconds.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kinds, places, slots = { 'm', 'h', 'd' }, { m = 1, h = 2, d = 3 }, 60
local limits, widths, adds, longest_kept = {}, {}, {}, 0
for at = 1, 3 do
  limits[at], widths[at] = tonumber(ARGV[at]), tonumber(ARGV[6 + at])
  adds[at] = tonumber(ARGV[9 + at])
  if limits[at] > 0 then longest_kept = math.max(longest_kept, widths[at] * (slots + 1)) end
end
local tolerance, pace, longest = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local always = ARGV[13] == '1'
local counts, oldest, scheduled, gone = { 0, 0, 0 }, {}, 0, {}

local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do
  local kind, rest = string.sub(stored[i], 1, 1), string.sub(stored[i], 2)
  if kind == 's' then
    scheduled = tonumber(stored[i + 1])
  else
    local at = places[kind]
    local slot = tonumber(rest)
    local age = math.floor(now / widths[at]) - slot
    -- What lies far ahead was written before the clock was set back.
    if age > slots or age < -slots then
      gone[#gone + 1] = stored[i]
    else
      counts[at] = counts[at] + tonumber(stored[i + 1])
      if not oldest[at] or slot < oldest[at] then oldest[at] = slot end
    end
  end
end
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
if scheduled > now + tolerance + longest + pace then scheduled = now end

local function frees(at)
  if not oldest[at] then return 0 end
  return math.max(1, (oldest[at] + slots + 1) * widths[at] - now)
end

local refused, wait = 0, 0
for at = 1, 3 do
  if limits[at] > 0 and counts[at] >= limits[at] and not always then
    refused = math.max(refused, frees(at))
  end
end
if refused == 0 then
  local start = math.max(scheduled, now)
  wait = math.max(0, start - tolerance - now)
  if wait > longest then
    refused = wait
  else
    redis.call('HSET', KEYS[1], 's', string.format('%.0f', start + pace))
    for at = 1, 3 do
      if limits[at] > 0 and adds[at] > 0 then
        local slot = math.floor(now / widths[at])
        redis.call('HINCRBY', KEYS[1], kinds[at] .. string.format('%.0f', slot), adds[at])
        counts[at] = counts[at] + adds[at]
        if not oldest[at] then oldest[at] = slot end
      end
    end
    redis.call('PEXPIRE', KEYS[1], math.max(3660000, math.ceil(longest_kept / 1000)))
  end
end
return { refused, wait, counts[1], frees(1), counts[2], frees(2), counts[3], frees(3) }
