/** Rules that can not be printed; the message is for the person at the terminal. */
export class FirewallError extends Error {
  override readonly name = 'FirewallError';
  readonly kind: 'not_resolved' | 'not_expressible';

  constructor(kind: FirewallError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}
