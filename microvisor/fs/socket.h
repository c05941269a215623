/* What socket.c and socket_message.c share. Not HOT. */
#ifndef LIND_FS_SOCKET_H
#define LIND_FS_SOCKET_H

#include "microvisor/fs/unix_socket.h"

/* The socket of a descriptor; the description is to be given back with descriptor_put. Returns 0,
 * -EBADF or -ENOTSOCK. */
long socket_get(struct task *task, uint64_t fd, struct file **file, struct unix_socket **socket);

/* Copies an address in. Returns its length, or -EINVAL, -EFAULT. The address is zero behind it. */
long address_copyin(struct task *task, uint64_t at, uint64_t length, struct sockaddr_un *address);

/* Checks one: returns the length that counts, without what is behind a path's end, or -EINVAL. */
long address_check(const struct sockaddr_un *address, long length);

/* Copies the name of a socket (NULL: none) out, as much as fits in `room`. Returns its length or
 * -EFAULT. */
long name_copyout(struct task *task, struct unix_socket *socket, uint64_t at, uint32_t room);

/* The same, with room and length in the cage's memory. */
long name_answer(struct task *task, struct unix_socket *socket, uint64_t at, uint64_t length_at);

#endif
