#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';

// `npx berth`: in a checkout the sources, which Node runs as they are; in the package their JavaScript, because Node
// strips no types below node_modules.
const source = new URL('../src/main.ts', import.meta.url);
const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const least = /\d+/.exec(engines.node)?.[0];
// npm only warns of `engines`, and an older Node says nothing that a reader could use.
if (Number.parseInt(process.versions.node, 10) < Number(least)) {
  process.stderr.write(
    `berth: Node ${least} or newer is needed, this is ${process.versions.node}: run \`npx berth\`, which brings its own, or install a newer Node\n`,
  );
  process.exitCode = 1;
} else {
  await import(existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href);
}
