import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { BufferPool } from './buffer-pool.ts';
import type { OpenSocket } from './connector.ts';
import { createSlabReader } from './slab-reader.ts';

/** Opens sockets whose reads land in the pool's slabs: for the storage pool, which carries blob bytes. */
export function createSlabSocket(pool: BufferPool): OpenSocket {
  return (protocol, options): Socket => {
    const reader = createSlabReader(pool);
    const withReader = { ...options, onread: reader.onread };
    const socket = protocol === 'https:' ? connectTls(withReader) : connectTcp(withReader);
    reader.attach(socket);
    return socket;
  };
}
