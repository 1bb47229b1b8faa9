// SPDX-License-Identifier: GPL-2.0-only
// Whether large packets from a guest are mapped or copied.
//
// A mapped page costs two operations and its share of a TLB flush, a copied one an
// operation, 4 KiB of copying and a page.  So mapping pays where the packet goes to
// another guest or a NIC, which take it as it is.  For a socket of this domain the stack
// copies it after all, and all was in vain.  Nobody can tell beforehand, so one packet of
// many is mapped to see what becomes of it.
#pragma once
#include <cstdint>

namespace xenpv::netback {

class map_policy {
public:
	// After so many large packets one is mapped again; the more often it was in vain, the
	// longer.
	static constexpr uint32_t first_probe = 64;
	static constexpr uint32_t last_probe = 256;

	// A large packet is there; whether it is to be mapped.
	[[nodiscard]] bool wants()
	{
		if (pays_)
			return true;
		if (probing_ || --until_probe_ != 0)
			return false;
		probing_ = true;
		until_probe_ = put_off_;
		return true;
	}
	// A mapped packet was released; `copied`: the stack copied it.
	void came_back(bool copied)
	{
		const bool probe = probing_;
		probing_ = false;
		if (copied) {
			if (probe)
				put_off_ = put_off_ < last_probe ? put_off_ * 2 : last_probe;
			pays_ = false;
		} else if (probe) {
			// Not from those that were on their way when it ceased to pay.
			put_off_ = first_probe;
			pays_ = true;
		}
		if (copied)
			until_probe_ = put_off_;
	}
	// It was to be mapped, and could not be.
	void gave_up() { came_back(true); }

private:
	bool pays_ = false;
	bool probing_ = false; // one is on its way
	uint32_t put_off_ = first_probe;
	uint32_t until_probe_ = 1; // the first one is
};

} // namespace xenpv::netback
