-- A mix for timing: calls, tables, strings, closures, floats.
for round = 1, 3 do
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local sum = fib(27)
local t = {}
for i = 1, 300000 do t[i] = (i * 7919) % 100003 end
table.sort(t)
for i = 1, #t, 1000 do sum = sum + t[i] end
local words = {}
for i = 1, 60000 do words[#words + 1] = ("w" .. i % 977):upper() end
local count = {}
for _, w in ipairs(words) do count[w] = (count[w] or 0) + 1 end
local text = table.concat(words, " ")
local _, n = text:gsub("W(%d)7", "x%1")
local x = 0.0
for i = 1, 2000000 do x = x + math.sin(i) * (i % 3) end
print(sum, n, #text, string.format("%.6f", x))
end
