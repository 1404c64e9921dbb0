import { READINGS, type Readable } from './dialects/common.ts';
import { CLUES, type Clue } from './dialects/recognise.ts';
import { type LabelMeaning, LabelReading, type Labels, type LabelTable, NO_LABELS } from './labels.ts';
import type { Attributes } from './span.ts';

/** All that an attribute key can mean. One look tells it, where hundreds of keys are wanted and a span has twenty. */
interface Meaning extends Clue {
  /** Bits of the readings that look at this key. */
  readonly readings: number;
  /** Null when it is no label. */
  readonly label: LabelMeaning | null;
}

export type Meanings = ReadonlyMap<string, Meaning>;

export function meaningsOf(labels: LabelTable): Meanings {
  const meanings = new Map<string, Meaning>();
  const keys = [...READINGS.flatMap((reading) => reading.keys), ...CLUES.keys(), ...labels.byKey.keys()];
  for (const key of keys) {
    const clue = CLUES.get(key);
    meanings.set(key, {
      readings: READINGS.reduce(
        (bits, reading) => (reading.keys.includes(key) ? bits | reading.bit : bits),
        0,
      ),
      anywhere: clue?.anywhere ?? 0,
      inScope: clue?.inScope ?? 0,
      label: labels.byKey.get(key) ?? null,
    });
  }
  return meanings;
}

/** What the keys of a span show at one look: what is worth reading, which dialects it may be in; and its labels. */
export interface Sighting extends Readable, Clue {
  readonly labels: Labels;
}

export function look(attributes: Attributes, meanings: Meanings, table: LabelTable): Sighting {
  let readings = 0;
  let anywhere = 0;
  let inScope = 0;
  let labels: LabelReading | null = null;
  for (const key of attributes.keys()) {
    const meaning = meanings.get(key);
    if (meaning === undefined) continue;
    readings |= meaning.readings;
    anywhere |= meaning.anywhere;
    inScope |= meaning.inScope;
    if (meaning.label !== null) {
      labels ??= new LabelReading(table);
      labels.take(meaning.label, attributes.get(key), key);
    }
  }
  return { attributes, readings, anywhere, inScope, labels: labels?.labels() ?? NO_LABELS };
}
