# SPDX-License-Identifier: GPL-2.0-only
# The front door.  kbuild reads Kbuild, never this file.
#
#   KVER=6.1.0-56-amd64   build for this installed kernel (its headers)
#   KDIR=/path            or against this kernel build directory

# The newest installed 6.1 is what Debian 12 runs; looked up late, setup may bring it.
KVER ?= $(shell ls -d /lib/modules/6.1.*/build 2>/dev/null | cut -d / -f 4 | grep -E '^6\.1\.[0-9]+-[0-9]+-amd64$$' | sort -V | tail -n 1)
KDIR ?= /lib/modules/$(KVER)/build
PYTHON := /usr/bin/python3

KBUILD = $(MAKE) -C $(KDIR) M=$(CURDIR) CONFIG_DEBUG_INFO_BTF_MODULES= XENPV_WERROR=1

.DEFAULT_GOAL := help
.PHONY: help setup demo cost check check-long debug-kernel package srpm modules modules_install compile_commands.json format bed clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z_.-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "  XENPV_CACHE=DIR             where images, kernels and snapshots are kept for all checkouts (/var/cache/xenpv)"

setup: ## install what the project needs (Debian 12, root)
	@setup/setup.sh

demo: setup ## the main job: PV disk and network against emulated ones on real Xen, measured
	@$(MAKE) --no-print-directory modules
	@$(PYTHON) tests/bench/demo.py

cost: modules ## what requests and packets cost, ours against in-tree and the baseline (BASELINE=write makes it anew)
	@$(PYTHON) tests/bench/cost.py $(if $(filter write,$(BASELINE)),--write-baseline)

check: setup ## every test: style, set-up, benches, build gate, unit tests, kernel build, real Xen
	@$(PYTHON) tests/check.py

check-long: setup debug-kernel ## the same, and what takes hours: an installed guest's life, other kernels and the debug kernel, twenty boots, the demo
	@$(PYTHON) tests/check.py --long

modules: ## build the kernel modules (KVER= or KDIR= chooses the kernel)
	@test -d "$(KDIR)" || { echo "make: no kernel headers in $(KDIR): run 'make setup', or give KVER= or KDIR=" >&2; exit 1; }
	@+$(KBUILD) modules

modules_install: modules ## install them under /lib/modules, beside the kernel's own
	@+$(KBUILD) INSTALL_MOD_DIR=updates modules_install

package: ## build the Debian packages: build/packages/*.deb
	@packaging/package.sh deb

srpm: ## build the source rpms: build/packages/*.src.rpm
	@packaging/package.sh srpm

compile_commands.json: modules ## for clangd and clang-tidy
	@$(PYTHON) kernel/compile-commands.py $(KDIR) .

format: ## rewrite the C and C++ sources with clang-format
	@git ls-files '*.c' '*.h' '*.cc' '*.hpp' | xargs clang-format -i

bed: modules ## bring the test bed up and leave it up: see tests/system/README.md
	@tests/system/xenbed up

debug-kernel: setup ## build a kernel that checks itself for the bed: half an hour, once
	@tests/system/xenbed debug-kernel

clean: ## leave the tree as cloned; what XENPV_CACHE has stays
	@tests/system/xenbed down 2>/dev/null || true
	@git clean -qfdX
	@echo "images, kernels and snapshots stay in $${XENPV_CACHE:-/var/cache/xenpv}: make distclean removes them too"

distclean: ## the same, and remove what XENPV_CACHE has
	@tests/system/xenbed down 2>/dev/null || true
	@tests/system/xenbed clear-cache
	@git clean -qfdX
