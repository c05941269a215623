/* What socket.c and socket_message.c share. Not HOT. */
#ifndef LIND_FS_SOCKET_H
#define LIND_FS_SOCKET_H

#include "microvisor/fs/unix_socket.h"

typedef long socket_function(struct task *task, struct file *file, struct unix_socket *socket,
                             const uint64_t args[6]);

/* Calls a function with the socket that a call's first argument is a descriptor of. Returns its
 * result, -EBADF or -ENOTSOCK. */
long socket_call(struct task *task, const uint64_t args[6], socket_function *function);

/* Begins the definition of call_NAME: the body of a socket_function. */
#define SOCKET_CALL(name)                                                                          \
    static socket_function name##_of_socket;                                                       \
    long call_##name(struct task *task, const uint64_t args[6])                                    \
    {                                                                                              \
        return socket_call(task, args, name##_of_socket);                                          \
    }                                                                                              \
    static long name##_of_socket(struct task *task, struct file *file, struct unix_socket *socket, \
                                 const uint64_t args[6])

/* Copies an address in. Returns its length, or -EINVAL, -EFAULT. The address is zero behind it. */
long address_copyin(struct task *task, uint64_t at, uint64_t length, struct sockaddr_un *address);

/* Checks one: returns the length that counts, without what is behind a path's end, or -EINVAL. */
long address_check(const struct sockaddr_un *address, long length);

/* Copies the name of a socket out, as much as fits in `room`. Returns its length or
 * -EFAULT. */
long name_copyout(struct task *task, struct unix_socket *socket, uint64_t at, uint32_t room);

/* The same, with room and length in the cage's memory. */
long name_answer(struct task *task, struct unix_socket *socket, uint64_t at, uint64_t length_at);

#endif
