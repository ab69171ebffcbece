import { readFile } from 'node:fs/promises';

/** What `docs/troubleshoot.md` says that a client says when one thing is wrong. */
export type Symptom = {
  /** Name of the fault, of `faults.ts`. */
  readonly fault: string;
  readonly client: string;
  /** The client's words; `…` stands for whatever differs from case to case. */
  readonly says: string;
};

const MARK = /^<!-- symptoms: ([a-z-]+) -->$/;
const ROW = /^\| ([a-z]+(?: 2)?) \| `(.+)` \|$/;

/** Every row of every table below a mark, up to the next heading. */
export async function readSymptoms(): Promise<readonly Symptom[]> {
  const text = await readFile(new URL('../../../docs/troubleshoot.md', import.meta.url), 'utf8');
  const symptoms: Symptom[] = [];
  let fault: string | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) fault = undefined;
    fault = MARK.exec(line)?.[1] ?? fault;
    const [, client, says] = ROW.exec(line) ?? [];
    if (fault !== undefined && client !== undefined && says !== undefined)
      symptoms.push({ fault, client, says });
  }
  return symptoms;
}

/** Whether the words are in the text, in their order, whatever stands for each `…`. */
export function saysSo(text: string, says: string): boolean {
  let from = 0;
  for (const part of says.split('…').map((words) => words.trim())) {
    const at = text.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return true;
}
