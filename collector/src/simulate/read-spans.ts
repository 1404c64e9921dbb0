import type { StepEntry, UsageEntry } from './format.ts';
import { durationMicros, type Moment } from './moment.ts';
import { nameOf, type Reading } from './reading.ts';
import type { Deed } from './scenario.ts';
import type { SimulatedSpan } from './spans.ts';

/** A call that somebody has not timed took this long. */
const DURATION_MICROS = 2_000_000;
/** All spans of a scenario: the store in memory is made for stories, not for load. */
const MAX_SPANS = 20_000;

const NOW: Moment = { kind: 'from_now', micros: 0 };

/** All spans that are sent for the first time, by the index and by the name of the step that sends them. */
export interface SpanBook {
  readonly byIndex: ReadonlyMap<number, readonly SimulatedSpan[]>;
  readonly byName: ReadonlyMap<string, { readonly index: number; readonly spans: readonly SimulatedSpan[] }>;
}

interface Placed {
  readonly name: string;
  readonly path: string;
  readonly entry: UsageEntry;
  readonly step: number;
  readonly batch: SimulatedSpan['batch'];
}

/** Names every span and finds its trace: parents may be sent after their children. */
export function spanBook(steps: readonly StepEntry[], reading: Reading): SpanBook {
  const placed = steps.flatMap((step, index) => placedIn(step, index, reading));
  if (placed.length > MAX_SPANS)
    reading.report('steps', `must send at most ${MAX_SPANS} spans`, placed.length);
  const byName = new Map<string, Placed>();
  for (const each of placed) {
    if (byName.has(each.name))
      reading.report(each.path, 'must have a name that no other span has', each.name);
    byName.set(each.name, each);
  }
  const traceOf = (name: string): string => {
    const seen = new Set<string>();
    let at = name;
    for (;;) {
      const entry = byName.get(at)?.entry;
      if (entry?.trace !== undefined) return entry.trace;
      if (entry?.parent === undefined || !byName.has(entry.parent)) return at;
      if (seen.has(at)) {
        reading.report(byName.get(name)?.path ?? '', 'must not be its own parent', name);
        return at;
      }
      seen.add(at);
      at = entry.parent;
    }
  };
  const byIndex = new Map<number, SimulatedSpan[]>();
  for (const each of placed) {
    const { entry, path } = each;
    if (entry.parent !== undefined && !byName.has(entry.parent)) {
      reading.report(`${path}.parent`, 'must be the name of a span of this scenario', entry.parent);
    }
    const spans = byIndex.get(each.step) ?? [];
    spans.push(spanOf(each, traceOf(each.name), reading));
    byIndex.set(each.step, spans);
  }
  const named = [...byIndex].map(([index, spans]) => {
    const step = steps[index];
    return [step === undefined ? '' : nameOf(step, index), { index, spans }] as const;
  });
  return { byIndex, byName: new Map(named) };
}

function placedIn(step: StepEntry, index: number, reading: Reading): readonly Placed[] {
  const { backfill } = step;
  const entries = step.usage ?? backfill?.usage;
  if (entries === undefined) return [];
  const batch = backfill === undefined ? null : { id: backfill.batch, mode: backfill.mode ?? 'charge' };
  const place = `steps.${index}.${backfill === undefined ? 'usage' : 'backfill.usage'}`;
  const list = Array.isArray(entries) ? entries : [entries];
  const isOne = list.length === 1 && (list[0]?.times ?? 1) === 1;
  const placed: Placed[] = [];
  for (const [position, entry] of list.entries()) {
    const path = Array.isArray(entries) ? `${place}.${position}` : place;
    if (entry.span !== undefined && entry.times !== undefined && entry.times > 1) {
      reading.report(`${path}.span`, 'must be left out where there are several times', entry.span);
    }
    for (let time = 0; time < (entry.times ?? 1); time++) {
      const ownName = isOne ? nameOf(step, index) : `${nameOf(step, index)}.${placed.length + 1}`;
      placed.push({ name: entry.span ?? ownName, path, entry, step: index, batch });
    }
  }
  return placed;
}

function spanOf({ name, path, entry, batch }: Placed, trace: string, reading: Reading): SimulatedSpan {
  const { at, duration, trace: _trace, span: _span, parent = null, times: _times, ...content } = entry;
  for (const [unit, quantity] of Object.entries(content.units ?? {}))
    reading.credits(`${path}.units.${unit}`, quantity);
  return {
    name,
    trace,
    parent,
    end: reading.optionalMoment(`${path}.at`, at) ?? NOW,
    durationMicros: durationOf(`${path}.duration`, duration, reading) ?? DURATION_MICROS,
    entry: content,
    batch,
  };
}

function durationOf(path: string, text: string | undefined, reading: Reading): number | null {
  if (text === undefined) return null;
  const micros = durationMicros(text);
  if (micros !== null && micros >= 0) return micros;
  reading.report(path, 'must be a time (2s, 1m30s)', text);
  return null;
}

/** What a step sends: its own spans, or once more those of an earlier one. */
export function readSpans(
  step: StepEntry,
  index: number,
  path: string,
  { byIndex, byName }: SpanBook,
  reading: Reading,
): Deed {
  const again = step.deliver_again;
  if (again === undefined) {
    return { kind: step.backfill === undefined ? 'usage' : 'backfill', spans: byIndex.get(index) ?? [] };
  }
  const first = byName.get(again.step);
  if (first === undefined || first.index >= index) {
    reading.report(
      `${path}.deliver_again.step`,
      'must be the name of an earlier step that sends usage',
      again.step,
    );
  }
  const { at, duration, ...changed } = again.changed ?? {};
  const end = reading.optionalMoment(`${path}.deliver_again.changed.at`, at);
  const durationMicros = durationOf(`${path}.deliver_again.changed.duration`, duration, reading);
  const spans = (first?.spans ?? []).map((span) => ({
    ...span,
    end,
    durationMicros: durationMicros ?? span.durationMicros,
    entry: { ...span.entry, ...changed },
  }));
  return { kind: 'deliver_again', spans };
}
