import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api';
import {
  divideHalfEven,
  formatDecimal,
  PRICE_CLASSES,
  RATE_SCALE,
  type RateCard,
  type RateTable,
  type Ratio,
} from '@spanledger/metering';
import {
  cardContent,
  contentKey,
  type DatedCard,
  hoursText,
  type PriceCatalogue,
} from '../catalogue/index.ts';
import { Decimal128Column, IntegerColumn, type TableLayout, TableWriter, TextColumn } from './columns.ts';

/**
 * Writes the price book down as far as the ledger does not know it yet, and says that it is the one in use: readers see
 * what calls are rated by, what was valid when, and what was known when. Nothing that was written is changed.
 */
export async function loadPrices(
  instance: DuckDBInstance,
  catalogue: PriceCatalogue,
  nowMillis: number,
): Promise<void> {
  const connection = await instance.connect();
  try {
    await connection.run('BEGIN TRANSACTION');
    const [inUse] = await firstColumn(
      connection,
      'SELECT book_version FROM ledger.price_book ORDER BY rowid DESC LIMIT 1',
    );
    if (inUse !== catalogue.version) {
      await writeChanges(connection, catalogue, nowMillis);
      await writeCurrencies(connection, catalogue);
      await connection.run('INSERT INTO ledger.price_book SELECT $1, make_timestamptz($2::BIGINT * 1000)', [
        catalogue.version,
        nowMillis,
      ]);
    }
    await connection.run('COMMIT');
  } finally {
    connection.closeSync();
  }
}

async function writeChanges(
  connection: DuckDBConnection,
  { version, cards }: PriceCatalogue,
  nowMillis: number,
): Promise<void> {
  const known = new Set(
    await firstColumn(connection, 'SELECT entry_key FROM ledger.rate_card_history WHERE known_to IS NULL'),
  );
  const charged = new Set(await firstColumn(connection, 'SELECT DISTINCT card_key FROM ledger.rate_line'));
  const cardRows = await TableWriter.open(connection, cardLayout(version, nowMillis));
  const lineRows = await TableWriter.open(connection, lineLayout());
  const held = new Set<DuckDBValue>();
  for (const dated of cards()) {
    const entry = entryOf(dated);
    const entryKey = BigInt(entry.entryKey);
    if (held.has(entryKey)) continue;
    held.add(entryKey);
    if (known.has(entryKey)) continue;
    cardRows.append(entry);
    const cardKey = BigInt(entry.cardKey);
    if (charged.has(cardKey)) continue;
    charged.add(cardKey);
    for (const line of linesOf(dated.card, entry.cardKey)) lineRows.append(line);
  }
  for (const rows of [cardRows, lineRows]) {
    rows.flush();
    rows.close();
  }
  for (const entryKey of known) {
    if (held.has(entryKey)) continue;
    await connection.run(
      'INSERT INTO ledger.rate_card_retraction SELECT $1::BIGINT, make_timestamptz($2::BIGINT * 1000), $3',
      [entryKey, nowMillis, version],
    );
  }
}

/** Settings, not facts: those of the book in use take the place of the earlier ones. */
async function writeCurrencies(connection: DuckDBConnection, { currencies }: PriceCatalogue): Promise<void> {
  await connection.run('DELETE FROM ledger.currency_rate');
  for (const { currency, fromMicros, toMicros, perUsd } of currencies) {
    await connection.run(
      `INSERT INTO ledger.currency_rate
       SELECT $1, make_timestamptz($2::BIGINT), make_timestamptz($3::BIGINT), $4::DECIMAL(20, 9)`,
      [currency, fromMicros, toMicros, formatDecimal(perUsd, RATE_SCALE)],
    );
  }
}

async function firstColumn(connection: DuckDBConnection, sql: string): Promise<readonly DuckDBValue[]> {
  const rows = await connection.runAndReadAll(sql);
  return rows.getRows().flatMap(([value]) => (value === undefined ? [] : [value]));
}

interface CardRow {
  readonly dated: DatedCard;
  readonly entryKey: number;
  readonly cardKey: number;
  readonly content: string;
  readonly hours: string | null;
}

function entryOf(dated: DatedCard): CardRow {
  const { provider, card, fromMicros, toMicros, scope } = dated;
  const content = cardContent(card);
  const hours = hoursText(dated.hours);
  const cardKey = contentKey(content);
  const entryKey = contentKey(JSON.stringify([provider, cardKey, fromMicros, toMicros, scope, hours]));
  return { dated, entryKey, cardKey, content, hours };
}

interface LineRow {
  readonly cardKey: number;
  readonly serviceTier: string;
  readonly tokenClass: string;
  readonly inputTokensAbove: number;
  /** 10⁻⁹ USD. */
  readonly perMillion: bigint | null;
  /** 10⁻¹⁵ USD. */
  readonly each: bigint | null;
}

/** What a reader of a price list expects: every factor that does not depend on the call already applied. */
function* linesOf(card: RateCard, cardKey: number): Iterable<LineRow> {
  const { standard, discount } = card;
  yield* tableLines({ cardKey, serviceTier: 'standard' }, standard, [discount]);
  for (const [serviceTier, tier] of card.serviceTiers) {
    const place = { cardKey, serviceTier };
    if (tier.kind === 'table') yield* tableLines(place, tier, [discount]);
    else yield* tableLines(place, standard, [discount, tier.factor]);
  }
  for (const [unit, price] of Object.entries(card.units)) {
    yield {
      cardKey,
      serviceTier: 'standard',
      tokenClass: unit,
      inputTokensAbove: 0,
      perMillion: null,
      each: unit === 'second' ? divideHalfEven(price, 3600n) : price,
    };
  }
}

function* tableLines(
  place: Pick<LineRow, 'cardKey' | 'serviceTier'>,
  table: RateTable,
  factors: readonly (Ratio | null)[],
): Iterable<LineRow> {
  const applied = (rate: bigint) => {
    let numerator = rate;
    let denominator = 1n;
    for (const factor of factors) {
      if (factor === null) continue;
      numerator *= factor.numerator;
      denominator *= factor.denominator;
    }
    return divideHalfEven(numerator, denominator);
  };
  const parts = [
    { inputTokensAbove: 0, rates: table.rates },
    ...table.tiers.map(({ threshold, operator, rates }) => ({
      inputTokensAbove: operator === 'gt' ? threshold : threshold - 1,
      rates,
    })),
  ];
  for (const { inputTokensAbove, rates } of parts) {
    for (const tokenClass of PRICE_CLASSES) {
      const rate = rates[tokenClass];
      if (rate === undefined) continue;
      yield { ...place, tokenClass, inputTokensAbove, perMillion: applied(rate), each: null };
    }
  }
}

function cardLayout(bookVersion: string, nowMillis: number): TableLayout<CardRow> {
  const entryKey = new IntegerColumn();
  const cardKey = new IntegerColumn();
  const card = new TextColumn();
  const provider = new TextColumn();
  const model = new TextColumn();
  const tenant = new TextColumn();
  const customer = new TextColumn();
  const from = new IntegerColumn();
  const to = new IntegerColumn();
  const hours = new TextColumn();
  const content = new TextColumn();
  const knownFrom = new IntegerColumn();
  const version = new TextColumn();
  return {
    schema: 'ledger',
    table: 'rate_card',
    columns: [
      entryKey,
      cardKey,
      card,
      provider,
      model,
      tenant,
      customer,
      from,
      to,
      hours,
      content,
      knownFrom,
      version,
    ],
    set(row, entry) {
      const { dated } = entry;
      entryKey.set(row, entry.entryKey);
      cardKey.set(row, entry.cardKey);
      card.set(row, dated.card.id);
      provider.set(row, dated.provider);
      model.set(row, dated.card.model);
      tenant.set(row, dated.scope?.tenant ?? null);
      customer.set(row, dated.scope?.customer ?? null);
      from.set(row, dated.fromMicros);
      to.set(row, dated.toMicros);
      hours.set(row, entry.hours);
      content.set(row, entry.content);
      knownFrom.set(row, nowMillis * 1000);
      version.set(row, bookVersion);
    },
  };
}

/** The columns count in the core's own units, so rates go in as they are. */
function lineLayout(): TableLayout<LineRow> {
  const cardKey = new IntegerColumn();
  const serviceTier = new TextColumn();
  const tokenClass = new TextColumn();
  const above = new IntegerColumn();
  const perMillion = new Decimal128Column();
  const each = new Decimal128Column();
  return {
    schema: 'ledger',
    table: 'rate_line',
    columns: [cardKey, serviceTier, tokenClass, above, perMillion, each],
    set(row, line) {
      cardKey.set(row, line.cardKey);
      serviceTier.set(row, line.serviceTier);
      tokenClass.set(row, line.tokenClass);
      above.set(row, line.inputTokensAbove);
      perMillion.set(row, line.perMillion);
      each.set(row, line.each);
    },
  };
}
