import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type LoadInput, loadConfig } from './load.ts';
import type { LoadedPart } from './load-aside.ts';

/** Registries in one message: a millisecond or two of the thread that gets it, which makes each of them anew. */
const REGISTRIES_AT_ONCE = 100;

// Loaded by itself it does nothing.
if (parentPort !== null) answer(parentPort, workerData);

/** One part for each message: whoever asks has turns of its own in between. */
function answer(port: MessagePort, input: LoadInput): void {
  const parts = load(input);
  port.on('message', () => {
    const { value, done } = parts.next();
    if (done === true) port.close();
    else port.postMessage(value);
  });
}

function* load(input: LoadInput): Generator<LoadedPart, void> {
  const result = loadConfig(input);
  if (result.kind === 'problems') {
    yield result;
    return;
  }
  const { registries } = result.config;
  yield { kind: 'config', config: { ...result.config, registries: [] } };
  for (let at = 0; at < registries.length; at += REGISTRIES_AT_ONCE) {
    yield { kind: 'registries', registries: registries.slice(at, at + REGISTRIES_AT_ONCE) };
  }
  yield { kind: 'end' };
}
