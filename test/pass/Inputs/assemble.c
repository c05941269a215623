/* Assembles the file that -DSOURCE="…" names: clang's assembler proper loads no plugin. */
__asm__(".include \"" SOURCE "\"");
