// SPDX-License-Identifier: GPL-2.0-only
// handfront KIND DEVICE COMMAND...: does what it is told, in order, and ends with 1 at the first thing that is not so.
#include "disk.hpp"
#include "nic.hpp"

#include <cstdio>

#include <unistd.h>

using namespace handfront;

namespace {

constexpr const char *usage = R"(usage: handfront vbd|vif DEVICE COMMAND...
  key NAME VALUE          publish this value instead of the right one;  nokey NAME: leave the key out
  start                   drop an earlier frontend's keys, go to Initialising, wait for the backend
  publish                 grant rings, write the keys, go to the state in which the backend reads them
  connect                 start, publish, wait for the backend, go to Connected
  state N, await N        own state; wait for the backend's
  hold                    say "holding" and wait until killed
  close                   the orderly end
)";

template <typename Device>
void obey(peer &p, Device device, words w)
{
	while (w.more()) {
		const std::string command = w.next();
		if (command == "key") {
			const std::string name = w.next();
			p.key(name, w.next());
		} else if (command == "nokey") {
			p.key(w.next(), std::nullopt);
		} else if (command == "start") {
			device.start();
		} else if (command == "publish") {
			device.publish();
		} else if (command == "connect") {
			device.connect();
		} else if (command == "state") {
			p.enter(static_cast<int>(w.number()));
		} else if (command == "await") {
			p.await(static_cast<int>(w.number()));
		} else if (command == "hold") {
			puts("holding");
			for (;;)
				pause();
		} else if (command == "close") {
			p.close();
		} else if (!device.obey(command, w)) {
			fail("no command %s\n%s%s%s", command.c_str(), usage, disk_usage, nic_usage);
		}
	}
}

} // namespace

int main(int argc, char **argv)
{
	const std::string kind = argc < 4 ? "" : argv[1];
	if (kind != "vbd" && kind != "vif")
		fail("%s%s%s", usage, disk_usage, nic_usage);
	setlinebuf(stdout);
	peer p(argv[1], argv[2]);
	const words w(argc - 3, argv + 3);
	if (kind == "vbd")
		obey(p, disk(p), w);
	else
		obey(p, nic(p), w);
	return 0;
}
