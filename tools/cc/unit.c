/* What lind-cc compiles in place of an assembly file. clang's assembler loads no plugins, but its C
 * compiler does, and takes assembly at file scope: the file is included there. */
#ifdef LIND_ASSEMBLY_SYMBOLS
__asm__(LIND_ASSEMBLY_SYMBOLS);
#endif
__asm__(".include \"" LIND_ASSEMBLY_FILE "\"");
