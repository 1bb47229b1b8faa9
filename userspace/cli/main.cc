// SPDX-License-Identifier: GPL-2.0-only
#include <cli/app.hpp>
#include <cli/context.hpp>

#include <cstdlib>
#include <iostream>
#include <unistd.h>

int main(int argc, char **argv)
{
	xenpv::cli::context ctx;
	ctx.out = &std::cout;
	ctx.err = &std::cerr;
	ctx.terminal = isatty(STDOUT_FILENO) == 1;
	const char *no_colour = std::getenv("NO_COLOR");
	ctx.colour = ctx.terminal && (no_colour == nullptr || *no_colour == '\0');
	return xenpv::cli::run({argv + (argc > 0 ? 1 : 0), argv + argc}, ctx);
}
