/* Files that are executed, and files that are open for writing: not both at once (ETXTBSY, open(2)
 * and execve(2)). Known of this lind-run's processes alone. All HOT. */
#ifndef LIND_FS_BUSY_H
#define LIND_FS_BUSY_H

#include <sys/stat.h>

struct busy; /* of a file that has uses of one kind or the other */

enum busy_use { BUSY_WRITTEN, BUSY_EXECUTED };

/* Notes a use of the file, which is open until the use ends, so that its number stays its own.
 * *busy is for busy_end. Returns 0, -ETXTBSY while the file has uses of the other kind, or -ENOMEM.
 */
int busy_begin(const struct stat *file, enum busy_use use, struct busy **busy);

/* Ends a use. NULL is none. */
void busy_end(struct busy *busy);

int busy_is_executed(const struct stat *file);

#endif
