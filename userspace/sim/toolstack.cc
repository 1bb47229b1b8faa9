// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/toolstack.hpp>
#include <userspace/sim/world.hpp>

#include <cstdio>

namespace xenpv::sim {
namespace {

std::string front_directory(const vbd_config &c)
{
	return "/local/domain/" + std::to_string(c.front_domid) + "/device/vbd/" + std::to_string(c.device);
}

std::string back_directory(const vbd_config &c)
{
	return "/local/domain/0/backend/vbd/" + std::to_string(c.front_domid) + "/" + std::to_string(c.device);
}

} // namespace

toolstack::toolstack(const vbd_config &c)
	: front{.name = "vbd-" + std::to_string(c.device),
		.own = front_directory(c),
		.peer = back_directory(c),
		.peer_domid = 0},
	  back{.name = "vbd-" + std::to_string(c.front_domid) + "-" + std::to_string(c.device),
	       .own = back_directory(c),
	       .peer = front_directory(c),
	       .peer_domid = c.front_domid},
	  config_(c)
{
	set_back("frontend", front.own);
	set_back("frontend-id", std::to_string(c.front_domid));
	set_back("online", "1");
	set_back("mode", c.writable ? "w" : "r");
	set_back("device-type", c.cdrom ? "cdrom" : "disk");
	set_back("state", "1");
	set_front("backend", back.own);
	set_front("backend-id", "0");
	set_front("virtual-device", std::to_string(c.device));
	set_front("device-type", c.cdrom ? "cdrom" : "disk");
	set_front("state", "1");
}

toolstack::~toolstack()
{
	world::get().store().remove(front.own);
	world::get().store().remove(back.own);
}

void toolstack::hotplug()
{
	char number[32];
	std::snprintf(number, sizeof(number), "%x:%x", config_.major, config_.minor);
	set_back("physical-device", number);
}

void toolstack::detach()
{
	set_back("online", "0");
	set_back("state", "5");
}

int toolstack::state(const std::string &directory)
{
	return std::stoi(world::get().store().read(directory + "/state").value_or("0"));
}

void toolstack::set_front(const std::string &key, const std::string &value)
{
	world::get().store().write(front.own + "/" + key, value);
}

void toolstack::set_back(const std::string &key, const std::string &value)
{
	world::get().store().write(back.own + "/" + key, value);
}

std::string toolstack::front_key(const std::string &key) const
{
	return world::get().store().read(front.own + "/" + key).value_or("(absent)");
}

std::string toolstack::back_key(const std::string &key) const
{
	return world::get().store().read(back.own + "/" + key).value_or("(absent)");
}

} // namespace xenpv::sim
