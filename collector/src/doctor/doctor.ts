import assert from 'node:assert/strict';
import {
  type AttributionSettings,
  attributesRead,
  DEFAULT_GRACE_MICROS,
  DEFAULT_OBSERVE_SETTINGS,
  decide,
  linkedGroups,
  NO_ATTRIBUTION_SETTINGS,
  type ObserveSettings,
  observe,
  type UsageRecord,
} from '@spanledger/metering';
import { readTraces, SCAN_LIMITS, WantedAttributes } from '../otlp/index.ts';
import { type Arrangement, arranged } from './arrange.ts';
import { compare } from './compare.ts';
import { type Body, type Case, caseNames, readCase } from './corpus.ts';
import type { Comparison } from './counts.ts';

/**
 * The doctor's examination: each capture of a folder goes through the same reading and metering as what is received,
 * in every arrangement that was asked for, and is compared with what the provider served.
 */
export type CaseReport =
  | {
      readonly kind: 'compared';
      readonly name: string;
      /** The first arrangement that differs; where none does, the first. */
      readonly arrangement: Arrangement;
      readonly comparison: Comparison;
    }
  | { readonly kind: 'unreadable'; readonly name: string; readonly problem: string };

/** How the service is configured to read spans. */
export interface MeteringSettings {
  readonly observing: ObserveSettings;
  readonly attribution: AttributionSettings;
}

const DEFAULT_SETTINGS: MeteringSettings = {
  observing: DEFAULT_OBSERVE_SETTINGS,
  attribution: NO_ATTRIBUTION_SETTINGS,
};

/** @throws SL_CORPUS_UNREADABLE when the folder has no cases; what is wrong with one case is its report. */
export async function* examineCorpus(
  folder: string,
  arrangements: readonly Arrangement[],
  settings: MeteringSettings = DEFAULT_SETTINGS,
): AsyncGenerator<{ readonly report: CaseReport; readonly caseCount: number }> {
  const names = await caseNames(folder);
  for (const name of names) {
    yield { report: await examineCase(folder, name, arrangements, settings), caseCount: names.length };
  }
}

export function isAsServed(report: CaseReport): boolean {
  return report.kind === 'compared' && report.comparison.differences.length === 0;
}

async function examineCase(
  folder: string,
  name: string,
  arrangements: readonly Arrangement[],
  settings: MeteringSettings,
): Promise<CaseReport> {
  try {
    const one = await readCase(folder, name);
    const reports = arrangements.map((arrangement) => compared(one, arrangement, settings));
    const report = reports.find((report) => !isAsServed(report)) ?? reports[0];
    assert(report !== undefined, 'an examination has at least one arrangement');
    return report;
  } catch (error) {
    // A capture of any content must not keep the others from being compared.
    const words = error instanceof Error ? error.message : String(error);
    return { kind: 'unreadable', name, problem: `cannot be compared: ${words}` };
  }
}

function compared(
  { name, bodies, truth }: Case,
  arrangement: Arrangement,
  settings: MeteringSettings,
): CaseReport {
  const comparison = compare(usageRecordsOf(arranged(bodies, arrangement), settings), truth);
  return { kind: 'compared', name, arrangement, comparison };
}

/** Long after all captures: whatever had to wait for other spans has waited. */
const SETTLED = { nowMicros: Number.MAX_SAFE_INTEGER, graceMicros: DEFAULT_GRACE_MICROS };

/** What the ledger makes of some bodies once their traces are quiet. */
function usageRecordsOf(
  bodies: readonly Body[],
  { observing, attribution }: MeteringSettings,
): readonly UsageRecord[] {
  const wanted = new WantedAttributes(attributesRead(observing));
  const observations = bodies.flatMap(({ bytes, type }) =>
    readTraces(bytes, type, wanted, SCAN_LIMITS).spans.flatMap((span) => observe(span, observing) ?? []),
  );
  return linkedGroups(observations).flatMap((group) =>
    decide(group, SETTLED, attribution).map(({ usage }) => usage),
  );
}
