// SPDX-License-Identifier: GPL-2.0-only
// The parts of a survey; each fills in what it can see.
#pragma once

#include <cli/source/store.hpp>
#include <cli/source/tree.hpp>
#include <cli/survey/machine.hpp>

#include <string>

namespace xenpv::cli {

// Mode, hypervisor, kernel, our modules.
void see_platform(tree &files, xenstore &xs, machine &m);
// Which emulated devices are left; wants the devices.
void see_unplug(tree &files, machine &m);
// Disks and NICs of this domain.
void see_disks(tree &files, machine &m);
void see_nics(tree &files, machine &m);
// Devices on the xenbus that no driver has made a disk or NIC of.
void see_unbound(tree &files, machine &m);
// Both ends in xenstore of a device that has front_path and back_path.
void see_pair(xenstore &xs, device &d);
// What our modules say of it; xenbus_id as in debugfs.
void see_inside(tree &files, const std::string &xenbus_id, device &d);
// Other domains whose devices this one serves.
void see_guests(tree &files, xenstore &xs, machine &m);

// Driver, module and version of a device in sysfs.
void see_driver(tree &files, const std::string &sysfs, device &d);
// "51712" is xvda: the names of Xen's vbd-interface document; "" for what is none.
std::string disk_name(std::uint64_t number);

} // namespace xenpv::cli
