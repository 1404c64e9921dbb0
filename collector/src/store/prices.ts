import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api';
import { type Rates, TOKEN_CLASSES } from '@spanledger/metering';
import type { DatedCard, PriceCatalogue } from '../catalogue/index.ts';
import { Decimal128Column, IntegerColumn, type TableLayout, TableWriter, TextColumn } from './columns.ts';

/** As the columns of `usage` have them. */
const CLASS_NAMES: { readonly [Class in keyof Rates]: string } = {
  uncachedInput: 'uncached_input',
  cacheRead: 'cache_read',
  cacheWrite: 'cache_write',
  visibleOutput: 'visible_output',
  reasoning: 'reasoning',
};

interface PriceRow {
  readonly dated: DatedCard;
  readonly tokenClass: keyof Rates;
  readonly inputTokensAbove: number;
  readonly rate: bigint;
}

/**
 * Lists the price book in `ledger.price`, once for each version, and says that it is the one in use, so that readers
 * can see what calls were and are rated by.
 */
export async function loadPrices(
  instance: DuckDBInstance,
  catalogue: PriceCatalogue,
  nowMillis: number,
): Promise<void> {
  const connection = await instance.connect();
  try {
    await connection.run('BEGIN TRANSACTION');
    const inUse = await firstValue(
      connection,
      'SELECT book_version FROM ledger.price_book ORDER BY rowid DESC LIMIT 1',
    );
    if (inUse !== catalogue.version) {
      const isListed = await firstValue(
        connection,
        'SELECT 1 FROM ledger.price WHERE book_version = $1 LIMIT 1',
        [catalogue.version],
      );
      if (isListed === undefined) await listPrices(connection, catalogue, nowMillis);
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

async function listPrices(
  connection: DuckDBConnection,
  catalogue: PriceCatalogue,
  nowMillis: number,
): Promise<void> {
  const writer = await TableWriter.open(connection, priceLayout(catalogue.version, nowMillis));
  for (const dated of catalogue.cards()) {
    for (const row of rowsOf(dated)) writer.append(row);
  }
  writer.flush();
  writer.close();
}

async function firstValue(
  connection: DuckDBConnection,
  sql: string,
  values: DuckDBValue[] = [],
): Promise<DuckDBValue | undefined> {
  return (await connection.runAndReadAll(sql, values)).getRows()[0]?.[0];
}

function* rowsOf(dated: DatedCard): Iterable<PriceRow> {
  const { card } = dated;
  for (const { inputTokensAbove, rates } of [{ inputTokensAbove: 0, rates: card.rates }, ...card.tiers]) {
    for (const tokenClass of TOKEN_CLASSES) {
      const rate = rates[tokenClass];
      if (rate !== null) yield { dated, tokenClass, inputTokensAbove, rate };
    }
  }
}

/** The column DECIMAL(20, 9) counts in the core's own rate unit, so rates go in as they are. */
function priceLayout(bookVersion: string, nowMillis: number): TableLayout<PriceRow> {
  const version = new TextColumn();
  const loadedAt = new IntegerColumn();
  const card = new TextColumn();
  const provider = new TextColumn();
  const model = new TextColumn();
  const tokenClass = new TextColumn();
  const above = new IntegerColumn();
  const rate = new Decimal128Column();
  const from = new IntegerColumn();
  const to = new IntegerColumn();
  return {
    schema: 'ledger',
    table: 'price',
    columns: [version, loadedAt, card, provider, model, tokenClass, above, rate, from, to],
    set(row, price) {
      const { validFromMicros, validToMicros } = price.dated;
      version.set(row, bookVersion);
      loadedAt.set(row, nowMillis * 1000);
      card.set(row, price.dated.card.id);
      provider.set(row, price.dated.card.provider);
      model.set(row, price.dated.card.model);
      tokenClass.set(row, CLASS_NAMES[price.tokenClass]);
      above.set(row, price.inputTokensAbove);
      rate.set(row, price.rate);
      from.set(row, Number.isFinite(validFromMicros) ? validFromMicros : null);
      to.set(row, validToMicros);
    },
  };
}
