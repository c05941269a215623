# Expansion, quoting, arithmetic, here-documents, functions, globbing, control flow.
set -u
v='a b  c'
echo $v; echo "$v"; echo ${v#* } ${v##* } ${v%b*} ${#v} ${none:-default} ${v:+set}
echo $((1 + 2 * 3)) $((1 << 20)) $((7 % 4)) $((5 > 3 ? 10 : 20))
IFS=:; set -- $(echo x:y:z); unset IFS; echo $# "$1-$3"
cat_lines() { while IFS= read -r line; do echo "<$line>"; done; }
cat_lines <<EOT
v is $v
 sum $((2 + 2)) $(echo nested $(echo deep))
EOT
cat_lines <<'EOT'
no $expansion `here`
EOT
echo lind-inputs/*.sh
case $v in a*) echo starts with a ;; *) echo no ;; esac
f() { local v=inner; echo $v; return 7; }
f; echo $? "$v"
i=0; while [ $i -lt 5 ]; do i=$((i + 1)); [ $i -eq 3 ] && continue; printf '%d,' $i; done; echo
(readonly r=1; r=2) 2>/dev/null; echo readonly $?
eval 'echo "eval $v"'; printf '%s|%05d|%x\n' s 42 255
