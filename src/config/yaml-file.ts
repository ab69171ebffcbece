import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';

import type { ConfigPath } from './problem.ts';
import { showValue } from './show-value.ts';

export type Place = { readonly line: number; readonly column: number };

/** A YAML file as plain values that still knows where each of them stands. */
export type YamlFile = {
  readonly value: unknown;
  /** Place of a field's value, or of its name; where it is not in the file, of the nearest field around it. */
  locate(path: ConfigPath, atKey: boolean): Place;
};

export type YamlProblem = Place & { readonly message: string };

/** Reads YAML 1.2 (core schema); duplicate keys, unknown tags and further documents are problems. */
export function parseYamlFile(
  text: string,
): { kind: 'ok'; file: YamlFile } | { kind: 'problems'; problems: readonly YamlProblem[] } {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    schema: 'core',
    uniqueKeys: true,
    version: '1.2',
  });
  const place = (offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problems = [...document.errors, ...document.warnings].map((error) => ({
    ...place(error.pos[0]),
    message:
      error.code === 'DUPLICATE_KEY' ? describeDuplicate(document, error.pos[0], place) : error.message,
  }));
  if (problems.length > 0) return { kind: 'problems', problems };
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    // An anchor used a hundred times over, or one that contains itself.
    const message = error instanceof Error ? error.message : 'can not be read';
    return { kind: 'problems', problems: [{ line: 1, column: 1, message }] };
  }
  const locate = (path: ConfigPath, atKey: boolean): Place => place(findOffset(document, path, atKey));
  return { kind: 'ok', file: { value, locate } };
}

function describeDuplicate(document: Document, offset: number, place: (offset: number) => Place): string {
  let message = 'a key is there twice in one group of fields';
  visit(document, {
    Map(_, { items }) {
      const keys = items.map(({ key }) => key).filter((key) => isScalar(key));
      const second = keys.find((key) => startOf(key) === offset);
      const first = keys.find((key) => key.value === second?.value);
      if (second === undefined || first === undefined) return undefined;
      const { line } = place(startOf(first) ?? offset);
      message = `${showValue(second.value)} is there twice in one group of fields, the first time on line ${line}`;
      return visit.BREAK;
    },
  });
  return message;
}

function findOffset(document: Document, path: ConfigPath, atKey: boolean): number {
  let node: Node | null = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [index, segment] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document) ?? null;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === segment);
      if (pair === undefined) break;
      const key = isNode(pair.key) ? startOf(pair.key) : undefined;
      node = isNode(pair.value) ? pair.value : null;
      const empty = node === null || (isScalar(node) && node.source === '');
      const wantKey = empty || (index === path.length - 1 ? atKey : true);
      offset = (wantKey ? key : startOf(node)) ?? key ?? offset;
    } else if (isSeq(node) && typeof segment === 'number') {
      const item = node.items[segment];
      if (!isNode(item)) break;
      node = item;
      offset = startOf(node) ?? offset;
    } else {
      break;
    }
  }
  return offset;
}

function startOf(node: Node | null): number | undefined {
  return node?.range?.[0];
}
