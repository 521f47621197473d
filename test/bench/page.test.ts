// The page of the benches in a real browser, Chromium without a window: that its plots are there and lie where they should, wide and on a phone, and
// that it fetches nothing. The browser reaches no network in any case.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";

import { buildReport } from "../../bench/report/build.ts";
import type { RatioPlot } from "../../bench/report/model.ts";
import { pageOf, ratioFile } from "../../bench/report/page.ts";
import { PATIENCE_MS, runCommand, Scratch } from "../clients/support.ts";
import { ARMS_RESULTS, FROZEN, HISTORY, LOAD_RESULTS, SCALE_RESULTS } from "./sample-results.ts";

setDefaultTimeout(PATIENCE_MS);

const REPORT = buildReport({
  arms: [ARMS_RESULTS],
  load: [LOAD_RESULTS],
  scale: [SCALE_RESULTS],
  history: { entries: HISTORY, frozen: FROZEN },
});
const PAGE = pageOf(REPORT);

/**
 * What the sample holds: ratios; three arms at four percentiles; two arms at four counts of connections; tasks, timers and their twins at two; two
 * jobs in the two runs that can be compared.
 */
const POINTS = [7, 3 * 4, 2 * 4, 4 * 2, 2 * 2];

/** Something to fetch. */
const PICTURE = '<img src="http://millrace.invalid/picture">';

interface Seen {
  /** The document as the browser has it in the end. */
  readonly dom: string;
  /** What the browser said in its console, errors of scripts and of the page's own policy among it. */
  readonly complaints: readonly string[];
}

let scratch: Scratch;
beforeAll(() => {
  scratch = new Scratch();
});
afterAll(() => scratch[Symbol.dispose]());

/** Opens `html` in a browser of its own. */
async function look(name: string, html: string): Promise<Seen> {
  const file = scratch.file(name.includes(".") ? name : `${name}.html`);
  await Bun.write(file, html);
  const flags = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--enable-logging=stderr",
    `--user-data-dir=${scratch.file(`${name}-profile`)}`,
    // What the browser does on its own account ends here too: there is no such proxy.
    "--proxy-server=http://127.0.0.1:9",
    "--window-size=1200,900",
    "--dump-dom",
  ];
  const { code, stdout, stderr } = await runCommand("chromium", [...flags, `file://${file}`]);
  if (code !== 0) throw new Error(`Cannot look at the page: chromium ended with code ${code}: ${stderr}`);
  const complaints = stderr.split("\n").filter((line) => line.includes(":CONSOLE"));
  return { dom: stdout.toString("utf8"), complaints };
}

/** Marks of values, by plot, in the drawings for one width. */
function pointsOf(dom: string, width: "wide" | "narrow"): number[] {
  const drawings = [...dom.matchAll(new RegExp(`<svg [^>]*class="${width}".*?</svg>`, "gs"))];
  return drawings.map(([drawing]) => [...drawing.matchAll(/class="point /g)].length);
}

/** What only a browser knows of a page. */
interface Measured {
  /** Marks of values that are shown. */
  readonly points: number;
  /** The text of what lies outside of its drawing. */
  readonly outside: readonly string[];
  /** Pixels by which the page is wider than its window. */
  readonly sideways: number;
  /** What the page had fetched, or tried to. */
  readonly fetched: readonly string[];
}

/** Runs in a page that holds the other one in a frame. */
const MEASURE = `addEventListener("load", () => {
  const inner = document.querySelector("iframe").contentWindow;
  const { scrollWidth, clientWidth } = inner.document.documentElement;
  const fetched = inner.performance.getEntriesByType("resource").map(({ name }) => name);
  const seen = { points: 0, outside: [], sideways: scrollWidth - clientWidth, fetched };
  for (const drawing of inner.document.querySelectorAll("svg")) {
    const box = drawing.getBoundingClientRect();
    if (box.width === 0) continue;
    for (const part of drawing.querySelectorAll(".point, text")) {
      const { left, right, top, bottom } = part.getBoundingClientRect();
      if (part.matches(".point")) seen.points++;
      const isInside = left >= box.left - 1 && right <= box.right + 1 && top >= box.top - 1 && bottom <= box.bottom + 1;
      if (!isInside) seen.outside.push(part.textContent);
    }
  }
  document.body.dataset.seen = encodeURIComponent(JSON.stringify(seen));
})`;

/** Measures `html` in a window of that width. */
async function measure(name: string, html: string, width: number): Promise<Measured> {
  const frame = `<iframe style="width: ${width}px; height: 900px; border: 0" srcdoc="${Bun.escapeHTML(html)}"></iframe>`;
  const { dom } = await look(name, `<!doctype html><body>${frame}<script>${MEASURE}</script>`);
  const text = /data-seen="([^"]*)"/.exec(dom)?.[1];
  if (text === undefined) throw new Error(`Cannot measure the page: the browser left ${dom.slice(0, 200)}`);
  return JSON.parse(decodeURIComponent(text)) as Measured;
}

describe("the page of the benches", () => {
  test("has all its plots and points in a browser, which complains of nothing", async () => {
    const { dom, complaints } = await look("page", PAGE);
    expect(pointsOf(dom, "wide")).toEqual(POINTS);
    expect(pointsOf(dom, "narrow")).toEqual(POINTS);
    expect(dom).toContain("a &lt;small&gt; CPU");
    expect(dom.match(/<h2>/g)).toHaveLength(REPORT.sections.filter(({ level }) => level === 2).length);
    expect(complaints).toEqual([]);
  });

  test("would be caught if a script of it failed", async () => {
    const { complaints } = await look("failing", '<body><script>throw new Error("over the weir")</script>');
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toContain("over the weir");
  });

  test("forbids the browser to fetch, should a thing to fetch get into it", async () => {
    const { complaints } = await look("forbidden", PAGE.replace("</body>", `${PICTURE}</body>`));
    expect(complaints[0]).toContain("Content Security Policy");
  });

  for (const [name, width] of [
    ["a screen", 1_180],
    ["a phone", 360],
  ] as const) {
    test(`shows each point once on ${name}, all within its drawing, does not scroll sideways and fetches nothing`, async () => {
      const points = POINTS.reduce((sum, count) => sum + count, 0);
      const measured = await measure(`width-${width}`, PAGE, width);
      expect(measured).toEqual({ points, outside: [], sideways: 0, fetched: [] });
    });
  }

  test("would be caught if it fetched, were too wide, or a drawing too narrow for its words", async () => {
    const broken = PAGE.replaceAll('viewBox="0 0 860 ', 'viewBox="0 0 700 ')
      .replace(/<meta http-equiv[^>]*>/, "")
      .replace("</body>", `${PICTURE}<div style="width: 2000px">wide</div></body>`);
    const { outside, sideways, fetched } = await measure("broken", broken, 1_180);
    expect(outside).toContain("0.850");
    expect(sideways).toBeGreaterThan(500);
    expect(fetched).toEqual(["http://millrace.invalid/picture"]);
  });
});

describe("the plot as a file", () => {
  test("is one well-formed image with a dot for each ratio, which brings its colours along and names nothing outside", async () => {
    const svg = ratioFile(REPORT.plot as RatioPlot);
    const { dom, complaints } = await look("plot.svg", svg);
    expect(dom.match(/class="point /g)).toHaveLength(POINTS[0] as number);
    expect(dom).not.toContain("parsererror");
    expect(complaints).toEqual([]);
    expect(svg).toContain("prefers-color-scheme: dark");
    expect(svg).not.toMatch(/href|url\(|@import/);
  });
});
