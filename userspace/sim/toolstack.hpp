// SPDX-License-Identifier: GPL-2.0-only
// What xl does for a disk: its two directories in the store (libxl_disk.c).
#pragma once
#include <kapi/xenbus.h>
#include <userspace/sim/xenbus.hpp>

#include <cstdint>
#include <string>

namespace xenpv::sim {

struct vbd_config {
	uint32_t front_domid = 1;
	uint32_t device = 51712; // xvda
	uint32_t major = 7;
	uint32_t minor = 0;
	bool writable = true;
	bool cdrom = false;
};

// The directories exist as long as this, the states start at Initialising.
class toolstack {
public:
	explicit toolstack(const vbd_config &config);
	toolstack(const toolstack &) = delete;
	toolstack &operator=(const toolstack &) = delete;
	~toolstack();

	// The hotplug script found the device.
	void hotplug();
	// Asks the backend to end the device, as xl block-detach does.
	void detach();

	[[nodiscard]] int front_state() const { return state(front.own); }
	[[nodiscard]] int back_state() const { return state(back.own); }
	void set_front(const std::string &key, const std::string &value);
	void set_back(const std::string &key, const std::string &value);
	[[nodiscard]] std::string front_key(const std::string &key) const;
	[[nodiscard]] std::string back_key(const std::string &key) const;

	kapi_xenbus front;
	kapi_xenbus back;

private:
	[[nodiscard]] static int state(const std::string &directory);

	vbd_config config_;
};

} // namespace xenpv::sim
