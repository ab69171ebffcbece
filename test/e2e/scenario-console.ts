import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { type Berth, CONSOLE_PORT } from './berth.ts';
import { accessibilityFaults, openBrowser, openPage } from './console-browser.ts';
import { HOSTS } from './hosts-file.ts';
import { expect, expectEqual } from './report.ts';
import type { World } from './world.ts';

const URL_OF_CONSOLE = `http://127.0.0.1:${CONSOLE_PORT}/`;
const SECTIONS = [
  'overview',
  'traffic',
  'endpoints',
  'regions',
  'transfers',
  'fills',
  'refusals',
  'certificates',
  'migration',
];

/**
 * The console in a real browser, after other scenarios have given it something to show. With BERTH_E2E_SCREENSHOTS=DIR the pictures
 * of docs/console.md are made there anew.
 */
export async function consoleScenario(world: World, berth: Berth): Promise<void> {
  const { report } = world;
  let browser: Browser | undefined;
  await report.check('console: Chromium starts', async () => {
    browser = await openBrowser(world.programs.chromium);
    return browser.version();
  });
  if (browser === undefined) return;
  try {
    await report.check('console: every section, nothing from elsewhere, no complaint', () =>
      sectionsCase(browser as Browser),
    );
    for (const colorScheme of ['light', 'dark'] as const) {
      await report.check(`console: accessible in ${colorScheme} colours`, () =>
        accessibilityCase(browser as Browser, colorScheme),
      );
    }
    await report.check('console: by keyboard', () => keyboardCase(browser as Browser));
    await report.check('console: tables without JavaScript', () => plainCase(browser as Browser));
    await report.check('console: what happens shows without a reload', () =>
      liveCase(world, browser as Browser),
    );
    await report.check('console: draws the chart of what has gone through', () =>
      chartCase(browser as Browser),
    );
  } finally {
    await browser.close();
  }
  await report.check('console: shows no secret', async () => {
    const text = await (await fetch(URL_OF_CONSOLE)).text();
    for (const secret of [/sig=/, /eyJ[\w-]{20,}/, /[?&]t=[\w-]{20,}/]) {
      expect(!secret.test(text), `${secret} in the page`);
    }
    expect(text.includes((await berth.endpoints('contoso')).loginServer), 'the login server is not shown');
    return undefined;
  });
}

async function sectionsCase(browser: Browser): Promise<string> {
  const { page, complaints, close } = await openPage(browser, URL_OF_CONSOLE);
  try {
    for (const id of SECTIONS) {
      const text = await page.locator(`#${id}`).innerText();
      expect(text.trim().length > 0, `section ${id} is empty`);
    }
    await page.locator('#pause').waitFor();
    expectEqual(complaints.join('; '), '', 'complaints of the browser');
    return `${SECTIONS.length} sections`;
  } finally {
    await close();
  }
}

async function accessibilityCase(
  browser: Browser,
  colorScheme: 'light' | 'dark',
): Promise<string | undefined> {
  const { page, close } = await openPage(browser, URL_OF_CONSOLE, { colorScheme });
  try {
    await page.locator('#pause').waitFor();
    const faults = await accessibilityFaults(page);
    expectEqual(faults.join('\n'), '', 'serious faults');
    const directory = process.env['BERTH_E2E_SCREENSHOTS'];
    if (directory !== undefined) {
      await mkdir(directory, { recursive: true });
      await page.locator('#chart canvas').waitFor();
      await page.screenshot({ path: join(directory, `console-${colorScheme}.png`) });
    }
    return undefined;
  } finally {
    await close();
  }
}

/** What has the focus after so many times Tab. */
async function keyboardCase(browser: Browser): Promise<string> {
  const { page, close } = await openPage(browser, URL_OF_CONSOLE);
  try {
    await page.locator('#pause').waitFor();
    const focused = () => page.evaluate('document.activeElement.outerHTML.slice(0, 60)');
    await page.keyboard.press('Tab');
    expect(String(await focused()).includes('class="skip"'), `first is ${String(await focused())}`);
    await page.keyboard.press('Tab');
    expect(String(await focused()).includes('id="pause"'), `then comes ${String(await focused())}`);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Resume updates' }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Pause updates' }).waitFor();
    await page.keyboard.press('Tab');
    expect(
      String(await focused()).includes('class="scroll"'),
      `a table is not reached: ${String(await focused())}`,
    );
    return 'skip link, pause, tables';
  } finally {
    await close();
  }
}

async function plainCase(browser: Browser): Promise<string> {
  const { page, close } = await openPage(browser, URL_OF_CONSOLE, { javaScriptEnabled: false });
  try {
    const rows = await page.locator('#endpoints tbody tr').count();
    expect(rows >= 4, `${rows} registries`);
    expectEqual(await page.locator('#pause').isVisible(), false, 'a button that would do nothing');
    return `${rows} registries`;
  } finally {
    await close();
  }
}

/** A request that is refused turns up in the table of refusals of an open page. */
async function liveCase(world: World, browser: Browser): Promise<undefined> {
  const { page, close } = await openPage(browser, URL_OF_CONSOLE);
  try {
    const refusals = page.locator('#refusals');
    const before = await refusals.innerText();
    const { status } = await world.http.send('GET', `https://${HOSTS.data.name}/?v=1&t=nothing`);
    expectEqual(status, 403, 'a ticket that is none');
    // By the page's own locator: its policy lets no script of ours wait in it.
    await refusals.filter({ hasNotText: before }).waitFor();
    expect((await refusals.innerText()).includes('malformed'), 'the refusal is not shown');
    return undefined;
  } finally {
    await close();
  }
}

async function chartCase(browser: Browser): Promise<string> {
  const { page, close } = await openPage(browser, URL_OF_CONSOLE);
  try {
    // Two samples, ten seconds apart, after the start.
    await page.locator('#chart canvas').waitFor({ timeout: 30_000 });
    return `${await page.locator('#traffic tbody tr').count()} rows in its table`;
  } finally {
    await close();
  }
}
