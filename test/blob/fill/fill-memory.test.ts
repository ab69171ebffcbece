import t from 'tap';
import { openSpoolFile } from '../../../src/blob/fill/spool-file.ts';
import { randomContent } from '../../support/contract/blob-store.ts';
import { mustOpen, openFillScene, PIECE_BYTES, read, until } from './fill-scene.ts';

const LENGTH = 4 * PIECE_BYTES;
const CHUNK = 1024;

t.test(
  'a reader that is where the bytes come in takes them from memory, otherwise from the file',
  async (t) => {
    const reads: number[] = [];
    const files = { open: 0 };
    const scene = await openFillScene(t, {
      async openFile(path) {
        const file = await openSpoolFile(path);
        files.open += 1;
        return {
          read(buffer, position, done) {
            reads.push(position);
            file.read(buffer, position, done);
          },
          close() {
            files.open -= 1;
            file.close();
          },
        };
      },
    });
    const content = randomContent(LENGTH);
    const gate = { end: CHUNK };
    const source = scene.source(content, { gate, chunkBytes: CHUNK });
    const [whole, other, range] = [
      read(scene.pool, await mustOpen(scene.join(content, source))),
      read(scene.pool, await mustOpen(scene.join(content, source))),
      read(
        scene.pool,
        await mustOpen(scene.join(content, source, { range: { kind: 'int', firstPos: 0, lastPos: 2999 } })),
      ),
    ];
    const arrived = (reading: typeof whole, bytes: number): Promise<void> =>
      until(() => reading.bytes().length === bytes, `${bytes} bytes`);
    const comes = async (): Promise<void> => {
      gate.end += CHUNK;
      await arrived(whole, gate.end);
    };
    await arrived(whole, CHUNK);
    await arrived(other, CHUNK);
    await arrived(range, CHUNK);
    t.strictSame(reads, [0, 0, 0], 'what was there when they came');

    while (gate.end < 2 * PIECE_BYTES) await comes();
    t.strictSame(reads, [0, 0, 0], 'across pieces, and to the end of a range that is amid a chunk');
    t.strictSame(await range.ended, { kind: 'end', matches: undefined });
    t.ok(range.bytes().equals(content.bytes.subarray(0, 3000)));

    whole.blob.pause();
    for (let more = 0; more < 2; more += 1) {
      gate.end += CHUNK;
      await arrived(other, gate.end);
    }
    whole.blob.resume();
    await arrived(whole, gate.end);
    const behind = reads.length;
    t.ok(behind > 3, 'what passed by while it was paused is in the file alone');

    while (gate.end < LENGTH) await comes();
    t.equal(reads.length, behind, 'it has caught up');
    t.strictSame(await whole.ended, { kind: 'end', matches: true });
    t.ok(whole.bytes().equals(content.bytes));
    await until(() => scene.fills.size === 0 && files.open === 0, 'the fill ends');
    await until(() => scene.pool.bytes.lent === 0, 'the buffers come back');
  },
);
