// SPDX-License-Identifier: GPL-2.0-only
// Which groups a guest listens to (io/netif.h, "feature-multicast-control").
#pragma once
#include <xenpv/guarded.hpp>

#include <cstdint>

namespace xenpv::netback {

// Any context.
class multicast_filter {
public:
	// What one guest may keep here: as many as the field's backends allow.
	static constexpr uint32_t capacity = 64;

	// The list holds while it is not applied, and over reconnects of one guest.
	void apply(bool on)
	{
		list_.with([on](list &l) { l.applied = on; });
	}
	// False: the list is full.
	[[nodiscard]] bool add(const uint8_t (&address)[6])
	{
		return list_.with([&](list &l) {
			if (l.find(address) < l.count)
				return true;
			if (l.count == capacity)
				return false;
			__builtin_memcpy(l.groups[l.count++], address, sizeof(address));
			return true;
		});
	}
	void remove(const uint8_t (&address)[6])
	{
		list_.with([&](list &l) {
			const uint32_t at = l.find(address);
			if (at < l.count)
				__builtin_memcpy(l.groups[at], l.groups[--l.count], sizeof(address));
		});
	}
	void clear()
	{
		list_.with([](list &l) { l.count = 0; });
	}
	// Whether a packet to this address is for the guest.  Broadcasts always are.
	[[nodiscard]] bool passes(const uint8_t *destination)
	{
		if ((destination[0] & 1) == 0)
			return true;
		return list_.with([destination](list &l) {
			return !l.applied || is_broadcast(destination) || l.find(destination) < l.count;
		});
	}

private:
	[[nodiscard]] static bool is_broadcast(const uint8_t *a)
	{
		return (a[0] & a[1] & a[2] & a[3] & a[4] & a[5]) == 0xff;
	}
	struct list {
		bool applied = false;
		uint32_t count = 0;
		uint8_t groups[capacity][6];

		[[nodiscard]] uint32_t find(const uint8_t *address) const
		{
			uint32_t i = 0;
			while (i < count && __builtin_memcmp(groups[i], address, 6) != 0)
				++i;
			return i;
		}
	};
	guarded<list> list_;
};

} // namespace xenpv::netback
