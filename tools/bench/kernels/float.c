/* Floating point with libm: n-body steps and transcendental functions. */
#include <math.h>

#include "kernel.h"

enum { BODIES = 5 };
static double position[BODIES][3], velocity[BODIES][3], mass[BODIES];

int main(int argc, char **argv)
{
    uint32_t state = 13;
    for (int i = 0; i < BODIES; i++) {
        mass[i] = 1 + next_random(&state) % 10;
        for (int k = 0; k < 3; k++) {
            position[i][k] = (double)(next_random(&state) % 1000) / 50;
            velocity[i][k] = (double)(next_random(&state) % 1000) / 1000;
        }
    }
    double waves = 0;
    for (long step = rounds(argc, argv, 8000000); step > 0; step--) {
        for (int i = 0; i < BODIES; i++)
            for (int j = i + 1; j < BODIES; j++) {
                double d[3], square = 0.01;
                for (int k = 0; k < 3; k++) {
                    d[k] = position[i][k] - position[j][k];
                    square += d[k] * d[k];
                }
                double pull = 0.001 / (square * sqrt(square));
                for (int k = 0; k < 3; k++) {
                    velocity[i][k] -= d[k] * mass[j] * pull;
                    velocity[j][k] += d[k] * mass[i] * pull;
                }
            }
        for (int i = 0; i < BODIES; i++)
            for (int k = 0; k < 3; k++)
                position[i][k] += 0.001 * velocity[i][k];
        if (step % 16 == 0)
            waves += sin(position[0][0]) * exp(-fabs(velocity[1][1])) + pow(mass[2], 0.3);
    }
    uint64_t bits;
    memcpy(&bits, &waves, sizeof bits);
    return finish(bits);
}
