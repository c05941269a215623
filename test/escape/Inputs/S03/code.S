/* A cage made by hand for gate.c: one page of code, one gate page, data. Copied as a whole into a window. It may do what the verifier
 * would refuse. */
        .macro  call_gate
        leaq    9f(%rip), %r11
        jmpq    *slots + 8(%rip)
        .p2align 5, 0xcc
9:
        .endm
        .macro  each_vector macro_name
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        \macro_name \n
        .endr
        .endm
        .macro  load_ymm n
        vmovdqu filled + 32*\n(%rip), %ymm\n
        .endm
        .macro  store_ymm n
        vmovdqu %ymm\n, found + 32*\n(%rip)
        .endm
        .macro  load_x87 n
        fldt    filled_x87 + 16*\n(%rip)
        .endm
        .macro  store_x87 n
        fstpt   found_x87 + 16*\n(%rip)
        .endm

        .data
        .p2align 12
        .globl code, code_end, code_state, code_backwards, code_fault, filled, found
code:
/* Fills the vector and x87 registers, makes the call in %ebx, dumps them; then call 0 ends the thread. */
code_state:
        each_vector load_ymm
        .irp    n, 7, 6, 5, 4, 3, 2, 1, 0
        load_x87 \n
        .endr
        movl    %ebx, %eax
        call_gate
        each_vector store_ymm
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
        store_x87 \n
        .endr
        fninit
        vzeroall
        xorl    %eax, %eax
        call_gate
        ud2
        .p2align 5, 0xcc
/* A call with DF set. */
code_backwards:
        std
        movl    %ebx, %eax
        call_gate
        xorl    %eax, %eax
        call_gate
        ud2
        .p2align 5, 0xcc
/* A fault with DF set. */
code_fault:
        std
        movq    %gs:16(%edi), %rax
        ud2
        .p2align 12, 0xcc
slots:  .quad   0, 0
        .p2align 12
filled: .skip   512
filled_x87:
        .skip   128
        .p2align 12
found:  .skip   512
found_x87:
        .skip   128
        .p2align 12
code_end:
        .section .note.GNU-stack,"",@progbits
