import * as fc from 'fast-check';
import t from 'tap';
import { bindingBytes, checkBinding, createBinding } from '../../src/ticket/binding.ts';

t.test('a binding holds for its own fields', (t) => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (host, registry) => {
      const fields = [
        ['host', host],
        ['registry', registry],
      ] as const;
      const binding = createBinding(fields);
      return binding.length === bindingBytes(2) && checkBinding(binding, fields) === 'ok';
    }),
  );
  t.end();
});

t.test('the first field that differs is named', (t) => {
  const binding = createBinding(fieldsOf('a', 'b'));
  t.equal(checkBinding(binding, fieldsOf('x', 'b')), 'host');
  t.equal(checkBinding(binding, fieldsOf('a', 'x')), 'registry');
  t.equal(checkBinding(binding, fieldsOf('x', 'x')), 'host');
  t.equal(checkBinding(binding, fieldsOf('ab', '')), 'host', 'what moves over a border differs');
  t.end();
});

t.test('marks that agree do not make a binding hold', (t) => {
  const fields = [['host', 'a']] as const;
  const binding = createBinding(fields);
  binding[0] = (binding[0] ?? 0) ^ 1;
  t.equal(checkBinding(binding, fields), 'unknown');
  t.end();
});

t.test('a binding of another length does not hold', (t) => {
  const fields = fieldsOf('a', 'b');
  const binding = createBinding(fields);
  t.equal(checkBinding(binding.subarray(0, -1), fields), 'registry');
  t.equal(checkBinding(Buffer.concat([binding, Buffer.of(0)]), fields), 'unknown');
  t.equal(checkBinding(Buffer.alloc(0), fields), 'host');
  t.end();
});

function fieldsOf(host: string, registry: string) {
  return [
    ['host', host],
    ['registry', registry],
  ] as const;
}
