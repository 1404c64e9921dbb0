import { once } from 'node:events';
import { createInterface } from 'node:readline';
import {
  canonicalProvider,
  formatDecimal,
  instantMicros,
  providerOfModel,
  USD_SCALE,
} from '@spanledger/metering';
import { InvalidArgumentError } from 'commander';
import type { PriceCatalogue } from '../catalogue/index.ts';
import { SpanledgerError } from '../errors.ts';
import { grouped, type Output, type Paint, padEnd, padStart, visible } from '../terminal.ts';
import { answerOf, type Question, ratingOf, readQuestion } from './priced-line.ts';

/** Prices one line of JSON after the other; false when some could not be read. Every line in gives one line out. */
export async function priceLines(
  input: NodeJS.ReadableStream,
  out: NodeJS.WritableStream,
  catalogue: PriceCatalogue,
): Promise<boolean> {
  let isWell = true;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue;
    const { answer, isRead } = pricedLine(line, catalogue);
    isWell &&= isRead;
    if (!out.write(`${JSON.stringify(answer)}\n`)) await once(out, 'drain');
  }
  return isWell;
}

function pricedLine(
  line: string,
  catalogue: PriceCatalogue,
): { readonly answer: object; readonly isRead: boolean } {
  const refusal = (input: object, expected: string) => ({
    answer: {
      ...input,
      cost_usd: null,
      status: 'error',
      reason: expected,
      match_kind: null,
      rate_card: null,
      lines: [],
    },
    isRead: false,
  });
  let value: unknown;
  try {
    // Some editors begin a file with a byte order mark.
    value = JSON.parse(line.replace(/^\uFEFF/, ''));
  } catch (cause) {
    return refusal(
      { input: line },
      `expected a JSON object on each line: ${cause instanceof Error ? cause.message : cause}`,
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refusal({ input: value }, 'expected a JSON object on each line');
  }
  const read = readQuestion(value);
  if (read.kind === 'mistake') return refusal(asked(value), read.expected);
  return { answer: { ...asked(value), ...answerOf(ratingOf(read.question, catalogue)) }, isRead: true };
}

/** Without what an earlier answer said: a line that was answered once may be asked again. */
function asked(value: object): object {
  const { ...question }: Record<string, unknown> = { ...value };
  for (const field of ANSWER_FIELDS) delete question[field];
  return question;
}

const ANSWER_FIELDS = [
  'cost_usd',
  'cost_known_part_usd',
  'status',
  'reason',
  'note',
  'match_kind',
  'rate_card',
  'lines',
] as const;

/** The options of `spanledger price MODEL`, as the command line has them. */
export interface PriceOptions {
  readonly provider?: string;
  readonly at?: string;
  readonly serviceTier?: string;
  readonly region?: string;
  readonly inferenceGeo?: string;
  readonly tenant?: string;
  readonly customer?: string;
  readonly input?: number;
  readonly output?: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
  readonly cacheWrite1h?: number;
  readonly reasoning?: number;
  readonly inputAudio?: number;
  readonly outputAudio?: number;
  readonly inputImage?: number;
  readonly outputImage?: number;
  readonly requests?: number;
  readonly webSearches?: number;
  readonly images?: number;
  readonly seconds?: number;
  readonly pages?: number;
}

/** A count on the command line: `1200` or, for people, `1_200`. */
export function countArgument(text: string): number {
  const number = /^\d+(?:[_,]\d+)*(?:\.\d+)?$/.test(text) ? Number(text.replaceAll(/[_,]/g, '')) : Number.NaN;
  if (!Number.isFinite(number)) throw new InvalidArgumentError('expected a count of 0 or more');
  return number;
}

export function questionOf(model: string, options: PriceOptions, nowMillis: number): Question {
  const provider = options.provider ?? providerOfModel(model);
  if (provider === null) {
    throw new SpanledgerError(
      'SL_PRICE_QUESTION',
      `Nothing in the name ${visible(model)} tells whose model it is; say it with --provider (openai, anthropic, aws.bedrock, …).`,
    );
  }
  const atMicros = options.at === undefined ? nowMillis * 1000 : instantMicros(options.at);
  if (atMicros === null) {
    throw new SpanledgerError(
      'SL_PRICE_QUESTION',
      `--at expects an instant (2026-01-15T12:00:00Z) or a date, found ${visible(options.at ?? '')}.`,
    );
  }
  if (COUNTS_OF_OPTIONS.every((count) => options[count] === undefined)) {
    throw new SpanledgerError(
      'SL_PRICE_QUESTION',
      'How much of it? Give at least one count, for instance --input 1200 --output 300.',
    );
  }
  const usage = {
    input_tokens: options.input ?? (isByPiece(options) ? undefined : 0),
    cache_read_tokens: options.cacheRead,
    cache_write_tokens: options.cacheWrite,
    cache_write_1h_tokens: options.cacheWrite1h,
    output_tokens: options.output ?? 0,
    reasoning_tokens: options.reasoning,
    input_audio_tokens: options.inputAudio,
    output_audio_tokens: options.outputAudio,
    input_image_tokens: options.inputImage,
    output_image_tokens: options.outputImage,
    requests: options.requests,
    web_searches: options.webSearches,
    images: options.images,
    seconds: options.seconds,
    pages: options.pages,
  };
  return {
    provider: canonicalProvider(provider),
    model,
    atMicros,
    serviceTier: options.serviceTier ?? null,
    region: options.region ?? null,
    inferenceGeo: options.inferenceGeo ?? null,
    tenant: options.tenant ?? 'default',
    customer: options.customer ?? null,
    usage,
  };
}

const COUNTS_OF_OPTIONS = [
  'input',
  'output',
  'cacheRead',
  'cacheWrite',
  'cacheWrite1h',
  'reasoning',
  'inputAudio',
  'outputAudio',
  'inputImage',
  'outputImage',
  'requests',
  'webSearches',
  'images',
  'seconds',
  'pages',
] as const satisfies readonly (keyof PriceOptions)[];

function isByPiece({ output, images, seconds, pages }: PriceOptions): boolean {
  return output === undefined && (images !== undefined || seconds !== undefined || pages !== undefined);
}

/** The line items of one price, for people. True when there is a cost. */
export function printPrice(
  out: Output,
  question: Question,
  catalogue: PriceCatalogue,
  paint: Paint,
): boolean {
  const rating = ratingOf(question, catalogue);
  const answer = answerOf(rating);
  const at = new Date(question.atMicros / 1000).toISOString().replace(/\.\d+Z$/, 'Z');
  out.write(
    `${paint('bold', visible(question.model ?? ''))} of ${visible(question.provider ?? '')} at ${at}\n`,
  );
  if (answer.rate_card !== null) {
    out.write(
      paint('dim', `rate card ${visible(answer.rate_card)}, ${words(answer.match_kind ?? '')} match\n`),
    );
  }
  const rows = answer.lines.map((line) => [
    words(line.item),
    typeof line.quantity === 'number' ? grouped(line.quantity) : line.quantity,
    rateText(line),
    line.cost_usd === null ? 'no price' : line.cost_usd,
    [
      ...('factor' in line ? [`× ${line.factor}`] : []),
      ...('rate_of' in line ? [`at the rate of ${words(line.rate_of)}`] : []),
    ].join(', '),
  ]);
  if (rows.length > 0) printColumns(out, [['', 'quantity', 'USD', 'cost in USD', ''], ...rows], paint);
  if (rating.kind === 'priced') {
    const total = formatDecimal(rating.cost, USD_SCALE);
    out.write(
      `${paint('bold', `total ${total} USD`)}${rating.status === 'priced' ? '' : ` (${rating.status})`}\n`,
    );
    return true;
  }
  const note = 'note' in answer && answer.note !== undefined ? `: ${visible(answer.note)}` : '';
  const known = 'cost_known_part_usd' in answer ? `; known part ${answer.cost_known_part_usd} USD` : '';
  out.write(
    `${paint('yellow', `no price: ${'reason' in answer ? answer.reason : answer.status}`)}${note}${known}\n`,
  );
  return false;
}

function rateText(line: ReturnType<typeof answerOf>['lines'][number]): string {
  if ('usd_each' in line && line.usd_each !== undefined) return `${line.usd_each ?? '-'} each`;
  if ('usd_per_hour' in line && line.usd_per_hour !== undefined) return `${line.usd_per_hour ?? '-'} an hour`;
  if ('usd_per_million' in line) return `${line.usd_per_million ?? '-'} per million`;
  return '-';
}

function words(name: string): string {
  return name.replaceAll('_', ' ');
}

/** The first and last column to the left, numbers to the right. */
function printColumns(out: Output, rows: readonly (readonly string[])[], paint: Paint): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  rows.forEach((row, index) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 || column === row.length - 1 ? padEnd(cell, width) : padStart(cell, width);
    });
    const line = `  ${cells.join('  ')}`.trimEnd();
    out.write(`${index === 0 ? paint('dim', line) : line}\n`);
  });
}
