import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { renderComparisonPage } from '../../src/page/comparison-page.tsx';
import { renderHistoryPage } from '../../src/page/history-page.tsx';
import { renderRunPage } from '../../src/page/run-page.tsx';
import { compareRuns } from '../../src/results/compare.ts';
import { aResult, tests } from '../results/a-result.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';
import { aSuite, HOSTILE } from './a-suite.ts';

/** Names of Chromium in the distributions. */
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) =>
  existsSync(path),
);

describe.skipIf(CHROMIUM === undefined)(`in Chromium (${CHROMIUM ?? 'not installed'})`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM! });
  }, 60_000);
  afterAll(() => browser?.close());

  /** Opens a page from a file. What the browser complains of must be nothing. */
  async function open(html: string, anchor = ''): Promise<{ page: Page; complaints: string[] }> {
    const file = join(makeTemporaryDirectory(), 'page.html');
    writeFileSync(file, html);
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    onTestFinished(() => page.close());
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith('file:')) complaints.push(`request of ${request.url()}`);
    });
    await page.goto(`${pathToFileURL(file)}${anchor}`);
    return { page, complaints };
  }

  /** The CPU time of the page's main thread, which other processes hardly change. */
  async function mainThreadSeconds(page: Page): Promise<number> {
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration')!.value;
  }

  function pageOfSuite(size: Parameters<typeof aSuite>[0]): string {
    const suite = aSuite(size);
    return renderRunPage(suite.result, [{ name: 'console.log', text: suite.console }]);
  }

  test('a run: searched, filtered, sorted, unfolded', async () => {
    const { page, complaints } = await open(pageOfSuite({ tests: 400, console: 0 }));
    const rows = page.locator('#test-table .row:not(.is-head)');
    await rows.first().waitFor();
    expect(await rows.count()).toBeLessThan(400);
    expect(await rows.first().textContent()).toContain('fail');
    await page.getByLabel('Search tests').fill('generic/0013');
    expect(await rows.count()).toBe(1);
    await rows.getByRole('button', { name: 'output' }).click();
    expect(await rows.locator('.output .added').first().textContent()).toContain('+rm: cannot');
    await page.getByLabel('Search tests').fill('');
    await page.getByRole('button', { name: /^skip/ }).click();
    expect(await rows.first().textContent()).toContain('requires a dax device');
    await page.getByRole('button', { name: /^skip/ }).click();
    await page.getByRole('button', { name: /^Took/ }).click();
    const first = await rows.first().locator('.is-duration').textContent();
    expect(first).toBe('0.20 s');
    expect(complaints).toEqual([]);
  });

  test('a link leads from a kernel report to its line in the console', async () => {
    const { page, complaints } = await open(pageOfSuite({ tests: 400, console: 0 }));
    const report = page.locator('.card', { hasText: 'WARNING in foo_release' });
    await report.locator('summary').click();
    expect(await report.locator('pre').isVisible()).toBe(true);
    await report.getByRole('link', { name: /console.log line/ }).click();
    const target = page.locator('#log-console .target');
    await target.waitFor();
    const [line, marked] = [await target.boundingBox(), page.locator('.lines mark').first()];
    expect(await marked.textContent()).toMatch(
      /^\[ +6\.230000\] -+\[ cut here \]-+\n.*WARNING: CPU: 1/,
    );
    expect(Math.abs(line!.y - (await marked.boundingBox())!.y)).toBeLessThan(20);
    expect(complaints).toEqual([]);
  });

  test('the address of a line and that of a test are good for another reader', async () => {
    const html = pageOfSuite({ tests: 400, console: 0 });
    const { page } = await open(html, '#L700');
    await page.locator('#log-console .target').waitFor();
    const isVisible = page.locator('.numbers a', { hasText: /^700$/ });
    expect(await isVisible.isVisible()).toBe(true);
    const other = await open(html, '#t399');
    const row = other.page.locator('#t399');
    await row.waitFor();
    expect(await row.textContent()).toContain('generic/0400');
    expect([...other.complaints]).toEqual([]);
  });

  test('the console is searched; a line of a megabyte and what looks like markup are text', async () => {
    const { page, complaints } = await open(pageOfSuite({ tests: 100, console: 0 }));
    await page.getByLabel('Search console.log').fill('ENDING CLEAN');
    expect(await page.locator('#log-console output').textContent()).toBe('1 of 100');
    await page.getByRole('button', { name: 'next match' }).click();
    expect(await page.locator('#log-console output').textContent()).toBe('2 of 100');
    const text = await page.locator('#log-console .lines').first().textContent();
    expect(text).toContain("</script><script>document.title='owned'</script>");
    expect(text).toContain('more characters in this line)');
    expect(await page.title()).toMatch(/^crash: fstests-xfs/);
    expect(await page.locator('img').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test('a page with 5,000 tests and a console of 20 MB opens in a second', async () => {
    const html = pageOfSuite({ tests: 5000, console: 20 * 1024 * 1024 });
    const { page, complaints } = await open(html);
    await page.locator('#log-console .chunk').first().waitFor();
    const busy = await mainThreadSeconds(page);
    await page.getByLabel('Search console.log').fill('Kernel panic');
    await page.locator('#log-console .target').waitFor();
    expect(complaints).toEqual([]);
    // 1.0 s on a machine of 2020; a machine that is busy with other tests takes longer.
    expect(busy).toBeLessThan(3);
  }, 120_000);

  test('a phone and the dark: nothing is wider than the screen', async () => {
    const { page } = await open(pageOfSuite({ tests: 400, console: 0 }));
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize({ width: 360, height: 700 });
    await page.locator('#log-console .chunk').first().waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(background).toBe('rgb(20, 23, 28)');
  });

  test('without JavaScript, what failed and what the kernel reported is still there', async () => {
    const file = join(makeTemporaryDirectory(), 'page.html');
    writeFileSync(file, pageOfSuite({ tests: 400, console: 0 }));
    const page = await browser.newPage({ javaScriptEnabled: false });
    onTestFinished(() => page.close());
    await page.goto(String(pathToFileURL(file)));
    for (const text of [
      'fsck found errors',
      'WARNING in foo_release',
      'The table needs JavaScript',
    ]) {
      expect(await page.getByText(text).first().isVisible()).toBe(true);
    }
  });

  test('a comparison and a history', async () => {
    const runs = Array.from({ length: 60 }, (_, index) => {
      const started = new Date(Date.UTC(2026, 8, 1 + index)).toISOString();
      const all = tests({
        'xfs/001': index % 2 === 0 ? 'pass' : 'fail',
        [HOSTILE.replaceAll(' ', '')]: 'pass',
      });
      return aResult({
        id: `${started.slice(0, 10).replaceAll('-', '')}-021557-fstests-xfs-3f2a`,
        started,
        tests: all.map((test) => ({ ...test, message: HOSTILE, duration: 1000 + index })),
      });
    });
    const times = { slower: [], faster: [] };
    const compared = renderComparisonPage({ comparison: compareRuns(runs[2]!, runs[3]!), times });
    const { page, complaints } = await open(compared);
    expect(await page.locator('#newly-failing').textContent()).toContain('xfs/001');
    const history = await open(renderHistoryPage(runs));
    const rows = history.page.locator('.is-history .row');
    await rows.first().waitFor();
    expect(await rows.first().textContent()).toContain('unstable');
    expect(await rows.first().locator('.cells rect').count()).toBe(60);
    await history.page.getByLabel('Search tests').fill('xfs');
    expect(await rows.count()).toBe(1);
    for (const each of [page, history.page]) {
      await each.setViewportSize({ width: 360, height: 700 });
      expect(await each.evaluate('document.documentElement.scrollWidth')).toBe(360);
    }
    expect([...complaints, ...history.complaints]).toEqual([]);
  });
});
