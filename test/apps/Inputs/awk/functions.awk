# String and arithmetic functions, regular expressions, user functions, getline, printf.
function factorial(n) { return n <= 1 ? 1 : n * factorial(n - 1) }
function reverse(s,   i, r) { for (i = length(s); i > 0; i--) r = r substr(s, i, 1); return r }
BEGIN {
  print factorial(10), reverse("cage"), length("abc"), index("hello", "l"), substr("hello", 2, 3), toupper("aBc"), tolower("AbC")
  n = split("a:b:c", parts, ":"); print n, parts[3]
  s = "one two two"; print gsub(/two/, "<&>", s), s; sub(/o/, "0", s); print s
  print match("foobar", /o+b/), RSTART, RLENGTH, int(-3.7), sqrt(16), exp(0), log(1), sin(0), atan2(0, -1)
  printf "%5d|%-8s|%08.3f|%x|%c|%e|%%\n", 42, "left", 3.14159, 255, 65, 12345.678
  print 1e6, 1e-5, 100000000000, 0.1 + 0.2, 7 % 3, 2 ^ 10, 1 / 4, "3x" + 4, -2 ^ 2, !0, 1 == 1.0, "a" < "b"
  x["a", 1] = 5; for (k in x) { split(k, q, SUBSEP); print q[1], q[2], x[k] }; delete x["a", 1]; print length(x), ("a", 1) in x
  while ((getline line < FILENAME_NONE) > 0) print "never"; do { i++ } while (i < 5); print i
}
/^the/ && NF > 10 { starts++ } /[0-9]+\.[0-9][05]$/ { fives++ } $1 ~ /^[a-c]/ { early++ } NR == 10, NR == 20 { ranged++ }
{ line[NR % 7] = $0 } NR % 300 == 0 { print NR ": " $1 " " $NF; $2 = "CHANGED"; print NF, length($0) }
END { print starts, fives, early, ranged, line[3] }
