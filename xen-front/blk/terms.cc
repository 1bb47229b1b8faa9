// SPDX-License-Identifier: GPL-2.0-only
#include <kapi/xenbus.h>
#include <xen-front/blk/terms.hpp>

#include <xenpv/blkif.hpp>
#include <xenpv/keys.hpp>

namespace xenpv::blkfront {

// 8 EiB in sectors of 512 bytes: what a loff_t can address.
constexpr uint64_t most_sectors = (uint64_t{1} << 63) / blkif::sector_bytes;

result<connection_terms> read_connection_terms(kapi_xenbus *bus, reporter &log)
{
	keys back(bus, KAPI_PEER, log);
	connection_terms t;
	t.peer_domain = kapi_xenbus_peer_domain(bus);

	const uint64_t offered = XENPV_TRY(back.optional("multi-queue-max-queues", 1, UINT32_MAX, 1));
	t.rings = static_cast<uint32_t>(offered < KAPI_BLK_MAX_QUEUES ? offered : KAPI_BLK_MAX_QUEUES);
	return t;
}

result<uint64_t> read_capacity(kapi_xenbus *bus, reporter &log)
{
	return keys(bus, KAPI_PEER, log).required("sectors", 0, most_sectors);
}

result<disk_terms> read_disk_terms(kapi_xenbus *bus, reporter &log)
{
	keys back(bus, KAPI_PEER, log);
	keys own(bus, KAPI_OWN, log);
	disk_terms t;
	t.info.sectors = XENPV_TRY(read_capacity(bus, log));

	const uint64_t size = XENPV_TRY(back.required("sector-size", 512, KAPI_PAGE_SIZE));
	const uint64_t physical = XENPV_TRY(back.optional("physical-sector-size", size, 1u << 20, size));
	if ((size & (size - 1)) != 0 || (physical & (physical - 1)) != 0) {
		log.say(KAPI_ERROR,
			"xenstore key sector-size or physical-sector-size: %llu and %llu, not powers of two",
			static_cast<unsigned long long>(size), static_cast<unsigned long long>(physical));
		return err::invalid;
	}
	t.info.sector_size = static_cast<uint32_t>(size);
	t.info.physical_sector_size = static_cast<uint32_t>(physical);

	const uint64_t info = XENPV_TRY(back.required("info", 0, UINT32_MAX));
	t.info.readonly = (info & blkif::info_readonly) != 0;
	t.info.removable = (info & blkif::info_removable) != 0;

	// A flush is what is meant; a barrier is what older backends have for it, and the
	// only one that makes a single write durable.
	if (back.feature("feature-flush-cache"))
		t.service.flush = flush_by::flush_op;
	else if (back.feature("feature-barrier"))
		t.service.flush = flush_by::barrier_op;
	t.info.flush = t.service.flush != flush_by::nothing;
	t.info.fua = t.service.flush == flush_by::barrier_op;

	// Persistent grants are agreed when both offer them, and this end always does.
	const bool persistent = back.feature("feature-persistent");
	const bool trusted = own.feature("trusted", true);
	t.service.data = persistent || !trusted ? transfer::pooled : transfer::direct;
	t.info.device = static_cast<uint32_t>(XENPV_TRY(own.required("virtual-device", 0, UINT32_MAX)));
	return t;
}

} // namespace xenpv::blkfront
