# SPDX-License-Identifier: GPL-2.0-only
"""A page in headless Chromium: what a script sees in it, pictures, and paper."""

import html
import json
import re
import subprocess

# Every text of a chart has to be inside of its picture, and on no other text; nothing wider than its box.
PROBE = """<script>
(() => {
  const found = {overflow: [], overlap: [], charts: 0, bars: 0, curves: 0, widest: 0};
  const root = document.documentElement;
  found.page = {wide: root.scrollWidth, window: window.innerWidth, high: root.getBoundingClientRect().height};
  found.paper = getComputedStyle(document.body).backgroundColor;
  found.ink = getComputedStyle(document.body).color;
  for (const box of document.querySelectorAll('figure, td, th, li, p, h1, h2'))
    if (box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).display !== 'inline')
      found.overflow.push(box.tagName + ' ' + box.textContent.slice(0, 60));
  for (const svg of document.querySelectorAll('svg')) {
    found.charts += 1;
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
    for (const [text, at] of texts)
      if (at.left < frame.left - 1 || at.right > frame.right + 1 || at.top < frame.top - 2 ||
          at.bottom > frame.bottom + 2)
        found.overflow.push('text ' + text + ' in ' + svg.getAttribute('aria-label'));
    texts.forEach(([text, a], i) => texts.slice(i + 1).forEach(([other, b]) => {
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4)
        found.overlap.push(text + ' and ' + other + ' in ' + svg.getAttribute('aria-label'));
    }));
    for (const bar of svg.querySelectorAll('rect')) {
      found.bars += 1;
      const at = bar.getBoundingClientRect();
      found.widest = Math.max(found.widest, at.width / frame.width);
      if (at.right > frame.right || at.width <= 0) found.overflow.push('a bar in ' + svg.getAttribute('aria-label'));
    }
    found.curves += svg.querySelectorAll('.curve').length;
  }
  const out = document.createElement('pre');
  out.id = 'probe';
  out.textContent = JSON.stringify(found);
  document.body.append(out);
})();
</script>"""


class Browser:
    """Keeps its profile in a directory of the test's."""

    def __init__(self, home):
        self.home = home

    def run(self, page, *arguments):
        done = subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
             "--disable-dev-shm-usage", f"--user-data-dir={self.home / 'profile'}", *arguments, page.as_uri()],
            capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def look(self, page, width=1240, dark=False):
        """What PROBE found in a window of this width."""
        copy = self.home / "probed.html"
        copy.write_text(page.read_text(encoding="utf-8").replace("</body>", PROBE + "</body>"), encoding="utf-8")
        scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
        dom = self.run(copy, f"--window-size={width},900", *scheme, "--dump-dom")
        return json.loads(html.unescape(re.search(r'<pre id="probe">(.*?)</pre>', dom, re.S)[1]))

    def print(self, page):
        """A PDF of it, as a printer would have it."""
        pdf = self.home / "page.pdf"
        self.run(page, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
        return pdf
