/* A cage made by hand for gate_test.c: one page of code, one gate page, one page of data. Copied as a whole into a window. */
        .data
        .p2align 12
        .globl gate_code, gate_code_end, code_loop, code_fault, code_string, code_null
gate_code:
/* rbx calls in a loop: call number in r12; then call 1 ends the thread */
code_loop:
1:      movl    %r12d, %eax
        leaq    2f(%rip), %r11
        jmpq    *gate_slots + 8(%rip)
        .p2align 5, 0xcc
2:      decl    %ebx
        jnz     1b
        movl    $1, %eax
        leaq    3f(%rip), %r11
        jmpq    *gate_slots + 8(%rip)
        .p2align 5, 0xcc
3:      ud2
        .p2align 5, 0xcc
code_fault:
        movl    $7, %ecx
        movq    %gs:16(%edi), %rax
        ud2
        .p2align 5, 0xcc
/* copies rcx bytes from rsi to rdi */
code_string:
        movq    gate_slots(%rip), %r11
        movl    %edi, %edi
        leaq    (%rdi,%r11), %rdi
        movl    %esi, %esi
        leaq    (%rsi,%r11), %rsi
        rep movsb
        .p2align 5, 0x90
        movl    $1, %eax
        leaq    3f(%rip), %r11
        jmpq    *gate_slots + 8(%rip)
        .p2align 5, 0xcc
3:      ud2
        .p2align 5, 0xcc
code_null:
        jmp     code_null
        .p2align 12, 0xcc
gate_slots:
        .quad   0, 0
        .p2align 12
gate_code_end:
        .section .note.GNU-stack,"",@progbits
