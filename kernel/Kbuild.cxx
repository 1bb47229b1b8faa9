# SPDX-License-Identifier: GPL-2.0-only
# How a freestanding C++20 .cc becomes an object of a module.  The top-level
# Kbuild includes this file; `make M=` reads both.
#
# The command line is derived from the kernel's own $(_c_flags) and
# $(modkern_cflags), so that every code-generation flag of the configuration
# (retpolines, mcount, stack protector, ...) is inherited: minus what only the C
# front end understands, plus the freestanding set.  Not from $(c_flags): leaving
# LINUXINCLUDE out turns "engines include no kernel header" into a compile error.

xenpv-root := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/..)

# gcc-12 -> g++-12, x86_64-linux-gnu-gcc-14 -> ...g++-14, "ccache gcc" too, clang -> clang++
XENPV_CXX ?= $(patsubst clang%,clang++%,$(patsubst %-gcc,%-g++,$(patsubst gcc,g++,$(subst gcc-,g++-,$(CC)))))
xenpv-is-clang := $(findstring clang,$(XENPV_CXX))

# C-only in either compiler: the C++ front end warns about them or refuses.
xenpv-c-only :=							\
	-std=gnu% -std=c%					\
	-Wstrict-prototypes -Werror=strict-prototypes		\
	-Wmissing-prototypes -Wold-style-definition		\
	-Wold-style-declaration -Wdeclaration-after-statement	\
	-Werror=implicit-function-declaration			\
	-Werror=implicit-int -Wno-pointer-sign -Wpointer-sign	\
	-Werror=incompatible-pointer-types			\
	-Werror=designated-init -Wdesignated-init		\
	-Wno-main -Wno-dangling-pointer -Wno-discarded-qualifiers \
	-Wcast-function-type -Wnested-externs			\
	-Wmissing-parameter-type -Wint-conversion		\
	-Werror=int-conversion -Wenum-conversion		\
	-Wno-missing-field-initializers -Wno-override-init	\
	-Wno-initializer-overrides -fplugin=% -fplugin-arg-%

# clang >= 15 does not parse libstdc++'s long double overloads under -mno-80387;
# the gate rejects floating point instead.
xenpv-c-only += $(if $(xenpv-is-clang),-mno-80387 -mno-fp-ret-in-387)

# Where libstdc++ and the compiler keep their headers: asked once per build.
ifeq ($(origin xenpv-sysinc), undefined)
xenpv-sysinc := $(shell $(XENPV_CXX) -std=gnu++20 -E -v -x c++ /dev/null 2>&1 >/dev/null |	\
	awk '/^\#include </{f=1;next} /^End of search/{f=0} f && (/\/c\+\+\// && !/backward/ || /\/lib\/(gcc|llvm)/ || /\/lib\/clang\//) {print "-isystem" $$1}')
export xenpv-sysinc
endif

# Whoever develops asks for it (Makefile). A user's next kernel is not to go without its modules, and without its disks,
# for the sake of a warning in a header.
xenpv-werror := $(if $(XENPV_WERROR),-Werror)

# compiler-version.h carries the compiler's version string: an upgrade rebuilds.
xenpv-flags := -std=gnu++20 -ffreestanding -nostdinc -nostdinc++	\
	-I$(xenpv-root)/include/cxxcompat -I$(xenpv-root)/include	\
	$(xenpv-sysinc)							\
	-include $(srctree)/include/linux/compiler-version.h		\
	-fno-exceptions -fno-rtti -fno-threadsafe-statics		\
	-fno-use-cxa-atexit $(if $(xenpv-is-clang),,-fno-gnu-unique)	\
	-fcheck-new -fno-sized-deallocation -fno-unwind-tables		\
	-Wextra -Wno-unused-parameter -Wold-style-cast			\
	-Wnon-virtual-dtor -Wsuggest-override -Wmissing-declarations	\
	-Wno-missing-field-initializers $(xenpv-werror)

cxx_flags = -Wp,-MMD,$(depfile) $(xenpv-flags)				\
	$(filter-out $(xenpv-c-only), $(_c_flags) $(modkern_cflags))	\
	$(cxxflags-y) $(CXXFLAGS_$(target-stem).o)			\
	$(basename_flags) $(modname_flags)

# pahole dies on C++ DWARF (references) and make then deletes the .ko.  Where
# module BTF is going to be made the C++ objects drop their DWARF; building with
# CONFIG_DEBUG_INFO_BTF_MODULES= on the command line keeps it instead.
xenpv-strip = $(and $(CONFIG_DEBUG_INFO_BTF_MODULES),$(wildcard $(objtree)/vmlinux),-S)

# Dissolves COMDAT groups; the symbols stay weak, so there is still one definition.
# Otherwise "ld -r" of two objects that share an inline function discards one copy
# while __mcount_loc, .orc_unwind_ip and .return_sites still point into it: an
# error with GNU ld, a silently broken module with ld.lld.
cmd_xenpv_ungroup = ; $(LD) $(KBUILD_LDFLAGS) -r --force-group-allocation $(xenpv-strip) \
			-T $(xenpv-root)/kernel/cxx-object.lds		\
			-o $(tmp-target) $@ ; mv -f $(tmp-target) $@

cmd_xenpv_gate = OBJDUMP="$(OBJDUMP)" NM="$(NM)" READELF="$(READELF)"	\
		 $(CONFIG_SHELL) $(xenpv-root)/kernel/check-cxx-object.sh $@

quiet_cmd_cc_o_cxx = CXX $(quiet_modtag)  $@
      cmd_cc_o_cxx = $(XENPV_CXX) $(cxx_flags) -c -o $@ $<		\
		$(cmd_xenpv_ungroup) $(cmd_objtool)

define rule_cc_o_cxx
	$(call cmd_and_fixdep,cc_o_cxx)
	$(call cmd,xenpv_gate)
	$(call cmd,gen_objtooldep)
	$(call cmd,record_mcount)
endef

$(obj)/%.o: $(src)/%.cc $(xenpv-root)/kernel/check-cxx-object.sh	\
		$(xenpv-root)/kernel/cxx-object.lds FORCE
	$(call if_changed_rule,cc_o_cxx)

# `make M=... grant/account.s`: what the compiler made of it.
quiet_cmd_cc_s_cxx = CXX $(quiet_modtag)  $@
      cmd_cc_s_cxx = $(XENPV_CXX) $(filter-out -g -gdwarf-%,$(cxx_flags)) -fverbose-asm -S -o $@ $<

$(obj)/%.s: $(src)/%.cc FORCE
	$(call if_changed_dep,cc_s_cxx)
