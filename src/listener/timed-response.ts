import { ServerResponse } from '../system/node-http.ts';

/**
 * A response that remembers when its header section was written. Node has no event for it, and a hook of Fastify's
 * would miss the handlers that write to the raw response.
 */
export class TimedResponse extends ServerResponse {
  /** Milliseconds on the clock of `performance.now()`; undefined until then. */
  headAt: number | undefined;

  // Node calls this for implicit header sections, too.
  override writeHead(...parameters: unknown[]): this {
    this.headAt ??= performance.now();
    // oxlint-disable-next-line typescript/unbound-method -- bound right here; a call would have to pick one overload
    return Reflect.apply(super.writeHead, this, parameters);
  }
}
