// SPDX-License-Identifier: GPL-2.0-only
#include <xen-back/blk/request.hpp>

namespace xenpv::blkback {
namespace {

[[nodiscard]] bool find_action(peer<uint8_t> operation, action &out)
{
	if (operation.is(static_cast<uint8_t>(blkif::op::read)))
		out = action::read;
	else if (operation.is(static_cast<uint8_t>(blkif::op::write)))
		out = action::write;
	else if (operation.is(static_cast<uint8_t>(blkif::op::flush)))
		out = action::flush;
	else if (operation.is(static_cast<uint8_t>(blkif::op::write_barrier)))
		out = action::barrier;
	else
		return false;
	return true;
}

[[nodiscard]] bool check_pieces(const blkif::taken_request &r, uint32_t count, uint32_t sector_size, reporter &log,
				plan &out)
{
	const uint32_t mask = sector_size / blkif::sector_bytes - 1;
	for (uint32_t i = 0; i < count; ++i) {
		const auto &s = r.segments[i];
		const auto last = s.last_sect.below(blkif::sectors_per_page);
		const auto first = s.first_sect.at_most(last.value_or(0));
		if (!last.ok() || !first.ok()) {
			log.say(KAPI_ERROR, "segment %u: sectors %u to %u do not lie in a page", i,
				s.first_sect.unchecked(for_message{}), s.last_sect.unchecked(for_message{}));
			return false;
		}
		const uint32_t sectors = uint32_t{last.value_or(0)} - first.value_or(0) + 1;
		if ((sectors & mask) != 0) {
			log.say(KAPI_ERROR, "segment %u: %u sectors are not a multiple of the %u-byte block", i,
				sectors, sector_size);
			return false;
		}
		out.pieces[i] = {s.gref.unchecked(hypervisor_checks{}), first.value_or(0) * blkif::sector_bytes,
				 sectors * blkif::sector_bytes};
		out.sectors += sectors;
	}
	return true;
}

} // namespace

blkif::status check_request(const blkif::taken_request &r, const disk_limits &disk, reporter &log, plan &out)
{
	out = {};
	if (!find_action(r.operation, out.act)) {
		// Unknown to us is not hostile: discard and indirect are not offered, and a
		// frontend that tries is told so.
		log.say(KAPI_DEBUG, "operation %u is not supported", r.operation.unchecked(for_message{}));
		return blkif::status::not_supported;
	}
	const auto count = r.nr_segments.at_most(blkif::max_segments);
	if (!count.ok()) {
		log.say(KAPI_ERROR, "nr_segments %u is more than %u", r.nr_segments.unchecked(for_message{}),
			blkif::max_segments);
		return blkif::status::error;
	}
	out.nr_pieces = count.value_or(0);
	if (out.act == action::flush) {
		// Some frontends leave segments in a flush; it has none.
		out.nr_pieces = 0;
		return blkif::status::okay;
	}
	// Without anything to write a barrier still orders what is around it.
	if (out.act == action::barrier && out.nr_pieces == 0)
		return blkif::status::okay;
	if (out.nr_pieces == 0) {
		log.say(KAPI_ERROR, "operation %u without segments", r.operation.unchecked(for_message{}));
		return blkif::status::error;
	}
	if (out.act != action::read && disk.readonly) {
		log.say(KAPI_ERROR, "write to a read-only disk");
		return blkif::status::error;
	}
	if (!check_pieces(r, out.nr_pieces, disk.sector_size, log, out))
		return blkif::status::error;
	// disk.sectors - out.sectors cannot wrap: a request is at most 88 sectors.
	const auto sector = disk.sectors < out.sectors ? result<uint64_t>(err::range)
						       : r.sector_number.at_most(disk.sectors - out.sectors);
	if (!sector.ok()) {
		log.say(KAPI_ERROR, "sector_number %llu + %u is beyond the disk's %llu",
			static_cast<unsigned long long>(r.sector_number.unchecked(for_message{})), out.sectors,
			static_cast<unsigned long long>(disk.sectors));
		return blkif::status::error;
	}
	out.sector = sector.value_or(0);
	if ((out.sector & (disk.sector_size / blkif::sector_bytes - 1)) != 0) {
		log.say(KAPI_ERROR, "sector_number %llu is not aligned to the %u-byte block",
			static_cast<unsigned long long>(out.sector), disk.sector_size);
		return blkif::status::error;
	}
	return blkif::status::okay;
}

} // namespace xenpv::blkback
