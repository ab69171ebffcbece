export type SharedPlaces = {
  readonly isFull: boolean;
  /**
   * Whether this client may have one more: each gets at most half of what the others leave, the first one rounded up to
   * one. So a single client gets half of all places, two get a third each, and the next one to come still finds one.
   */
  mayTake(client: string): boolean;
  /** Takes one; the function returned gives it back, once. */
  take(client: string): () => void;
  resize(places: number): void;
};

/** Places that nobody can be driven from once he has one, so nobody gets all of them (Choudhury and Hahne, 1998). */
export function createSharedPlaces(initial: number): SharedPlaces {
  let places = initial;
  let taken = 0;
  const own = new Map<string, number>();

  return {
    get isFull() {
      return taken >= places;
    },
    mayTake(client) {
      const free = places - taken;
      const has = own.get(client) ?? 0;
      return free > 0 && (has === 0 || has < free);
    },
    take(client) {
      taken += 1;
      own.set(client, (own.get(client) ?? 0) + 1);
      let given = false;
      return () => {
        if (given) return;
        given = true;
        taken -= 1;
        const left = (own.get(client) ?? 0) - 1;
        if (left > 0) own.set(client, left);
        else own.delete(client);
      };
    },
    resize(next) {
      places = next;
    },
  };
}
