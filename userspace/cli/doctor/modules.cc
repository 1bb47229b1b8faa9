// SPDX-License-Identifier: GPL-2.0-only
// Which module serves a device, whether ours is there to do so, and at boot.
#include <cli/doctor/checks.hpp>

#include <cli/context.hpp>
#include <cli/source/text.hpp>

#include <fmt/format.h>
#include <fstream>
#include <set>

namespace xenpv::cli {
namespace {

constexpr std::size_t modules_dep_limit = std::size_t{8} << 20;
constexpr std::string_view signature_mark = "~Module signature appended~\n";

bool in_tree(const device &d)
{
	return !d.ours && (d.driver == "vbd" || d.driver == "vif");
}

// Another kernel for which the module is there; "" when there is none.
std::string other_kernel(tree &files, const std::string &module)
{
	for (const std::string &kernel : files.list("/lib/modules"))
		if (!module_file(files, kernel, module).empty())
			return printable(kernel, 64);
	return {};
}

// Signed, not signed, or nothing when that cannot be told.
std::optional<bool> is_signed(const examination &e, const std::string &file)
{
	if (!file.ends_with(".ko")) { // compressed
		const auto answer = e.ctx.run({"modinfo", "-F", "sig_id", e.ctx.at(file).string()}, {});
		return answer.ok() ? std::optional(!trimmed(answer.out).empty()) : std::nullopt;
	}
	std::ifstream in(e.ctx.at(file), std::ios::binary);
	std::string tail(signature_mark.size(), '\0');
	if (!in.seekg(-static_cast<std::streamoff>(tail.size()), std::ios::end) ||
	    !in.read(tail.data(), static_cast<std::streamsize>(tail.size())))
		return std::nullopt;
	return tail == signature_mark;
}

bool has_disks(const machine &m)
{
	for (const device &d : m.devices)
		if (d.what == kind::disk && !d.id.empty())
			return true;
	return false;
}

void check_image(examination &e, const std::string &image)
{
	const std::string kernel = image.substr(std::string("initrd.img-").size());
	if (module_file(e.files, kernel, "xenpv_blkfront").empty())
		return;
	child_options options;
	options.timeout = std::chrono::seconds(60);
	const std::vector<std::string> command{"lsinitramfs", e.ctx.at("/boot/" + image).string()};
	const auto answer = e.ctx.run(command, options);
	if (!answer.ok()) {
		e.add("initramfs", verdict::unseen, image, describe(command, answer),
		      "apt install initramfs-tools-core, or look into the image with the tool of your distribution");
		return;
	}
	if (contains(answer.out, "xenpv_blkfront.ko"))
		return;
	const bool other = contains(answer.out, "xen-blkfront.ko");
	e.add("initramfs", other ? verdict::warning : verdict::fault, image,
	      other ? "xenpv_blkfront is installed, but not in this image: the in-tree xen-blkfront, which is, will "
		      "have the disks"
		    : "no block frontend is in this image: root on a paravirtual disk is not found at the next boot",
	      fmt::format("update-initramfs -u -k {}; if it is still not there, its hook is missing: apt install "
			  "--reinstall xenpv-dkms",
			  printable(kernel, 64)));
}

} // namespace

std::string our_module(const patient &p)
{
	const bool disk = p.after.what == kind::disk;
	if (p.guest != nullptr)
		return disk ? "xenpv_blkback" : "xenpv_netback";
	return disk ? "xenpv_blkfront" : "xenpv_netfront";
}

std::string module_file(tree &files, const std::string &kernel, const std::string &module)
{
	const std::string folder = "/lib/modules/" + kernel;
	const auto text = files.text(folder + "/modules.dep", modules_dep_limit);
	if (!text)
		return {};
	for (const auto line : split(*text, '\n')) {
		const std::string_view file = line.substr(0, line.find(':'));
		const auto slash = file.rfind('/');
		if (file.substr(slash == std::string_view::npos ? 0 : slash + 1).starts_with(module + ".ko"))
			return file.starts_with("/") ? std::string(file) : folder + "/" + std::string(file);
	}
	return {};
}

void check_in_tree_module(examination &e)
{
	std::set<std::string> missing;
	each_device(e, [&](const patient &p) {
		if (!in_tree(p.after))
			return;
		const std::string ours = our_module(p);
		const std::string theirs = p.after.module.empty() ? "the driver built into the kernel" : p.after.module;
		if (!module_file(e.files, e.after.kernel, ours).empty()) {
			e.add("in-tree module", verdict::fault, p.name,
			      fmt::format("{} serves it, though {} is installed", theirs, ours),
			      p.after.module.empty()
				      ? fmt::format("a built-in driver comes first: of a NIC, modprobe {0}; echo {1} >"
						    "/sys/bus/xen/drivers/vif/unbind; echo {1} "
						    ">/sys/bus/xen/drivers/{0}/bind",
						    ours, p.after.id)
			      : p.guest != nullptr
				      ? fmt::format(
						"reboot dom0; or rmmod {} when no device uses it, then modprobe {}: "
						"devices that are attached from then on are ours",
						p.after.module, ours)
				      : fmt::format(
						"reboot: it takes over at boot. If it does not, the initramfs is "
						"older than it (update-initramfs -u -k {}), or it is blacklisted, or "
						"does not load (dmesg; /usr/lib/xenpv/why-no-modules {})",
						e.after.kernel, e.after.kernel));
			return;
		}
		if (missing.insert(ours).second)
			if (const std::string other = other_kernel(e.files, ours); !other.empty())
				e.add("in-tree module", verdict::fault, p.name,
				      fmt::format("{} is installed for kernel {}, not for the running {}", ours, other,
						  e.after.kernel),
				      fmt::format("apt install linux-headers-{0}; dkms autoinstall -k {0}; depmod {0}; "
						  "then reboot",
						  e.after.kernel));
	});
}

void check_initramfs(examination &e)
{
	if (e.after.dom0 || !has_disks(e.after))
		return;
	for (const std::string &name : e.files.list("/boot"))
		if (name.starts_with("initrd.img-") && printable(name, 128) == name)
			check_image(e, name);
}

void check_lockdown(examination &e)
{
	const std::string lockdown = e.files.line("/sys/kernel/security/lockdown");
	const bool locked = contains(lockdown, "[integrity]") || contains(lockdown, "[confidentiality]");
	const bool enforced = e.files.line("/sys/module/module/parameters/sig_enforce") == "Y";
	if (!locked && !enforced)
		return;
	for (const char *module : {"xenpv_blkfront", "xenpv_netfront", "xenpv_blkback", "xenpv_netback"}) {
		const std::string file = module_file(e.files, e.after.kernel, module);
		if (file.empty() || e.after.modules.contains(module))
			continue;
		const auto answer = is_signed(e, file);
		if (answer && !*answer)
			e.add("lockdown", verdict::fault, module,
			      fmt::format("the kernel loads signed modules only ({}), and {} is not signed",
					  locked ? "lockdown " + lockdown : "module.sig_enforce", file),
			      "let DKMS sign: mokutil --import /var/lib/dkms/mok.pub, reboot, enrol the key at the "
			      "blue screen, then dpkg-reconfigure xenpv-dkms; or switch Secure Boot off");
		else if (!answer)
			e.add("lockdown", verdict::unseen, module, fmt::format("{} cannot be read", file),
			      "modinfo -F sig_id " + file);
	}
}

} // namespace xenpv::cli
