// What the page does beyond showing itself: takes what changed as it comes, and draws the chart.

const pause = document.getElementById('pause');
const chart = document.getElementById('chart');
const freshness = document.getElementById('freshness');
const dark = matchMedia('(prefers-color-scheme: dark)');

let events;
let plot;
let traffic;

function listen() {
  events = new EventSource('events');
  events.addEventListener('sections', ({ data }) => {
    const { at, sections } = JSON.parse(data);
    for (const [id, markup] of Object.entries(sections)) replace(document.getElementById(id), markup);
    freshness.textContent = `as of ${at}`;
  });
  events.addEventListener('traffic', ({ data }) => {
    traffic = JSON.parse(data);
    draw();
  });
  events.addEventListener('error', () => {
    freshness.textContent = 'no connection to Berth; trying again';
  });
}

/** The server has escaped it. Whoever stands in a table with the keyboard, or has scrolled it, stays there. */
function replace(element, markup) {
  const own = (scroller) => [...element.querySelectorAll('.scroll')].indexOf(scroller);
  const focused = own(document.activeElement);
  const lefts = [...element.querySelectorAll('.scroll')].map(({ scrollLeft }) => scrollLeft);
  element.innerHTML = markup;
  const scrollers = [...element.querySelectorAll('.scroll')];
  for (const [index, left] of lefts.entries()) if (scrollers[index]) scrollers[index].scrollLeft = left;
  if (focused >= 0) scrollers[focused]?.focus({ preventScroll: true });
}

function draw() {
  if (!traffic || traffic.at.length < 2) return;
  chart.hidden = false;
  const data = [traffic.at, traffic.cache, traffic.fill, traffic.upstream];
  if (plot) plot.setData(data);
  else plot = new uPlot(options(), data, chart);
}

function options() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour('--quiet'), grid: { stroke: colour('--line'), width: 1 } };
  const line = (label, name, dash) => ({
    label,
    stroke: colour(name),
    width: 2,
    dash,
    value: (_plot, value) => (value === null ? '–' : `${value.toFixed(1)} MiB/s`),
  });
  return {
    width: chart.clientWidth - 16,
    height: 220,
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] } },
    axes: [axis, { ...axis, label: 'MiB/s', size: 60 }],
    series: [
      { label: 'Time' },
      // Told apart without colour, too.
      line('From the cache', '--cache', []),
      line('From fills', '--fill', [8, 4]),
      line('Streamed', '--stream', [2, 3]),
    ],
  };
}

function redraw() {
  plot?.destroy();
  plot = undefined;
  draw();
}

pause.hidden = false;
pause.addEventListener('click', () => {
  if (events.readyState === EventSource.CLOSED) {
    listen();
    pause.textContent = 'Pause updates';
  } else {
    events.close();
    pause.textContent = 'Resume updates';
    freshness.textContent = 'paused';
  }
});
chart.setAttribute('role', 'img');
chart.setAttribute('aria-label', 'Throughput of the last hour; the table below has the same figures');
dark.addEventListener('change', redraw);
addEventListener('resize', redraw);
listen();
