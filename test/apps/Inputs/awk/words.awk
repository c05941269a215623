# Counts words and sums numbers.
{ for (i = 1; i < NF - 1; i++) count[$i]++; numbers += $(NF - 1); sum += $NF; if (NF > most) most = NF }
END {
  for (word in count) if (count[word] > best || (count[word] == best && word < name)) { best = count[word]; name = word }
  printf "%d lines, %d fields at most, %s %d times, %d, %.2f\n", NR, most, name, best, numbers, sum
}
