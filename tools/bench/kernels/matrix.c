/* Multiplication of matrices of doubles: vector loads and stores with computed addresses. */
#include "kernel.h"

enum { N = 192 };
static double a[N][N], b[N][N], c[N][N];

int main(int argc, char **argv)
{
    uint32_t state = 1;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = next_random(&state) % 100;
            b[i][j] = next_random(&state) % 100;
        }
    for (long round = rounds(argc, argv, 480); round > 0; round--)
        for (int i = 0; i < N; i++)
            for (int k = 0; k < N; k++)
                for (int j = 0; j < N; j++)
                    c[i][j] += a[i][k] * b[k][j];
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            sum += c[i][j];
    return finish((uint64_t)sum);
}
