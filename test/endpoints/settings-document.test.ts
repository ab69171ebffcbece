import * as fc from 'fast-check';
import t from 'tap';
import { formatSettings, type Overrides, parseSettings } from '../../src/endpoints/settings-document.ts';
import { holds, stringOf } from '../support/property.ts';

const OVERRIDES: Overrides = new Map([
  ['contoso', { dataEndpointEnabled: true, overrides: 'passthrough', changedAt: '2026-11-24T10:00:00.000Z' }],
  ['fabrikam', { dataEndpointEnabled: false, overrides: 'dedicated', changedAt: '2026-11-24T10:00:00.001Z' }],
]);

t.test('what is written is read', async (t) => {
  t.strictSame(parseSettings(formatSettings(OVERRIDES)), OVERRIDES);
  t.strictSame(parseSettings(formatSettings(new Map())), new Map());
});

t.test('a file that was cut or garbled is never taken for something else', async (t) => {
  const text = formatSettings(OVERRIDES).trimEnd();
  for (let length = 0; length < text.length; length += 1) {
    t.throws(() => parseSettings(text.slice(0, length)), TypeError, `the first ${length} characters`);
  }
  const anything = fc.oneof(fc.json(), fc.string(), stringOf('{}[]":,versionregistries1 '));
  const refused = fc.property(anything, (garbage) => {
    try {
      return parseSettings(garbage).size === 0 && JSON.parse(garbage).version === 1;
    } catch (error) {
      return error instanceof TypeError && error.message.length < 300;
    }
  });
  holds(t, 'a TypeError that says why', refused);
});
