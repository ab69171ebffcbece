/** Something that is closed once nobody uses it and nobody will any more. */
export type Lease<T> = {
  readonly value: T;
  /** Keeps it open; the function returned lets go of it. A second call of that does nothing. */
  hold(): () => void;
  /** Nobody new will come: closes it at once, or when the last holder lets go. */
  retire(): void;
  /** Closes it now, holders or not. Resolves when it is closed; later calls resolve with the first. */
  close(): Promise<void>;
};

/** `onClosed` is told once, when closing begins. */
export function createLease<T extends { close(): Promise<void> }>(value: T, onClosed: () => void): Lease<T> {
  let holders = 0;
  let retired = false;
  let closed: Promise<void> | undefined;

  function close(): Promise<void> {
    if (closed === undefined) {
      onClosed();
      closed = value.close();
    }
    return closed;
  }

  function closeIfUnused(): void {
    // It was of no more use; that its end failed concerns nobody.
    if (retired && holders === 0) void close().catch(() => undefined);
  }

  return {
    value,
    hold() {
      holders += 1;
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        holders -= 1;
        closeIfUnused();
      };
    },
    retire() {
      retired = true;
      closeIfUnused();
    },
    close,
  };
}
