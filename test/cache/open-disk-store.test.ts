import t from 'tap';

import { blobStoreContract } from '../support/contract/blob-store.ts';
import { openTestStore } from '../support/disk-store.ts';

t.test('keeps the contract', (t) => {
  blobStoreContract(t, (t) => openTestStore(t));
  t.end();
});
