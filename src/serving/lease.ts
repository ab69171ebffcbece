/** Something that is opened when it is first needed, and closed once nobody uses it and nobody will any more. */
export type Lease<T> = {
  /** Opened by whoever asks first. */
  readonly value: T;
  /** The same where somebody has; undefined: nobody has needed it yet. */
  readonly opened: T | undefined;
  /** Keeps it open; the function returned lets go of it. A second call of that does nothing. */
  hold(): () => void;
  /** Nobody new will come: closes it at once, or when the last holder lets go. */
  retire(): void;
  /** Closes it now, holders or not. Resolves when it is closed; later calls resolve with the first. */
  close(): Promise<void>;
};

/** `onClosed` is told once, when closing begins, also of what was never opened. */
export function createLease<T extends { close(): Promise<void> }>(
  open: () => T,
  onClosed: () => void,
): Lease<T> {
  let opened: T | undefined;
  let holders = 0;
  let retired = false;
  let closed: Promise<void> | undefined;

  function close(): Promise<void> {
    if (closed === undefined) {
      onClosed();
      closed = opened?.close() ?? Promise.resolve();
    }
    return closed;
  }

  function closeIfUnused(): void {
    // It was of no more use; that its end failed concerns nobody.
    if (retired && holders === 0) void close().catch(() => undefined);
  }

  return {
    get value() {
      if (opened === undefined) {
        opened = open();
        // Who comes that late finds what everybody else has: one that is closed.
        if (closed !== undefined) void opened.close().catch(() => undefined);
      }
      return opened;
    },
    get opened() {
      return opened;
    },
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
