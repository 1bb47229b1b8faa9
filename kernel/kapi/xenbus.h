/* SPDX-License-Identifier: GPL-2.0-only */
/* xenbus: one device's two xenstore directories, its state and its errors. */
#ifndef XENPV_KAPI_XENBUS_H
#define XENPV_KAPI_XENBUS_H
#include <kapi/types.h>

KAPI_BEGIN

struct kapi_xenbus;

enum kapi_side {
	KAPI_OWN = 0, /* the directory this driver writes */
	KAPI_PEER = 1, /* the other end's: hostile text */
};

/* "vbd-51712", for messages; lives as long as the device. */
const char *kapi_xenbus_name(const struct kapi_xenbus *bus);
uint32_t kapi_xenbus_peer_domain(const struct kapi_xenbus *bus);

/* Reads a key into buf as a string.  Its length, or -ENOENT, or -E2BIG when it
 * does not fit with its NUL.  Process context, like everything below. */
int kapi_xenbus_read(struct kapi_xenbus *bus, enum kapi_side side, const char *key, char *buf,
		     size_t size);

struct kapi_xenbus_key {
	const char *key;
	const char *value;
};
/* Writes all keys of the own directory in one transaction, retried on conflict. */
int kapi_xenbus_write(struct kapi_xenbus *bus, const struct kapi_xenbus_key *keys, size_t count);

/* States of io/xenbus.h, 0 (unknown) to 8. */
int kapi_xenbus_peer_state(struct kapi_xenbus *bus);
int kapi_xenbus_switch_state(struct kapi_xenbus *bus, int state);
/* Backend only: the toolstack wants the device to stay. */
bool kapi_xenbus_online(struct kapi_xenbus *bus);
/* Publishes under error/ where administrators look.  Not in the log: see reporter.hpp. */
void kapi_xenbus_error(struct kapi_xenbus *bus, int err, const char *text);

/* The ring page a frontend granted us, mapped and unmapped.  Says nothing in the log. */
int kapi_xenbus_map_ring(struct kapi_xenbus *bus, uint32_t ref, void **addr);
void kapi_xenbus_unmap_ring(struct kapi_xenbus *bus, void *addr);

KAPI_END
#endif
