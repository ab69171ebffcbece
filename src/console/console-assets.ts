import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type ConsoleAsset = { readonly content: Buffer; readonly type: string };

const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

/** By the last segment of its path: what the page loads, all of it from here. Read once; they ship with the program. */
export function readConsoleAssets(): ReadonlyMap<string, ConsoleAsset> {
  const own = (name: string): Buffer => readFileSync(new URL(`./assets/${name}`, import.meta.url));
  // Whole names: the image holds the files that literals name.
  const chart = (url: string): Buffer => readFileSync(fileURLToPath(url));
  return new Map([
    ['console.js', { content: own('console.js'), type: SCRIPT }],
    ['console.css', { content: own('console.css'), type: STYLE }],
    ['uplot.js', { content: chart(import.meta.resolve('uplot/dist/uPlot.iife.min.js')), type: SCRIPT }],
    ['uplot.css', { content: chart(import.meta.resolve('uplot/dist/uPlot.min.css')), type: STYLE }],
  ]);
}
