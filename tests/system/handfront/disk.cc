// SPDX-License-Identifier: GPL-2.0-only
#include "disk.hpp"

#include <cstddef>
#include <cstdio>

namespace handfront {
namespace {

static_assert((page_bytes - offsetof(blkif_sring, ring)) / sizeof(blkif_sring_entry) >= disk_slots);
static_assert((page_bytes - offsetof(blkif_sring, ring)) / sizeof(request_32) < 2 * disk_slots);
static_assert(offsetof(blkif_sring, ring) == 64);

// Any 8 bytes say which pattern they are of and where on the disk they belong.
uint64_t pattern(uint64_t seed, uint64_t sector, uint32_t word)
{
	return (seed << 56) ^ (sector << 8) ^ word;
}

void fill(uint8_t *data, uint64_t sector, uint32_t sectors, uint64_t seed)
{
	for (uint32_t i = 0; i < sectors * sector_bytes / 8; ++i) {
		const uint64_t word = pattern(seed, sector + i / 64, i % 64);
		memcpy(data + i * 8, &word, 8);
	}
}

void compare(const uint8_t *data, uint64_t sector, uint32_t sectors, uint64_t seed)
{
	for (uint32_t i = 0; i < sectors * sector_bytes / 8; ++i) {
		uint64_t word = 0;
		memcpy(&word, data + i * 8, 8);
		if (word != pattern(seed, sector + i / 64, i % 64))
			fail("sector %llu, byte %u: read %#llx, wanted %#llx",
			     static_cast<unsigned long long>(sector + i / 64), i % 64 * 8,
			     static_cast<unsigned long long>(word),
			     static_cast<unsigned long long>(pattern(seed, sector + i / 64, i % 64)));
	}
}

} // namespace

void disk::speak(const std::string &protocol)
{
	protocol_ = protocol;
	// Backends take a frontend without the key for a 32-bit one (the in-tree blkback does; the oldest were).
	narrow_ = protocol == XEN_IO_PROTO_ABI_X86_32 || protocol == "none";
	if (protocol == "none")
		peer_.key("protocol", std::nullopt);
}

void disk::start()
{
	peer_.start({"protocol", "ring-ref", "event-channel", "multi-queue-num-queues", "ring-page-order",
		     "feature-persistent"});
}

void disk::publish()
{
	grant_ref_t ref = 0;
	ring_.open(peer_.share(1, &ref), disk_slots, narrow_ ? sizeof(request_32) : sizeof(blkif_sring_entry));
	data_ = peer_.share(BLKIF_MAX_SEGMENTS_PER_REQUEST, refs_);
	port_ = peer_.channel();
	peer_.publish(
		{{"ring-ref", std::to_string(ref)}, {"event-channel", std::to_string(port_)}, {"protocol", protocol_}});
	peer_.enter(XenbusStateInitialised);
}

void disk::connect()
{
	start();
	publish();
	peer_.await(XenbusStateConnected);
	peer_.enter(XenbusStateConnected);
}

blkif_request disk::make(uint8_t operation, uint64_t sector, uint32_t sectors) const
{
	blkif_request r{};
	r.operation = operation;
	r.id = 0x1d00000000000000 + ring_.put_so_far();
	r.sector_number = sector;
	for (uint32_t done = 0; done < sectors; done += 8) {
		const uint32_t here = sectors - done < 8 ? sectors - done : 8;
		r.seg[r.nr_segments] = {refs_[r.nr_segments], 0, static_cast<uint8_t>(here - 1)};
		++r.nr_segments;
	}
	return r;
}

void disk::put(const blkif_request &r)
{
	if (narrow_) {
		request_32 narrow{r.operation, r.nr_segments, r.handle, r.id, r.sector_number, {}};
		memcpy(narrow.seg, r.seg, sizeof(narrow.seg));
		ring_.put(&narrow, sizeof(narrow));
	} else {
		ring_.put(&r, sizeof(r));
	}
}

void disk::push(uint32_t beyond)
{
	if (ring_.push(beyond))
		peer_.notify(port_);
}

response_32 disk::take()
{
	peer_.await_response(ring_);
	// The two layouts differ in nothing but what follows the last field.
	response_32 r;
	ring_.take(&r, sizeof(r));
	return r;
}

int disk::ask(const blkif_request &request)
{
	put(request);
	push();
	const response_32 r = take();
	if (r.id != request.id || r.operation != request.operation)
		fail("a response is to id %#llx, operation %u, not to %#llx, %u", static_cast<unsigned long long>(r.id),
		     r.operation, static_cast<unsigned long long>(request.id), request.operation);
	return r.status;
}

void disk::transfer(uint8_t operation, words &w)
{
	uint64_t sector = w.number();
	uint64_t count = w.number();
	const uint64_t seed = w.number();
	while (count != 0) {
		constexpr uint32_t most = BLKIF_MAX_SEGMENTS_PER_REQUEST * page_bytes / sector_bytes;
		const uint32_t here = count < most ? static_cast<uint32_t>(count) : most;
		if (operation == BLKIF_OP_WRITE)
			fill(data_, sector, here, seed);
		else
			memset(data_, 0, most * sector_bytes);
		if (const int status = ask(make(operation, sector, here)); status != BLKIF_RSP_OKAY)
			fail("operation %u on sector %llu: status %d", operation,
			     static_cast<unsigned long long>(sector), status);
		if (operation == BLKIF_OP_READ)
			compare(data_, sector, here, seed);
		sector += here;
		count -= here;
	}
}

void disk::request(words &w)
{
	blkif_request r = make(BLKIF_OP_READ, 0, 8);
	int wanted = BLKIF_RSP_OKAY;
	while (const auto s = w.next_setting()) {
		if (s->field == "op")
			r.operation = static_cast<uint8_t>(s->number());
		else if (s->field == "nr")
			r.nr_segments = static_cast<uint8_t>(s->number());
		else if (s->field == "sector")
			r.sector_number = s->number();
		else if (s->field == "first")
			r.seg[0].first_sect = static_cast<uint8_t>(s->number());
		else if (s->field == "last")
			r.seg[0].last_sect = static_cast<uint8_t>(s->number());
		else if (s->field == "gref" && s->value == "readonly")
			static_cast<void>(peer_.share(1, &r.seg[0].gref, false));
		else if (s->field == "gref")
			r.seg[0].gref = static_cast<grant_ref_t>(s->number());
		else if (s->field == "status")
			wanted = static_cast<int>(s->number());
		else
			fail("a request has no field %s", s->field.c_str());
	}
	if (const int status = ask(r); status != wanted)
		fail("the request's status is %d, not %d", status, wanted);
}

void disk::flood()
{
	const auto put_next = [this](uint32_t i) {
		put(make(i % 2 == 0 ? BLKIF_OP_READ : BLKIF_OP_WRITE, i % disk_slots * 88, 88));
		push();
	};
	for (uint32_t i = 0; i < disk_slots; ++i)
		put_next(i);
	for (uint32_t i = 0;; ++i) {
		take();
		put_next(i);
		if (i == 4 * disk_slots)
			puts("flooding");
	}
}

bool disk::obey(const std::string &command, words &w)
{
	if (command == "abi")
		speak(w.next());
	else if (command == "write")
		transfer(BLKIF_OP_WRITE, w);
	else if (command == "read")
		transfer(BLKIF_OP_READ, w);
	else if (command == "request")
		request(w);
	else if (command == "produce")
		push(static_cast<uint32_t>(w.number()));
	else if (command == "flood")
		flood();
	else
		return false;
	return true;
}

} // namespace handfront
