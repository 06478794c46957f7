"""The writes on Redis, each a script: it runs whole or not at all, in one round trip.

Keys (all begin with `gw:`): `session:ID` a hash; `history:ID` a sorted set of `id:JSON` by id; `artefacts:ID` a sorted
set of ids; `artefact` a hash of id to JSON; `open` the set of open sessions; `last:...` counters.
"""

OPEN_SESSION = """
redis.call('HSETNX', KEYS[1], 'turns', 0)
redis.call('HSETNX', KEYS[1], 'created_ms', ARGV[4])
redis.call('HSET', KEYS[1], 'user', ARGV[2], 'template', ARGV[3], 'status', 'open', 'updated_ms', ARGV[4])
redis.call('SADD', KEYS[2], ARGV[1])
return 0
"""
CREATE_SESSION = """
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SET', KEYS[1], ARGV[1] - 1) end
local id
repeat id = redis.call('INCR', KEYS[1]) until redis.call('EXISTS', 'gw:session:' .. id) == 0
redis.call('HSET', 'gw:session:' .. id, 'user', ARGV[2], 'template', ARGV[3], 'status', 'open', 'turns', 0,
           'created_ms', ARGV[4], 'updated_ms', ARGV[4])
redis.call('SADD', KEYS[2], id)
return id
"""
CLOSE_SESSION = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'status', 'closed', 'updated_ms', ARGV[2]) end
redis.call('SREM', KEYS[2], ARGV[1])
return 0
"""
# ARGV: the ids of the sessions
CLOSE_SESSIONS = """
for _, id in ipairs(ARGV) do
  if redis.call('EXISTS', 'gw:session:' .. id) == 1 then redis.call('HSET', 'gw:session:' .. id, 'status', 'closed') end
  redis.call('SREM', KEYS[1], id)
end
return 0
"""
# ARGV: now, the number of sides, then each side's JSON, then each artefact's
RECORD_TURN = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HINCRBY', KEYS[1], 'turns', 1)
  redis.call('HSET', KEYS[1], 'updated_ms', ARGV[1])
end
local sides = tonumber(ARGV[2])
for i = 3, 2 + sides do
  local id = redis.call('INCR', KEYS[3])
  redis.call('ZADD', KEYS[2], id, id .. ':' .. ARGV[i])
end
local id = 0
for i = 3 + sides, #ARGV do
  id = redis.call('INCR', KEYS[5])
  redis.call('HSET', KEYS[6], id, ARGV[i])
  redis.call('ZADD', KEYS[4], id, id)
end
return id
"""
ARTEFACTS = """
local ids = redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1)
if #ids == 0 then return {} end
local rows = redis.call('HMGET', KEYS[2], unpack(ids))
for i, id in ipairs(ids) do rows[i] = id .. ':' .. (rows[i] or '') end
return rows
"""
