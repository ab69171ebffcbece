import t from 'tap';
import { createMemoryStore } from '../../../src/cache/objects/create-memory-store.ts';
import { objectStoreContract } from '../../support/contract/object-store.ts';

await t.test('contract', (t) => objectStoreContract(t, createMemoryStore()));
