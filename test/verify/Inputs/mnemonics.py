"""Instructions by the names that LLVM's disassembler gives them, for spec.py."""

import re


def expand(words):
    """The words of a text with {a,b} alternatives."""
    result = set()
    for word in words.split():
        match = re.search(r"\{([^{}]*)\}", word)
        if match:
            for part in match[1].split(","):
                result |= expand(word[: match.start()] + part + word[match.end() :])
        else:
            result.add(word)
    return result


S4 = "{b,w,l,q}"
S3 = "{w,l,q}"
S2 = "{l,q}"
CONDITIONS = "{a,ae,b,be,e,g,ge,l,le,ne,no,np,ns,o,p,s}"

INTEGER = expand(
    f"""
{{add,sub,and,or,xor,adc,sbb,cmp,test,mov,xchg,xadd,cmpxchg,inc,dec,neg,not,mul,imul,div,idiv}}{S4}
{{rol,ror,rcl,rcr,shl,shr,sar}}{S4} {{shld,shrd}}{S3}
{{bt,bts,btr,btc,bsf,bsr,tzcnt,lzcnt,popcnt,movbe,lea}}{S3}
bswap{S2} crc32{S4} movabsq movslq movs{{bw,bl,bq,wl,wq}} movz{{bw,bl,bq,wl,wq}} cbtw cwtl cltq
cwtd cltd cqto
cmov{CONDITIONS}{S3} set{CONDITIONS} cmpxchg8b cmpxchg16b rdrand{S3} rdseed{S3} adcx{S2} adox{S2}
movnti{S2}
andn{S2} blsr{S2} blsmsk{S2} blsi{S2} bzhi{S2} pext{S2} pdep{S2} mulx{S2} bextr{S2} shlx{S2}
sarx{S2} shrx{S2} rorx{S2}
lahf sahf cmc clc stc cld cpuid rdtsc rdtscp xgetbv lfence mfence sfence pause endbr64 wait
prefetch prefetchw prefetchnta prefetcht0 prefetcht1 prefetcht2 clflush clflushopt ldmxcsr stmxcsr
"""
)
STACK = expand("pushq popq pushfq")
BRANCHES = expand(f"j{CONDITIONS} jrcxz loop loope loopne jmp callq")
STRINGS = expand(f"movs{S4} stos{S4} movsd lods{S4} scas{S4} cmps{S4} cmpsd")
TRAPS = {"int3", "hlt", "ud2", "ud1l"}
X87 = expand(
    """
{fadd,fmul,fcom,fcomp,fsub,fsubr,fdiv,fdivr}{,s,l} fi{add,mul,com,comp,sub,subr,div,divr}{s,l}
{fadd,fmul,fsub,fsubr,fdiv,fdivr}p
fld{,s,l,t} fst{,s,l} fstp{,s,l,t} fild{s,l,ll} fist{s,l} fistp{s,l,ll} fisttp{s,l,ll} fbld fbstp
fldenv fnstenv fldcw fnstcw
frstor fnsave fnstsw fxch fnop fchs fabs ftst fxam fld1 fldl2t fldl2e fldpi fldlg2 fldln2 fldz
f2xm1 fyl2x fptan fpatan
fxtract fprem1 fdecstp fincstp fprem fyl2xp1 fsqrt fsincos frndint fscale fsin fcos
fcmov{b,e,be,u,nb,ne,nbe,nu}
fucom fucomp fucompp fucomi fucompi fcomi fcompi fcompp fnclex fninit ffree
"""
)
BOTH = expand(
    """
mov{ups,upd,ss,sd,lps,lpd,hps,hpd,hlps,lhps,sldup,shdup,ddup,aps,apd,dqa,dqu,ntps,ntpd,ntdq,ntdqa,d,q}
lddqu
unpck{l,h}p{s,d}
cvt{si2ss,si2sd,si2ssl,si2ssq,si2sdl,si2sdq}
cvt{tss2si,tsd2si,ss2si,sd2si,ps2pd,pd2ps,ss2sd,sd2ss,dq2ps,ps2dq,tps2dq}
cvt{tpd2dq,pd2dq,dq2pd,pd2psx,pd2dqx,tpd2dqx,pd2psy,pd2dqy,tpd2dqy} {ucomi,comi}s{s,d} movmskp{s,d}
{sqrt,add,mul,sub,min,div,max}{ps,pd,ss,sd} {rsqrt,rcp}{ps,ss} {and,andn,or,xor}p{s,d}
punpck{l,h}{bw,wd,dq,qdq} pack{ss,us}{wb,dw} pcmp{eq,gt}{b,w,d,q} pshuf{d,hw,lw,b}
ps{rl,ra,ll}{w,d} ps{rl,ll}{q,dq}
{hadd,hsub,addsub}p{s,d} pinsr{b,w,d,q} pextr{b,w,d,q} shufp{s,d} padd{b,w,d,q} psub{b,w,d,q}
padd{s,us}{b,w} psub{s,us}{b,w}
pmul{lw,ld,hw,huw,udq,dq,hrsw} pmovmskb p{min,max}{ub,sw,sb,uw,ud,sd} pand pandn por pxor pavg{b,w}
psadbw pmaddwd pmaddubsw
ph{add,sub}{w,d,sw} psign{b,w,d} pabs{b,w,d} palignr blendvp{s,d} pblendvb blendp{s,d} pblendw ptest
pmov{s,z}x{bw,bd,bq,wd,wq,dq} phminposuw round{ps,pd,ss,sd} extractps insertps dpps dppd mpsadbw
pclmulqdq
pcmp{e,i}str{m,i} aes{imc,enc,enclast,dec,declast,keygenassist}
"""
)
# Comparisons print their predicate, `pclmulqdq` its halves.
COMPARE = re.compile(r"v?cmp[a-z_]*(ps|pd|ss|sd)$|v?pclmul[lh]q[lh]qdq$")
SSE_ONLY = expand(
    """movq2dq movdq2q emms movntq pshufw cvt{pi2ps,pi2pd,tps2pi,ps2pi,tpd2pi,pd2pi}
sha{1,256}msg{1,2} sha256rnds2 sha1rnds4 sha1nexte"""
)
AVX_ONLY = expand(
    """
vzeroupper vzeroall vldmxcsr vstmxcsr vtestp{s,d} vpermilp{s,d} vperm{ps,pd,d,q} vperm2{f,i}128
vcvt{ph2ps,ps2ph}
vbroadcast{ss,sd,f128,i128} vpbroadcast{b,w,d,q} vmaskmovp{s,d} vpmaskmov{d,q} vinsert{f,i}128
vextract{f,i}128 vpblendd
vps{rl,ll}v{d,q} vpsravd vf{,n}m{add,sub}{132,213,231}{ps,pd,ss,sd}
vfm{addsub,subadd}{132,213,231}p{s,d}
"""
)
VECTOR = BOTH | {"v" + name for name in BOTH} | SSE_ONLY | AVX_ONLY
LOCKABLE = expand(
    f"{{add,sub,and,or,xor,adc,sbb,xchg,xadd,cmpxchg,inc,dec,neg,not,bts,btr,btc}}{S4} "
    "cmpxchg8b cmpxchg16b"
)
NOPS = {
    bytes.fromhex(n)
    for n in (
        "90",
        "6690",
        "0f1f00",
        "0f1f4000",
        "0f1f440000",
        "660f1f440000",
        "0f1f8000000000",
        "0f1f840000000000",
        "660f1f840000000000",
        "662e0f1f840000000000",
    )
}
# The last operand is read, not written.
READ_ONLY = expand(f"cmp{S4} test{S4} bt{S3} pushq mul{S4} div{S4} idiv{S4} ud1l")
# They may leave their memory operand alone, or do not access it.
NOT_ALWAYS = expand(
    f"prefetch prefetchw prefetchnta prefetcht0 prefetcht1 prefetcht2 clflush clflushopt "
    f"vmaskmovp{{s,d}} vpmaskmov{{d,q}} lea{S3} ud1l "
    f"cmov{CONDITIONS}{S3}"
)
SHIFTS = expand(f"{{rol,ror,rcl,rcr,shl,shr,sar}}{S4} {{shld,shrd}}{S3}")
