import { createSocket } from 'node:dgram';
import { connect, isIP, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import type { Attack, AttackOutcome } from './attack.ts';

// Runs inside the clients' network namespace: attacks as JSON on standard input, their outcomes on standard output.

/** For a connection over one veth pair, in milliseconds; a SYN that is dropped is sent again after one second. */
const CONNECT_TIMEOUT_MS = 2500;
/** A connection that says nothing for so long has said all, in milliseconds. */
const SILENCE_MS = 2000;

function open({ to, port = 443, transport = 'tls' }: Attack): Socket {
  if (transport === 'tcp') return connect({ host: to, port });
  return connectTls({ host: to, port, ...(isIP(to) === 0 && { servername: to }) });
}

async function carryOut(attack: Attack): Promise<AttackOutcome> {
  if (attack.transport === 'udp') return sendDatagram(attack);
  const socket = open(attack);
  const received: Buffer[] = [];
  let connected = false;
  const deadline = setTimeout(() => socket.destroy(), CONNECT_TIMEOUT_MS);
  socket.once(attack.transport === 'tcp' ? 'connect' : 'secureConnect', () => {
    connected = true;
    clearTimeout(deadline);
    socket.setTimeout(SILENCE_MS, () => socket.destroy());
    socket.write(attack.bytes, 'latin1');
  });
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  socket.on('error', () => {});
  await new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  clearTimeout(deadline);
  return { connected, received: Buffer.concat(received).toString('latin1') };
}

/** UDP has no connection: what tells is whether anything comes back. The witness is at the other end. */
async function sendDatagram({ to, port = 443, bytes }: Attack): Promise<AttackOutcome> {
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  await new Promise<void>((resolve) => {
    socket.send(Buffer.from(bytes, 'latin1'), port, to, () => resolve());
  });
  socket.close();
  return { connected: false, received: '' };
}

// Written by attack.ts alone
const attacks = JSON.parse(await text(process.stdin)) as readonly Attack[];
process.stdout.write(JSON.stringify(await Promise.all(attacks.map(carryOut))));
