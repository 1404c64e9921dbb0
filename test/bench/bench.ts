import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { benchAppender } from './appender.ts';
import { benchCredits, benchHolds } from './credits.ts';
import { benchDashboards } from './dashboards.ts';
import { benchDecide } from './decide.ts';
import { benchFollow } from './follow.ts';
import { benchIngest } from './ingest.ts';
import { benchJournal } from './journal.ts';
import { benchPgwire } from './pgwire.ts';
import { benchPrice } from './price.ts';
import { benchReader } from './reader.ts';
import { benchRerate } from './rerate.ts';
import { benchScan } from './scan.ts';
import { benchLateParents, benchOpenTraces } from './traces.ts';

/**
 * `npm run bench -- [NAME…]`: figures of this machine, all from one run. Compare within a run; machines are noisy.
 * A benchmark is not a test: it fails only when something is wrong, never because something is slow.
 */
const HELP = `npm run bench -- [ingest|scan|decide|journal|appender|follow|traces|price|rerate|credits|pgwire|reader|dashboards]…
  [--seconds N] [--rows N] [--keep FOLDER]

  ingest     the whole way: HTTP, fsynced answer, rows in DuckDB; with scan and appender alone beside it
  scan       reading OTLP bodies
  decide     what a span says, and who bills in its trace
  journal    own segment files against node:sqlite
  appender   rows into DuckDB
  follow     the ledger process alone, working off a full journal
  traces     memory of a million open traces; late spans of traces that have left the memory
  price      pricing, rating, and all of metering
  rerate     a million stored records rated again, and a what-if over them
  pgwire     rows over the PostgreSQL protocol to node-postgres and postgres.js, and what these take alone
  reader     the ledger read by clients of PostgreSQL: what they add, rows, and four heavy ones under load
  credits    checks, holds and how soon a balance is known, with 10,000 spans/s coming in
  dashboards every panel of every dashboard, on a ledger of 20 million rows of usage, which takes minutes to make

  --seconds  how long each load of ingest lasts (default 15)
  --rows     of usage in the ledger of dashboards (default 20000000)
  --keep     the folder of that ledger: made if it is not there, and left for the next time
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: {
    seconds: { type: 'string', default: '15' },
    rows: { type: 'string', default: '20000000' },
    keep: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const benches: Record<string, () => Promise<void>> = {
  async ingest() {
    show('The whole way', await benchIngest(Number(values.seconds)));
    show('Scanner alone', await benchScan());
    show('DuckDB appender alone', await benchAppender());
  },
  scan: async () => show('Scanner', await benchScan()),
  decide: async () => show('Observing and deciding', await benchDecide()),
  journal: async () => show('Journal', await benchJournal()),
  appender: async () => show('DuckDB appender', await benchAppender()),
  async traces() {
    show('A million open traces', await benchOpenTraces());
    show('Late parents of old traces', [await benchLateParents()]);
  },
  follow: async () => show('The ledger working off a backlog', [await benchFollow()]),
  price: async () => show('Pricing', [await benchPrice()]),
  async credits() {
    show('Checks while spans come in', await benchCredits(Number(values.seconds)));
    show('Holds at once on one balance', [await benchHolds()]);
  },
  pgwire: async () => show('Rows of six columns over the PostgreSQL protocol', await benchPgwire()),
  async reader() {
    const { acknowledgements, statements, rows } = await benchReader(Number(values.seconds));
    show('Acknowledgements while readers ask for much', acknowledgements);
    show('Small statements, directly and over the port', statements);
    show('Many rows of six columns', rows);
  },
  async dashboards() {
    const keep = typeof values.keep === 'string' ? { keep: values.keep } : {};
    const found = await benchDashboards({ rows: Number(values.rows), ...keep });
    show('The ledger', [found.ledger]);
    show('Dashboards as a whole', found.dashboards);
    show('The slowest panels', found.panels);
    show('Views', found.views);
    for (const problem of found.problems) process.stdout.write(`${problem}\n`);
  },
  rerate: async () => show('Rating a million stored records again', [await benchRerate()]),
};

function show(title: string, rows: readonly object[]): void {
  process.stdout.write(`\n${title}\n`);
  console.table(rows);
}

const OPTIONS = ['seconds', 'rows', 'keep', 'help'];
const unknown = [
  ...positionals.filter((name) => benches[name] === undefined),
  ...Object.keys(values)
    .filter((name) => !OPTIONS.includes(name))
    .map((name) => `--${name}`),
];
if (values.help || unknown.length > 0) {
  process.stdout.write(unknown.length > 0 ? `Not known here: ${unknown.join(', ')}.\n\n${HELP}` : HELP);
  process.exitCode = values.help ? 0 : 2;
} else {
  const [cpu] = cpus();
  process.stdout.write(
    `${cpu?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}\n`,
  );
  for (const name of positionals.length > 0
    ? positionals
    : ['scan', 'decide', 'price', 'appender', 'follow', 'journal', 'ingest']) {
    await benches[name]?.();
  }
}
