import { execFile } from 'node:child_process';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from './page.ts';

/** A page -> a picture, painted by a Chromium that the machine has; none is ever downloaded. */

const run = promisify(execFile);

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
/** A page without scripts or network is painted within a second; a slow machine may take longer. */
const PAINT_TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2;

/** undefined where there is none. `SPANLEDGER_CHROMIUM` names one that stands elsewhere. */
export async function findChromium(named: string | undefined): Promise<string | undefined> {
  for (const place of named === undefined ? PLACES : [named])
    if (
      await access(place).then(
        () => true,
        () => false,
      )
    )
      return place;
  return undefined;
}

/** Writes the PNG; says which texts do not fit into their boxes. */
export async function paint(chromium: string, page: Page, pngPath: string): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'spanledger-picture-'));
  try {
    const file = join(folder, 'page.html');
    await writeFile(file, page.html.replace('</body>', `${OVERFLOW_REPORT}</body>`));
    const flags = [
      ...[
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--hide-scrollbars',
      ],
      ...['--no-first-run', '--disable-sync', '--disable-component-update', '--force-device-scale-factor=1'],
      `--user-data-dir=${join(folder, 'profile')}`,
      `--window-size=${page.widthPx},${page.heightPx}`,
      `--screenshot=${pngPath}`,
      '--dump-dom',
    ];
    const { stdout } = await run(chromium, [...flags, `file://${file}`], {
      timeout: PAINT_TIMEOUT_MS,
      maxBuffer: MAX_OUTPUT_BYTES,
    });
    const report = /<script id="overflow" type="application\/json">(.*?)<\/script>/s.exec(stdout)?.[1];
    const texts: unknown = JSON.parse(report ?? '[]');
    return Array.isArray(texts) ? texts.map(String) : [];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs in the page: what is wider than its box ends in an ellipsis there, and what is higher is cut. Cells of tables are told of elsewhere. */
const OVERFLOW_REPORT = `<script>{
const out=[];
for(const e of document.querySelectorAll('.fit:not(td *),.entry'))if(e.scrollWidth>e.clientWidth+1&&e.clientWidth>0)out.push('cut: '+(e.closest('[data-panel]')?.dataset.panel??'-')+': '+e.textContent.slice(0,80));
for(const e of document.querySelectorAll('.markdown'))if(e.scrollHeight>e.parentElement.clientHeight+1)out.push('text is higher than its panel: '+e.parentElement.dataset.panel);
const s=document.createElement('script');s.id='overflow';s.type='application/json';s.textContent=JSON.stringify([...new Set(out)]).replaceAll('<','\\\\u003c');document.body.append(s);
}</script>`;
