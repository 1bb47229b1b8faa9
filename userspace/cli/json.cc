// SPDX-License-Identifier: GPL-2.0-only
#include <cli/json.hpp>

#include <cli/advise/advice.hpp>
#include <cli/doctor/finding.hpp>
#include <cli/survey/machine.hpp>

#include <nlohmann/json.hpp>

namespace xenpv::cli {
namespace {

using json = nlohmann::ordered_json;

// Grows when a key changes its meaning or goes away.
constexpr int schema = 1;

void put(json &to, const char *key, const std::string &value)
{
	if (!value.empty())
		to[key] = value;
}

template <typename T>
void put(json &to, const char *key, const std::optional<T> &value)
{
	if (value)
		to[key] = *value;
}

json of(const counters &all)
{
	json out = json::object();
	for (const auto &[name, value] : all)
		out[name] = value;
	return out;
}

json of(const insight &in)
{
	json out{{"state", in.state}, {"facts", of(in.facts)}, {"grants", of(in.grants)}};
	put(out, "waits_for", in.waits_for);
	out["queues"] = json::array();
	for (const counters &queue : in.queues)
		out["queues"].push_back(of(queue));
	out["events"] = json::object();
	for (const event_line &e : in.events)
		out["events"][e.name] = of(e.values);
	return out;
}

json of(const device &d)
{
	json out{{"kind", name_of(d.what)}, {"name", d.name}, {"access", name_of(d.how)}};
	put(out, "id", d.id);
	put(out, "driver", d.driver);
	put(out, "module", d.module);
	put(out, "version", d.version);
	out["xenpv"] = d.ours;
	put(out, "peer", d.peer);
	put(out, "peer_name", d.peer_name);
	put(out, "frontend", d.front_path);
	put(out, "backend", d.back_path);
	put(out, "frontend_state", d.front_state);
	put(out, "backend_state", d.back_state);
	put(out, "hotplug_status", d.hotplug_status);
	put(out, "hotplug_error", d.hotplug_error);
	put(out, "error", d.error);
	put(out, "mac", d.mac);
	put(out, "same_as", d.alias_of);
	put(out, "queues", d.queues);
	put(out, "max_queues", d.max_queues);
	put(out, "ring_pages", d.ring_pages);
	put(out, "rings", d.rings);
	if (!d.features.empty()) {
		out["features"] = json::object();
		for (const feature &f : d.features)
			out["features"][f.name] = {{"frontend", f.front}, {"backend", f.back}, {"outcome", f.outcome}};
	}
	out["totals"] = of(d.totals);
	if (d.inside)
		out["inside"] = of(*d.inside);
	return out;
}

json of(const std::vector<device> &all)
{
	json out = json::array();
	for (const device &d : all)
		out.push_back(of(d));
	return out;
}

json of(const domain &g)
{
	json out{{"id", g.id}, {"name", g.name}, {"mode", name_of(g.in)}, {"vcpus", g.vcpus}};
	put(out, "os", g.os);
	put(out, "os_evidence", g.os_evidence);
	out["devices"] = of(g.devices);
	return out;
}

std::string text(const json &document, int indent = 2)
{
	return document.dump(indent, ' ', false, json::error_handler_t::replace);
}

json differences(const device &was, const device &is, double seconds)
{
	json rates = json::object();
	for (std::size_t i = 0; i < is.totals.size() && i < was.totals.size(); ++i)
		if (is.totals[i].first == was.totals[i].first && is.totals[i].second >= was.totals[i].second)
			rates[is.totals[i].first] =
				static_cast<double>(is.totals[i].second - was.totals[i].second) / seconds;
	return rates;
}

json rates_of(const std::string &owner, const std::vector<device> &before, const std::vector<device> &after,
	      double seconds)
{
	json out = json::array();
	for (const device &is : after)
		for (const device &was : before)
			if (was.what == is.what && was.id == is.id && was.name == is.name)
				out.push_back({{"domain", owner},
					       {"kind", name_of(is.what)},
					       {"name", is.name},
					       {"id", is.id},
					       {"per_second", differences(was, is, seconds)}});
	return out;
}

} // namespace

std::string json_of(const machine &m)
{
	json out{{"xenpv_status", schema}, {"mode", name_of(m.in)}};
	if (m.in == mode::none)
		return text(out);
	out["role"] = m.dom0 ? "dom0" : m.serves ? "driver domain" : "guest";
	put(out, "id", m.id);
	put(out, "name", m.name);
	out["hypervisor"] = {{"name", m.hypervisor}, {"version", m.version}, {"capabilities", m.capabilities}};
	out["kernel"] = m.kernel;
	out["vcpus"] = m.vcpus;
	if (!m.unplug.disks.empty())
		out["emulated"] = {
			{"disks", m.unplug.disks}, {"nics", m.unplug.nics}, {"requested", m.unplug.requested}};
	out["modules"] = m.modules;
	out["devices"] = of(m.devices);
	if (m.serves) {
		out["guests"] = json::array();
		for (const domain &g : m.guests)
			out["guests"].push_back(of(g));
	}
	out["not_seen"] = json::array();
	for (const blind_spot &b : m.unseen)
		out["not_seen"].push_back({{"what", b.what}, {"why", b.why}, {"advice", b.advice}});
	return text(out);
}

std::string json_of_rates(const machine &before, const machine &after, double seconds)
{
	json out{{"xenpv_rates", schema}, {"seconds", seconds}};
	out["devices"] = rates_of(after.name, before.devices, after.devices, seconds);
	for (const domain &g : after.guests)
		for (const domain &old : before.guests)
			if (old.id == g.id)
				for (const json &rate : rates_of(g.name, old.devices, g.devices, seconds))
					out["devices"].push_back(rate);
	return text(out, -1);
}

std::string json_of(const std::vector<finding> &findings)
{
	json out{{"xenpv_doctor", schema}, {"findings", json::array()}};
	for (const finding &f : findings) {
		json one{{"check", f.check}, {"verdict", name_of(f.is)}};
		put(one, "where", f.where);
		put(one, "what", f.what);
		put(one, "fix", f.fix);
		out["findings"].push_back(one);
	}
	return text(out);
}

std::string json_of(const std::vector<advice> &all)
{
	json out{{"xenpv_advice", schema}, {"domains", json::array()}};
	for (const advice &a : all) {
		json one{{"name", a.domain},
			 {"mode", name_of(a.now)},
			 {"should_be", name_of(a.should)},
			 {"change", a.change},
			 {"reason", a.reason}};
		put(one, "id", a.id);
		one["steps"] = json::array();
		for (const step &s : a.steps)
			one["steps"].push_back({{"where", s.where}, {"what", s.what}});
		out["domains"].push_back(one);
	}
	return text(out);
}

} // namespace xenpv::cli
