// Does the memory of a large fork go with the child? Looks at the host's process as a whole.
// RUN: %lind-cc -O2 %s -o %t
// RUN: python3 %S/Inputs/peak.py 400000 %lind-run -- %t
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../Inputs/check.h"

int main(void)
{
    enum { SIZE = 64 << 20, FORKS = 200 };
    char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    memset(memory, 1, SIZE);
    CHECK(!prctl(PR_SET_CHILD_SUBREAPER, 1));
    int orphans = 0;
    for (int i = 1; i < FORKS; i++) {
        pid_t pid = fork();
        if (!pid) {
            memset(memory + SIZE / 4, 2, SIZE / 8);
            /* A child of the child has the rest of its life alone. */
            if (i % 5 == 0 && !fork())
                _exit(memory[SIZE / 4] != 2 || memory[0] == 2);
            _exit(memory[SIZE - 1] == 2);
        }
        memset(memory + SIZE / 2, 3, SIZE / 16);
        int status = -1;
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
        /* Few live on at a time, however late they get the processor: each may have copied all. */
        orphans += i % 5 == 0;
        while (orphans && waitpid(-1, &status, orphans > 3 ? 0 : WNOHANG) > 0) {
            CHECK(!status);
            orphans--;
        }
    }
    CHECK(memory[0] == 1 && memory[SIZE / 4] == 1 && memory[SIZE / 2] == 3);
    return check_end();
}
