-- Clients of HAProxy wait while a word in a file says so (docs: orchestrator/gateways/hold_word.py has the words).
--
-- `http-request lua.hold_write WORDFILE` (also `tcp-request content`) waits while the word holds, then tells the way in
-- `txn.hold_way`: old, new, or refuse. `lua.hold_read WORDFILE` waits for nothing. `hold show WORDFILE` on the runtime API
-- says the word as this process reads it, how many wait, and how many were let go since it started.
--
-- `tcp-request content lua.hold_connect WORDFILE` does the same for a new connection, and tells its place too
-- (`txn.hold_host`, `txn.hold_port`), as WORDFILE.places has it: `old HOST PORT` and `new HOST PORT`. `hold places` shows them.
--
-- Whatever cannot be read or understood is refused, never led to a side. The file is read at every request: it is the one
-- state that a reload, a crash, and a second process have in common.

-- One HAProxy may be an entry and a database's gateway: loaded a second time, its counters would be told by the wrong copy.
if orchestrator_hold_is_loaded then
    return
end
orchestrator_hold_is_loaded = true

local waiting, passed = {}, {}

local function read_word(path)
    local file = io.open(path, "r")
    if file == nil then
        return nil
    end
    local text = file:read(200)
    file:close()
    return text and text:match("^(%S+)\n$")
end

local SIDES = { old = true, new = true }

-- Which way a writer and a reader go now; nil for a writer who has to wait.
local function find_ways(path)
    local word = read_word(path)
    if word == nil then
        return "refuse", "refuse"
    end
    if SIDES[word] then
        return word, word
    end
    local until_ms, after, reads = word:match("^hold:(%d+):(%l+):(%l+)$")
    if until_ms == nil or not SIDES[reads] or not (SIDES[after] or after == "refuse") then
        return "refuse", "refuse"
    end
    local now = core.now()
    if now.sec * 1000 + math.floor(now.usec / 1000) < tonumber(until_ms) then
        return nil, reads
    end
    return after, SIDES[after] and after or reads
end

local function hold_write(txn, path)
    local way = find_ways(path)
    if way == nil then
        waiting[path] = (waiting[path] or 0) + 1
        repeat
            -- with many waiting, looking often would leave nothing for those who only read
            core.msleep(math.min(50, math.max(2, math.floor(waiting[path] / 50))))
            way = find_ways(path)
        until way ~= nil
        waiting[path] = waiting[path] - 1
    end
    passed[path] = (passed[path] or 0) + 1
    txn:set_var("txn.hold_way", way)
end

local function hold_read(txn, path)
    local _, way = find_ways(path)
    txn:set_var("txn.hold_way", way)
end

local function find_places(path)
    local places = {}
    local file = io.open(path .. ".places", "r")
    if file == nil then
        return places
    end
    for line in file:lines() do
        local side, host, port = line:match("^(%l+) (%S+) (%d+)$")
        if SIDES[side] then
            places[side] = { host = host, port = tonumber(port) }
        end
    end
    file:close()
    return places
end

-- In `tcp-request content` HAProxy loses a wake-up whose moment has passed by the time that it is written down, and the client
-- then sleeps until the end of the inspect-delay: steps must be long beside what holds a process up. The rule stands twice, in
-- the frontend with a short delay and in the backend with a long one: what was lost in the first is woken by the end of its
-- delay. Lua cannot go on waiting then, and the second rule does.
local STEP_MS, LATER_STEP_MS = 20, 100

local function hold_connect(txn, path)
    if txn:get_var("txn.hold_way") ~= nil then
        return -- the frontend's rule has told it
    end
    local is_counted = txn:get_var("txn.hold_waits") ~= nil
    local step = is_counted and LATER_STEP_MS or STEP_MS
    local way = find_ways(path)
    if way == nil and not is_counted then
        waiting[path] = (waiting[path] or 0) + 1
        txn:set_var("txn.hold_waits", 1)
        is_counted = true
    end
    while way == nil do
        core.msleep(step)
        way = find_ways(path)
    end
    if is_counted then
        waiting[path] = waiting[path] - 1
    end
    passed[path] = (passed[path] or 0) + 1
    local place = find_places(path)[way]
    txn:set_var("txn.hold_way", way)
    if place ~= nil then
        txn:set_var("txn.hold_host", place.host)
        txn:set_var("txn.hold_port", place.port)
    end
end

core.register_action("hold_connect", { "tcp-req" }, hold_connect, 1)

for _, kind in ipairs({ "http-req", "tcp-req" }) do
    core.register_action("hold_write", { kind }, hold_write, 1)
    core.register_action("hold_read", { kind }, hold_read, 1)
end

core.register_cli({ "hold", "show" }, "hold show WORDFILE : the word, who waits, who went on", function(applet, _, _, path)
    local word = read_word(path or "") or "none"
    applet:send(string.format("word=%s waiting=%d passed=%d\n", word, waiting[path or ""] or 0, passed[path or ""] or 0))
end)

core.register_cli({ "hold", "places" }, "hold places WORDFILE : where each side is", function(applet, _, _, path)
    for side, place in pairs(find_places(path or "")) do
        applet:send(string.format("%s %s %d\n", side, place.host, place.port))
    end
end)
