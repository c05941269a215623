/* Included before a test: says who gets a lock that several threads wait for, as chance does otherwise. WINNERS is a string: at the first,
 * second ... unlock, the thread that was created as the first (1), second (2) ... takes it, since the others are busy with a signal. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static pthread_t winners_threads[9];
static int winners_count;

static void winners_busy(int signal)
{
    usleep(400000);
}

static inline int winners_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    int error = pthread_create(thread, attributes, start, argument);
    winners_threads[winners_count++] = *thread;
    return error;
}

static inline int winners_unlock(pthread_rwlock_t *lock)
{
    static const char *winner = WINNERS;
    if (*winner) {
        signal(SIGUSR1, winners_busy);
        for (int i = 0; i < winners_count; i++)
            if (i != *winner - '1' && !pthread_equal(winners_threads[i], pthread_self()))
                pthread_kill(winners_threads[i], SIGUSR1);
        winner++;
        usleep(100000);
    }
    return pthread_rwlock_unlock(lock);
}

#define pthread_create winners_create
#define pthread_rwlock_unlock winners_unlock
