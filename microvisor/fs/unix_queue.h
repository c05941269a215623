/* What waits in a UNIX-domain socket to be received: of unix_socket.c and unix_queue.c. HOT. */
#ifndef LIND_FS_UNIX_QUEUE_H
#define LIND_FS_UNIX_QUEUE_H

#include "microvisor/fs/unix_socket.h"

#define READABLE (POLLIN | POLLRDNORM)
#define WRITABLE (POLLOUT | POLLWRNORM | POLLWRBAND)

/* A piece of a socket's ring: the one behind those of all records before it. */
struct record {
    struct record *next;
    uint64_t length;
    struct unix_socket *sender; /* of a packet: held */
    struct ucred credentials;
    struct parcel *parcel; /* comes with the first byte; or NULL */
};

/* What the socket holds, as it counts against a sender's SO_SNDBUF. The lock is held. */
uint64_t queue_charge(const struct unix_socket *socket);

/* Whether a sender with that SO_SNDBUF is told to write (unix_writable in Linux). The lock is held.
 */
int queue_writable(const struct unix_socket *socket, uint32_t send_size);

/* Whether a datagram of somebody it is not connected to has to wait. The lock is held. */
int queue_crowded(const struct unix_socket *socket);

/* Bytes to be read: of the first packet, or of all. The lock is held. */
uint64_t queue_readable(const struct unix_socket *socket, int all);

/* Takes all records out. The lock is held. records_free takes them, without any lock. */
struct record *queue_take_all(struct unix_socket *socket);
void records_free(struct record *records);

/* Frees the ring of a socket that nothing is sent to any more. The lock is held. */
void queue_free(struct unix_socket *socket);

/* unix_circles.c. A parcel becomes one that waits in a socket, and is none any more (or was none).
 * The lock is held. */
void parcel_wait(struct parcel *parcel, struct unix_socket *in);
void parcel_leave(struct parcel *parcel);

/* Adds all of a parcel that waits to an empty one. */
void parcel_look(const struct parcel *parcel, struct parcel *copy);

/* Counts one description more of a parcel unless `limit` of them are on their way. Returns whether
 * it did. The second one does so when nothing counts that nobody can receive; no lock is held. */
int parcel_count(struct parcel *parcel, uint64_t limit);
int circles_count(struct parcel *parcel, uint64_t limit);

/* Puts a socket where it waits to be accepted; takes the first one that does, which is there, or
 * all. The listening socket's lock is held. */
void pending_add(struct unix_socket *listening, struct unix_socket *made);
struct unix_socket *pending_take(struct unix_socket *listening, int all);

/* Tells who polls on a socket's peer, and on all its clients, that there may be room. No lock is
 * held. */
void announce_room(struct unix_socket *socket);

#endif
