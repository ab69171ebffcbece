import { createRequire } from 'node:module';

// An import of node:http reads all of its exports, and at `WebSocket` Node loads a fetch of its own that nothing here uses:
// 25 ms and 4 MB at every start.
const http: typeof import('node:http') = createRequire(import.meta.url)('node:http');

export const { createServer, ServerResponse, STATUS_CODES } = http;
