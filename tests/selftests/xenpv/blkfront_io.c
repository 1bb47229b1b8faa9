// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct I/O on a disk of xenpv_blkfront: every shape of request a user can make, and what the
 * disk says of itself.  Tests that write need XENPV_DISK to name a disk that may be overwritten.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "disk.h"
#include "kselftest_harness.h"

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define LARGEST MIB
#define AREA (16 * MIB) /* what the writing tests use, from the start of the disk */
#define SLOW_MACHINE 120 /* seconds for one test */

FIXTURE(disk)
{
	struct disk disk;
	int fd;
	unsigned int sector;
	uint64_t size;
	char *buffer; /* two of the largest transfers, page-aligned */
};

FIXTURE_SETUP(disk)
{
	const char *why = find_disk(&self->disk);
	int sector = 0;

	self->fd = -1;
	self->buffer = NULL;
	if (why)
		SKIP(return, "%s", why);
	/* Exclusive: refused while anybody has mounted the disk or made it part of something. */
	self->fd = open(self->disk.path,
			self->disk.scratch ? O_RDWR | O_DIRECT | O_EXCL : O_RDONLY | O_DIRECT);
	if (self->fd < 0 && errno == EBUSY)
		SKIP(return, "%s is in use", self->disk.path);
	ASSERT_GE(self->fd, 0)
	{
		TH_LOG("%s: %s", self->disk.path, strerror(errno));
	}
	ASSERT_EQ(ioctl(self->fd, BLKSSZGET, &sector), 0);
	ASSERT_EQ(ioctl(self->fd, BLKGETSIZE64, &self->size), 0);
	self->sector = sector;
	ASSERT_GE(self->sector, 512);
	self->buffer = aligned_alloc(4096, 2 * LARGEST);
	ASSERT_NE(self->buffer, NULL);
}

FIXTURE_TEARDOWN(disk)
{
	free(self->buffer);
	if (self->fd >= 0)
		close(self->fd);
}

#define NEED_SCRATCH()                                                                           \
	do {                                                                                     \
		if (!self->disk.scratch)                                                         \
			SKIP(return, "XENPV_DISK does not name a disk that may be overwritten"); \
		if (self->size < AREA)                                                           \
			SKIP(return, "%s is smaller than 16 MiB", self->disk.path);              \
	} while (0)

/* Writes, reads back into other memory and compares. */
#define WRITE_AND_VERIFY(memory, bytes, at, seed)                                 \
	do {                                                                      \
		char *back_ = self->buffer + LARGEST;                             \
                                                                                  \
		fill(memory, bytes, seed, at);                                    \
		ASSERT_EQ(pwrite(self->fd, memory, bytes, at), (ssize_t)(bytes)); \
		memset(back_, 0xa5, bytes);                                       \
		ASSERT_EQ(pread(self->fd, back_, bytes, at), (ssize_t)(bytes));   \
		ASSERT_EQ(first_difference(back_, bytes, seed, at), -1)           \
		{                                                                 \
			TH_LOG("%llu bytes at %llu", (unsigned long long)(bytes), \
			       (unsigned long long)(at));                         \
		}                                                                 \
	} while (0)

TEST_F(disk, ioctls_agree_with_sysfs)
{
	unsigned int physical = 0;
	int readonly = -1;

	EXPECT_EQ(disk_attribute(&self->disk, "queue/logical_block_size"), self->sector);
	EXPECT_EQ(disk_attribute(&self->disk, "size") * 512, (long long)self->size);
	EXPECT_GT(self->size, 0);
	EXPECT_EQ(self->size % self->sector, 0);
	ASSERT_EQ(ioctl(self->fd, BLKPBSZGET, &physical), 0);
	EXPECT_EQ(disk_attribute(&self->disk, "queue/physical_block_size"), physical);
	EXPECT_GE(physical, self->sector);
	ASSERT_EQ(ioctl(self->fd, BLKROGET, &readonly), 0);
	EXPECT_EQ(disk_attribute(&self->disk, "ro"), readonly);
}

TEST_F(disk, reading_ends_where_the_disk_ends)
{
	const uint64_t last = self->size - self->sector;

	EXPECT_EQ(pread(self->fd, self->buffer, self->sector, last), self->sector);
	EXPECT_EQ(pread(self->fd, self->buffer, 2 * self->sector, last), self->sector);
	EXPECT_EQ(pread(self->fd, self->buffer, self->sector, self->size), 0);
	EXPECT_EQ(pread(self->fd, self->buffer, self->sector, self->size + MIB), 0);
}

TEST_F(disk, reading_parts_of_sectors_is_refused)
{
	EXPECT_EQ(pread(self->fd, self->buffer, self->sector / 2, 0), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(pread(self->fd, self->buffer, self->sector, self->sector / 2), -1);
	EXPECT_EQ(errno, EINVAL);
}

TEST_F(disk, same_sectors_read_the_same_in_any_shape)
{
	char *whole = self->buffer, *parts = self->buffer + LARGEST;
	const size_t bytes = 64 * KIB;
	size_t at;

	if (self->size < bytes)
		SKIP(return, "%s is smaller than 64 KiB", self->disk.path);
	ASSERT_EQ(pread(self->fd, whole, bytes, 0), (ssize_t)bytes);
	for (at = 0; at < bytes; at += self->sector)
		ASSERT_EQ(pread(self->fd, parts + at, self->sector, at), self->sector);
	EXPECT_EQ(memcmp(whole, parts, bytes), 0);
}

TEST_F_TIMEOUT(disk, sizes_and_offsets_keep_data, SLOW_MACHINE)
{
	/* In sectors of 512: around a page, the most of one request (44 KiB), and far above it. */
	static const unsigned int sizes[] = { 1, 2, 7, 8, 9, 87, 88, 89, 128, 255, 1024, 2048 };
	/* In sectors: the start, inside a page, across pages, and far away. */
	static const unsigned int offsets[] = { 0, 1, 7, 8, 1021 };
	uint64_t seed = 1;
	size_t s, o;

	NEED_SCRATCH();
	for (s = 0; s < ARRAY_SIZE(sizes); ++s) {
		for (o = 0; o < ARRAY_SIZE(offsets); ++o, ++seed) {
			/* Whole sectors of this disk, whatever their size. */
			const uint64_t bytes =
				(sizes[s] * 512 + self->sector - 1) / self->sector * self->sector;

			WRITE_AND_VERIFY(self->buffer, bytes, (uint64_t)offsets[o] * self->sector,
					 seed);
		}
	}
}

TEST_F_TIMEOUT(disk, writing_leaves_neighbours_alone, SLOW_MACHINE)
{
	const uint64_t unit = self->sector, span = 24 * unit;
	uint64_t at, bytes;
	char *back = self->buffer + LARGEST;

	NEED_SCRATCH();
	for (at = unit; at < 9 * unit; at += unit) {
		for (bytes = unit; bytes <= 9 * unit; bytes += 4 * unit) {
			fill(self->buffer, span, 1, 0);
			ASSERT_EQ(pwrite(self->fd, self->buffer, span, 0), (ssize_t)span);
			fill(self->buffer, bytes, 2, at);
			ASSERT_EQ(pwrite(self->fd, self->buffer, bytes, at), (ssize_t)bytes);
			ASSERT_EQ(pread(self->fd, back, span, 0), (ssize_t)span);
			ASSERT_EQ(first_difference(back, at, 1, 0), -1);
			ASSERT_EQ(first_difference(back + at, bytes, 2, at), -1);
			ASSERT_EQ(first_difference(back + at + bytes, span - at - bytes, 1,
						   at + bytes),
				  -1);
		}
	}
}

/* Memory that starts inside a page: segments of a grant that do not begin at 0. */
TEST_F_TIMEOUT(disk, memory_may_start_inside_a_page, SLOW_MACHINE)
{
	const long long mask = disk_attribute(&self->disk, "queue/dma_alignment");
	const unsigned int step = mask > 0 ? mask + 1 : self->sector;
	unsigned int inside;
	uint64_t seed = 100;

	NEED_SCRATCH();
	if (step >= 4096)
		SKIP(return, "memory must start with a page here");
	for (inside = step; inside < 4096; inside += step, ++seed)
		WRITE_AND_VERIFY(self->buffer + inside, 64 * KIB, (uint64_t)self->sector, seed);
}

/* More pieces, each in a page of its own, than one request can carry. */
TEST_F_TIMEOUT(disk, scattered_memory_keeps_data, SLOW_MACHINE)
{
	enum { PIECES = 40 };
	struct iovec piece[PIECES];
	const uint64_t bytes = (uint64_t)PIECES * self->sector, at = 3 * self->sector;
	char *flat = self->buffer + LARGEST;
	unsigned int i;

	NEED_SCRATCH();
	fill(flat, bytes, 200, at);
	for (i = 0; i < PIECES; ++i) {
		piece[i].iov_base = self->buffer + i * 2 * 4096ULL;
		piece[i].iov_len = self->sector;
		memcpy(piece[i].iov_base, flat + (uint64_t)i * self->sector, self->sector);
	}
	ASSERT_EQ(pwritev(self->fd, piece, PIECES, at), (ssize_t)bytes);
	memset(flat, 0, bytes);
	ASSERT_EQ(pread(self->fd, flat, bytes, at), (ssize_t)bytes);
	EXPECT_EQ(first_difference(flat, bytes, 200, at), -1);
	for (i = 0; i < PIECES; ++i)
		memset(piece[i].iov_base, 0, self->sector);
	ASSERT_EQ(preadv(self->fd, piece, PIECES, at), (ssize_t)bytes);
	for (i = 0; i < PIECES; ++i)
		EXPECT_EQ(
			memcmp(piece[i].iov_base, flat + (uint64_t)i * self->sector, self->sector),
			0);
}

TEST_F(disk, writing_past_the_end_is_refused)
{
	const uint64_t last = self->size - self->sector;

	NEED_SCRATCH();
	fill(self->buffer, 2 * self->sector, 300, last);
	EXPECT_EQ(pwrite(self->fd, self->buffer, self->sector, self->size), -1);
	EXPECT_EQ(errno, ENOSPC);
	EXPECT_EQ(pwrite(self->fd, self->buffer, 2 * self->sector, last), self->sector);
	ASSERT_EQ(pread(self->fd, self->buffer, self->sector, last), self->sector);
	EXPECT_EQ(first_difference(self->buffer, self->sector, 300, last), -1);
}

/* Requests that ended with a flush, as /sys/block/<disk>/stat counts them. */
static long long flushes(const struct disk *disk)
{
	long long count = -1;
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/block/%s/stat", disk->name);
	file = fopen(path, "r");
	if (!file)
		return -1;
	if (fscanf(file, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lld",
		   &count) != 1)
		count = -1;
	fclose(file);
	return count;
}

static bool is_write_back(const struct disk *disk)
{
	char path[96], mode[16] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/sys/block/%s/queue/write_cache", disk->name);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(mode, sizeof(mode), file))
		mode[0] = '\0';
	fclose(file);
	return !strncmp(mode, "write back", 10);
}

TEST_F(disk, fsync_flushes_a_write_back_cache)
{
	long long before;

	NEED_SCRATCH();
	fill(self->buffer, self->sector, 400, 0);
	ASSERT_EQ(pwrite(self->fd, self->buffer, self->sector, 0), self->sector);
	before = flushes(&self->disk);
	EXPECT_EQ(fsync(self->fd), 0);
	EXPECT_EQ(fdatasync(self->fd), 0);
	if (!is_write_back(&self->disk))
		return;
	ASSERT_GE(before, 0);
	EXPECT_GE(flushes(&self->disk), before + 2);
}

struct worker {
	pthread_t thread;
	int fd;
	unsigned int number, sector;
	char *buffer;
	const char *wrong;
};

enum { WORKERS = 8, ROUNDS = 48 };

/* Each in a region of its own, in random places and sizes; every round reads what it wrote. */
static void *work(void *arg)
{
	const uint64_t region = MIB, most = 64 * KIB;
	struct worker *w = arg;
	unsigned int state = 1234 + w->number, round;

	for (round = 0; round < ROUNDS && !w->wrong; ++round) {
		const uint64_t units = rand_r(&state) % (most / w->sector) + 1;
		const uint64_t bytes = units * w->sector;
		const uint64_t places = (region - bytes) / w->sector + 1;
		const uint64_t at = w->number * region + rand_r(&state) % places * w->sector;
		const uint64_t seed = 1000 + w->number * ROUNDS + round;

		fill(w->buffer, bytes, seed, at);
		if (pwrite(w->fd, w->buffer, bytes, at) != (ssize_t)bytes)
			w->wrong = "short or failed write";
		memset(w->buffer, 0, bytes);
		if (!w->wrong && pread(w->fd, w->buffer, bytes, at) != (ssize_t)bytes)
			w->wrong = "short or failed read";
		if (!w->wrong && first_difference(w->buffer, bytes, seed, at) >= 0)
			w->wrong = "other data than was written";
	}
	return NULL;
}

TEST_F_TIMEOUT(disk, parallel_writers_do_not_meet, SLOW_MACHINE)
{
	struct worker workers[WORKERS];
	unsigned int i;

	NEED_SCRATCH();
	for (i = 0; i < WORKERS; ++i) {
		workers[i] = (struct worker){
			.fd = self->fd,
			.number = i,
			.sector = self->sector,
			.buffer = self->buffer + i * 64 * KIB,
		};
		ASSERT_EQ(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (i = 0; i < WORKERS; ++i) {
		ASSERT_EQ(pthread_join(workers[i].thread, NULL), 0);
		EXPECT_EQ(workers[i].wrong, NULL)
		{
			TH_LOG("worker %u: %s", i, workers[i].wrong);
		}
	}
}

/* Not TEST_HARNESS_MAIN: where there is no disk, the whole program is skipped, and says so by its
 * status. */
static void __attribute__((constructor)) __constructor_order_last(void)
{
	if (!__constructor_order)
		__constructor_order = _CONSTRUCTOR_ORDER_BACKWARD;
}

int main(int argc, char **argv)
{
	struct disk disk;
	const char *why = find_disk(&disk);

	if (why) {
		ksft_print_header();
		ksft_exit_skip("%s\n", why);
	}
	return test_harness_run(argc, argv);
}
