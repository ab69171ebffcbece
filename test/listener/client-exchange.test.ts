import t from 'tap';
import { selectRequestId } from '../../src/listener/client-exchange.ts';

t.test("the client's own request id counts where it is safe to write", (t) => {
  for (const id of ['a', 'A-b_c.9', 'x'.repeat(64)]) t.equal(selectRequestId(id), id);
  for (const id of [undefined, '', 'x'.repeat(65), 'a b', 'a\nb', 'a"b', 'ä', ['a', 'b']]) {
    t.match(selectRequestId(id), /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/, JSON.stringify(id));
  }
  t.not(selectRequestId(undefined), selectRequestId(undefined));
  t.end();
});
