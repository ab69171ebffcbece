import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import t from 'tap';
import { DOCUMENTS, ROOT, readDocument } from './documents.ts';

/** Its sources are documents of other repositories. */
const NAMES_OTHERS = 'src/config/presets.ts';

/** The anchors that a page of this text has: GitHub's, of its headings. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutFences(text).matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let again = 1; anchors.has(anchor); again += 1) anchor = `${slug}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

function withoutFences(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '');
}

/** What is wrong with a link to a file of this repository. */
function faultOf(target: string, from: string): string | undefined {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? from : normalize(join(dirname(from), path));
  if (!existsSync(join(ROOT, file))) return `${file} is not there`;
  if (anchor === undefined) return undefined;
  return anchorsOf(readDocument(file)).has(anchor) ? undefined : `${file} has no heading for #${anchor}`;
}

t.test('every link of a document leads to a file, and to a heading of it', async (t) => {
  let count = 0;
  for (const file of DOCUMENTS) {
    const text = withoutFences(readDocument(file)).replaceAll(/`[^`\n]+`/g, '``');
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      count += 1;
      const fault = faultOf(target, file);
      if (fault !== undefined) t.fail(`${file}: ${fault}`);
    }
  }
  t.ok(count > 100, `${count} links`);
});

t.test('every document that code, examples or alert rules name is there', async (t) => {
  const files = globSync(['src/**/*.ts', 'config/*.yaml', 'deploy/**/*.{yaml,yml,json,tpl,md,service}'], {
    cwd: ROOT,
  }).filter((file) => file !== NAMES_OTHERS);
  let count = 0;
  for (const file of files) {
    for (const [target] of readFileSync(join(ROOT, file), 'utf8').matchAll(
      /\bdocs\/[\w/-]+\.md(?:#[\w-]+)?/g,
    )) {
      count += 1;
      const fault = faultOf(target, 'README.md');
      if (fault !== undefined) t.fail(`${file}: ${fault}`);
    }
  }
  t.ok(count > 20, `${count} names`);
});

t.test('docs/README.md is the way to every document', async (t) => {
  const text = readDocument('docs/README.md');
  for (const file of DOCUMENTS.filter(
    (name) => /^docs\/[^/]+\.md$/.test(name) && name !== 'docs/README.md',
  )) {
    t.ok(text.includes(`(${file.slice('docs/'.length)}`), `${file} is linked`);
  }
});
