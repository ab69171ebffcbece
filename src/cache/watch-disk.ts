import type { RunningWork } from '../metrics/running-work.ts';
import type { FileHandle, StoreFs } from './store-fs.ts';

/** The same file system, with every operation under way to be seen: one that does not come back is found by that. */
export function watchDisk(fs: StoreFs, work: RunningWork): StoreFs {
  function watched<T>(operation: string, run: () => Promise<T>): Promise<T> {
    const running = work.begin({ kind: 'disk', operation });
    return run().finally(() => running.end());
  }

  /** Methods of a handle need the handle itself as `this`. */
  function watchHandle(handle: FileHandle): FileHandle {
    return new Proxy(handle, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          const running = work.begin({ kind: 'disk', operation: String(name) });
          const result: unknown = Reflect.apply(value, target, args);
          if (!(result instanceof Promise)) {
            running.end();
            return result;
          }
          return result.finally(() => running.end());
        };
      },
    });
  }

  return {
    mkdir: (...args) => watched('mkdir', () => fs.mkdir(...args)),
    open: async (...args) => watchHandle(await watched('open', () => fs.open(...args))),
    rename: (...args) => watched('rename', () => fs.rename(...args)),
    unlink: (path) => watched('unlink', () => fs.unlink(path)),
    list: (path) => watched('list', () => fs.list(path)),
    stat: (path) => watched('stat', () => fs.stat(path)),
    statfs: (path) => watched('statfs', () => fs.statfs(path)),
  };
}
