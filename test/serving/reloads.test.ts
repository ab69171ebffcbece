import t from 'tap';
import type { Config } from '../../src/config/config.ts';
import { createReloads, type ReloadSources } from '../../src/serving/reloads.ts';
import type { PreparedServing, Serving } from '../../src/serving/serving.ts';
import { generateTicketKeys, type TicketKeys } from '../../src/ticket/ticket-keys.ts';
import { configFile, loaded } from '../support/config-file.ts';

const CONFIG = loaded(configFile());
const CHANGED = loaded(configFile({ push: false }));

/** Reloads of a serving that is prepared when the test says so. */
function open() {
  const events: string[] = [];
  const keys = generateTicketKeys();
  const preparing = Promise.withResolvers<void>();
  const prepared = Promise.withResolvers<void>();
  const serving: Pick<Serving, 'config' | 'prepare'> = {
    config: CONFIG,
    async prepare(): Promise<PreparedServing> {
      preparing.resolve();
      await prepared.promise;
      return {
        secureHosts: [],
        commit: () => void events.push('commit'),
        discard: () => void events.push('discard'),
      };
    },
  };
  const reloads = createReloads({
    serving: serving as Serving,
    listeners: [],
    record: {
      note: (part, { result }) => void events.push(`${part} ${result}`),
      forget: () => undefined,
    },
    ticketKeys: () => keys,
    onTicketKeys: () => void events.push('keys'),
    onConfig: () => void events.push('config'),
  });
  return { events, keys, reloads, preparing: preparing.promise, prepared: prepared.resolve };
}

function sources(config: Config | Promise<Config>, keys: TicketKeys | Promise<TicketKeys>): ReloadSources {
  return { config: async () => config, ticketKeys: async () => keys };
}

t.test('what the sources say is put in force, one reload after the other', async (t) => {
  const { events, keys, reloads, prepared } = open();
  prepared();
  await Promise.all([reloads.reload(sources(CHANGED, keys)), reloads.reload(sources(CONFIG, keys))]);
  t.same(events, [
    'commit',
    'config',
    'configuration applied',
    'ticket_keys unchanged',
    'commit',
    'config',
    'configuration unchanged',
    'ticket_keys unchanged',
  ]);
});

t.test('R7 what is being checked when the process is told to end is discarded', async (t) => {
  const { events, keys, reloads, preparing, prepared } = open();
  const reload = reloads.reload(sources(CHANGED, keys));
  await preparing;
  reloads.close();
  prepared();
  await reload;
  t.same(events, ['discard']);
});

t.test('R7 what is being read then is not looked at, and nobody reads any more', async (t) => {
  const { events, keys, reloads, prepared } = open();
  prepared();
  const config = Promise.withResolvers<Config>();
  const reload = reloads.reload(sources(config.promise, keys));
  const next = reloads.reload({
    config: () => t.fail('read after the end') as never,
    ticketKeys: () => t.fail('read after the end') as never,
  });
  reloads.close();
  config.resolve(CHANGED);
  await Promise.all([reload, next]);
  t.same(events, []);
});

t.test('R7 keys that are being read then, or can not be, concern nobody', async (t) => {
  for (const outcome of ['read', 'failed'] as const) {
    const { events, reloads, prepared } = open();
    prepared();
    const asked = Promise.withResolvers<void>();
    const read = Promise.withResolvers<TicketKeys>();
    const reload = reloads.reload({
      config: async () => CHANGED,
      ticketKeys() {
        asked.resolve();
        return read.promise;
      },
    });
    await asked.promise;
    events.length = 0;
    reloads.close();
    if (outcome === 'read') read.resolve(generateTicketKeys());
    else read.reject(new Error('no such file'));
    await reload;
    t.same(events, [], outcome);
  }
});
