-- A connection has left a channel.
-- ARGV: client
forget(ARGV[1])
return 1
