import { inputTokensOf, type ReportedSpan, type TraceReport } from './api/trace.ts';
import {
  counted,
  cutPieces,
  grouped,
  type Output,
  type Paint,
  type Piece,
  padEnd,
  painted,
  visible,
  widthOfPieces,
} from './terminal.ts';

/**
 * Prints a trace as people read it: the tree of its spans, for each gen-ai span who bills and why, with which tokens,
 * at what cost, for whom; the totals below. Billed calls are numbered, so that what repeats them can point at them.
 *
 * Spans without gen-ai work in or below them are only counted, unless `isWhole`.
 */
export function printTrace(
  out: Output,
  report: TraceReport,
  { paint, isWhole }: { readonly paint: Paint; readonly isWhole: boolean },
): void {
  const columns = out.isTTY === true ? (out.columns ?? DEFAULT_COLUMNS) : Number.POSITIVE_INFINITY;
  const numbers = numbersOfBilled(report.spans);
  const lines = treesOf(report.spans).flatMap((tops, index) => [
    ...(index === 0 ? [] : [EMPTY]),
    ...headOf(tops, index > 0),
    ...linesBelow(tops, '', { numbers, isWhole }),
  ]);
  const widths = widthsOf(lines, columns);
  for (const line of [...lines, EMPTY, totalsOf(report)]) {
    out.write(`${painted(cutPieces(piecesOf(line, widths), columns), paint)}\n`);
  }
}

const DEFAULT_COLUMNS = 80;
const MIN_LABEL_COLUMNS = 24;

/** Role and facts stand in columns behind the longest label; a line without a role is free. */
interface Line {
  readonly label: readonly Piece[];
  readonly role?: Piece;
  readonly facts?: readonly Piece[];
}

const EMPTY: Line = { label: [] };

interface Widths {
  readonly label: number;
  readonly role: number;
}

function widthsOf(lines: readonly Line[], columns: number): Widths {
  const withRole = lines.filter(({ role }) => role !== undefined);
  // Not even half of a terminal for the names: what stands behind them matters more.
  const mostLabel = Math.max(MIN_LABEL_COLUMNS, Math.floor(columns * 0.4));
  return {
    label: Math.min(Math.max(0, ...withRole.map(({ label }) => widthOfPieces(label))), mostLabel),
    role: Math.max(0, ...withRole.map(({ role }) => role?.text.length ?? 0)),
  };
}

function piecesOf({ label, role, facts = [] }: Line, widths: Widths): readonly Piece[] {
  if (role === undefined) return label;
  const cut = cutPieces(label, widths.label);
  const padding = ' '.repeat(widths.label - widthOfPieces(cut));
  const columns = [{ ...role, text: padEnd(role.text, widths.role) }, ...facts];
  return [...cut, { text: padding }, ...columns.flatMap((piece) => [{ text: '  ' }, piece])];
}

interface Branch {
  readonly span: ReportedSpan;
  readonly below: Branch[];
}

/** The tops of each trace, with all that is below them, in the order of the report. */
function treesOf(spans: readonly ReportedSpan[]): readonly (readonly Branch[])[] {
  const trees: Branch[][] = [];
  const path: Branch[] = [];
  let traceId = '';
  for (const span of spans) {
    const branch: Branch = { span, below: [] };
    if (span.trace_id !== traceId) trees.push([]);
    traceId = span.trace_id;
    path.length = span.depth;
    const siblings = path.at(-1)?.below ?? trees.at(-1);
    siblings?.push(branch);
    path.push(branch);
  }
  return trees;
}

/** The numbers of what bills, by usage_id. */
function numbersOfBilled(spans: readonly ReportedSpan[]): ReadonlyMap<string, number> {
  const billed = spans.filter(({ billing_role }) => billing_role === 'billed');
  return new Map(billed.map(({ trace_id, span_id }, index) => [`${trace_id}${span_id}`, index + 1]));
}

function headOf(tops: readonly Branch[], isLinked: boolean): readonly Line[] {
  const spans = tops.flatMap(withAllBelow);
  const [first] = spans;
  if (first === undefined) return [];
  const label: Piece[] = [
    { text: `${isLinked ? 'Linked trace' : 'Trace'} ${first.trace_id}`, format: 'bold' },
    { text: `  ${counted(spans.length, 'span')}, ${shortInstant(first.started_at)}`, format: 'dim' },
  ];
  return [{ label }];
}

function withAllBelow({ span, below }: Branch): ReportedSpan[] {
  return [span, ...below.flatMap(withAllBelow)];
}

/** `2026-11-22 17:11:54 UTC` */
function shortInstant(instant: string): string {
  return `${instant.slice(0, 19).replace('T', ' ')} UTC`;
}

interface View {
  readonly numbers: ReadonlyMap<string, number>;
  readonly isWhole: boolean;
}

function linesBelow(branches: readonly Branch[], above: string, view: View): readonly Line[] {
  const shown = view.isWhole ? branches : withRunsCounted(branches);
  return shown.flatMap((one, index): readonly Line[] => {
    const isLast = index === shown.length - 1;
    const guides = { text: `${above}${isLast ? '└─ ' : '├─ '}`, format: 'dim' } as const;
    if (typeof one === 'number') {
      return [{ label: [guides, { text: `… ${counted(one, 'plain span')}`, format: 'dim' }] }];
    }
    return [
      spanLine(one.span, guides, view.numbers),
      ...linesBelow(one.below, `${above}${isLast ? '   ' : '│  '}`, view),
    ];
  });
}

/** Branches without gen-ai work become the number of their spans, one number for those that stand together. */
function withRunsCounted(branches: readonly Branch[]): readonly (Branch | number)[] {
  const shown: (Branch | number)[] = [];
  for (const branch of branches) {
    const spans = withAllBelow(branch);
    if (!spans.every(isPlain)) {
      shown.push(branch);
      continue;
    }
    const before = shown.at(-1);
    if (typeof before === 'number') shown[shown.length - 1] = before + spans.length;
    else shown.push(spans.length);
  }
  return shown;
}

function isPlain({ billing_role, kind_of_span }: ReportedSpan): boolean {
  return billing_role === null && (kind_of_span === 'plain' || kind_of_span === 'pending_twin');
}

function spanLine(span: ReportedSpan, guides: Piece, numbers: View['numbers']): Line {
  const name = visible(span.name ?? span.span_id);
  if (isPlain(span)) {
    const service = span.service === null ? '' : `  ${visible(span.service)}`;
    return { label: [guides, { text: `${name}${service}`, format: 'dim' }] };
  }
  const isBilled = span.billing_role === 'billed';
  return {
    label: [guides, { text: name, ...(isBilled ? { format: 'bold' } : {}) }],
    role: roleOf(span, numbers),
    facts: factsOf(span),
  };
}

/** `billed #1`, `duplicate of #1` */
function roleOf(span: ReportedSpan, numbers: View['numbers']): Piece {
  const role = span.billing_role ?? 'undecided';
  const own = numbers.get(`${span.trace_id}${span.span_id}`);
  const other = numbers.get(span.superseded_by ?? '');
  const number = own !== undefined ? ` #${own}` : other !== undefined ? ` of #${other}` : '';
  return { text: `${role}${number}`, format: roleFormat(span) };
}

function roleFormat({ status, billing_role }: ReportedSpan): NonNullable<Piece['format']> {
  if (status === 'error') return 'red';
  switch (billing_role) {
    case 'billed':
      return 'green';
    case 'pending':
    case null:
      return 'yellow';
    default:
      return 'dim';
  }
}

/** The most important first: the end of the line is what a narrow terminal cuts. */
function factsOf(span: ReportedSpan): readonly Piece[] {
  const error: readonly Piece[] = span.status === 'error' ? [{ text: 'error', format: 'red' }] : [];
  return [...error, ...(span.billing_role === 'billed' ? factsOfBilled(span) : factsOfOther(span))];
}

/** Of what bills, the amounts; what is not known is said. */
function factsOfBilled(span: ReportedSpan): readonly Piece[] {
  const lack = (text: string): Piece => ({ text, format: 'yellow' });
  const tokens = tokensOf(span);
  const who = whoOf(span);
  // That a label stands on the span itself is the rule; where else it was found is worth a word.
  const isInherited = span.customer !== null && span.customer_source?.startsWith('span:') === false;
  return [
    span.cost_usd === null
      ? lack(`no price (${words(span.price_status)})`)
      : { text: dollars(span.cost_usd) },
    ...(span.credits === null ? [] : [{ text: credits(span.credits) }]),
    span.customer === null ? lack(who ?? 'no customer') : { text: who ?? '', format: 'cyan' },
    tokens === null ? lack(`usage ${words(span.usage_status)}`) : { text: tokens },
    ...(span.model === null ? [] : [{ text: visible(span.model) }]),
    ...reasonOf(span),
    ...(isInherited ? [dim(`customer from ${visible(span.customer_source ?? '')}`)] : []),
  ];
}

/** Of what does not, the reason; what it repeats is there for comparison. */
function factsOfOther(span: ReportedSpan): readonly Piece[] {
  const rest = [tokensOf(span), span.model === null ? null : visible(span.model), whoOf(span)];
  return [...reasonOf(span), ...rest.filter((text) => text !== null).map(dim)];
}

function dim(text: string): Piece {
  return { text, format: 'dim' };
}

function reasonOf({ role_reason }: ReportedSpan): readonly Piece[] {
  return role_reason === null ? [] : [{ text: visible(role_reason), format: ['dim', 'italic'] }];
}

function whoOf({ customer, feature }: ReportedSpan): string | null {
  if (customer === null && feature === null) return null;
  const who = customer === null ? 'no customer' : visible(customer);
  return feature === null ? who : `${who} · ${visible(feature)}`;
}

/** `in 1,200 (cached 800) out 300 (reasoning 100)`, or null when the span tells none. */
function tokensOf(span: ReportedSpan): string | null {
  const input = inputTokensOf(span);
  if (input === null && span.output_tokens === null) return null;
  const estimated = span.usage_status === 'estimated' ? 'about ' : '';
  const cached = partsOf({ cached: span.cache_read_tokens, written: span.cache_write_tokens });
  const reasoning = partsOf({ reasoning: span.reasoning_tokens });
  return `${estimated}in ${countOrUnknown(input)}${cached} out ${countOrUnknown(span.output_tokens)}${reasoning}`;
}

function countOrUnknown(count: number | null): string {
  return count === null ? '?' : grouped(count);
}

function partsOf(parts: Readonly<Record<string, number | null>>): string {
  const told = Object.entries(parts).flatMap(([name, count]) =>
    count === null || count === 0 ? [] : [`${name} ${grouped(count)}`],
  );
  return told.length === 0 ? '' : ` (${told.join(', ')})`;
}

function totalsOf({ totals, linked_traces }: TraceReport): Line {
  const { billed_calls, input_tokens, output_tokens, cost_usd, unpriced_calls, calls_without_usage } = totals;
  const sums = [
    counted(billed_calls, 'billed call'),
    `in ${countOrUnknown(input_tokens)} out ${countOrUnknown(output_tokens)}`,
    ...(cost_usd === null ? [] : [dollars(cost_usd)]),
    ...(totals.credits === null ? [] : [credits(totals.credits)]),
  ];
  const lacks = [
    ...(unpriced_calls === 0 ? [] : [`${counted(unpriced_calls, 'call')} without a price`]),
    ...(calls_without_usage === 0 ? [] : [`${counted(calls_without_usage, 'call')} without usage`]),
  ];
  const label: Piece[] = [
    { text: linked_traces.length === 0 ? 'Total  ' : `Total of ${linked_traces.length + 1} traces  ` },
    { text: billed_calls === 0 ? 'nothing billed' : sums.join('  '), format: 'bold' },
    { text: lacks.length === 0 ? '' : `  ${lacks.join(', ')}`, format: 'yellow' },
  ];
  return { label };
}

/** Exact, without the zeros behind the last digit. */
function dollars(decimal: string): string {
  return `$${withoutZeros(decimal)}`;
}

function credits(decimal: string): string {
  const amount = withoutZeros(decimal);
  return `${amount} ${amount === '1' ? 'credit' : 'credits'}`;
}

function withoutZeros(decimal: string): string {
  return decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal;
}

/** `unpriced:unknown_model` in words, without what the line says already. */
function words(status: string | null): string {
  return status === null ? 'not known why' : visible(status.replace(/^unpriced:/, '').replaceAll('_', ' '));
}
