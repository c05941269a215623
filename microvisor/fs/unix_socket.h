/* UNIX-domain sockets (unix(7)) inside the microvisor: nothing of them is the host's but the inodes
 * that file system names have.
 *
 * A socket object has an open file description, or waits in the backlog of a listening one; others
 * (its peer, messages that it sent) may hold it longer, counted. What was sent to it lies in its
 * ring, described by records: a record for each packet; of a stream, one for each run of bytes by
 * the same sender, and a new one where descriptors came along.
 *
 * Locks: `topology` is of who is connected to whom and of the table of names; a socket's lock is of
 * its ring and what waits for it. Order: topology, one socket's lock (never two), queues, pools and
 * circles. No
 * file is released with any of them held. Copying from and to a cage under a socket's lock may
 * fault but never waits for a thread of a cage. */
#ifndef LIND_FS_UNIX_SOCKET_H
#define LIND_FS_UNIX_SOCKET_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "microvisor/fs/file.h"
#include "microvisor/fs/permissions.h"
#include "microvisor/fs/wait.h"

/* As on Linux: SCM_MAX_FD; net.core.wmem_default and what SO_SNDBUF makes of the least and most. */
#define PARCEL_MAX 253
#define SOCKET_BUFFER 212992U
#define SOCKET_BUFFER_LEAST 4608U
#define SOCKET_BUFFER_MOST 425984U
#define SOCKET_BACKLOG_MAX 4096U

/* Descriptions on their way (SCM_RIGHTS), each with a reference. */
struct parcel {
    uint32_t count;
    _Atomic uint32_t counted; /* how many of these count against the limit of parcel_add */
    uint32_t sockets;         /* how many are sockets, while it waits */
    struct unix_socket *in;   /* in which it waits, linked there */
    struct parcel *next, **link;
    struct file *files[PARCEL_MAX];
};

struct record;

enum socket_state { SOCKET_UNCONNECTED, SOCKET_LISTENING, SOCKET_CONNECTED, SOCKET_CLOSED };

struct unix_socket {
    _Atomic uint32_t references;
    uint32_t type; /* SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET */
    uint64_t inode;

    /* Changed under topology. */
    _Atomic int state;                /* enum socket_state */
    struct unix_socket *_Atomic peer; /* held; of a closed one nothing but the name is left */
    struct sockaddr_un address;       /* its name; set once */
    _Atomic uint32_t address_length;  /* 0: none */
    int host_fd; /* O_PATH, of a file system name: keeps the inode's number; else -1 */
    uint64_t host_device, host_inode;
    struct unix_socket *next_name;             /* in the table of names */
    struct unix_socket *clients, *next_client; /* datagram sockets connected to it */
    struct ucred peer_credentials;             /* of the other side at listen or connect */

    struct lock lock; /* of all below */
    uint8_t *ring;    /* capacity bytes, a power of two; NULL until something is sent here */
    uint32_t capacity;
    uint64_t head, tail; /* bytes read and written so far */
    struct record *first, *last;
    uint32_t record_count;
    int error; /* SO_ERROR, an errno */
    struct permissions permissions;
    /* Of a connected stream or seqpacket socket, what one side does not receive the other does not
     * send: both fields change together. */
    _Atomic int receive_ended, send_ended;
    struct unix_socket *pending, *last_pending, *next_pending; /* to be accepted */
    uint32_t pending_count, backlog; /* pending: changed under this lock and unix_circles.c's */
    struct wait_queue filled;  /* readers and accepters sleep on it; it has all waiters of poll */
    struct wait_queue drained; /* who writes or connects to it sleeps on it */

    /* Of unix_circles.c. */
    struct parcel *parcels; /* that wait here */
    struct file *file;      /* its description, while parcels_with */
    uint32_t parcels_with;  /* references to it in parcels that wait */
    uint32_t unexplained;   /* of these, in sockets that are no suspects */
    int suspect;            /* that only its like refers to it */
    struct unix_socket *next_travelling, **travelling_link, *next_found;

    /* Options. A program that sets and uses them at once gets the one or the other. */
    _Atomic uint32_t options; /* bit SO_x for options that are on or off */
    _Atomic uint32_t send_size, receive_size, low_water;
    _Atomic int64_t receive_timeout, send_timeout; /* microseconds; 0: none, below: at once */
    struct linger linger;                          /* remembered only; under the lock */
};

/* One send or receive. */
struct message {
    const struct transfer *transfer;
    uint32_t flags; /* MSG_*; receive sets MSG_TRUNC, or takes it away */
    int nonblock;
    struct parcel *parcel;    /* sent: becomes NULL when it went. Received: the caller's, or NULL */
    struct ucred credentials; /* the sender's */
    struct unix_socket *other; /* sent: to whom, or NULL for the peer. Received: a packet's sender,
                                  held for the caller, or NULL */
};

/* How long a call may wait. */
struct patience {
    int nonblock;
    int slept; /* it did so at least once */
    long interrupted;
    uint64_t deadline;
};

extern struct lock unix_topology;

/* The socket of a description, NULL: it is none. */
struct unix_socket *unix_socket_of(const struct file *file);

/* A socket with one reference, NULL: no memory. All of this header down to the next comment about
 * it is HOT. */
struct unix_socket *unix_new(uint32_t type);

/* A description that is going to have a socket; file->data is set by the caller, who then gives up
 * its reference. */
struct file *unix_file(uint32_t type, uint32_t flags);

void unix_get(struct unix_socket *socket);
void unix_put(struct unix_socket *socket);

/* The socket's description is gone, or never came: ends connections, frees what was not read. */
void unix_close(struct unix_socket *socket);

/* The peer, held, or NULL. */
struct unix_socket *unix_peer(struct unix_socket *socket);

/* connect(2) of a datagram socket: its peer becomes `to`, whose reference is taken over; NULL:
 * none. What waits to be received is forgotten with the old peer. only: as long as this is the
 * peer; NULL: whoever is. Returns 0 or -EPERM. */
long unix_set_peer(struct unix_socket *socket, struct unix_socket *to,
                   const struct unix_socket *only);

/* Connects two new sockets with each other; the caller holds topology, or nobody else knows them.
 */
void unix_join(struct unix_socket *one, struct unix_socket *other);

/* shutdown(2); how: 1 reading, 2 writing, 3 both. */
void unix_end(struct unix_socket *socket, int how);

/* What is done before anybody looks where a packet of that length goes: who passes credentials gets
 * a name, and what is wrong already is the answer, else 0. Nothing for a stream. */
long unix_send_check(struct unix_socket *socket, uint64_t length);

/* Both return bytes or -errno, and send no SIGPIPE. A parcel that unix_send has not taken stays the
 * caller's. */
long unix_send(struct task *task, struct unix_socket *socket, struct message *message);
long unix_receive(struct task *task, struct unix_socket *socket, struct message *message);

/* Makes a socket that nobody else uses yet one that the task has made. */
void unix_own(struct unix_socket *socket, const struct task *task);

/* SO_ERROR, an errno: sets it, returns the one that was there. */
int unix_exchange_error(struct unix_socket *socket, int error);
static inline int unix_take_error(struct unix_socket *socket)
{
    return unix_exchange_error(socket, 0);
}

/* timeout: of the socket, for what the call does. */
void patience_begin(struct patience *patience, int nonblock, int64_t timeout);

/* Sleeps until the queue's next announcement; lock is held as for wait_queue_sleep. Returns 0 to
 * look again, or what the call answers. */
long patience_sleep(struct task *task, struct patience *patience, struct wait_queue *queue,
                    struct lock *lock);

/* A new, empty parcel; NULL: no memory. */
struct parcel *parcel_new(void);

/* Adds a description, whose reference stays the caller's; the parcel has room. Returns 0 or
 * -ETOOMANYREFS when `limit` of them are on their way in this lind-run and may be received. The
 * parcel counts until it is received, or nobody can receive it any more: it is uncounted then, once
 * or again. May free circles: no lock is held. */
long parcel_add(struct parcel *parcel, struct file *file, uint64_t limit);
void parcel_uncount(struct parcel *parcel);
void parcel_free(struct parcel *parcel);

/* Frees what nobody can receive any more; the second, if enough has been sent or has ended since,
 * or closed: a socket's descriptor. No lock is held. */
void circles_free(void);
enum circles_cause { CIRCLES_SENT, CIRCLES_ENDED, CIRCLES_CLOSED };
void circles_look(enum circles_cause cause);

/* Whether nothing but descriptions on their way refers to a socket, so that it may be in a circle.
 */
int circles_suspect(const struct unix_socket *socket);

/* Frees what waits in a socket, to be received or accepted. */
void unix_empty(struct unix_socket *socket);

/* unix_name.c, not HOT: bind, listen, connect, accept. address is checked and NUL-terminated
 * behind length. */

/* Finds who is bound to an address: held. Returns 0, or -errno as connect(2) with *found as it was.
 */
long unix_find(struct task *task, const struct sockaddr_un *address, uint32_t length, uint32_t type,
               struct unix_socket **found);

/* length of the family alone: a name is chosen. */
long unix_bind(struct task *task, struct unix_socket *socket, const struct sockaddr_un *address,
               uint32_t length);

/* Chooses a name of five hexadecimal digits for a socket that has none (autobind). Returns 0 or
 * -EADDRINUSE. HOT. */
long unix_bind_any(struct unix_socket *socket);

/* Takes a closed socket's name from the table. Topology is held. HOT. */
void unix_forget_name(struct unix_socket *socket);

/* What SO_PEERCRED says on the other side of what a process connects or listens with. */
void unix_set_credentials(struct unix_socket *socket, const struct task *task);

long unix_listen(struct task *task, struct unix_socket *socket, uint32_t backlog);

long unix_connect(struct task *task, struct unix_socket *socket, const struct sockaddr_un *address,
                  uint32_t length, int nonblock);

/* A socket that was connected to this one; the reference is the caller's. Returns 0 or -errno. */
long unix_accept(struct task *task, struct unix_socket *socket, int nonblock,
                 struct unix_socket **accepted);

#endif
