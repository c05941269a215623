-- The language: every kind of statement and expression, metatables, closures, coroutines, goto, integer and float arithmetic.
local function check(name, ...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = tostring((select(i, ...))) end
  print(name, table.concat(parts, " "))
end

check("integers", 7 // 2, -7 // 2, 7 % -3, -7 % 3, 1 << 62, ~0, 5 & 6 | 9 ~ 3, math.maxinteger + 1 == math.mininteger)
check("floats", 7 / 2, 2 ^ 0.5, 7.5 // 2, -7.5 % 2, 1e308 * 10, -1e308 * 10, 0 / 0 ~= 0 / 0, 3 | 0, 2 ^ 53 == 2 ^ 53 + 1)
check("compare", 1 < 1.5, 1 == 1.0, "a" < "b", "Z" < "a", not nil, nil == false, 1 < math.huge)
check("strings", "a" .. 1 .. 2.0, #"abc\0def", "\x41\u{20AC}\z
    next", [[long
string]], [==[with ]] inside]==])

local t = setmetatable({}, {
  __index = function(_, k) return k .. "!" end,
  __newindex = function(o, k, v) rawset(o, k, v * 2) end,
  __call = function(_, ...) return select("#", ...) end,
  __len = function() return 42 end,
  __eq = function() return true end,
  __lt = function() return true end,
  __le = function() return false end,
  __concat = function(a, b) return "cat" end,
  __unm = function() return "neg" end,
  __add = function(a, b) return "add" end,
  __idiv = function() return "idiv" end,
  __band = function() return "band" end,
  __tostring = function() return "object" end,
  __close = function() print("closed") end,
})
t.x = 21
check("metatable", t.y, t.x, t(1, nil, nil), #t, t < t, t <= t, t .. 1, -t, t + 1, 1 // t, t & 1, tostring(t))

do
  local guard <close> = t
  local constant <const> = 5
  check("block", constant)
end

local function counter()
  local n = 0
  return function(step) n = n + (step or 1) return n end
end
local a, b = counter(), counter()
check("closures", a(), a(5), b(), a())

local function varargs(...)
  local first, second = ...
  local packed = table.pack(...)
  return packed.n, first, second, ...
end
check("varargs", varargs(nil, 2, nil))
check("adjust", (varargs(1, 2, 3)))

local function tail(n) if n == 0 then return "bottom" end return tail(n - 1) end
check("tail call", tail(1000000))

for i = 10, 1, -3 do check("for", i) end
for i = 1.0, 2.0, 0.5 do check("float for", i) end
for i = math.maxinteger - 1, math.maxinteger do check("edge for", i) end
local i = 0
repeat local last = i; i = i + 1 until last == 3
while true do i = i + 1 if i > 8 then break end end
check("loops", i)
do
  local k = 0
  ::top:: k = k + 1
  if k < 5 then goto top end
  check("goto", k)
end

local producer = coroutine.wrap(function(x)
  for n = 1, 4 do x = coroutine.yield(n * x) end
  error("done with " .. x)
end)
check("coroutine", producer(2), producer(3), producer(4), producer(5))
check("coroutine error", pcall(producer, 6))
local co = coroutine.create(function() coroutine.yield() end)
coroutine.resume(co)
check("status", coroutine.status(co), coroutine.resume(co), coroutine.status(co), coroutine.isyieldable())
check("close", coroutine.close(coroutine.create(function() end)))

check("pcall", pcall(function() local x = nil; return x.field end))
check("error value", select(2, pcall(error, { code = 7 })).code)
check("xpcall", xpcall(function() error("deep", 0) end, function(m) return "handled " .. m end))
check("arith error", pcall(function() return {} + 1 end))
check("compare error", pcall(function() return 1 < "2" end))
check("overflow", pcall(function() local function r() return 1 + r() end return r() end))
check("convert", pcall(function() return 2 ^ 63 | 0 end))
check("load", load("return 1 + ...")(41), load("syntax error here"))
check("load env", load("x = 5; return x", "chunk", "t", {})())
collectgarbage()
local weak = setmetatable({ {} , {} }, { __mode = "v" })
collectgarbage()
check("weak", #weak)
