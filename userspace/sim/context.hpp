// SPDX-License-Identifier: GPL-2.0-only
// In which domain, and in which kind of context, the calling thread runs.
#pragma once
namespace xenpv::sim {

class domain;

// The domain whose kernel the thread is in, or nullptr.
[[nodiscard]] domain *current_domain();
[[nodiscard]] bool in_atomic();
void enter_atomic();
void leave_atomic();

// Runs what follows as a domain's kernel.
class [[nodiscard]] as_domain {
public:
	explicit as_domain(domain &d);
	as_domain(const as_domain &) = delete;
	as_domain &operator=(const as_domain &) = delete;
	~as_domain();

private:
	domain *before_;
};

// Interrupt context: what may sleep is a violation in here.
class [[nodiscard]] as_interrupt {
public:
	as_interrupt() { enter_atomic(); }
	as_interrupt(const as_interrupt &) = delete;
	as_interrupt &operator=(const as_interrupt &) = delete;
	~as_interrupt() { leave_atomic(); }
};

// A rule of kapi was broken: remembered, and every test fails that leaves one.
void violation(const char *what);
// As the kernel's: process-context functions begin with it.
void might_sleep(const char *function);

} // namespace xenpv::sim
