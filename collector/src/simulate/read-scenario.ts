import {
  creditRules,
  instantMicros,
  type ParsedRules,
  plans as plansOf,
  type RulesConfiguration,
} from '@spanledger/metering';
import { Value } from 'typebox/value';
import { type PriceFile, readPriceFile } from '../catalogue/index.ts';
import { SpanledgerError } from '../errors.ts';
import { collectProblems, parseYaml, type SettingProblem, withScalars } from '../settings-file.ts';
import { type CustomerEntry, DEEDS, type ScenarioEntry, ScenarioSchema, type StepEntry } from './format.ts';
import { readSpans, type SpanBook, spanBook } from './read-spans.ts';
import { nameOf, Reading } from './reading.ts';
import type { AccountDeed, Deed, Scenario, StatementDeed, Step } from './scenario.ts';

/**
 * Reads a scenario: YAML, of which JSON is a part.
 *
 * @throws {SpanledgerError} SL_SCENARIO_INVALID with every problem in its message
 */
export function readScenario(text: string, file: string): Scenario {
  const problems: SettingProblem[] = [];
  const tree = withScalars(ScenarioSchema, parseYaml(text, file, problems));
  if (problems.length === 0) collectProblems(ScenarioSchema, tree, file, problems);
  if (problems.length === 0 && Value.Check(ScenarioSchema, tree)) {
    const scenario = scenarioOf(tree, new Reading(problems));
    if (scenario !== null && problems.length === 0) return scenario;
  }
  throw new SpanledgerError(
    'SL_SCENARIO_INVALID',
    [
      `${file} has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}:`,
      ...problems.map(({ path, expected, value }) => `  ${path}: ${expected}, found ${value}`),
    ].join('\n'),
  );
}

function scenarioOf(entry: ScenarioEntry, reading: Reading): Scenario | null {
  const startsAtMicros = instantMicros(entry.starts_at);
  if (startsAtMicros === null) {
    reading.report('starts_at', 'must be an instant (2026-11-01T00:00:00Z) or a date', entry.starts_at);
  }
  const { only: isOnly = false, ...prices } = entry.prices ?? {};
  const layer = layerOf(prices, 'prices', reading);
  const rules = rulesOf(entry.credits ?? {}, 'credits', reading);
  const plans = plansAt(entry.plans ?? {}, 'plans', reading);
  const spans = spanBook(entry.steps, reading);
  const names = new Map<string, number>();
  const steps = [
    ...(entry.customers ?? []).flatMap((customer, index) =>
      beginning(customer, `customers.${index}`, reading),
    ),
    ...entry.steps.map((step, index) => stepOf(step, index, spans, reading)),
  ];
  for (const [index, { name }] of entry.steps.entries()) {
    if (name === undefined) continue;
    if (names.has(name)) reading.report(`steps.${index}.name`, 'must be told from all others', name);
    names.set(name, index);
  }
  if (startsAtMicros === null || layer === null || rules === null || plans === null) return null;
  return {
    description: entry.description ?? null,
    startsAtMicros,
    prices: { layer, isOnly },
    rules,
    plans,
    steps,
  };
}

function layerOf(prices: PriceFile, path: string, reading: Reading) {
  const read = readPriceFile(prices, 'override');
  if (read.kind === 'layer') return read.layer;
  reading.reportAll(path, read.problems);
  return null;
}

function rulesOf(entry: RulesConfiguration, path: string, reading: Reading) {
  const read: ParsedRules = creditRules(entry);
  if (read.kind === 'rules') return read.rules;
  reading.reportAll(path, read.problems, 'must be ');
  return null;
}

function plansAt(entry: NonNullable<ScenarioEntry['plans']>, path: string, reading: Reading) {
  const read = plansOf(entry);
  if (read.kind === 'plans') return read.plans;
  reading.reportAll(path, read.problems, 'must be ');
  return null;
}

/** A customer who has a plan from the beginning subscribes before anything else happens. */
function beginning({ id, plan, ...terms }: CustomerEntry, path: string, reading: Reading): readonly Step[] {
  if (plan === undefined) return [];
  const deed = subscription({ customer: id, plan, ...terms }, path, reading);
  return [{ number: null, name: `customer ${id}`, note: null, deed, expect: null }];
}

function stepOf(step: StepEntry, index: number, spans: SpanBook, reading: Reading): Step {
  const path = `steps.${index}`;
  const { name: _name, note = null, expect = null, ...deeds } = step;
  const kinds = Object.keys(deeds);
  if (kinds.length > 1 || (kinds.length === 0 && expect === null)) {
    reading.report(
      path,
      `must do exactly one of ${Object.keys(DEEDS).join(', ')}, or only expect`,
      kinds.length === 0 ? undefined : kinds.join(' and '),
    );
  }
  return {
    number: index + 1,
    name: nameOf(step, index),
    note,
    deed: deedOf(step, index, path, spans, reading),
    expect,
  };
}

function deedOf(
  step: StepEntry,
  index: number,
  path: string,
  spans: SpanBook,
  reading: Reading,
): Deed | null {
  const at = (place: string) => `${path}.${place}`;
  const again = step.deliver_again ?? null;
  if (step.usage !== undefined || step.backfill !== undefined || again !== null) {
    return readSpans(step, index, path, spans, reading);
  }
  if (step.price_correction !== undefined) {
    const { cards, rerate } = step.price_correction;
    const place = at('price_correction');
    return {
      kind: 'price_correction',
      layer: cards === undefined ? null : layerOf({ cards }, place, reading),
      rerate:
        rerate === undefined
          ? null
          : {
              policy: rerate.policy ?? 'customer_favourable',
              from: reading.optionalMoment(`${place}.rerate.from`, rerate.from),
              to: reading.optionalMoment(`${place}.rerate.to`, rerate.to),
              model: rerate.model ?? null,
            },
    };
  }
  if (step.rules !== undefined) {
    const rules = rulesOf(step.rules, at('rules'), reading);
    return rules === null ? null : { kind: 'rules', rules };
  }
  if (step.plans !== undefined) {
    const plans = plansAt(step.plans, at('plans'), reading);
    return plans === null ? null : { kind: 'plans', plans };
  }
  if (step.advance !== undefined) {
    return { kind: 'advance', to: reading.moment(at('advance'), step.advance) };
  }
  if (step.close !== undefined) return { kind: 'close', customer: step.close.customer };
  if (step.statement !== undefined) return statementDeed(step.statement, at('statement'), reading);
  if (step.check !== undefined) return checkDeed(step.check, at('check'), reading);
  return accountDeed(step, at, reading);
}

function statementDeed(
  { customer, period = 'current' }: NonNullable<StepEntry['statement']>,
  path: string,
  reading: Reading,
): StatementDeed {
  const text = String(period);
  if (text === 'current' || text === 'previous') return { kind: 'statement', customer, period: text };
  if (!/^\d{1,6}$/.test(text)) {
    reading.report(`${path}.period`, 'must be current, previous or the number of a period', period);
  }
  return { kind: 'statement', customer, period: Number(text) };
}

function checkDeed(entry: NonNullable<StepEntry['check']>, path: string, reading: Reading): Deed {
  const { customer, feature, credits, cost_usd: cost, tokens, calls = 1, model, provider } = entry;
  const { input = 0, cache_read = 0, cache_write = 0, output = 0, reasoning = 0 } = tokens ?? {};
  if (input < cache_read + cache_write || output < reasoning) {
    reading.report(`${path}.tokens`, 'must have no part above its whole', tokens);
  }
  return {
    kind: 'check',
    customer,
    feature: feature ?? null,
    credits: credits === undefined ? null : reading.credits(`${path}.credits`, credits),
    cost: cost === undefined ? null : reading.usd(`${path}.cost_usd`, cost),
    tokens:
      tokens === undefined
        ? null
        : {
            uncachedInput: input - cache_read - cache_write,
            cacheRead: cache_read,
            cacheWrite: cache_write,
            visibleOutput: output - reasoning,
            reasoning,
          },
    calls,
    model: model ?? null,
    provider: provider ?? null,
  };
}

type SubscriptionEntry = NonNullable<StepEntry['subscribe']>;

function subscription(
  { customer, plan, start, anchor_day, zone = 'UTC', trial = false }: SubscriptionEntry,
  path: string,
  reading: Reading,
): AccountDeed {
  return {
    kind: 'subscribe',
    customer,
    plan,
    start: reading.optionalMoment(`${path}.start`, start),
    anchorDay: anchor_day ?? null,
    zone,
    withTrial: trial,
  };
}

/** A hold that nobody says the end of. */
const HOLD_MICROS = 15 * 60 * 1_000_000;

function accountDeed(step: StepEntry, at: (place: string) => string, reading: Reading): AccountDeed | null {
  if (step.subscribe !== undefined) return subscription(step.subscribe, at('subscribe'), reading);
  if (step.change_plan !== undefined) return { kind: 'change_plan', ...step.change_plan };
  if (step.cancel !== undefined) {
    const { customer, when = 'period_end' } = step.cancel;
    return { kind: 'cancel', customer, when };
  }
  if (step.top_up !== undefined) {
    const { customer, credits, paid_usd = '0', expires, ...by } = step.top_up;
    return {
      kind: 'top_up',
      customer,
      amount: reading.credits(at('top_up.credits'), credits),
      paidUsd: reading.usd(at('top_up.paid_usd'), paid_usd),
      expires: reading.optionalMoment(at('top_up.expires'), expires),
      ...byHand(by),
    };
  }
  if (step.grant !== undefined) {
    const { customer, credits, expires, priority = null, ...by } = step.grant;
    return {
      kind: 'grant',
      customer,
      amount: reading.credits(at('grant.credits'), credits),
      expires: reading.optionalMoment(at('grant.expires'), expires),
      priority,
      ...byHand(by),
    };
  }
  if (step.adjust !== undefined) {
    const { customer, credits, expires, ...by } = step.adjust;
    return {
      kind: 'adjust',
      customer,
      amount: reading.credits(at('adjust.credits'), credits),
      expires: reading.optionalMoment(at('adjust.expires'), expires),
      ...byHand(by),
    };
  }
  if (step.authorise !== undefined) {
    const { customer, hold, credits, expires, feature = null, action = null } = step.authorise;
    return {
      kind: 'authorise',
      customer,
      hold,
      amount: reading.credits(at('authorise.credits'), credits),
      expires: reading.optionalMoment(at('authorise.expires'), expires) ?? {
        kind: 'from_now',
        micros: HOLD_MICROS,
      },
      feature,
      actionId: action,
    };
  }
  if (step.heartbeat !== undefined) {
    const { expires, ...hold } = step.heartbeat;
    return { kind: 'heartbeat', ...hold, expires: reading.moment(at('heartbeat.expires'), expires) };
  }
  if (step.settle !== undefined) {
    const { credits, ...hold } = step.settle;
    const actual = credits === undefined ? null : reading.credits(at('settle.credits'), credits);
    return { kind: 'settle', ...hold, actual };
  }
  return step.release === undefined ? null : { kind: 'release', ...step.release };
}

function byHand({ actor, reason }: { readonly actor?: string; readonly reason?: string }): {
  readonly actor: string | null;
  readonly reason: string | null;
} {
  return { actor: actor ?? null, reason: reason ?? null };
}
