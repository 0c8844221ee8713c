-- Clients of HAProxy wait while a word in a file says so (docs: orchestrator/gateways/hold_word.py has the words).
--
-- `http-request lua.hold_write WORDFILE` (also `tcp-request content`) waits while the word holds, then tells the way in
-- `txn.hold_way`: old, new, or refuse. `lua.hold_read WORDFILE` waits for nothing. `hold show WORDFILE` on the runtime API
-- says the word as this process reads it, how many wait, and how many were let go since it started.
--
-- Whatever cannot be read or understood is refused, never led to a side. The file is read at every request: it is the one
-- state that a reload, a crash, and a second process have in common.

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

for _, kind in ipairs({ "http-req", "tcp-req" }) do
    core.register_action("hold_write", { kind }, hold_write, 1)
    core.register_action("hold_read", { kind }, hold_read, 1)
end

core.register_cli({ "hold", "show" }, "hold show WORDFILE : the word, who waits, who went on", function(applet, _, _, path)
    local word = read_word(path or "") or "none"
    applet:send(string.format("word=%s waiting=%d passed=%d\n", word, waiting[path or ""] or 0, passed[path or ""] or 0))
end)
