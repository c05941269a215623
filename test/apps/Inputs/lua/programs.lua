-- Small programs: queens, primes, permutations, JSON-like printing, string building, matrix, memoized fibonacci, life.
local function queens(n)
  local count, columns, up, down = 0, {}, {}, {}
  local function place(row)
    if row > n then count = count + 1 return end
    for c = 1, n do
      if not columns[c] and not up[row + c] and not down[row - c] then
        columns[c], up[row + c], down[row - c] = true, true, true
        place(row + 1)
        columns[c], up[row + c], down[row - c] = nil, nil, nil
      end
    end
  end
  place(1)
  return count
end
print("queens", queens(8))

local sieve, primes = {}, {}
for n = 2, 5000 do
  if not sieve[n] then primes[#primes + 1] = n for m = n * n, 5000, n do sieve[m] = true end end
end
print("primes", #primes, primes[#primes])

local function permutations(list, n, visit)
  if n == 0 then visit(list) return end
  for i = 1, n do
    list[i], list[n] = list[n], list[i]
    permutations(list, n - 1, visit)
    list[i], list[n] = list[n], list[i]
  end
end
local seen = 0
permutations({ 1, 2, 3, 4, 5, 6 }, 6, function() seen = seen + 1 end)
print("permutations", seen)

local function dump(value, indent)
  if type(value) ~= "table" then return string.format("%q", value) end
  local keys, out = {}, {}
  for k in pairs(value) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, k in ipairs(keys) do out[#out + 1] = indent .. "  " .. tostring(k) .. ": " .. dump(value[k], indent .. "  ") end
  return "{\n" .. table.concat(out, ",\n") .. "\n" .. indent .. "}"
end
print(dump({ name = "x", list = { 1, 2.5, "three" }, nested = { a = { b = true } } }, ""))

local memo = setmetatable({ [1] = 1, [2] = 1 }, { __index = function(t, n) local v = t[n - 1] + t[n - 2] t[n] = v return v end })
print("fibonacci", memo[80])

local function multiply(a, b)
  local r = {}
  for i = 1, #a do r[i] = {} for j = 1, #b[1] do local s = 0 for k = 1, #b do s = s + a[i][k] * b[k][j] end r[i][j] = s end end
  return r
end
local m = { { 1, 1 }, { 1, 0 } }
local p = m
for _ = 1, 30 do p = multiply(p, m) end
print("matrix", p[1][1], p[1][2])

local grid = {}
for y = 1, 20 do grid[y] = {} for x = 1, 20 do grid[y][x] = (x * y + x) % 3 == 0 end end
for _ = 1, 10 do
  local next_grid = {}
  for y = 1, 20 do
    next_grid[y] = {}
    for x = 1, 20 do
      local n = 0
      for dy = -1, 1 do for dx = -1, 1 do
        if (dx ~= 0 or dy ~= 0) and grid[(y + dy - 1) % 20 + 1][(x + dx - 1) % 20 + 1] then n = n + 1 end
      end end
      next_grid[y][x] = n == 3 or (grid[y][x] and n == 2)
    end
  end
  grid = next_grid
end
for y = 1, 20 do local row = {} for x = 1, 20 do row[x] = grid[y][x] and "#" or "." end print(table.concat(row)) end
