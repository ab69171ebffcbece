import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { Test } from 'tap';
import { createTestAuthority } from '../../support/ca.ts';
import { closeServer, listen } from '../../support/server.ts';

export type Question = { readonly path: string; readonly form: URLSearchParams; readonly text: string };
export type Answer = {
  readonly status?: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

/** An https service on localhost whose certificate this process trusts, as the SDKs insist. */
export async function startIdentityService(
  t: Test,
  answer: (question: Question) => Answer,
): Promise<{
  readonly origin: string;
  readonly questions: Question[];
  readonly caFile: string;
  readonly ca: string;
}> {
  // A name of its own: of two trusted ones with one name, the wrong one may be asked.
  const authority = await createTestAuthority(`Berth test authority ${randomUUID()}`);
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, authority.cert]);
  const questions: Question[] = [];
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const question = { path: request.url ?? '', form: new URLSearchParams(text), text };
    questions.push(question);
    const { status = 200, body, headers = {} } = answer(question);
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
  const server = createServer(await authority.issue(['localhost']), (request, response) => {
    void respond(request, response);
  });
  const port = await listen(server);
  t.teardown(async () => {
    setDefaultCACertificates(before);
    await closeServer(server);
    await authority.remove();
  });
  return { origin: `https://localhost:${port}`, questions, caFile: authority.caFile, ca: authority.cert };
}

/** Sets variables for one test: the SDKs' own standard way. */
export function setEnvironment(t: Test, variables: Readonly<Record<string, string>>): void {
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  Object.assign(process.env, variables);
  t.teardown(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}
