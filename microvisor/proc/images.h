/* Programs that are known. Each content of a program file is read and verified once; its pages are
 * kept in a sealed memory file, from which every window that runs it maps them. All of this is
 * COLD. */
#ifndef LIND_IMAGES_H
#define LIND_IMAGES_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "rt/load.h"

struct program_image {
    _Atomic uint32_t users; /* the list of known ones is one of them */
    int fd; /* its pages, that of module.image_start first; nobody can change them */
    struct module module;
    struct text text; /* with module addresses */
    /* For the list: which file it was, when it was read, and how long ago it was wanted. */
    struct program_image *next;
    struct stat file;
    struct timespec read_at;
};

/* The image of the program that host_fd (which stays the caller's) is open at, to be given up with
 * image_put. path: for messages. most: bytes of memory that it may take. NULL with *error set to
 * -errno, and *why to words for the user or NULL: -ENOEXEC when it is no verified program (each
 * fault that the verifier found is reported on standard error), -EFBIG when it takes more than
 * `most`, -ENOMEM, or the host's error. */
struct program_image *image_get(int host_fd, const char *path, uint64_t most, int *error,
                                const char **why);

/* Another user, and the end of one. NULL is nothing. */
struct program_image *image_share(struct program_image *image);
void image_put(struct program_image *image);

/* Whether a window that nobody uses may keep the image: not if that is large, and all take much. */
int image_may_stay(const struct program_image *image);

#endif
