import { arch } from 'node:os';

import { CliError } from '../cli-error.ts';
import { createHttpGet, type HttpGet } from '../warm/http-get.ts';
import type { ImageName } from '../warm/image-name.ts';
import { planImage } from '../warm/plan-image.ts';
import { defaultPlatform } from '../warm/platform.ts';
import { createRegistryClient, type UserPassword } from '../warm/registry-client.ts';
import { type Finding, fail, ok } from './finding.ts';
import type { HealthDeps } from './health-deps.ts';

export type ImageQuestion = {
  readonly origin: URL;
  readonly image: Pick<ImageName, 'repository' | 'reference'> & { readonly text: string };
  readonly ca: string | undefined;
  readonly credentials: UserPassword | undefined;
};

/** A pull's own way: token, manifest, and the first byte of the smallest blob, from whatever host that comes. */
export async function checkImage(question: ImageQuestion, deps: HealthDeps): Promise<readonly Finding[]> {
  const { origin, image, ca, credentials } = question;
  const inner = createHttpGet({
    ca,
    connect: undefined,
    resolve: (name) => deps.resolve(name),
    idleMs: IDLE_MS,
  });
  const asked: string[] = [];
  const http: HttpGet = {
    get(url, headers) {
      asked.push(url.host);
      return inner.get(url, headers);
    },
    close: () => inner.close(),
  };
  const client = createRegistryClient({
    origin: origin.origin,
    http,
    credentials,
    wait: () => Promise.reject(new CliError('it is throttled (429 or 503): ask again later')),
    followStorage: true,
  });
  const findings: Finding[] = [];
  try {
    const plan = await planImage(client, image, [defaultPlatform(arch())]);
    findings.push(ok('manifest', image.text, `${plan.digest} from ${origin.host}`));
    const [blob] = plan.blobs.toSorted((a, b) => a.size - b.size);
    if (blob === undefined) return findings;
    asked.length = 0;
    findings.push(await firstByte(client, question, blob.digest, asked));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    findings.push(fail('manifest', image.text, error.message, ADVICE));
  } finally {
    http.close();
  }
  return findings;
}

/** containerd gives up on an answer after 30 s. */
const IDLE_MS = 30_000;

const ADVICE = 'look at the findings above; otherwise at the log of Berth';

async function firstByte(
  client: ReturnType<typeof createRegistryClient>,
  { image }: ImageQuestion,
  digest: string,
  asked: readonly string[],
): Promise<Finding> {
  const where = (): string => [...new Set(asked)].join(', then ');
  try {
    const path = `/v2/${image.repository}/blobs/${digest}`;
    const response = await client.get(path, image.repository, { range: 'bytes=0-0' });
    let received = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      received += chunk.length;
      if (received > 0) break;
    }
    response.destroy();
    return ok('blob', image.text, `first byte of ${digest.slice(0, 19)} by ${where()}`);
  } catch (error) {
    const reason = error instanceof CliError ? error.message : 'it broke off before its first byte';
    return fail('blob', image.text, `${reason} (asked: ${where()})`, ADVICE);
  }
}
