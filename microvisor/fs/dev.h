/* The synthetic tree /dev (dev.c). */
#ifndef LIND_FS_DEV_H
#define LIND_FS_DEV_H

#include "microvisor/fs/file.h"

extern const struct node dev_tree_root;

#endif
