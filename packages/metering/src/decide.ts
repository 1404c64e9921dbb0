import type { Observation } from './observation.ts';
import { type AttributionSettings, attribute, NO_ATTRIBUTION_SETTINGS } from './trace/attribution.ts';
import { bearersIn } from './trace/bearers.ts';
import { grow, type Node } from './trace/forest.ts';
import { Outcomes } from './trace/outcome.ts';
import { usageRecord } from './trace/record.ts';
import { assignRoles, type Deadline, type Role } from './trace/roles.ts';
import type { UsageRecord } from './usage.ts';

/** What is now held of one span. */
export interface Decision {
  readonly usage: UsageRecord;
  /**
   * When time alone may change it, if nothing else arrives: a container whose calls may still come bills then.
   * Microseconds since the Unix epoch; null when only another span can change it.
   */
  readonly dueAtMicros: number | null;
}

/**
 * A minute after its end nothing below a container is usually still on its way: exporters send every few seconds and
 * try again for about half a minute.
 */
export const DEFAULT_GRACE_MICROS = 60_000_000;

/**
 * Decides what each gen-ai span of some traces means, given all of them together: who bills, what was used, who pays.
 * A pure function of the set: order and repetition of the observations change nothing. Give it all observations of a
 * trace and of the traces linked to it (`linkedGroups`); what belongs to other traces does not influence them.
 *
 * Spans that only carry labels, and twins of spans, have no decision.
 */
export function decide(
  observations: Iterable<Observation>,
  deadline: Deadline,
  settings: AttributionSettings = NO_ATTRIBUTION_SETTINGS,
): readonly Decision[] {
  const forest = grow(observations);
  const roles = assignRoles(forest, deadline);
  const bearers = bearersIn(forest);
  const outcomes = new Outcomes();
  const decisions: Decision[] = [];
  for (const node of forest.nodes) {
    const role = roles[node.index];
    if (role === undefined) {
      outcomes.passThrough(node);
      continue;
    }
    const others = otherSpansOf(node, role);
    const attribution = attribute(node, others, bearers, settings);
    decisions.push({
      usage: usageRecord(node, others, role, attribution, outcomes.of(node, attribution)),
      dueAtMicros: role.dueAtMicros,
    });
  }
  return decisions;
}

const NONE: readonly Node[] = [];

/** Who else tells of the call that a span bills. */
function otherSpansOf(node: Node, { role, call }: Role): readonly Node[] {
  if (role !== 'billed' || call === null || call.accounts.length === 1) return NONE;
  return call.accounts.filter((account) => account !== node);
}
