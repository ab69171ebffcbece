/** Names as a resolver has them: all lead to loopback but those that a test sets. */
export function createLookup(): {
  readonly resolve: (name: string) => Promise<readonly string[]>;
  set(name: string, addresses: readonly string[] | { readonly code: string }): void;
} {
  const known = new Map<string, readonly string[] | { readonly code: string }>();
  return {
    async resolve(name) {
      const answer = known.get(name) ?? ['127.0.0.1'];
      if ('code' in answer) throw Object.assign(new Error(answer.code), { code: answer.code });
      return answer;
    },
    set: (name, addresses) => void known.set(name, addresses),
  };
}
