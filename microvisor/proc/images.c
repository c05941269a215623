/* Programs that are known (images.h). */
#include "microvisor/proc/images.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "rt/host.h"
#include "rt/lock.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U /* Linux 6.3 */
#endif

/* Programs that stay known when nobody runs them any more, and bytes of all of them together: what
 * is a hole in the program's file takes memory here (attack row K14). */
enum { KNOWN_MOST = 64, KNOWN_BYTES = 128 << 20, SMALL_BYTES = 4 << 20 };
/* A file that was changed so shortly before it was read may be changed again within one tick of the
 * clock that its times are taken from. */
#define TICK_MOST 20000000

/* The list, the one last wanted first. known_lock is a leaf lock. */
static struct program_image *known;
static struct lock known_lock;

static _Atomic uint64_t total_bytes; /* of all images */

/* Context of the verifier's reports: what goes before each on standard error. */
struct verify_context {
    const char *path;
};

static int print_fault(void *context, const struct verify_fault *fault)
{
    struct verify_context *verify = context;
    fprintf(stderr, "lind-run: %s: verifier: 0x%llx:", verify->path,
            (unsigned long long)fault->address);
    for (size_t i = 0; i < fault->length; i++)
        fprintf(stderr, " %02x", fault->bytes[i]);
    fprintf(stderr, ": R%d: %s\n", fault->rule, fault->message);
    return 0;
}

/* A memory file whose pages may be executed. */
static int memory_file(void)
{
    int fd = memfd_create("program", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("program", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? -errno : fd;
}

/* Bytes of the image's file. */
static uint64_t bytes_of(const struct program_image *image)
{
    return image->module.image_end - image->module.image_start;
}

/* Puts the pages into image->fd for good, and verifies the text there. */
static int make(struct program_image *image, const struct image *read, const char *path,
                const char **why)
{
    struct verify_context context = {path};
    const struct verify_options options = {print_fault, &context, 8};
    const struct module *module = &image->module;
    const struct module_segment *text = &module->segments[module->text];
    uint64_t start = module->image_start & ~(LIND_PAGE_SIZE - 1ULL);
    uint64_t size = (module->image_end - start + LIND_PAGE_SIZE - 1) & ~(LIND_PAGE_SIZE - 1ULL);
    int error = image->fd = memory_file();
    if (error >= 0)
        atomic_fetch_add(&total_bytes, bytes_of(image));
    *why = "not enough memory to load it";
    if (error >= 0)
        error = ftruncate(image->fd, (off_t)size) ? -errno : image_write(read, image->fd);
    if (error)
        return error == -EFBIG ? -ENOMEM : error; /* RLIMIT_FSIZE of lind-run */
    if (fcntl(image->fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        return -errno;
    uint8_t *bytes = mmap(NULL, text->file_size, PROT_READ, MAP_PRIVATE, image->fd,
                          (off_t)(text->address - start));
    if (bytes == MAP_FAILED)
        return -ENOMEM;
    error = image_verify(read, bytes, &options, &image->text);
    munmap(bytes, text->file_size);
    if (error == -ENOEXEC)
        *why = "refused by the verifier: it was not built by lind-cc, or was changed since";
    return error;
}

static int same_time(struct timespec one, struct timespec other)
{
    return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

static int is_file(const struct program_image *image, const struct stat *file)
{
    const struct stat *its = &image->file;
    return its->st_ino == file->st_ino && its->st_dev == file->st_dev &&
           its->st_size == file->st_size && same_time(its->st_mtim, file->st_mtim) &&
           same_time(its->st_ctim, file->st_ctim);
}

/* Whether the file's times would tell of a change after it was read. */
static int times_tell(const struct stat *file, struct timespec read_at)
{
    int64_t seconds = read_at.tv_sec - file->st_ctim.tv_sec;
    return seconds > 1 ||
           (seconds >= 0 &&
            seconds * 1000000000 + read_at.tv_nsec - file->st_ctim.tv_nsec > TICK_MOST);
}

/* Finds a known image, and makes it the first. */
static struct program_image *find(const struct stat *file)
{
    LOCKED(&known_lock);
    struct program_image **at = &known, *image;
    while ((image = *at) && !is_file(image, file))
        at = &image->next;
    if (image) {
        *at = image->next;
        image->next = known;
        known = image;
        image_share(image);
    }
    return image;
}

/* Adds an image. Forgets what was wanted longest ago if there are too many. */
static void remember(struct program_image *image)
{
    uint64_t bytes = 0;
    int count = 0;
    lock_acquire(&known_lock);
    image->next = known;
    known = image_share(image);
    struct program_image **at = &known;
    while (*at && ++count <= KNOWN_MOST && (bytes += bytes_of(*at)) <= KNOWN_BYTES)
        at = &(*at)->next;
    struct program_image *forgotten = *at;
    *at = NULL;
    lock_release(&known_lock);
    while (forgotten) {
        image = forgotten;
        forgotten = image->next;
        image_put(image);
    }
}

int image_may_stay(const struct program_image *image)
{
    return bytes_of(image) <= SMALL_BYTES || atomic_load(&total_bytes) <= KNOWN_BYTES;
}

struct program_image *image_get(int host_fd, const char *path, uint64_t most, int *error,
                                const char **why)
{
    struct stat file;
    *why = NULL;
    *error = fstat(host_fd, &file) ? -errno : 0;
    if (*error)
        return NULL;
    struct program_image *image = find(&file);
    if (image && bytes_of(image) > most) {
        image_put(image);
        *error = -EFBIG;
        return NULL;
    }
    if (image)
        return image;
    image = calloc(1, sizeof *image);
    *error = -ENOMEM;
    if (!image)
        return NULL;
    struct image read;
    image->users = 1;
    image->fd = -1;
    image->file = file;
    clock_gettime(CLOCK_REALTIME, &image->read_at);
    *error = image_read(host_fd, most, &read, why);
    if (!*error) {
        image->module = read.module;
        *error = bytes_of(image) > most ? -EFBIG : make(image, &read, path, why);
        image_free(&read);
    }
    if (*error) {
        image_put(image);
        return NULL;
    }
    if (times_tell(&file, image->read_at) && bytes_of(image) <= KNOWN_BYTES / 2)
        remember(image);
    return image;
}

struct program_image *image_share(struct program_image *image)
{
    atomic_fetch_add(&image->users, 1);
    return image;
}

void image_put(struct program_image *image)
{
    if (!image || atomic_fetch_sub(&image->users, 1) != 1)
        return;
    if (image->fd >= 0) {
        close(image->fd);
        atomic_fetch_sub(&total_bytes, bytes_of(image));
    }
    text_release(&image->text);
    free(image);
}
