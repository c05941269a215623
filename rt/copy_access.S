/* Accesses to cage memory that may fault. rt/fault.c resumes a fault between copy_access_start and copy_access_end at copy_access_fault;
 * %rcx then holds the number of bytes not done, which is what each function returns. */
        .text
        .globl copy_access_start, copy_access_end, copy_access_fault
        .hidden copy_access_start, copy_access_end, copy_access_fault

/* size_t copy_bytes(void *to, const void *from, size_t length) */
        .globl copy_bytes
        .hidden copy_bytes
        .type copy_bytes, @function
        .p2align 4
copy_bytes:
        mov     %rdx, %rcx
copy_access_start:
        rep movsb
        jmp     copy_access_fault

/* size_t set_bytes(void *to, int byte, size_t length) */
        .globl set_bytes
        .hidden set_bytes
        .type set_bytes, @function
set_bytes:
        mov     %esi, %eax
        mov     %rdx, %rcx
        rep stosb
        jmp     copy_access_fault

/* size_t swap_word(uint32_t *word, uint32_t *expected, uint32_t value): compares and exchanges; *expected becomes what was there. */
        .globl swap_word
        .hidden swap_word
        .type swap_word, @function
swap_word:
        mov     $4, %ecx
        mov     (%rsi), %eax
        lock cmpxchg %edx, (%rdi)
        mov     %eax, (%rsi)
        xor     %ecx, %ecx
copy_access_end:
copy_access_fault:
        mov     %rcx, %rax
        ret
        .size copy_bytes, . - copy_bytes
        .section .note.GNU-stack,"",@progbits
