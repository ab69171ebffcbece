import type { TestBlob } from '../../support/image.ts';
import type { RangesQuestion, Span } from './ranges-client.ts';

/** Size of what ends an eStargz layer and says where its table of contents is. */
const STARGZ_FOOTER_BYTES = 51;
/** zstd:chunked asks for the missing files of a layer, dozens at once. */
const CHUNKS = 48;

function format(spans: readonly Span[]): string {
  return `bytes=${spans.map(({ firstPos, lastPos }) => `${firstPos}-${lastPos}`).join(',')}`;
}

/** Questions about one blob, of a few MiB or more. */
export function rangeQuestions(blob: TestBlob): readonly RangesQuestion[] {
  const length = blob.bytes.length;
  const ask = (title: string, ...wanted: Span[]): RangesQuestion => ({
    title,
    range: format(wanted),
    wanted,
  });
  const span = (firstPos: number, bytes: number): Span => ({ firstPos, lastPos: firstPos + bytes - 1 });
  const stride = Math.floor(length / CHUNKS);
  const chunks = Array.from({ length: CHUNKS }, (_, number) => span(number * stride, Math.floor(stride / 3)));
  const footer = span(length - STARGZ_FOOTER_BYTES, STARGZ_FOOTER_BYTES);
  return [
    ask('head and footer', span(0, 4096), footer),
    ask(`${CHUNKS} chunks`, ...chunks),
    ask('out of order', span(length - 2_000_000, 1_000_000), span(70_000, 70_000), span(900_000, 1)),
    ask('two single bytes', span(0, 1), span(length - 1, 1)),
    {
      title: 'a suffix and an open range',
      range: `bytes=10-19,-100,${length - 300_000}-`,
      wanted: [span(10, 10), span(length - 300_000, 300_000)],
    },
    {
      title: 'overlapping',
      range: 'bytes=1000-200000,100000-300000',
      wanted: [span(1000, 299_001)],
    },
    {
      title: 'one beyond the end',
      range: `bytes=5-9,${length}-${length + 5}`,
      wanted: [span(5, 5)],
    },
    { title: 'all beyond the end', range: `bytes=${length}-,${length + 1}-${length + 5}`, wanted: [] },
    {
      ...ask('If-Range with the right tag', span(100, 100), span(9000, 10)),
      headers: { 'if-range': `"${blob.digest}"` },
    },
  ];
}
