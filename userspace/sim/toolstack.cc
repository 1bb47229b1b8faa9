// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/toolstack.hpp>
#include <userspace/sim/world.hpp>

namespace xenpv::sim {
namespace {

std::string front_directory(const std::string &kind, uint32_t domid, uint32_t device)
{
	return "/local/domain/" + std::to_string(domid) + "/device/" + kind + "/" + std::to_string(device);
}

std::string back_directory(const std::string &kind, uint32_t domid, uint32_t device)
{
	return "/local/domain/0/backend/" + kind + "/" + std::to_string(domid) + "/" + std::to_string(device);
}

} // namespace

toolstack::toolstack(const std::string &kind, uint32_t domid, uint32_t device)
	: front{.name = kind + "-" + std::to_string(device),
		.own = front_directory(kind, domid, device),
		.peer = back_directory(kind, domid, device),
		.peer_domid = 0},
	  back{.name = kind + "-" + std::to_string(domid) + "-" + std::to_string(device),
	       .own = back_directory(kind, domid, device),
	       .peer = front_directory(kind, domid, device),
	       .peer_domid = domid}
{
	set_back("frontend", front.own);
	set_back("frontend-id", std::to_string(domid));
	set_back("online", "1");
	set_back("state", "1");
	set_front("backend", back.own);
	set_front("backend-id", "0");
	set_front("state", "1");
}

toolstack::~toolstack()
{
	world::get().store().remove(front.own);
	world::get().store().remove(back.own);
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

void toolstack::remove_front(const std::string &key)
{
	world::get().store().remove(front.own + "/" + key);
}

void toolstack::remove_back(const std::string &key)
{
	world::get().store().remove(back.own + "/" + key);
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
