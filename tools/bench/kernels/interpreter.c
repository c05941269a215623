/* A bytecode interpreter with a switch: a jump table in a loop. It computes primes. */
#include "kernel.h"

enum op { PUSH, LOAD, STORE, ADD, SUB, MUL, MOD, LESS, EQUAL, JUMP, JUMP_ZERO, HALT };
struct insn {
    enum op op;
    int32_t operand;
};

/* for (n = 2; n < limit; n++) { for (d = 2; d * d < n + 1; d++) if (n % d == 0) goto next; count++; next: } */
static const struct insn program[] = {
    {PUSH, 2},      {STORE, 0},                                                    /* n = 2 */
    {LOAD, 0},      {LOAD, 3},  {LESS, 0},  {JUMP_ZERO, 31},                       /* 2 */
    {PUSH, 2},      {STORE, 1},                                                    /* d = 2 */
    {LOAD, 1},      {LOAD, 1},  {MUL, 0},   {LOAD, 0}, {PUSH, 1}, {ADD, 0}, {LESS, 0}, {JUMP_ZERO, 25}, /* 8 */
    {LOAD, 0},      {LOAD, 1},  {MOD, 0},   {JUMP_ZERO, 29},                       /* 16 */
    {LOAD, 1},      {PUSH, 1},  {ADD, 0},   {STORE, 1}, {JUMP, 8},                 /* 20: d++ */
    {LOAD, 2},      {PUSH, 1},  {ADD, 0},   {STORE, 2},                            /* 25: count++ */
    {JUMP, 32},     {HALT, 0},  {HALT, 0},
    {LOAD, 0},      {PUSH, 1},  {ADD, 0},   {STORE, 0}, {JUMP, 2},                 /* 32: n++ */
};

static int32_t run(int32_t limit)
{
    int32_t stack[16], variables[4] = {0, 0, 0, limit};
    int32_t *top = stack;
    for (const struct insn *at = program;;) {
        const struct insn *insn = at++;
        switch (insn->op) {
        case PUSH: *++top = insn->operand; break;
        case LOAD: *++top = variables[insn->operand]; break;
        case STORE: variables[insn->operand] = *top--; break;
        case ADD: top--; top[0] += top[1]; break;
        case SUB: top--; top[0] -= top[1]; break;
        case MUL: top--; top[0] *= top[1]; break;
        case MOD: top--; top[0] %= top[1]; break;
        case LESS: top--; top[0] = top[0] < top[1]; break;
        case EQUAL: top--; top[0] = top[0] == top[1]; break;
        case JUMP: at = program + insn->operand; break;
        case JUMP_ZERO:
            if (*top-- == 0)
                at = program + insn->operand;
            break;
        case HALT: return variables[2];
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t sum = 0;
    for (long round = rounds(argc, argv, 80); round > 0; round--)
        sum = sum * 31 + (uint64_t)run(20000);
    return finish(sum);
}
