// SPDX-License-Identifier: GPL-2.0-only
#include <cli/report/browser.hpp>

#include <cli/bench/failure.hpp>
#include <cli/child.hpp>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <unistd.h>
#include <vector>

namespace xenpv::cli::report {
namespace {

namespace fs = std::filesystem;

constexpr int page_width = 1240, least_height = 600, most_height = 30000;
constexpr auto patience = std::chrono::seconds(120);

// What the browser wants to keep, and the page as it is measured.
class scratch {
public:
	scratch()
	{
		std::string pattern = (fs::temp_directory_path() / "xenpv-report.XXXXXX").string();
		if (::mkdtemp(pattern.data()) == nullptr)
			throw bench::gone_wrong("cannot make a directory in " + fs::temp_directory_path().string() +
							": " + std::strerror(errno),
						"make room there");
		path = pattern;
	}
	scratch(const scratch &) = delete;
	scratch &operator=(const scratch &) = delete;
	~scratch()
	{
		std::error_code left_behind;
		fs::remove_all(path, left_behind);
	}

	fs::path path;
};

child_result ask(const std::string &browser, const fs::path &home, std::vector<std::string> what)
{
	std::vector<std::string> argv{browser,
				      "--headless",
				      "--disable-gpu",
				      "--hide-scrollbars",
				      "--no-first-run",
				      "--disable-dev-shm-usage",
				      "--user-data-dir=" + (home / "profile").string()};
	// Chromium refuses to sandbox itself as root; the page has no script and asks nobody for anything.
	if (::geteuid() == 0)
		argv.emplace_back("--no-sandbox");
	argv.insert(argv.end(), what.begin(), what.end());
	child_options with;
	with.timeout = patience;
	with.environment = {"HOME=" + home.string()};
	child_result said = run_child(argv, with);
	if (!said.ok())
		throw bench::gone_wrong("no picture of the page: " + describe(argv, said),
					"open the HTML file in a browser and print or save it from there");
	return said;
}

std::string url_of(const fs::path &file)
{
	std::string url = "file://";
	for (const unsigned char c : fs::absolute(file).string())
		url += (std::isalnum(c) != 0 || std::strchr("/._-~", c) != nullptr)
			       ? std::string(1, static_cast<char>(c))
			       : fmt::format("%{:02X}", c);
	return url;
}

// The browser's window has to be as high as the page: a copy of the page tells.
int height_of(const std::string &browser, const std::string &html, const fs::path &home)
{
	std::ifstream page(html, std::ios::binary);
	std::ostringstream text;
	text << page.rdbuf();
	const fs::path copy = home / "measured.html";
	std::ofstream(copy, std::ios::binary) << text.str()
					      << "<script>document.title = 'high ' + "
						 "document.documentElement.getBoundingClientRect().height</script>";
	const child_result said =
		ask(browser, home,
		    {fmt::format("--window-size={},{}", page_width, least_height), "--dump-dom", url_of(copy)});
	const size_t found = said.out.find("<title>high ");
	const int height = found == std::string::npos ? 0 : std::atoi(said.out.c_str() + found + 12);
	if (height <= 0)
		throw bench::gone_wrong("no picture of the page: the browser did not tell how high it is",
					"open the HTML file in a browser and print or save it from there");
	return std::min(std::max(height + 1, least_height), most_height);
}

} // namespace

std::string find_browser()
{
	const char *path = std::getenv("PATH");
	for (const char *name : {"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}) {
		std::istringstream folders(path == nullptr ? "" : path);
		for (std::string folder; std::getline(folders, folder, ':');)
			if (const fs::path candidate = fs::path(folder) / name; ::access(candidate.c_str(), X_OK) == 0)
				return candidate.string();
	}
	throw bench::cannot("a PNG is made by Chromium, and there is none",
			    "apt install chromium, or leave --png out and open the HTML file in any browser");
}

void take_picture(const std::string &browser, const std::string &html, const std::string &png)
{
	const scratch home;
	const int height = height_of(browser, html, home.path);
	const fs::path picture = home.path / "page.png";
	(void)ask(browser, home.path,
		  {fmt::format("--window-size={},{}", page_width, height), "--screenshot=" + picture.string(),
		   url_of(html)});
	std::error_code error;
	fs::copy_file(picture, png, fs::copy_options::overwrite_existing, error);
	if (error)
		throw bench::gone_wrong("cannot write " + png + ": " + error.message(), "name another file with --png");
}

} // namespace xenpv::cli::report
