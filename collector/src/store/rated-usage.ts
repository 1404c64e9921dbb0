import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import type { CallStatus } from '@spanledger/metering';
import { type ActionKey, actionLink, actionOf, actionText } from '../ledger/action.ts';
import type {
  RatableUsage,
  RatedUsage,
  RatedUsageReader,
  UsagePage,
  UsageSelection,
} from '../ledger/rated-usage.ts';
import { withKeys } from './key-table.ts';
import { actionLayout, COST_ONLY, DEGRADED } from './layout.ts';
import { RATING_COLUMNS, RatingReaders } from './rating-columns.ts';
import { BigIntReader, HexReader, IntegerReader, TextReader, WordReader } from './read-columns.ts';
import type { Words } from './words.ts';

/** Names that recur: fetched once for all rows of a page that share all of them. */
const NAMES = ['customer', 'feature', 'provider', 'request_model', 'response_model'] as const;

const WORDS = [
  'tenant',
  'usage_class',
  'usage_status',
  'billing_role',
  'status',
  'service_tier',
  'region',
  'inference_geo',
  'outcome',
  'import_mode',
  'action_form',
  'custom_unit',
] as const;

const INTEGERS = [
  'event_time',
  'revision',
  'digest',
  'uncached_input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'visible_output_tokens',
  'reasoning_tokens',
  'cache_write_5m_tokens',
  'cache_write_1h_tokens',
  'audio_input_tokens',
  'audio_output_tokens',
  'image_input_tokens',
  'image_output_tokens',
  'cache_read_audio_tokens',
  'cache_write_12h_tokens',
  'requests',
  'web_searches',
  'images',
  'milliseconds',
  'pages',
  'custom_thousandths',
] as const;

/** A record with what a later decision is compared with. */
export interface ReadRecord extends RatedUsage {
  readonly digest: number;
}

/**
 * Reads usage records back: some hundred thousand rows a second, because columns stay columns and what recurs is read
 * once.
 */
export class RecordReader {
  readonly connection: DuckDBConnection;
  readonly words: Words;
  private readonly columns: RecordColumns;

  constructor(connection: DuckDBConnection, words: Words) {
    this.connection = connection;
    this.words = words;
    this.columns = new RecordColumns(words);
  }

  /** @param from what follows `FROM ledger.usage_record u` */
  async read(from: string, parameters: string[] = []): Promise<readonly ReadRecord[]> {
    // Rows with the same names come one after the other, with a number that is theirs: names need no comparing.
    const result = await this.connection.run(
      `SELECT min(u.rowid) OVER (PARTITION BY ${NAMES.map((name) => `u.${name}`).join(', ')}), u.rowid, ${[
        'trace_id',
        'span_id',
        'action_id',
        ...NAMES,
        ...WORDS,
        ...INTEGERS,
        ...RATING_COLUMNS,
      ]
        .map((name) => `u.${name}`)
        .join(', ')} FROM ledger.usage_record u ${from}`,
      parameters,
    );
    const records: ReadRecord[] = [];
    for (const chunk of await result.fetchAllChunks()) this.columns.read(chunk, records);
    return records;
  }

  /** Billed calls of the actions whose keys are in the table; those of others that share a link are left out. */
  async ofActions(actions: readonly ActionKey[]): Promise<readonly ReadRecord[]> {
    if (actions.length === 0) return [];
    const wanted = new Set(actions.map(actionText));
    return await withKeys(
      this.connection,
      actionLayout(this.words),
      actions.map((action) => ({ ...action, link: actionLink(action) })),
      async () => {
        const isBilled = `u.billing_role = ${codesOf(`word = 'billed'`)}`;
        const inTraces = await this.read(
          `JOIN (SELECT DISTINCT tenant, trace_id FROM temp.action WHERE link IS NULL) a
             ON a.trace_id = u.trace_id AND a.tenant = u.tenant WHERE ${isBilled}`,
        );
        const named = await this.read(
          `JOIN (SELECT DISTINCT tenant, link FROM temp.action WHERE link IS NOT NULL) a
             ON a.link = u.action_link AND a.tenant = u.tenant WHERE ${isBilled}`,
        );
        return [...inTraces, ...named].filter(({ usage, tenant }) => {
          const found = actionOf(usage, tenant);
          return found.kind === 'action' && wanted.has(actionText(found.action));
        });
      },
    );
  }
}

/** Reads billed usage back for rating it again. */
export class UsageReader implements RatedUsageReader {
  private readonly connection: DuckDBConnection;
  private readonly records: RecordReader;

  constructor(connection: DuckDBConnection, words: Words) {
    this.connection = connection;
    this.records = new RecordReader(connection, words);
  }

  /** A reader of its own connection is closed when it is done. */
  close(): void {
    this.connection.closeSync();
  }

  async count(selection: UsageSelection): Promise<number> {
    const rows = await this.select('count(*)', selection, '');
    return Number(rows[0]?.[0] ?? 0);
  }

  async page(selection: UsageSelection, maxRows: number): Promise<UsagePage> {
    const nextMicros = await this.endOfPage(selection, maxRows);
    const { fromMicros, toMicros } = selection;
    const condition = conditionOf({ ...selection, fromMicros, toMicros: nextMicros ?? toMicros });
    return { usages: await this.records.read(`WHERE ${condition}`, parametersOf(selection)), nextMicros };
  }

  async ofActions(actions: readonly ActionKey[]): Promise<readonly RatedUsage[]> {
    return await this.records.ofActions(actions);
  }

  /** The instant before which there are about so many rows; null: there are not more. */
  private async endOfPage(selection: UsageSelection, maxRows: number): Promise<number | null> {
    const rows = await this.select(
      'epoch_us(event_time)',
      selection,
      `ORDER BY event_time LIMIT 1 OFFSET ${maxRows}`,
    );
    const micros = rows[0]?.[0];
    if (micros === undefined) return null;
    // More than a page of one instant: all of it, as a page that ends where it begins would never end.
    const end = Math.max(Number(micros), selection.fromMicros + 1);
    return end < selection.toMicros ? end : null;
  }

  private async select(what: string, selection: UsageSelection, order: string) {
    const result = await this.connection.runAndReadAll(
      `SELECT ${what} FROM ledger.usage_record WHERE ${conditionOf(selection)} ${order}`,
      parametersOf(selection),
    );
    return result.getRows();
  }
}

function conditionOf({ fromMicros, toMicros, model, scope }: UsageSelection): string {
  const conditions = [
    `event_time >= make_timestamptz(${fromMicros})`,
    `event_time < make_timestamptz(${toMicros})`,
    `billing_role = ${codesOf(`word = 'billed'`)}`,
  ];
  if (model !== null) conditions.push('coalesce(response_model, request_model) = $1');
  if (scope === 'unpriced') {
    conditions.push(`price_status IN ${codesOf(`word = 'partial' OR starts_with(word, 'unpriced:')`)}`);
  }
  return conditions.join(' AND ');
}

function codesOf(condition: string): string {
  return `(SELECT code FROM ledger.word WHERE ${condition})`;
}

function parametersOf({ model }: UsageSelection): string[] {
  return model === null ? [] : [model];
}

type Names = Pick<RatableUsage, 'customer' | 'feature' | 'provider' | 'requestModel' | 'responseModel'>;

/** The columns of a page, chunk by chunk. */
class RecordColumns {
  /** Rows of an open transaction have numbers beyond 2⁵⁵: as floats, those of neighbours would be the same. */
  private readonly group = new BigIntReader();
  private readonly row = new IntegerReader();
  private readonly traceId = new HexReader(16);
  private readonly spanId = new HexReader(8);
  private readonly actionId = new TextReader();
  private readonly names = readers(NAMES, () => new TextReader());
  private readonly words;
  private readonly integers = readers(INTEGERS, () => new IntegerReader());
  private readonly rating: RatingReaders;

  constructor(words: Words) {
    this.words = readers(WORDS, () => new WordReader(words));
    this.rating = new RatingReaders(words);
  }

  read(chunk: DuckDBDataChunk, into: ReadRecord[]): void {
    const columns = [
      this.group,
      this.row,
      this.traceId,
      this.spanId,
      this.actionId,
      ...NAMES.map((name) => this.names[name]),
      ...WORDS.map((name) => this.words[name]),
      ...INTEGERS.map((name) => this.integers[name]),
    ];
    for (const [index, column] of columns.entries()) column.load(chunk, index);
    this.rating.load(chunk, columns.length);
    let group: bigint | null = null;
    let names: Names | null = null;
    // Asking for the number of rows is a call out of JavaScript.
    const { rowCount } = chunk;
    for (let row = 0; row < rowCount; row++) {
      const groupOfRow = this.group.at(row);
      if (names === null || groupOfRow !== group) names = this.namesOf(row);
      group = groupOfRow;
      const traceId = this.traceId.at(row);
      const spanId = this.spanId.at(row);
      into.push({
        row: this.row.at(row),
        tenant: this.words.tenant.required(row),
        traceId,
        spanId,
        revision: this.integers.revision.orNull(row) ?? 1,
        digest: this.integers.digest.orNull(row) ?? 0,
        usage: this.usageOf(row, names, traceId, spanId),
        rating: this.rating.at(row),
      });
    }
  }

  private namesOf(row: number): Names {
    const { names } = this;
    return {
      customer: names.customer.orNull(row),
      feature: names.feature.orNull(row),
      provider: names.provider.orNull(row),
      requestModel: names.request_model.orNull(row),
      responseModel: names.response_model.orNull(row),
    };
  }

  private usageOf(row: number, names: Names, traceId: string, spanId: string): RatableUsage {
    const { words, integers } = this;
    const status = words.status.required(row) as CallStatus;
    return {
      ...names,
      traceId,
      spanId,
      actionId: this.actionId.orNull(row) ?? traceId,
      eventTimeMicros: integers.event_time.at(row),
      // Only metering writes these columns, and only words of these types.
      usageClass: words.usage_class.required(row) as RatableUsage['usageClass'],
      usageStatus: words.usage_status.required(row) as RatableUsage['usageStatus'],
      billingRole: words.billing_role.required(row) as RatableUsage['billingRole'],
      status,
      // Records from before actions were known.
      outcome: (words.outcome.orNull(row) ?? status) as CallStatus,
      isCostOnly: words.import_mode.orNull(row) === COST_ONLY,
      isDegraded: words.action_form.orNull(row) === DEGRADED,
      tokens: this.tokensOf(row),
      cacheWrite5m: integers.cache_write_5m_tokens.orNull(row),
      cacheWrite1h: integers.cache_write_1h_tokens.orNull(row),
      modalities: this.modalitiesOf(row),
      serviceTier: words.service_tier.orNull(row),
      region: words.region.orNull(row),
      inferenceGeo: words.inference_geo.orNull(row),
      cacheWrite12h: integers.cache_write_12h_tokens.orNull(row),
      units: this.unitsOf(row),
    };
  }

  /** The classes are known together or not at all. */
  private tokensOf(row: number): RatableUsage['tokens'] {
    const { integers } = this;
    if (integers.uncached_input_tokens.isNull(row)) return null;
    return {
      uncachedInput: integers.uncached_input_tokens.at(row),
      cacheRead: integers.cache_read_tokens.at(row),
      cacheWrite: integers.cache_write_tokens.at(row),
      visibleOutput: integers.visible_output_tokens.at(row),
      reasoning: integers.reasoning_tokens.at(row),
    };
  }

  private modalitiesOf(row: number): RatableUsage['modalities'] {
    const { integers } = this;
    const audioInput = integers.audio_input_tokens.orNull(row);
    const audioOutput = integers.audio_output_tokens.orNull(row);
    const imageInput = integers.image_input_tokens.orNull(row);
    const imageOutput = integers.image_output_tokens.orNull(row);
    const cacheReadAudio = integers.cache_read_audio_tokens.orNull(row);
    const isNone =
      audioInput === null &&
      audioOutput === null &&
      imageInput === null &&
      imageOutput === null &&
      cacheReadAudio === null;
    return isNone ? null : { audioInput, audioOutput, imageInput, imageOutput, cacheReadAudio };
  }

  private unitsOf(row: number): RatableUsage['units'] {
    const { integers, words } = this;
    const requests = integers.requests.orNull(row);
    const webSearches = integers.web_searches.orNull(row);
    const images = integers.images.orNull(row);
    const milliseconds = integers.milliseconds.orNull(row);
    const pages = integers.pages.orNull(row);
    const unit = words.custom_unit.orNull(row);
    const custom = unit === null ? null : { unit, thousandths: integers.custom_thousandths.at(row) };
    const units = { requests, webSearches, images, milliseconds, pages, custom };
    return Object.values(units).every((count) => count === null) ? null : units;
  }
}

function readers<Name extends string, Reader>(
  names: readonly Name[],
  make: () => Reader,
): { readonly [N in Name]: Reader } {
  // What Object.fromEntries gives has exactly these names.
  return Object.fromEntries(names.map((name) => [name, make()])) as { [N in Name]: Reader };
}
