// How the page and its drawings look, in light and dark. Colours have a name each; a drawing of its own brings them along.

const COLOURS = `
:root { color-scheme: light dark; --paper: #fdfdfc; --ink: #1c2126; --muted: #5c6670; --grid: #dfe3e6; --one: #848d96; --bar: #cfe0f3;
  --good: #117a45; --open: #a86200; --bad: #c22f2f; --ours: #1f6fc4; --s1: #c9530c; --s2: #7a4fc0; --s3: #0f7f77; --s4: #b0307c; --s5: #6b6f1c; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181b; --ink: #e6e9eb; --muted: #9aa4ad; --grid: #2d3338; --one: #78828b; --bar: #21405f;
  --good: #4cc486; --open: #e0a03c; --bad: #f2716b; --ours: #6aaef5; --s1: #f0915a; --s2: #b497f0; --s3: #4fc4ba; --s4: #ec82bd; --s5: #c2c75a; } }
`;

const DRAWING = `
svg text { font: 13px system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; fill: var(--ink); }
svg text.muted { fill: var(--muted); font-size: 12px; } svg text.name { font-weight: 600; }
svg text.value { font-variant-numeric: tabular-nums; }
.grid { stroke: var(--grid); } .one { stroke: var(--one); } .bound { stroke: var(--muted); stroke-width: 1.5; fill: none; }
.interval { stroke-width: 3; stroke-linecap: round; stroke-opacity: 0.5; } .dot { stroke-width: 2; }
.interval.holds { stroke: var(--good); } .dot.holds { stroke: var(--good); fill: var(--good); }
.interval.open { stroke: var(--open); } .dot.open { stroke: var(--open); fill: var(--paper); }
.interval.fails { stroke: var(--bad); } .dot.fails { stroke: var(--bad); fill: var(--bad); }
.interval.void { stroke: var(--muted); } .dot.void { stroke: var(--muted); fill: var(--paper); }
.interval.free { stroke: var(--ours); } .dot.free { stroke: var(--ours); fill: var(--ours); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; } .mark { stroke: var(--paper); stroke-width: 1.5; }
.line.s0 { stroke: var(--ours); } .mark.s0 { fill: var(--ours); }
${[1, 2, 3, 4, 5].map((i) => `.line.s${i} { stroke: var(--s${i}); } .mark.s${i} { fill: var(--s${i}); }`).join("\n")}
`;

const PAGE = `
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1.5rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0.5rem 0 1rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 0.75rem; padding-top: 1rem; border-top: 1px solid var(--grid); }
h3 { font-size: 1.05rem; margin: 2rem 0 0.5rem; }
p, ul { max-width: 46rem; } .lead { margin: 0.25rem 0; color: var(--muted); } p.reading { color: var(--muted); font-size: 0.94rem; }
code { font: 0.88em ui-monospace, "SF Mono", Menlo, "Liberation Mono", monospace; overflow-wrap: anywhere; }
pre { overflow-x: auto; padding: 0.75rem 1rem; border: 1px solid var(--grid); border-radius: 6px; }
figure { margin: 1.25rem 0; } figcaption { color: var(--muted); font-size: 0.94rem; margin-bottom: 0.75rem; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg.narrow { display: none; } figure.lines { max-width: 46rem; }
.table { overflow-x: auto; margin: 0.75rem 0 1rem; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; min-width: 24rem; }
th, td { padding: 0.32rem 0.8rem 0.32rem 0; text-align: left; border-bottom: 1px solid var(--grid); vertical-align: top; }
td { white-space: nowrap; } td.long { white-space: normal; min-width: 12rem; }
th { font-weight: 600; color: var(--muted); font-size: 0.82rem; line-height: 1.3; vertical-align: bottom; }
.number { text-align: right; } th:first-child, td:first-child { position: sticky; left: 0; background: var(--paper); }
tr.begins td { border-top: 2px solid var(--grid); }
td.bar { --to: calc(0.5rem + (100% - 0.5rem) * var(--share));
  background: linear-gradient(to left, transparent 0.5rem, var(--bar) 0.5rem, var(--bar) var(--to), transparent var(--to)); }
td.holds { color: var(--good); } td.open { color: var(--open); } td.fails { color: var(--bad); } td.void { color: var(--muted); }
td.verdict:not(.free)::before { content: "\\25CF\\00A0"; } td.open::before, td.void::before { content: "\\25CB\\00A0" !important; }
td.fails::before { content: "\\25A0\\00A0" !important; }
@media (max-width: 600px) { body { padding: 1rem 1rem 3rem; font-size: 15px; } svg.wide { display: none; } svg.narrow { display: block; } }
`;

/** The style of the page. */
export const PAGE_STYLE: string = COLOURS + PAGE + DRAWING;

/** The style of a drawing that stands alone. */
export const DRAWING_STYLE: string = `${COLOURS + DRAWING}.paper { fill: var(--paper); }\n`;
