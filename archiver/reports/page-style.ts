// Style sheet of the report page: one column of sober tables, readable on a telephone (tables become
// cards), in the dark and on paper. No state is told by colour alone; text keeps a contrast of 4.5:1
// and more (WCAG 2.2 §1.4.1, §1.4.3).

export const pageStyle = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --raised: #ffffff; --ink: #1c2321; --soft: #55605b; --line: #d9d8d0; --faint: #eeede7;
  --accent: #17624a; --accent-ink: #ffffff;
  --good: #17624a; --good-tint: #e2f0e8; --wait: #7a4d00; --wait-tint: #fbedd0;
  --bad: #9c1f1f; --bad-tint: #fbe3e0; --calm: #3f4c63; --calm-tint: #e8ebf1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #141917; --raised: #1b211f; --ink: #e8ebe8; --soft: #a3aea8; --line: #333c38; --faint: #222927;
    --accent: #7cc7a6; --accent-ink: #0d1613;
    --good: #8fd4b3; --good-tint: #1c3a2e; --wait: #f0c67c; --wait-tint: #40310f;
    --bad: #f5a49c; --bad-tint: #481f1c; --calm: #b6c2d8; --calm-tint: #2a3242;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", "Hiragino Sans", "Yu Gothic UI", "Noto Sans CJK JP", "Noto Sans JP", sans-serif;
  font-variant-numeric: tabular-nums;
}
:lang(ja) body, body:lang(ja) { line-height: 1.65; }
main, .top, .foot { max-width: 84rem; margin: 0 auto; padding: 0 1.5rem; }
a { color: var(--accent); text-underline-offset: .18em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: .5rem; background: var(--raised); padding: .4rem .8rem; z-index: 1; }
h1, h2 { font-weight: 600; line-height: 1.25; margin: 0; }
h1 { font-size: 1.5rem; letter-spacing: .01em; }
h1 .mark { color: var(--accent); margin-right: .5rem; vertical-align: -.12em; }
h1 small { font-weight: 400; font-size: 1rem; color: var(--soft); margin-left: .6rem; }
h2 { font-size: 1.12rem; margin: 2.6rem 0 .8rem; display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem .8rem; }
h3 { font-size: .86rem; font-weight: 600; margin: 0 0 .35rem; color: var(--soft); }
.req { font-size: .74rem; font-weight: 400; color: var(--soft); letter-spacing: .02em; }
small, .small { font-size: .84rem; color: var(--soft); }
.unseen { font-family: ui-monospace, monospace; font-size: .82em; background: var(--wait-tint); color: var(--wait); border-radius: 3px; padding: 0 .2em; }
.top { padding-top: 1.6rem; display: flex; flex-wrap: wrap; gap: .8rem 2rem; align-items: center; justify-content: space-between; }
.top nav { display: flex; gap: .3rem; }
.top nav a, .chip { padding: .18rem .7rem; border-radius: 99px; text-decoration: none; border: 1px solid var(--line); color: var(--ink); background: var(--raised); font-size: .88rem; white-space: nowrap; }
.top nav a[aria-current], .chip[aria-current] { background: var(--accent); border-color: var(--accent); color: var(--accent-ink); }
.meta { width: 100%; margin: 0; padding-bottom: 1rem; border-bottom: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: .1rem 1.6rem; }
.meta code { overflow-wrap: anywhere; }
code { font-family: ui-monospace, "SFMono-Regular", Menlo, "DejaVu Sans Mono", "Liberation Mono", monospace; font-size: .88em; }
button { font: inherit; font-weight: 600; border: 0; border-radius: 6px; background: var(--accent); color: var(--accent-ink); padding: .45rem 1.1rem; cursor: pointer; }
button[disabled] { opacity: .55; cursor: default; }
button.plain { background: none; color: var(--accent); border: 1px solid var(--line); font-weight: 400; padding: .25rem .8rem; }
.run { margin-left: auto; display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; }
.run form { margin: 0; }
.run p { margin: 0; }
.progress { margin: 1rem 0 0; padding: .8rem 1.1rem; background: var(--calm-tint); color: var(--calm); border-radius: 8px; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; align-items: center; }
.progress[hidden] { display: none; }
.progress progress { flex: 1 1 12rem; min-width: 8rem; height: .55rem; accent-color: var(--accent); }
.cards { display: grid; grid-template-columns: repeat(6, 1fr); margin: 1.6rem 0 1rem; gap: 1.2rem 0; }
.cards > div { padding: 0 1.1rem; border-left: 1px solid var(--line); display: flex; flex-direction: column; }
.cards > div:first-child { padding-left: 0; border: 0; }
.cards dt { font-size: .86rem; color: var(--soft); }
.cards dd { margin: 0; }
.cards dd.figure { font-size: 2.1rem; line-height: 1.25; font-weight: 300; letter-spacing: -.01em; }
.cards dd.date { font-size: 1.45rem; line-height: 1.82; white-space: nowrap; }
.cards .good { color: var(--good); } .cards .bad { color: var(--bad); } .cards .wait { color: var(--wait); }
.bar { display: block; width: 100%; height: .6rem; border-radius: 99px; background: var(--faint); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: .5rem 0 0; padding: 0; list-style: none; font-size: .86rem; }
.legend svg { width: .7rem; height: .7rem; margin-right: .35rem; }
.pill { display: inline-flex; gap: .35rem; align-items: baseline; padding: .06rem .6rem; border-radius: 99px; font-size: .84rem; font-weight: 600; }
.pill b { font-weight: 700; }
.good-pill { background: var(--good-tint); color: var(--good); } .wait-pill { background: var(--wait-tint); color: var(--wait); }
.bad-pill { background: var(--bad-tint); color: var(--bad); } .calm-pill { background: var(--calm-tint); color: var(--calm); }
.fill-good { fill: var(--good); } .fill-wait { fill: var(--wait); } .fill-bad { fill: var(--bad); } .fill-calm { fill: var(--calm); }
.findings { list-style: none; margin: 0; padding: 0; }
.findings li { background: var(--raised); border: 1px solid var(--line); border-left: 4px solid var(--calm); border-radius: 4px; padding: .55rem .9rem; margin-bottom: .45rem; overflow-wrap: anywhere; }
.findings li.error { border-left-color: var(--bad); } .findings li.warning { border-left-color: var(--wait); }
.findings p { margin: .15rem 0 0; }
.quiet { color: var(--soft); margin: .3rem 0; }
.tools { display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; margin: 0 0 .7rem; }
.tools form { display: flex; gap: .4rem; margin: 0 0 0 auto; }
input[type=search] { font: inherit; color: inherit; background: var(--raised); border: 1px solid var(--soft); border-radius: 6px; padding: .25rem .7rem; width: 15rem; max-width: 100%; }
.pages { display: flex; gap: 1rem; align-items: baseline; margin: .8rem 0; }
table { border-collapse: collapse; width: 100%; background: var(--raised); border: 1px solid var(--line); border-radius: 6px; }
caption { text-align: left; padding: 0 0 .4rem; font-size: .86rem; color: var(--soft); }
th, td { text-align: left; vertical-align: top; padding: .5rem .7rem; overflow-wrap: anywhere; }
td .small, th .small, th small { line-height: 1.4; }
thead th { font-size: .8rem; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--line); white-space: nowrap; }
tbody + tbody, .rows tr + tr { border-top: 1px solid var(--line); }
tbody th { font-weight: 400; }
td.num, th.num { text-align: right; white-space: nowrap; }
td > div + div, th > div + div { margin-top: .15rem; }
time, .nowrap { white-space: nowrap; }
.docs { table-layout: fixed; font-size: .93rem; }
.docs col.c-doc { width: 19%; } .docs col.c-format { width: 7%; } .docs col.c-sign { width: 14%; } .docs col.c-evidence { width: 17%; }
.docs col.c-until { width: 10%; } .docs col.c-renew { width: 8.5%; } .docs col.c-retention { width: 14.5%; } .docs col.c-outlook { width: 10%; }
.docs .name { font-weight: 600; } .docs .folder { color: var(--soft); font-size: .84rem; }
.docs tbody > tr:first-child > th { padding-bottom: 1.7rem; }
.docs .more > td { padding-top: 0; padding-bottom: .4rem; }
.docs .more summary { margin-top: -1.7rem; }
.docs .more details[open] summary { margin-bottom: 1.2rem; }
.clamp { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
summary { cursor: pointer; color: var(--accent); font-size: .84rem; width: max-content; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1.1rem 2rem; padding: .7rem 0 .9rem; }
.facts > section { min-width: 0; }
.facts dl { display: grid; grid-template-columns: max-content 1fr; gap: .12rem .9rem; margin: 0; font-size: .88rem; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
.facts ul { margin: 0; padding: 0; list-style: none; font-size: .88rem; overflow-wrap: anywhere; }
.facts li + li { margin-top: .35rem; }
.span { display: block; width: 100%; max-width: 11rem; height: auto; margin-top: .3rem; }
.span .track { fill: var(--faint); } .span .covered { fill: var(--good); } .span .planned { fill: var(--good); opacity: .32; }
.span .now { stroke: var(--ink); stroke-width: 1.5; } .span .end { stroke: var(--soft); stroke-width: 1.5; } .span .renewal { fill: var(--wait); }
.years td svg { display: block; width: 100%; height: .8rem; }
.years td:first-child, .years th:first-child { width: 6rem; } .years .num { width: 6rem; }
.timeline { width: 100%; height: auto; background: #fff; border: 1px solid var(--line); border-radius: 6px; }
.editions { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: 0; }
.editions dt { color: var(--soft); } .editions dd { margin: 0; }
.foot { padding-top: 2.4rem; padding-bottom: 2rem; color: var(--soft); font-size: .86rem; display: flex; flex-wrap: wrap; gap: .3rem 1.6rem; }
@media (max-width: 64rem) {
  .cards { grid-template-columns: repeat(3, 1fr); }
  .cards > div:nth-child(4) { padding-left: 0; border: 0; }
}
@media (max-width: 52rem) {
  main, .top, .foot { padding-left: 1rem; padding-right: 1rem; }
  .cards { grid-template-columns: repeat(2, 1fr); }
  .cards > div:nth-child(odd) { padding-left: 0; border: 0; }
  .cards > div:nth-child(even) { padding-left: 1.1rem; border-left: 1px solid var(--line); }
  .cards dd.figure { font-size: 1.8rem; } .cards dd.date { font-size: 1.25rem; line-height: 1.8; }
  .tools form { margin: .3rem 0 0; width: 100%; } input[type=search] { flex: 1; }
  table.stack, .stack tbody, .stack tr, .stack td, .stack th { display: block; width: auto; }
  .stack thead, .stack col { display: none; }
  .stack tr { padding: .45rem 0; }
  .stack td, .stack tbody th { padding: .18rem .9rem; }
  .stack td[data-label] { display: grid; grid-template-columns: 7.2rem minmax(0, 1fr); gap: .6rem; }
  .stack td[data-label]::before { content: attr(data-label); color: var(--soft); font-size: .82rem; }
  .docs .more summary { margin-top: 0; } .docs tbody > tr:first-child > th { padding-bottom: .18rem; }
  .stack td.num { text-align: left; white-space: normal; }
  .stack td > .cell > div + div { margin-top: .1rem; }
  .facts { grid-template-columns: minmax(0, 1fr); }
  .editions { grid-template-columns: 1fr; }
}
@media print {
  :root { --paper: #fff; --raised: #fff; --ink: #000; --soft: #444; --line: #bbb; --faint: #eee;
    --good: #17624a; --good-tint: #fff; --wait: #7a4d00; --wait-tint: #fff; --bad: #9c1f1f; --bad-tint: #fff; --calm: #3f4c63; --calm-tint: #fff; }
  body { font-size: 9.5pt; }
  main, .top, .foot { max-width: none; padding: 0; }
  .run, .top nav, .tools, .pages, .progress, .skip, .more:not(:has(details[open])), summary { display: none; }
  .pill { border: 1px solid currentColor; } thead { display: table-header-group; } tr, li, .cards > div { break-inside: avoid; }
  a { color: inherit; text-decoration: none; }
  @page { margin: 14mm; }
}
`;
