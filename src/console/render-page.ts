import type { ConsoleFacts } from './console-facts.ts';
import { type Html, html } from './html.ts';
import { renderOverview, renderTraffic } from './render-overview.ts';
import { renderEndpoints, renderMigration, renderRegions } from './render-registries.ts';
import { renderCertificates, renderFills, renderRefusals, renderTransfers } from './render-work.ts';

type Section = { readonly title: string; readonly render: (facts: ConsoleFacts) => Html };

/** By the id of the element that each one fills: the page has them whole, and events bring those that changed. */
const SECTIONS: Readonly<Record<string, Section>> = {
  overview: { title: 'Now', render: renderOverview },
  traffic: { title: 'Traffic', render: renderTraffic },
  endpoints: { title: 'Endpoints', render: renderEndpoints },
  regions: { title: 'Regions', render: renderRegions },
  transfers: { title: 'Transfers', render: renderTransfers },
  fills: { title: 'Fills', render: renderFills },
  refusals: { title: 'Refusals', render: renderRefusals },
  certificates: { title: 'Certificates', render: renderCertificates },
  migration: { title: 'Migration', render: renderMigration },
};

/** The markup of each section. */
export function renderSections(facts: ConsoleFacts): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(SECTIONS).map(([id, { render }]) => [id, render(facts).markup] as const),
  );
}

/** Seconds after which a page without JavaScript is asked for again. */
const REFRESH_SECONDS = 10;

export function renderPage(facts: ConsoleFacts): string {
  const sections = Object.entries(SECTIONS).map(
    ([id, { title, render }]) =>
      html`<section aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${id === 'traffic' ? CHART : html``}<div id="${id}">${render(facts)}</div></section>`,
  );
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Berth console</title>
<noscript><meta http-equiv="refresh" content="${REFRESH_SECONDS}"></noscript>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="uplot.css">
<link rel="stylesheet" href="console.css">
<script src="uplot.js" defer></script>
<script src="console.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header>
<h1>Berth</h1>
<p class="quiet">${facts.version} · <span id="freshness">as of <time>${new Date(facts.now).toISOString().slice(0, 19)}Z</time></span></p>
<button id="pause" type="button" hidden>Pause updates</button>
</header>
<main id="main">
${sections}
</main>
</body>
</html>
`;
  return page.markup;
}

const CHART: Html = html`<div id="chart" hidden></div>`;
