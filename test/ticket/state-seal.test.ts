import t from 'tap';
import { sealUpload } from '../../src/ticket/seal-upload.ts';
import { createStateSeal } from '../../src/ticket/state-seal.ts';
import { generateTicketKeys, rotateTicketKeys } from '../../src/ticket/ticket-keys.ts';

t.test('what one replica seals another opens, and nobody else', async (t) => {
  const keys = generateTicketKeys();
  const [one, other, stranger] = [keys, keys, generateTicketKeys()].map((each) =>
    createStateSeal(() => each),
  );
  const text = one?.seal({ a: 1 }) ?? '';
  t.same(other?.open(text), { a: 1 });
  t.equal(stranger?.open(text), undefined);
  t.equal(other?.open(`${text.slice(0, -2)}AA`), undefined);
  t.equal(other?.open(''), undefined);
  t.equal(one?.name(['x', 1]), other?.name(['x', 1]));
  t.not(one?.name(['x', 1]), stranger?.name(['x', 1]));
  t.not(one?.name(['x', 1]), one?.name(['x', '1']));
});

t.test('a box of another purpose is none', async (t) => {
  const keys = generateTicketKeys();
  const upload = sealUpload(keys, { registry: 'r', repository: 'a', url: 'https://h/' });
  t.equal(createStateSeal(() => keys).open(upload), undefined);
});

t.test('over a rotation what was sealed still opens, and the keys in force count', async (t) => {
  let keys = generateTicketKeys();
  const seal = createStateSeal(() => keys);
  const text = seal.seal('before');
  const name = seal.name(['n']);
  keys = rotateTicketKeys(keys);
  t.equal(seal.open(text), 'before');
  t.not(seal.name(['n']), name);
});
