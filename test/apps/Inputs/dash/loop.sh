# usage: loop.sh COUNT PROGRAM : takes the output of a program so many times.
i=0
while [ $i -lt $1 ]; do
    x=$($2)
    i=$((i + 1))
done
