// SPDX-License-Identifier: GPL-2.0-only
#include <cli/report/style.hpp>

namespace xenpv::cli::report {

const char *style_sheet()
{
	return R"css(
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --paper: #ffffff; --card: #f6f7f9; --rule: #d5d9de;
  --grey0: #8b939c; --grey1: #b3b9c0; --grey2: #656d76; --blue0: #3f7fd0; --blue1: #86b2e8; --blue2: #23528f;
  --orange0: #e2711d; --orange1: #f2ab74; --orange2: #a8490a; --green0: #2f9e6e; --green1: #7cc9a6; --green2: #1b6646; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --soft: #a1a9b2; --paper: #14171a; --card: #1d2125; --rule: #3a4047;
    --grey0: #8f979f; --grey1: #646c74; --grey2: #b9c0c7; --blue0: #5b9bea; --blue1: #2f66ac; --blue2: #a3c8f6;
    --orange0: #f08a3c; --orange1: #b55a14; --orange2: #f9c193; --green0: #45b886; --green1: #23805a; --green2: #9adfc1; } }
@media print {
  :root { color-scheme: light; --ink: #000000; --soft: #444444; --paper: #ffffff; --card: #ffffff; --rule: #d8d8d8;
    --grey0: #8b939c; --grey1: #b3b9c0; --grey2: #656d76; --blue0: #3f7fd0; --blue1: #86b2e8; --blue2: #23528f;
    --orange0: #e2711d; --orange1: #f2ab74; --orange2: #a8490a; --green0: #2f9e6e; --green1: #7cc9a6; --green2: #1b6646; } }
* { box-sizing: border-box; }
html { background: var(--paper); }
body { margin: 0 auto; padding: 28px 24px 48px; max-width: 1180px; color: var(--ink); background: var(--paper);
  font: 15px/1.45 "Helvetica Neue", "Segoe UI", Roboto, "Liberation Sans", "DejaVu Sans", Arial, sans-serif; }
h1 { font-size: 27px; margin: 0 0 4px; } h2 { font-size: 21px; margin: 38px 0 6px; }
h3 { font-size: 16px; margin: 26px 0 6px; } p { margin: 4px 0 10px; max-width: 80ch; } .soft { color: var(--soft); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 10px 0; padding: 0; list-style: none; }
.legend i { display: inline-block; width: 13px; height: 13px; border-radius: 2px; margin-right: 7px;
  vertical-align: -1px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 430px), 1fr)); gap: 14px; }
figure { margin: 0; padding: 12px 14px 10px; background: var(--card); border: 1px solid var(--rule);
  border-radius: 7px; min-width: 0; break-inside: avoid; }
figcaption { font-weight: 600; margin-bottom: 6px; overflow-wrap: anywhere; }
figcaption small { font-weight: 400; color: var(--soft); font-size: 13px; }
svg { display: block; width: 100%; height: auto; }
svg text { font-size: 12px; fill: var(--ink); } svg text.tick { fill: var(--soft); font-size: 11px; }
svg text.value { font-variant-numeric: tabular-nums; }
.axis { stroke: var(--soft); fill: none; } .grid { stroke: var(--rule); stroke-width: .6; fill: none; }
.whisker { stroke: var(--ink); stroke-width: 1.2; fill: none; } .run { fill: var(--paper); stroke: var(--ink); stroke-width: .8; }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 12px; border-bottom: 1px solid var(--rule); text-align: right; vertical-align: top; }
th { font-weight: 600; } th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { border-bottom: 2px solid var(--soft); vertical-align: bottom; }
td small { display: block; color: var(--soft); font-size: 12px; white-space: nowrap; } td b { font-weight: 600; }
figure table { font-size: 12.5px; width: 100%; margin-top: 6px; }
figure th, figure td { padding: 2px 6px; border: 0; } figure th { color: var(--soft); font-weight: 400; }
figure td:first-child { overflow-wrap: anywhere; } figure thead th { border: 0; }
table.facts { table-layout: fixed; width: 100%; }
table.facts th, table.facts td { text-align: left; overflow-wrap: anywhere; } table.facts th:first-child { width: 190px; }
.grey0 { --c: var(--grey0); } .grey1 { --c: var(--grey1); } .grey2 { --c: var(--grey2); }
.blue0 { --c: var(--blue0); } .blue1 { --c: var(--blue1); } .blue2 { --c: var(--blue2); }
.orange0 { --c: var(--orange0); } .orange1 { --c: var(--orange1); } .orange2 { --c: var(--orange2); }
.ink0 { --c: var(--soft); } .ink1 { --c: var(--ink); } .ink2 { --c: var(--rule); }
.warning { border: 2px solid var(--orange0); border-radius: 7px; padding: 8px 14px; max-width: 80ch; }
.green0 { --c: var(--green0); } .green1 { --c: var(--green1); } .green2 { --c: var(--green2); }
.legend i { background: var(--c); } rect { fill: var(--c); }
.curve { stroke-width: 1.6; fill-opacity: .22; stroke-linejoin: round;  stroke: var(--c); fill: var(--c); }
@media print {
  @page { size: A4; margin: 14mm; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { padding: 0; max-width: none; font-size: 10pt; }
  h2, h3, h3 + p, .legend { break-after: avoid; } tr { break-inside: avoid; } thead { display: table-header-group; }
  h1 { font-size: 18pt; } h2 { font-size: 14pt; margin-top: 8mm; } h3 { font-size: 11pt; margin-top: 5mm; }
  .charts { grid-template-columns: 1fr 1fr; gap: 4mm; } .scroll { overflow: visible; }
  th, td { padding: 1.2mm 2mm; } table.facts { font-size: 8.5pt; }
  figcaption { font-size: 9.5pt; } figcaption small, figure table { font-size: 8pt; }
}
)css";
}

} // namespace xenpv::cli::report
