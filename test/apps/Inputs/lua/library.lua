-- The standard library: string patterns and formats, table, math, utf8, os and io on files.
local function show(...) print(...) end

show(("hello world"):find("o w"), ("hello"):find("l+"), ("a.b"):find(".", 1, true), ("x"):find(""))
show(("key = value"):match("^(%w+)%s*=%s*(%w+)$"), ("[[x]]"):match("%[(%b[])%]"), ("THE (quick) fox"):find("%((%a+)%)"))
show(("abc"):gsub("%w", "%0%0"), ("hello world"):gsub("o", { o = "0" }), ("abc"):gsub("", "-"), ("x y z"):gsub("%S", string.upper, 2))
for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do io.write(k, ":", v, " ") end print()
show(("%5d|%-5d|%05d|%+d|%x|%X|%#x|%o"):format(42, 42, 42, 42, 255, 255, 255, 8))
show(("%10.3f|%-10.2e|%g|%g|%g|%a"):format(3.14159, 31415.9, 1e20, 0.1, 100, 1))
show(("%s|%10s|%-10s|%.2s|%q|%c|%i|%u"):format("s", "s", "s", "string", 'q"\n\0', 65, 7, 8))
show(("%q"):format(1 / 3), ("%q"):format(math.mininteger))
show(("x"):rep(5, ","), ("abc"):reverse(), ("aBc"):upper(), ("aBc"):lower(), ("abc"):byte(1, -1), string.char(72, 105))
show(("abcdef"):sub(2, -2), ("abcdef"):sub(-3), ("abc"):sub(5), ("abc"):sub(0))
show(string.pack("<i4>I2z", -2, 515, "hi"):byte(1, -1))
show(string.unpack("<i4>I2z", string.pack("<i4>I2z", -2, 515, "hi")))
show(string.packsize("i4i8d"), pcall(string.rep, "x", 1 << 40))

local t = { 5, 2, 8, 1, 9, 3 }
table.sort(t) show(table.concat(t, " "))
table.sort(t, function(a, b) return a > b end) show(table.concat(t, " "))
table.insert(t, 7) table.insert(t, 1, 0) show(table.remove(t), table.remove(t, 1), #t, table.unpack(t, 2, 4))
show(table.concat(table.move({ 1, 2, 3 }, 1, 3, 3, { 9, 9 }), ","), next({}), rawlen({ 1, 2 }), select(-1, 1, 2, 3))
show(pcall(table.sort, { 3, 1, "x" }))

show(math.floor(-3.5), math.ceil(-3.5), math.abs(-7), math.max(1, 5, 3), math.min(2, 0), math.fmod(-7, 3), math.modf(3.7))
show(math.tointeger(3.0), math.tointeger(3.5), math.type(1), math.type(1.0), math.type("1"), math.ult(1, -1))
show(("%.12f %.12f %.12f %.12f"):format(math.sin(1), math.exp(1), math.log(10), math.sqrt(2)))
show(("%.10f %.10f"):format(math.log(8, 2), math.atan(1, -1)), math.pi)
math.randomseed(42) local r = math.random(1, 100) show(r >= 1 and r <= 100, math.random() < 1)
show(tonumber("0x1p4"), tonumber("  12  "), tonumber("1e1"), tonumber("ff", 16), tonumber("8", 8), tonumber("zz", 36), tonumber(""))

show(utf8.char(228, 8364, 128512), utf8.len("äöü"), utf8.codepoint("€", 1), utf8.offset("aäb", 3), utf8.len("\xff"))
for p, c in utf8.codes("aä€") do io.write(p, "=", c, " ") end print()

show(os.time({ year = 2020, month = 2, day = 29, hour = 12 }), os.date("!%Y-%m-%d %H:%M:%S", 86400), os.date("!*t", 0).year)
show(os.getenv("NOT_THERE"), type(os.clock()), os.setlocale("C"), os.difftime(5, 3))

local name = "lua-test.tmp"
local f = assert(io.open(name, "w+"))
show(io.type(f:write("line one\n", 2, " ", 3.5, "\nline three\n0x10 -7 nan")), io.type(f))
show(f:seek("set", 0), f:read("l"), f:read("n", "n"), f:read("L"), f:read("L"), f:read("n", "n"), f:read(1), f:seek("cur"), f:seek("end"))
show(f:read(0), f:read("a"), f:close(), io.type(f), pcall(f.read, f))
for line in io.lines(name) do io.write("<", line, ">") end print()
for a, b in io.lines(name, 1, "l") do io.write("<", a, "|", b, ">") end print()
f = assert(io.open(name, "a")) f:setvbuf("full", 1024) f:write("\nappended") f:close()
f = io.open(name, "rb") show(#f:read("a")) f:close()
show(os.rename(name, name .. ".2"), os.remove(name .. ".2"), os.remove(name), io.open("/nonexistent/x"))
show(pcall(io.lines, "not there"))
