#!/usr/bin/env node
import { existsSync } from 'node:fs';

// `npx berth`: in a checkout the sources, which Node runs as they are; in the package their JavaScript, because Node
// strips no types below node_modules.
const source = new URL('../src/main.ts', import.meta.url);
await import(existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href);
