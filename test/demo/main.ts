import { PullFailure } from '../support/oci-client.ts';
import { NameRefused } from './firewall.ts';
import { DemoFailure, runDemo } from './run-demo.ts';
import { createStyle } from './terminal.ts';

/** Milliseconds. The demo takes a few seconds; a part that hangs must not keep a terminal for ever. */
const DEADLINE_MS = 90_000;

const style = createStyle(process.stdout, process.env['NO_COLOR']);
setTimeout(() => {
  process.stderr.write(`\nThe demo did not end within ${DEADLINE_MS / 1000} s.\n`);
  process.exit(1);
}, DEADLINE_MS).unref();

try {
  await runDemo({ write: (text) => process.stdout.write(text), style });
} catch (error) {
  const known = [DemoFailure, PullFailure, NameRefused].some((kind) => error instanceof kind);
  const text =
    error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`\n\nThe demo failed: ${text}\n`);
  process.exitCode = 1;
}
