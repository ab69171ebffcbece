import type { Verdict } from '../endpoints/migration-report.ts';
import type { ConsoleFacts, ConsoleRegion, ConsoleRegistry } from './console-facts.ts';
import { formatSpan } from './format-figure.ts';
import { type Html, html } from './html.ts';
import { renderState, renderTable } from './render-table.ts';

export function renderEndpoints({ registries }: ConsoleFacts): Html {
  return renderTable(
    'Endpoints of each registry',
    [
      { title: 'Registry', cell: ({ document }) => document.name },
      { title: 'Login server', cell: ({ document }) => document.loginServer },
      { title: 'Data endpoints', cell: showDelivery },
      { title: 'Hosts that clients reach', cell: showEndpoints },
      {
        title: 'Set by',
        cell: ({ document: { source, changedAt } }) =>
          source === 'update' ? `berth update, ${changedAt}` : 'configuration',
      },
    ],
    registries,
    'No registry is configured.',
  );
}

function showDelivery({ document }: ConsoleRegistry): Html {
  if (document.delivery === 'inline') return renderState('good', 'not needed: inline');
  if (!document.dataEndpointEnabled) return renderState('odd', 'off: clients need the storage hosts');
  const { percent } = document.rollout;
  return percent < 100 ? renderState('odd', `on for ${percent} % of clients`) : renderState('good', 'on');
}

function showEndpoints({ document: { dataEndpoints } }: ConsoleRegistry): Html {
  if (dataEndpoints.length === 0) return html`none beside the login server`;
  return html`<ul>${dataEndpoints.map(({ region, endpoint }) => html`<li>${endpoint} <span class="quiet">${region}</span></li>`)}</ul>`;
}

export function renderRegions({ regions, now }: ConsoleFacts): Html {
  return renderTable<ConsoleRegion>(
    'Regions with an upstream of their own',
    [
      { title: 'Region', cell: ({ region }) => region },
      { title: 'Registry', cell: ({ registry }) => registry },
      { title: 'State', cell: ({ state }) => renderState(state === 'healthy' ? 'good' : 'bad', state) },
      { title: 'Why', cell: ({ why }) => why },
      {
        title: 'For',
        isFigure: true,
        cell: ({ since }) => (since === undefined ? 'since the start' : formatSpan(now - since)),
      },
    ],
    // Those that are worth a look are among those that are shown.
    regions.toSorted((a, b) => Number(a.state === 'healthy') - Number(b.state === 'healthy')),
    'No region has an upstream of its own: all are served by the registry’s one upstream.',
  );
}

const ADVICE: Readonly<Record<Verdict['wildcardRule'], readonly ['good' | 'odd' | 'bad', string]>> = {
  keep: ['odd', 'keep the wildcard rule'],
  wait: ['odd', 'wait'],
  check: ['bad', 'check first'],
  remove: ['good', 'the wildcard rule can go'],
};

export function renderMigration({ registries }: ConsoleFacts): Html {
  return renderTable(
    'From the wildcard to dedicated data endpoints',
    [
      { title: 'Registry', cell: ({ migration }) => migration.registry },
      { title: 'Firewall', cell: ({ migration }) => renderState(...ADVICE[migration.verdict.wildcardRule]) },
      { title: 'Why, and what next', cell: ({ migration }) => migration.verdict.text },
      { title: 'Links to storage', isFigure: true, cell: ({ migration }) => migration.total.storage.count },
      {
        title: 'Links to data endpoints',
        isFigure: true,
        cell: ({ migration }) => migration.total.dataEndpoint.count,
      },
      { title: 'Seen there', isFigure: true, cell: ({ migration }) => migration.total.arrived.count },
    ],
    registries,
    'No registry is configured.',
  );
}
