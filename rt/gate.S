/* The crossing between cage code and trusted code. docs/sfi.md 6 and docs/architecture.md describe the path.
 *
 * Cage code arrives at gate_entry by the gate group: %rax is the call's number, %r11 the absolute return address (not trusted: only its
 * lower half is used, rounded up to a bundle). No register may be lost but %rax, %rcx and %r11, and no memory of the cage is touched. */
#include <sys/syscall.h>

#include "rt/thread.h"
#include "rt/abi.h"

#define R(name) (THREAD_REGS + REGISTER_##name)

        .text
        .globl gate_entry, gate_exit, gate_exit_end, gate_resume, gate_entry_end
        .hidden gate_entry, gate_exit, gate_exit_end, gate_resume, gate_entry_end

        .type gate_entry, @function
        .p2align 6
gate_entry:
        movq    %fs:HOST_THREAD, %rcx
        movl    %eax, %eax
        movq    %rax, R(NUMBER)(%rcx)
        movq    %rax, R(RAX)(%rcx)
        movq    %rdi, R(RDI)(%rcx)
        movq    %rsi, R(RSI)(%rcx)
        movq    %rdx, R(RDX)(%rcx)
        movq    %r10, R(R10)(%rcx)
        movq    %r8, R(R8)(%rcx)
        movq    %r9, R(R9)(%rcx)
        movq    %rbx, R(RBX)(%rcx)
        movq    %rbp, R(RBP)(%rcx)
        movq    %r12, R(R12)(%rcx)
        movq    %r13, R(R13)(%rcx)
        movq    %r14, R(R14)(%rcx)
        movq    %r15, R(R15)(%rcx)
        movq    %rcx, %rbx
        leal    LIND_BUNDLE_SIZE - 1(%r11), %ecx
        andl    $-LIND_BUNDLE_SIZE, %ecx
        movl    %esp, %r11d
        movq    %rcx, R(RIP)(%rbx)
        movq    %rcx, R(RCX)(%rbx)
        movq    %rcx, R(R11)(%rbx)
        movq    %r11, R(RSP)(%rbx)
        movq    $0x202, R(FLAGS)(%rbx)
        movq    THREAD_HOST_STACK(%rbx), %rsp
        cld

        movq    %rbx, %rdi
        leaq    R(RDI)(%rbx), %rsi
        cmpl    $HANDLER_TABLE_SIZE, %eax
        jae     .Lunknown
        movq    THREAD_HANDLERS(%rbx), %rcx
        shll    $4, %eax
        addq    %rcx, %rax
        movq    8(%rax), %rdx
        movq    (%rax), %rax
        testq   %rax, %rax
        jz      .Lunknown
        call    *%rax
        jmp     gate_result
.Lunknown:
        call    gate_unknown
gate_result:
        movq    %rax, R(RAX)(%rbx)
gate_entry_end:

/* The way back, with %rbx = thread and everything else in thread->regs. A host signal that arrives between here and gate_exit_end
 * starts the exit again, so that the look at `pending` and the return are one step. */
        .p2align 4
gate_exit:
        cmpl    $0, THREAD_PENDING(%rbx)
        jne     gate_slow
        movq    R(RIP)(%rbx), %rcx
        movl    R(RSP)(%rbx), %esp
        movq    THREAD_BASE(%rbx), %rax
        leaq    (%rax,%rcx), %r11
        addq    %rax, %rsp
        movq    R(RAX)(%rbx), %rax
        movq    R(RDI)(%rbx), %rdi
        movq    R(RSI)(%rbx), %rsi
        movq    R(RDX)(%rbx), %rdx
        movq    R(R10)(%rbx), %r10
        movq    R(R8)(%rbx), %r8
        movq    R(R9)(%rbx), %r9
        movq    R(RBX)(%rbx), %rbx
        jmpq    *%r11
gate_exit_end:

/* Something is pending, or all registers are to be loaded. The cage's vector state is live here. */
gate_slow:
        movq    %rbx, %rdi
        call    pending_full
        testl   %eax, %eax
        jnz     gate_slow               /* served something: look again */
        /* All registers, by iretq: it needs none free. From here on a host signal starts at gate_resume again. */
        .globl gate_full, gate_full_end
        .hidden gate_full, gate_full_end
gate_full:
        movq    THREAD_HOST_STACK(%rbx), %rsp
        cmpl    $0, THREAD_PENDING(%rbx)
        jne     gate_slow
        movq    THREAD_BASE(%rbx), %rax
        movl    R(RIP)(%rbx), %ecx
        addq    %rax, %rcx
        movl    R(RSP)(%rbx), %edx
        addq    %rax, %rdx
        movl    %ss, %eax
        pushq   %rax
        pushq   %rdx
        pushq   R(FLAGS)(%rbx)
        movl    %cs, %eax
        pushq   %rax
        pushq   %rcx
        movq    R(RAX)(%rbx), %rax
        movq    R(RDI)(%rbx), %rdi
        movq    R(RSI)(%rbx), %rsi
        movq    R(RDX)(%rbx), %rdx
        movq    R(R10)(%rbx), %r10
        movq    R(R8)(%rbx), %r8
        movq    R(R9)(%rbx), %r9
        movq    R(RBP)(%rbx), %rbp
        movq    R(R12)(%rbx), %r12
        movq    R(R13)(%rbx), %r13
        movq    R(R14)(%rbx), %r14
        movq    R(R15)(%rbx), %r15
        movq    R(RCX)(%rbx), %rcx
        movq    R(R11)(%rbx), %r11
        movq    R(RBX)(%rbx), %rbx
        iretq
gate_full_end:

/* Where the host's signal handler resumes after it has moved a cage's registers to thread->regs: %rbx = thread, %rsp = its host stack,
 * vector registers still the cage's. */
        .p2align 4
gate_resume:
        cld
        jmp     gate_slow
        .size gate_entry, . - gate_entry

/* handler_function handler_cold: data(thread, args) with the host's MXCSR, and with the vector registers kept. Trusted code and the
 * parts of libc that it uses touch %xmm0-15/%ymm0-15 at most in what a cage can see: no x87, and the cage has no instruction that reads
 * what AVX-512 adds. Keeping just these takes a tenth of the time of XSAVE and XRSTOR. */
        .macro  each_vector macro_name
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        \macro_name \n
        .endr
        .endm
        .macro  save_ymm n
        vmovdqa %ymm\n, 32*\n(%rsp)
        .endm
        .macro  load_ymm n
        vmovdqa 32*\n(%rsp), %ymm\n
        .endm
        .macro  save_xmm n
        movdqa  %xmm\n, 32*\n(%rsp)
        .endm
        .macro  load_xmm n
        movdqa  32*\n(%rsp), %xmm\n
        .endm
        .macro  gather_ymm n
        vpor    %ymm\n, %ymm0, %ymm0
        .endm

        .globl handler_cold
        .type handler_cold, @function
        .p2align 4
handler_cold:
        pushq   %rbp
        movq    %rsp, %rbp
        pushq   %rbx
        pushq   %r12
        subq    $544, %rsp
        andq    $-32, %rsp
        movq    %rdi, %rbx
        stmxcsr 512(%rsp)
        movl    vector_kind(%rip), %r12d
        testl   %r12d, %r12d
        jz      .Lcold_xmm
        each_vector save_ymm
        /* When no upper half is in use none may be after it either: it would slow the cage's SSE code down on some CPUs. */
        each_vector gather_ymm
        vextracti128 $1, %ymm0, %xmm0
        vptest  %xmm0, %xmm0
        jnz     .Lcold_saved
        vzeroupper
        xorl    %r12d, %r12d
        jmp     .Lcold_saved
.Lcold_xmm:
        each_vector save_xmm
.Lcold_saved:
        ldmxcsr mxcsr_default(%rip)
        movl    THREAD_COLD(%rbx), %ecx
        movl    %ecx, 516(%rsp)
        movl    $1, THREAD_COLD(%rbx)
        callq   *%rdx
        movl    516(%rsp), %ecx
        movl    %ecx, THREAD_COLD(%rbx)
        testl   %r12d, %r12d
        jz      .Lcold_load_xmm
        each_vector load_ymm
        jmp     .Lcold_loaded
.Lcold_load_xmm:
        cmpl    $0, vector_kind(%rip)
        je      1f
        vzeroupper
1:      each_vector load_xmm
.Lcold_loaded:
        ldmxcsr 512(%rsp)
        leaq    -16(%rbp), %rsp
        popq    %r12
        popq    %rbx
        popq    %rbp
        ret
        .size handler_cold, . - handler_cold
        .section .rodata
        .p2align 2
mxcsr_default:
        .long   0x1f80
        .text

/* Serves what is pending, with all of the cage's vector and x87 state in thread->xsave. %rdi = thread. */
        .type pending_full, @function
        .p2align 4
pending_full:
        pushq   %rbx
        movq    %rdi, %rbx
        testl   $PENDING_VECTORS, THREAD_PENDING(%rbx)
        jnz     1f
        movl    xsave_mask(%rip), %eax
        xorl    %edx, %edx
        movq    THREAD_XSAVE(%rbx), %rcx
        xsave64 (%rcx)
1:      ldmxcsr mxcsr_default(%rip)
        movl    $1, THREAD_COLD(%rbx)
        call    gate_pending_call
        movl    $0, THREAD_COLD(%rbx)
        movl    %eax, %esi
        movl    xsave_mask(%rip), %eax
        xorl    %edx, %edx
        movq    THREAD_XSAVE(%rbx), %rcx
        xrstor64 (%rcx)
        movl    %esi, %eax
        popq    %rbx
        ret
        .size pending_full, . - pending_full

/* void thread_enter(struct thread *) */
        .globl thread_enter
        .type thread_enter, @function
        .p2align 4
#define LEAVE(n) (THREAD_LEAVE + 8 * (n))
thread_enter:
        movq    %rbx, LEAVE(0)(%rdi)
        movq    %rbp, LEAVE(1)(%rdi)
        movq    %r12, LEAVE(2)(%rdi)
        movq    %r13, LEAVE(3)(%rdi)
        movq    %r14, LEAVE(4)(%rdi)
        movq    %r15, LEAVE(5)(%rdi)
        movq    %rsp, LEAVE(6)(%rdi)
        movq    %rdi, %rbx
        subq    $8, %rsp
        call    thread_mount
        addq    $8, %rsp
        leaq    -64(%rsp), %rsp
        andq    $-64, %rsp
        movq    %rsp, THREAD_HOST_STACK(%rbx)
        movl    xsave_mask(%rip), %eax
        xorl    %edx, %edx
        movq    THREAD_XSAVE(%rbx), %rcx
        xrstor64 (%rcx)
        jmp     gate_full
        .size thread_enter, . - thread_enter

/* void thread_leave(struct thread *) */
        .globl thread_leave
        .type thread_leave, @function
        .p2align 4
thread_leave:
        movq    xsave_initial(%rip), %rcx
        movl    xsave_mask(%rip), %eax
        xorl    %edx, %edx
        xrstor64 (%rcx)
        movq    LEAVE(0)(%rdi), %rbx
        movq    LEAVE(1)(%rdi), %rbp
        movq    LEAVE(2)(%rdi), %r12
        movq    LEAVE(3)(%rdi), %r13
        movq    LEAVE(4)(%rdi), %r14
        movq    LEAVE(5)(%rdi), %r15
        movq    LEAVE(6)(%rdi), %rsp
        ret
        .size thread_leave, . - thread_leave

/* long host_call_blocking(long number, const uint64_t args[6], const volatile uint32_t *pending) */
        .globl host_call_blocking, blocking_check, blocking_call, blocking_interrupted
        .hidden host_call_blocking, blocking_check, blocking_call, blocking_interrupted
        .type host_call_blocking, @function
        .p2align 4
host_call_blocking:
        movq    %rdi, %rax
        movq    %rdx, %r11
        movq    %rsi, %rcx
        movq    (%rcx), %rdi
        movq    8(%rcx), %rsi
        movq    16(%rcx), %rdx
        movq    24(%rcx), %r10
        movq    32(%rcx), %r8
        movq    40(%rcx), %r9
blocking_check:                         /* a signal from here to blocking_call goes to blocking_interrupted */
        cmpl    $0, (%r11)
        jne     blocking_interrupted
blocking_call:
        syscall
        ret
blocking_interrupted:
        movq    $-4, %rax               /* -EINTR */
        ret
        .size host_call_blocking, . - host_call_blocking

/* Where the kernel lets signal_entry return to. */
        .globl signal_restorer
        .hidden signal_restorer
        .type signal_restorer, @function
        .p2align 4
signal_restorer:
        movl    $SYS_rt_sigreturn, %eax
        syscall
        .size signal_restorer, . - signal_restorer

        .section .note.GNU-stack,"",@progbits
