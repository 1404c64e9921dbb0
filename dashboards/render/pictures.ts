import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseDashboard } from '../grafana/dashboard.ts';
import { resolveTime } from '../grafana/relative-time.ts';
import { openPool } from '../grafana/run.ts';
import { ALL, type VariableChoices } from '../grafana/variables.ts';
import { findChromium, paint } from './browser.ts';
import { THEMES } from './colors.ts';
import { openedPage } from './opened.ts';
import { withPalette } from './png.ts';

/** `npm run dashboards:pictures`: every dashboard, as a running service answers its queries, as a picture. */

const GENERATED = fileURLToPath(new URL('../generated/', import.meta.url));
const PICTURES = fileURLToPath(new URL('../pictures/', import.meta.url));

const HELP = `npm run dashboards:pictures -- [options]

Opens every dashboard as Grafana does, with a running service, and paints what would be seen into one PNG each. Says
what a person should look into: panels without data, texts that do not fit, parts that this renderer cannot draw.

  --sql URL         the SQL port (default postgresql://127.0.0.1:5433/spanledger)
  --from, --to TIME the range: now-30d, now-1M/M, or an instant (default: that of the dashboard)
  --only NAME       one dashboard; may be repeated
  --var NAME=VALUE  a choice; may be repeated, also for several values of one variable
  --out DIR         where the pictures go (default dashboards/pictures)
  --theme NAME      dark or light (default dark)
  --width PX        width of the screen (default 1600)
  --html            leave the page beside its picture

Needs Chromium (Debian: apt-get install chromium fonts-inter); SPANLEDGER_CHROMIUM names one that stands elsewhere.
`;

const UNIT_NAMES: Readonly<Record<string, string>> = {
  m: 'minutes',
  h: 'hours',
  d: 'days',
  w: 'weeks',
  M: 'months',
  y: 'years',
};

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) return 2;
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const chromium = await findChromium(process.env.SPANLEDGER_CHROMIUM);
  if (chromium === undefined) {
    process.stderr.write('No Chromium found: apt-get install chromium fonts-inter\n');
    return 1;
  }
  await mkdir(options.out, { recursive: true });
  const pool = openPool(options.sql);
  try {
    // Otherwise every panel of every picture would say it.
    await pool.query('SELECT 1');
    for (const name of await dashboardNames(options.only)) await picture(name, chromium, options);
    return 0;
  } catch (error) {
    process.stderr.write(`${options.sql}: ${error instanceof Error ? error.message : error}\n`);
    return 1;
  } finally {
    await pool.end();
  }

  async function picture(name: string, browser: string, { out, html, ...wishes }: Options): Promise<void> {
    const dashboard = parseDashboard(JSON.parse(await readFile(join(GENERATED, `${name}.json`), 'utf8')));
    const now = new Date();
    const from = wishes.from ?? dashboard.time?.from ?? 'now-24h';
    const to = wishes.to ?? dashboard.time?.to ?? 'now';
    const range = { from: instant(from, now, 'from'), to: instant(to, now, 'to') };
    const { page, problems } = await openedPage(pool, dashboard, {
      range,
      rangeText: rangeText(from, to),
      now,
      choices: wishes.choices,
      theme: THEMES[wishes.theme],
      widthPx: wishes.widthPx,
    });
    const file = join(out, `${name}.png`);
    if (html) await writeFile(join(out, `${name}.html`), page.html);
    const overflowing = await paint(browser, page, file);
    await writeFile(file, withPalette(await readFile(file)));
    const { size } = await stat(file);
    process.stdout.write(`${file}  ${page.widthPx} x ${page.heightPx}, ${Math.round(size / 1000)} kB\n`);
    for (const problem of [...problems, ...overflowing]) process.stdout.write(`  ${problem}\n`);
  }
}

interface Options {
  readonly help: boolean;
  readonly sql: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly only: readonly string[];
  readonly choices: VariableChoices;
  readonly out: string;
  readonly theme: 'dark' | 'light';
  readonly widthPx: number;
  readonly html: boolean;
}

/** undefined when the command line is wrong; what is wrong has been said. */
function readOptions(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: 'boolean', default: false, short: 'h' },
        sql: { type: 'string', default: 'postgresql://127.0.0.1:5433/spanledger' },
        from: { type: 'string' },
        to: { type: 'string' },
        only: { type: 'string', multiple: true, default: [] },
        var: { type: 'string', multiple: true, default: [] },
        out: { type: 'string', default: PICTURES },
        theme: { type: 'string', default: 'dark' },
        width: { type: 'string', default: '1600' },
        html: { type: 'boolean', default: false },
      },
    });
    const { help, sql, from, to, only, out, html, theme } = values;
    if (theme !== 'dark' && theme !== 'light') throw new Error(`--theme is dark or light, not ${theme}`);
    if (!/^\d{3,4}$/.test(values.width)) throw new Error(`--width takes pixels, not ${values.width}`);
    const widthPx = Number(values.width);
    return { help, sql, from, to, only, out, html, theme, widthPx, choices: choicesOf(values.var) };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
    return undefined;
  }
}

function choicesOf(texts: readonly string[]): VariableChoices {
  const choices: Record<string, typeof ALL | readonly string[]> = {};
  for (const text of texts) {
    const [, name, value] = /^(\w+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) throw new Error(`--var takes NAME=VALUE, not ${text}`);
    const before = choices[name];
    choices[name] = value === ALL ? ALL : [...(typeof before === 'object' ? before : []), value];
  }
  return choices;
}

async function dashboardNames(only: readonly string[]): Promise<readonly string[]> {
  const names = (await readdir(GENERATED))
    .filter((file) => file.endsWith('.json'))
    .map((file) => basename(file, '.json'));
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new Error(`no such dashboard: ${unknown.join(', ')}; there are ${names.join(', ')}`);
  return only.length === 0 ? names : only;
}

function instant(text: string, now: Date, bound: 'from' | 'to'): Date {
  return text.startsWith('now') ? resolveTime(text, now, bound) : new Date(text);
}

/** As Grafana's time picker says it; empty for a range that it shows as two instants. */
function rangeText(from: string, to: string): string {
  const [, count, unit] = /^now-(\d+)([mhdwMy])$/.exec(from) ?? [];
  if (to !== 'now' || count === undefined || unit === undefined) return '';
  const name = UNIT_NAMES[unit] ?? '';
  return `Last ${count} ${count === '1' ? name.slice(0, -1) : name}`;
}
