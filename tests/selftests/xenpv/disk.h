// SPDX-License-Identifier: GPL-2.0-only
/* Finds the disk to test, what sysfs says of it, and data by which a misplaced sector shows. */
#ifndef XENPV_SELFTESTS_DISK_H
#define XENPV_SELFTESTS_DISK_H

#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OURS "/sys/bus/xen/drivers/xenpv_blkfront/vbd-*/block/"

struct disk {
	char name[64];
	char path[80];
	bool scratch; /* named by XENPV_DISK: whatever is on it may be overwritten */
};

/*
 * The disk that XENPV_DISK names, which must be one of xenpv_blkfront's; without it the first of
 * those, to be read only: nobody has said that its content is of no value.  Says why there is none.
 */
static const char *find_disk(struct disk *disk)
{
	const char *wanted = getenv("XENPV_DISK");
	const char *why = NULL;
	char pattern[128];
	glob_t found;

	if (wanted && strrchr(wanted, '/'))
		wanted = strrchr(wanted, '/') + 1;
	snprintf(pattern, sizeof(pattern), OURS "%s", wanted ? wanted : "*");
	if (glob(pattern, 0, NULL, &found)) {
		why = wanted ? "XENPV_DISK names no disk of xenpv_blkfront"
			     : "xenpv_blkfront has no disk here";
	} else {
		const char *name = strrchr(found.gl_pathv[0], '/') + 1;

		snprintf(disk->name, sizeof(disk->name), "%s", name);
		snprintf(disk->path, sizeof(disk->path), "/dev/%s", disk->name);
		disk->scratch = wanted;
	}
	globfree(&found);
	return why;
}

/* A number that sysfs shows of the disk; -1 where there is none. */
static long long disk_attribute(const struct disk *disk, const char *name)
{
	char path[160];
	long long value;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/block/%s/%s", disk->name, name);
	file = fopen(path, "r");
	if (!file)
		return -1;
	if (fscanf(file, "%lld", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

/* Word number i of sector number s in generation `seed`: its own place is part of it. */
static uint64_t word_of(uint64_t seed, uint64_t sector, unsigned int i)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15ULL + sector * 64 + i;

	x ^= x >> 31;
	x *= 0xbf58476d1ce4e5b9ULL;
	return x ^ x >> 29;
}

static void fill(void *buffer, size_t bytes, uint64_t seed, uint64_t offset)
{
	uint64_t *word = buffer;
	size_t n;

	for (n = 0; n < bytes / 8; ++n)
		word[n] = word_of(seed, offset / 512 + n / 64, n % 64);
}

/* The first byte, from the start of the buffer, that is not as filled; -1 when all are. */
static long long first_difference(const void *buffer, size_t bytes, uint64_t seed, uint64_t offset)
{
	const uint64_t *word = buffer;
	size_t n;

	for (n = 0; n < bytes / 8; ++n)
		if (word[n] != word_of(seed, offset / 512 + n / 64, n % 64))
			return n * 8;
	return -1;
}

#endif
