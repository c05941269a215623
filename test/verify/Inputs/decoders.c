#include "decoders.h"

#include <Zydis/Zydis.h>
#include <ctype.h>
#include <llvm-c/Disassembler.h>
#include <llvm-c/Target.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST = 15, PADDED = 32 };

static ZydisDecoder decoder, amd_decoder;
static ZydisFormatter formatter;
static LLVMDisasmContextRef llvm;

static void prepare(void)
{
    if (llvm)
        return;
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86Disassembler();
    llvm = LLVMCreateDisasm("x86_64-unknown-linux-gnu", NULL, 0, NULL, NULL);
    if (!llvm ||
        ZYAN_FAILED(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) ||
        ZYAN_FAILED(
            ZydisDecoderInit(&amd_decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) ||
        ZYAN_FAILED(
            ZydisDecoderEnableMode(&amd_decoder, ZYDIS_DECODER_MODE_AMD_BRANCHES, ZYAN_TRUE)) ||
        ZYAN_FAILED(ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_ATT))) {
        fprintf(stderr, "no decoder\n");
        exit(2);
    }
}

/* At most the longest instruction's bytes, int3 behind the end. */
static void pad(uint8_t padded[PADDED], const uint8_t *bytes, size_t size)
{
    memset(padded, 0xcc, PADDED);
    memcpy(padded, bytes, size < PADDED ? size : PADDED);
}

static void set_text(struct reading *reading, const char *text)
{
    size_t used = 0;
    for (; *text && used < READING_TEXT_MAX - 1; text++) {
        char c = *text == '\t' || *text == '\n' ? ' ' : *text;
        if (c != ' ' || (used && reading->text[used - 1] != ' '))
            reading->text[used++] = c;
    }
    while (used && reading->text[used - 1] == ' ')
        used--;
    reading->text[used] = 0;
}

/* A sum over the registers' names, in any order. */
static uint64_t registers_of(const char *text)
{
    uint64_t sum = 0;
    while ((text = strchr(text, '%'))) {
        uint64_t word = 0;
        const char *name = ++text;
        for (; isalnum((unsigned char)*text); text++)
            word = word * 131 + (unsigned char)*text;
        if (text - name != 3 || memcmp(name + 1, "iz", 2)) /* %eiz, %riz: no index */
            sum += word * word + 1;
    }
    return sum;
}

static void read_zydis(const uint8_t *bytes, struct reading *reading)
{
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    char text[READING_TEXT_MAX];
    reading->decoder = "Zydis";
    if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes, LONGEST, &insn, operands)))
        return;
    reading->length = insn.length;
    if (ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &insn, operands,
                                                     insn.operand_count_visible, text, sizeof text,
                                                     ZYDIS_RUNTIME_ADDRESS_NONE, NULL)))
        set_text(reading, text);
    reading->registers = registers_of(reading->text);
    reading->compare_registers = insn.mnemonic != ZYDIS_MNEMONIC_NOP;
}

static void read_llvm(uint8_t *bytes, struct reading *reading)
{
    char text[READING_TEXT_MAX];
    reading->decoder = "LLVM";
    reading->length = (unsigned)LLVMDisasmInstruction(llvm, bytes, LONGEST, 0, text, sizeof text);
    if (!reading->length)
        return;
    char *comment = strchr(text, '#');
    if (comment)
        *comment = 0;
    set_text(reading, text);
    reading->registers = registers_of(reading->text);
}

/* objdump prints "   0:\tBYTES\tTEXT"; with so wide a column all bytes of one instruction are on
 * its line. What it does not know is "(bad)". */
static void read_objdump(const uint8_t *bytes, struct reading *reading)
{
    char name[] = "/tmp/lind-decoders-XXXXXX", command[160], line[256];
    reading->decoder = "objdump";
    int fd = mkstemp(name);
    if (fd < 0 || write(fd, bytes, LONGEST + 1) != LONGEST + 1) {
        perror(name);
        exit(2);
    }
    close(fd);
    snprintf(command, sizeof command,
             "objdump -D -b binary -m i386:x86-64 --insn-width=16 --no-addresses %s", name);
    FILE *output = popen(command, "r");
    while (output && fgets(line, sizeof line, output)) {
        char *at = line + strspn(line, " \t"), *text = strchr(at, '\t');
        if (line[0] != '\t' || !isxdigit((unsigned char)*at) || !text)
            continue;
        *text++ = 0;
        if (!strstr(text, "(bad)"))
            for (; isxdigit((unsigned char)*at); at += strcspn(at, " "), at += *at == ' ')
                reading->length++;
        set_text(reading, text);
        break;
    }
    if (output)
        pclose(output);
    unlink(name);
    if (!reading->text[0]) {
        fprintf(stderr, "objdump says nothing\n");
        exit(2);
    }
}

void decoders_read(const uint8_t *bytes, size_t size, struct reading readings[DECODERS_COUNT])
{
    uint8_t padded[PADDED];
    prepare();
    pad(padded, bytes, size);
    memset(readings, 0, DECODERS_COUNT * sizeof *readings);
    read_zydis(padded, &readings[0]);
    read_llvm(padded, &readings[1]);
    read_objdump(padded, &readings[2]);
}

int decoders_differ(const struct reading readings[DECODERS_COUNT])
{
    for (int i = 1; i < DECODERS_COUNT; i++)
        if (readings[i].length != readings[0].length)
            return 1;
    return readings[0].compare_registers && readings[0].registers != readings[1].registers;
}

static void read_branch(const ZydisDecoder *by, const uint8_t *bytes,
                        struct branch_reading *reading)
{
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    memset(reading, 0, sizeof *reading);
    if (ZYAN_FAILED(ZydisDecoderDecodeFull(by, bytes, LONGEST, &insn, operands)) ||
        (insn.meta.category != ZYDIS_CATEGORY_CALL && insn.meta.category != ZYDIS_CATEGORY_RET &&
         insn.meta.category != ZYDIS_CATEGORY_COND_BR &&
         insn.meta.category != ZYDIS_CATEGORY_UNCOND_BR))
        return;
    reading->length = insn.length;
    reading->relative = insn.raw.imm[0].is_relative;
    reading->displacement = insn.raw.imm[0].value.s;
}

void decoders_read_branch(const uint8_t *bytes, size_t size, struct branch_reading *intel,
                          struct branch_reading *amd)
{
    uint8_t padded[PADDED];
    prepare();
    pad(padded, bytes, size);
    read_branch(&decoder, padded, intel);
    read_branch(&amd_decoder, padded, amd);
}

unsigned decoders_length(const uint8_t *bytes, size_t size)
{
    ZydisDecodedInstruction insn;
    uint8_t padded[PADDED];
    prepare();
    pad(padded, bytes, size);
    return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, padded, LONGEST, &insn))
               ? insn.length
               : 0;
}
