// SPDX-License-Identifier: GPL-2.0-only
// What xl does for a device of any kind: its two directories in the store.
#pragma once
#include <kapi/xenbus.h>
#include <userspace/sim/xenbus.hpp>

#include <cstdint>
#include <string>

namespace xenpv::sim {

// The directories exist as long as this, the states start at Initialising.
class toolstack {
public:
	toolstack(const toolstack &) = delete;
	toolstack &operator=(const toolstack &) = delete;

	// Asks the backend to end the device, as xl block-detach and network-detach do.
	void detach();

	[[nodiscard]] int front_state() const { return state(front.own); }
	[[nodiscard]] int back_state() const { return state(back.own); }
	void set_front(const std::string &key, const std::string &value);
	void set_back(const std::string &key, const std::string &value);
	void remove_front(const std::string &key);
	void remove_back(const std::string &key);
	[[nodiscard]] std::string front_key(const std::string &key) const;
	[[nodiscard]] std::string back_key(const std::string &key) const;

	kapi_xenbus front;
	kapi_xenbus back;

protected:
	// `kind` is "vbd" or "vif".
	toolstack(const std::string &kind, uint32_t front_domid, uint32_t device);
	~toolstack();

private:
	[[nodiscard]] static int state(const std::string &directory);
};

} // namespace xenpv::sim
