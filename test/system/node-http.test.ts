import * as http from 'node:http';
import t from 'tap';
import { createServer, ServerResponse, STATUS_CODES } from '../../src/system/node-http.ts';

t.test('is node:http', (t) => {
  t.equal(createServer, http.createServer);
  t.equal(ServerResponse, http.ServerResponse);
  t.equal(STATUS_CODES, http.STATUS_CODES);
  t.end();
});
