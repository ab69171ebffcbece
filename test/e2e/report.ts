/** Exit code of the inner half after its closing line, when a case failed; Node's own failures have others. */
export const CASES_FAILED = 3;

export type Outcome = {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly note: string;
};

export type Report = {
  /** One line with a time stamp. */
  say(text: string): void;
  /** Runs one case; a throw is its failure. What it returns is the note of the summary table. */
  check(name: string, run: () => Promise<string | undefined>): Promise<boolean>;
  /** A case that can not be run counts as failed: a skipped one would look like a green one. */
  fail(name: string, why: string): void;
  failed(): boolean;
  /** Prints the table, then the line `N passed, N failed, N skipped`; true when nothing failed. */
  finish(): boolean;
};

function clock(): string {
  return new Date().toISOString().slice(11, 19);
}

/** Collects the outcomes of all cases of one run. */
export function createReport(print: (line: string) => void): Report {
  const outcomes: Outcome[] = [];
  const say = (text: string) => {
    print(`${clock()} ${text}`);
  };
  const note = (outcome: Outcome) => {
    outcomes.push(outcome);
    say(
      `${outcome.ok ? 'ok    ' : 'FAILED'} ${outcome.name} (${outcome.seconds.toFixed(1)} s) ${outcome.note}`,
    );
  };
  return {
    say,
    async check(name, run) {
      const start = Date.now();
      try {
        const text = await run();
        note({ name, ok: true, seconds: (Date.now() - start) / 1000, note: text ?? '' });
        return true;
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        note({ name, ok: false, seconds: (Date.now() - start) / 1000, note: text });
        return false;
      }
    },
    fail(name, why) {
      note({ name, ok: false, seconds: 0, note: why });
    },
    failed: () => outcomes.some((outcome) => !outcome.ok),
    finish() {
      const width = Math.max(0, ...outcomes.map((outcome) => outcome.name.length));
      print('');
      print('Summary');
      for (const outcome of outcomes) {
        const seconds = `${outcome.seconds.toFixed(1)} s`.padStart(8);
        const first = outcome.note.split('\n')[0] ?? '';
        print(`${outcome.ok ? 'ok    ' : 'FAILED'} ${outcome.name.padEnd(width)} ${seconds}  ${first}`);
      }
      const failed = outcomes.filter((outcome) => !outcome.ok).length;
      print('');
      print(`${outcomes.length - failed} passed, ${failed} failed, 0 skipped`);
      return failed === 0 && outcomes.length > 0;
    },
  };
}

/** For the body of a case: throws with `message` unless `condition` holds. */
export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** For the body of a case: throws with both values unless they are the same. */
export function expectEqual(actual: unknown, wanted: unknown, what: string): void {
  const [a, w] = [JSON.stringify(actual), JSON.stringify(wanted)];
  if (a !== w) throw new Error(`${what}: got ${a}, want ${w}`);
}
