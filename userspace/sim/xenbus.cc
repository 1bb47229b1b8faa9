// SPDX-License-Identifier: GPL-2.0-only
// kapi/xenbus.h over the store and the grant tables.
#include <userspace/sim/world.hpp>
#include <userspace/sim/xenbus.hpp>

#include <kapi/grant.h>
#include <kapi/xenbus.h>

#include <cstring>

using xenpv::sim::current_domain;
using xenpv::sim::might_sleep;
using xenpv::sim::page;
using xenpv::sim::world;

namespace {

constexpr int not_found = -2;
constexpr int io_error = -5;
constexpr int too_big = -7;
constexpr int no_memory = -12;
constexpr int invalid = -22;

int write_all(const xenpv::sim::xenstore::changes &all)
{
	auto &w = world::get();
	if (w.faults().store_write.strikes())
		return io_error;
	while (!w.store().commit(all)) {
	}
	return 0;
}

} // namespace

const char *kapi_xenbus_name(const kapi_xenbus *bus)
{
	return bus->name.c_str();
}

uint32_t kapi_xenbus_peer_domain(const kapi_xenbus *bus)
{
	return bus->peer_domid;
}

int kapi_xenbus_read(kapi_xenbus *bus, kapi_side side, const char *key, char *buf, size_t size)
{
	might_sleep("kapi_xenbus_read");
	const auto value = world::get().store().read((side == KAPI_OWN ? bus->own : bus->peer) + "/" + key);
	if (!value)
		return not_found;
	if (value->size() + 1 > size)
		return too_big;
	std::memcpy(buf, value->c_str(), value->size() + 1);
	return static_cast<int>(value->size());
}

int kapi_xenbus_write(kapi_xenbus *bus, const kapi_xenbus_key *keys, size_t count)
{
	might_sleep("kapi_xenbus_write");
	xenpv::sim::xenstore::changes all;
	for (size_t i = 0; i < count; ++i)
		all.emplace_back(bus->own + "/" + keys[i].key, keys[i].value);
	return write_all(all);
}

int kapi_xenbus_peer_state(kapi_xenbus *bus)
{
	might_sleep("kapi_xenbus_peer_state");
	const auto value = world::get().store().read(bus->peer + "/state");
	if (!value || value->size() != 1 || (*value)[0] < '0' || (*value)[0] > '8')
		return 0;
	return (*value)[0] - '0';
}

int kapi_xenbus_switch_state(kapi_xenbus *bus, int state)
{
	might_sleep("kapi_xenbus_switch_state");
	const auto now = world::get().store().read(bus->own + "/state");
	// As Linux: a device whose directory the toolstack took away is not recreated,
	// and a state that is there already is not written again.
	if (!now || *now == std::to_string(state))
		return 0;
	return write_all({{bus->own + "/state", std::to_string(state)}});
}

bool kapi_xenbus_online(kapi_xenbus *bus)
{
	might_sleep("kapi_xenbus_online");
	return world::get().store().read(bus->own + "/online").value_or("0") == "1";
}

void kapi_xenbus_error(kapi_xenbus *bus, int err, const char *text)
{
	might_sleep("kapi_xenbus_error");
	auto &w = world::get();
	const std::string message = std::to_string(err) + " " + text;
	w.store().write("error/" + bus->own + "/error", message);
}

int kapi_xenbus_map_ring(kapi_xenbus *bus, uint32_t ref, void **addr)
{
	might_sleep("kapi_xenbus_map_ring");
	auto &w = world::get();
	if (w.faults().ring_map.strikes())
		return no_memory;
	page *p = w.memory().allocate_foreign(*current_domain());
	xenpv::sim::mapped_ring ring{p, 0};
	if (w.maptrack().map(*current_domain(), bus->peer_domid, ref, p, false, &ring.handle) != KAPI_GNTST_OKAY) {
		w.memory().free_foreign(p);
		return invalid;
	}
	*addr = p->addr;
	const std::lock_guard held(bus->mutex);
	bus->rings[*addr] = ring;
	++w.live().rings;
	return 0;
}

void kapi_xenbus_unmap_ring(kapi_xenbus *bus, void *addr)
{
	might_sleep("kapi_xenbus_unmap_ring");
	auto &w = world::get();
	const std::lock_guard held(bus->mutex);
	const auto at = bus->rings.find(addr);
	if (at == bus->rings.end())
		return xenpv::sim::violation("a ring is unmapped that is not mapped");
	static_cast<void>(w.maptrack().unmap(at->second.handle, at->second.at));
	w.memory().free_foreign(at->second.at);
	bus->rings.erase(at);
	--w.live().rings;
}
