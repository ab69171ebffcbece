import t from 'tap';
import { checkSchema } from '../../src/config/check-schema.ts';
import type { JsonSchema } from '../../src/config/json-schema.ts';
import { configFile, problemLines } from '../support/config-file.ts';

const SCHEMA: JsonSchema = {
  type: 'object',
  description: 'Top.',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: { type: 'string', description: 'A name.', minLength: 1, maxLength: 3, pattern: '^[a-z]*$' },
    count: { type: 'integer', description: 'A count.', minimum: 2 },
    size: { type: ['integer', 'string'], description: 'A size.', maximum: 1024 },
    list: {
      type: 'array',
      description: 'A list.',
      minItems: 1,
      maxItems: 2,
      items: { type: 'string', description: 'An entry.' },
    },
    inner: {
      type: ['object', 'null'],
      description: 'Inner.',
      additionalProperties: false,
      properties: { on: { type: 'boolean', description: 'A switch.' } },
    },
  },
};

t.test('each finding names the field, what is wrong and what to do', async (t) => {
  const cases: readonly [unknown, RegExp, RegExp][] = [
    [{}, /^name is missing$/, /add it: A name/],
    [{ name: '' }, /^name is empty$/, /fill it in/],
    [{ name: 'abcd' }, /^name is longer than 3/, /shorten/],
    [{ name: 'A' }, /^name "A" is not allowed here/, /A name/],
    [{ name: 5 }, /^name must be a text, but is the number 5/, /quotes/],
    [{ name: null }, /^name must be a text, but is empty/, /A name/],
    [{ name: 'a', count: '5' }, /^count must be a whole number, but is the text "5"/, /take the quotes away/],
    [{ name: 'a', count: 1 }, /^count 1 is out of range/, /at least 2/],
    [{ name: 'a', size: 2048 }, /^size 2048 is out of range/, /at most 1024/],
    [{ name: 'a', size: '2KiB' }, /^size 2048 is out of range/, /at most 1024/],
    [{ name: 'a', size: '1Ki' }, /^size "1Ki" is not a size/, /KiB/],
    [{ name: 'a', list: [] }, /^list has no entries/, /An entry/],
    [{ name: 'a', list: ['x', 'y', 'z'] }, /^list has more than 2/, /remove/],
    [{ name: 'a', list: 'x' }, /^list must be a list/, /\[value\]/],
    [{ name: 'a', list: [{}] }, /^list,0 must be a text, but is a group of fields/, /An entry/],
    [{ name: 'a', inner: [] }, /^inner must be a group of fields or null, but is a list/, /Inner/],
    [{ name: 'a', inner: { on: 'yes' } }, /^inner,on must be true or false/, /A switch/],
    [{ name: 'a', inner: { of: true } }, /^inner,of is not a known field/, /did you mean on/],
    [{ name: 'a', toString: 1 }, /^toString is not a known field/, /known here: name, count/],
  ];
  for (const [value, message, hint] of cases) {
    const { findings } = checkSchema(SCHEMA, value);
    t.equal(findings.length, 1, JSON.stringify(value));
    t.match(`${findings[0]?.path.join()} ${findings[0]?.message}`, message);
    t.match(findings[0]?.hint, hint);
  }
});

t.test('what is wrong is taken out, what is right stays, positions stay', async (t) => {
  const value = { name: 'a', list: [5, 'x'], size: '1KiB', count: 0, zebra: 1 };
  const { findings, remaining } = checkSchema(SCHEMA, value);
  t.equal(findings.length, 3);
  t.same(remaining, { name: 'a', list: [undefined, 'x'], size: 1024, zebra: 1 });
});

t.test('a user name and password in a URL are not repeated', async (t) => {
  const { findings } = checkSchema(SCHEMA, { name: 'a', size: 'https://user:secret@host' });
  t.notMatch(JSON.stringify(findings), /secret/);
});

t.test('where a group belongs, its fields are named', (t) => {
  const lines = problemLines(configFile({ networkRules: { ipRules: ['10.0.0.0/8'] } }));
  t.match(lines, [
    /ipRules\[0\]: must be a group of fields, but is the text .*; write a group of action, value: One rule/,
  ]);
  t.end();
});
