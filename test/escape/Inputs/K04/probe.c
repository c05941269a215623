/* Exits with 0, unless the marked bytes are replaced: then, if they run, with 77 by a system call past the gate. */
__attribute__((noinline)) static void probe(void)
{
    __asm__ volatile(".p2align 5\n\tmovl $0x5eed1234, %%eax\n\tmovl $0x11223344, %%edi\n\txchg %%ax, %%ax" ::: "eax", "edi");
}

int main(void)
{
    probe();
    return 0;
}
