import type { ConsoleFacts } from './console-facts.ts';
import { renderSections } from './render-page.ts';
import type { TrafficSample } from './traffic-history.ts';

/** What one open page has been told, so that it is told only what has changed. */
export type ConsoleViewer = {
  /** The next events in the form of `text/event-stream` (HTML standard §9.2); empty: nothing has changed. */
  next(facts: ConsoleFacts): string;
};

export function createConsoleViewer(): ConsoleViewer {
  const told = new Map<string, string>();
  let toldTraffic = -1;
  return {
    next(facts) {
      let events = '';
      const sections: Record<string, string> = {};
      for (const [id, markup] of Object.entries(renderSections(facts))) {
        if (told.get(id) === markup) continue;
        told.set(id, markup);
        sections[id] = markup;
      }
      if (Object.keys(sections).length > 0) {
        const at = `${new Date(facts.now).toISOString().slice(0, 19)}Z`;
        events += event('sections', { at, sections });
      }
      const last = facts.traffic.at(-1)?.at ?? 0;
      if (last !== toldTraffic) {
        toldTraffic = last;
        events += event('traffic', chartOf(facts.traffic));
      }
      return events;
    },
  };
}

function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

const MIB = 1024 * 1024;

/** Unix seconds, and MiB per second of each span. */
function chartOf(samples: readonly TrafficSample[]) {
  const rates = (key: 'cache' | 'fill' | 'upstream') =>
    samples.map((sample) => Number(((sample[key] / MIB) * (1000 / sample.spanMs)).toFixed(3)));
  return {
    at: samples.map(({ at }) => Math.round(at / 1000)),
    cache: rates('cache'),
    fill: rates('fill'),
    upstream: rates('upstream'),
  };
}
