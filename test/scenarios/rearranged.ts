import { instantMicros } from '@spanledger/metering';
import type { ScenarioReport } from '../../collector/src/simulate/report.ts';
import type { Deed, Scenario } from '../../collector/src/simulate/scenario.ts';
import type { SimulatedSpan } from '../../collector/src/simulate/spans.ts';

/** Draws a whole number below a bound. */
export type Draw = (below: number) => number;

/** The same draws for the same seed. */
export function drawnFrom(seed: number): Draw {
  let state = (Math.imul(seed, 0x9e3779b1) | 1) >>> 0;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

/** So long every period stays open after its end: what comes later is booked elsewhere, and must be. */
const OPEN_MICROS = 72 * 3_600_000_000;

/** Between these, nothing is decided by what has arrived; a step of another kind sees what came before it. */
const PASSIVE: ReadonlySet<Deed['kind']> = new Set(['usage', 'backfill', 'advance']);

/**
 * The same story with the usage arriving otherwise: spans come with later steps than their own (never across a step that
 * decides something, never after the close of their period), in another order, some of them twice. When things happen
 * stays as it is.
 */
export function rearranged(
  scenario: Scenario,
  { steps: reported }: ScenarioReport,
  draw: Draw,
): { readonly scenario: Scenario; readonly moved: number } {
  let moved = 0;
  const arriving = new Map<number, SimulatedSpan[]>();
  const arrive = (index: number, span: SimulatedSpan) => {
    const spans = arriving.get(index) ?? [];
    spans.splice(draw(spans.length + 1), 0, span);
    arriving.set(index, spans);
  };
  for (const [index, { deed }] of scenario.steps.entries()) {
    if (deed?.kind !== 'usage' && deed?.kind !== 'backfill') continue;
    for (const span of deed.spans) {
      const sentMicros = timeOf(reported, index);
      const { end } = span;
      const endMicros =
        end === null || end.kind === 'from_now' ? sentMicros + (end?.micros ?? 0) : end.atMicros;
      const pinned: SimulatedSpan = { ...span, end: { kind: 'instant', atMicros: endMicros } };
      // What ends in the future is not believed, and may well be later.
      const isMovable = endMicros <= sentMicros && sentMicros < endMicros + OPEN_MICROS;
      const places = isMovable ? placesFor(scenario, reported, index, endMicros) : [index];
      const place = places[draw(places.length)] ?? index;
      arrive(place, pinned);
      if (place !== index) moved++;
      if (isMovable && draw(4) === 0) {
        const later = places.filter((each) => each >= place);
        arrive(later[draw(later.length)] ?? place, pinned);
      }
    }
  }
  const steps = scenario.steps.map((step, index) => {
    const { deed } = step;
    const isUsage = deed?.kind === 'usage' || deed?.kind === 'backfill';
    return { ...step, expect: null, deed: isUsage ? { ...deed, spans: arriving.get(index) ?? [] } : deed };
  });
  return { scenario: { ...scenario, steps }, moved };
}

/** The steps that may deliver what one of them does. */
function placesFor(
  { steps }: Scenario,
  reported: ScenarioReport['steps'],
  index: number,
  endMicros: number,
): readonly number[] {
  const places: number[] = [];
  for (let at = index; at < steps.length; at++) {
    const deed = steps[at]?.deed ?? null;
    if (deed !== null && !PASSIVE.has(deed.kind)) break;
    if (deed?.kind !== 'usage' && deed?.kind !== 'backfill') continue;
    if (timeOf(reported, at) < endMicros + OPEN_MICROS) places.push(at);
  }
  return places;
}

/** When a step began: whatever sends usage takes a millisecond. */
function timeOf(reported: ScenarioReport['steps'], index: number): number {
  return (instantMicros(reported[index]?.at ?? '') ?? 0) - 1000;
}
