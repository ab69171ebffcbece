import * as fc from 'fast-check';
import type { RangeSpec } from '../../src/http/range.ts';

/** Members of a range-set, of every form, around the positions of content of up to `size` bytes. */
export function rangeSpecs(size: number, maxLength = 12): fc.Arbitrary<RangeSpec[]> {
  const position = fc.integer({ min: 0, max: size + 5 });
  return fc.array(
    fc.oneof(
      fc
        .tuple(position, position)
        .map(([a, b]): RangeSpec => ({ kind: 'int', firstPos: Math.min(a, b), lastPos: Math.max(a, b) })),
      position.map((firstPos): RangeSpec => ({ kind: 'int', firstPos, lastPos: firstPos })),
      position.map((firstPos): RangeSpec => ({ kind: 'int', firstPos, lastPos: undefined })),
      position.map((suffixLength): RangeSpec => ({ kind: 'suffix', suffixLength })),
    ),
    { maxLength },
  );
}

/** The member as it stands in a Range field. */
export function formatSpec(spec: RangeSpec): string {
  return spec.kind === 'suffix' ? `-${spec.suffixLength}` : `${spec.firstPos}-${spec.lastPos ?? ''}`;
}
