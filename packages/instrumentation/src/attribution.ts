import { AsyncLocalStorage } from 'node:async_hooks';
import { type Attributes, type Context, context, createContextKey } from '@opentelemetry/api';
import {
  SESSION_ID,
  SPANLEDGER_ACTION_DEGRADED,
  SPANLEDGER_ACTION_ID,
  SPANLEDGER_CUSTOMER_ID,
  SPANLEDGER_FEATURE_NAME,
  SPANLEDGER_USAGE_CLASS,
  USER_ID,
} from '@spanledger/semconv';
import { announceFirstUse } from './first-use.ts';
import { field, isObject } from './shape.ts';
import { warnOnce } from './warn.ts';

/** What kind of spending this is; only `customer` and `trial` usage burns credits by default. */
export type UsageClass = 'customer' | 'trial' | 'internal' | 'test' | 'demo' | 'admin';

/** Who is spending, and on what. Ids are the app's own; they travel only in spans, never to the model provider. */
export interface Attribution {
  /** The customer of the app's owner: who is billed. */
  readonly customer?: string;
  /** The sellable capability, for instance `support-chat`. */
  readonly feature?: string;
  readonly user?: string;
  readonly session?: string;
  /** One use of the feature: all its calls are charged together. The trace stands in when absent. */
  readonly action?: string;
  /**
   * The action takes the smaller form of the feature, as a check has answered `degrade`: all of it is then charged by
   * what the feature's credit rule says of that form. A nested action, customer or feature is not degraded by it.
   */
  readonly degraded?: boolean;
  readonly usageClass?: UsageClass;
}

const TEXT_ATTRIBUTE_OF = {
  customer: SPANLEDGER_CUSTOMER_ID,
  feature: SPANLEDGER_FEATURE_NAME,
  user: USER_ID,
  session: SESSION_ID,
  action: SPANLEDGER_ACTION_ID,
  usageClass: SPANLEDGER_USAGE_CLASS,
} as const;
type TextName = keyof typeof TEXT_ATTRIBUTE_OF;
const TEXT_NAMES: readonly TextName[] = ['customer', 'feature', 'user', 'session', 'action', 'usageClass'];
const USAGE_CLASSES: ReadonlySet<unknown> = new Set([
  'customer',
  'trial',
  'internal',
  'test',
  'demo',
  'admin',
]);

/** Longer than any id in use; a bound because these go on every span. A cut id would be another customer's. */
const MAX_LENGTH = 512;

const NOBODY: Attribution = Object.freeze({});
const CONTEXT_KEY = createContextKey('spanledger.attribution');

/**
 * Two copies of this package in one process (a nested install, a linked checkout) must agree on who is spending, so
 * the storage is found through the global symbol registry.
 */
const storage = sharedStorage();

function sharedStorage(): AsyncLocalStorage<Attribution> {
  const key = Symbol.for('spanledger.attribution.storage');
  const existing: unknown = Reflect.get(globalThis, key);
  if (existing instanceof AsyncLocalStorage) return existing;
  const created = new AsyncLocalStorage<Attribution>();
  Reflect.defineProperty(globalThis, key, { value: created, configurable: true });
  return created;
}

/**
 * Runs `fn` with every AI call inside it attributed to this customer and feature, across awaits, and returns what
 * `fn` returns. Nested calls merge; the inner value wins.
 *
 * The attribution is kept twice: in a storage of our own, which needs no OpenTelemetry set-up, and in the
 * OpenTelemetry context, which follows where an app carries contexts by hand (queues, workers).
 * Values that are no text, or empty, are left out with one diagnostic warning; this function never throws by itself.
 * `degraded` is of one action: where another customer, feature or action is named inside, it has to be said anew.
 */
export function withAttribution<Result>(attribution: Attribution, fn: () => Result): Result {
  announceFirstUse();
  const { degraded, ...around } = currentAttribution();
  const said = accepted(attribution);
  const carried = degraded === undefined || beginsAnother(said, around) ? {} : { degraded };
  const merged = Object.freeze({ ...around, ...carried, ...said });
  return storage.run(merged, () => context.with(context.active().setValue(CONTEXT_KEY, merged), fn));
}

/** Whether what is said inside is of another action than what is around it, which may know less. */
function beginsAnother(inside: Attribution, around: Attribution): boolean {
  const isOther = (name: 'customer' | 'action' | 'feature') =>
    inside[name] !== undefined && around[name] !== undefined && inside[name] !== around[name];
  if (isOther('customer') || isOther('action')) return true;
  // An action that has a name may use several features.
  return around.action === undefined && isOther('feature');
}

/** Who is spending here, or an empty object. */
export function currentAttribution(): Attribution {
  return attributionIn(context.active());
}

/** Who is spending in `parent`; where that context does not say, in the asynchronous scope that is running. */
export function attributionIn(parent: Context): Attribution {
  const carried = parent.getValue(CONTEXT_KEY);
  if (isObject(carried)) return carried;
  return storage.getStore() ?? NOBODY;
}

/** The span attributes that say it. */
export function attributionAttributes(attribution: Attribution): Attributes {
  const attributes: Attributes = {};
  for (const name of TEXT_NAMES) {
    const value = attribution[name];
    if (value !== undefined) attributes[TEXT_ATTRIBUTE_OF[name]] = value;
  }
  const { degraded } = attribution;
  if (degraded !== undefined) attributes[SPANLEDGER_ACTION_DEGRADED] = degraded;
  return attributes;
}

function accepted(input: unknown): Attribution {
  const kept: Partial<Record<TextName, string>> & { degraded?: boolean } = {};
  for (const name of TEXT_NAMES) {
    const value = field(input, name);
    if (value === undefined) continue;
    const usable =
      typeof value === 'string' &&
      value !== '' &&
      value.length <= MAX_LENGTH &&
      (name !== 'usageClass' || USAGE_CLASSES.has(value));
    if (usable) kept[name] = value;
    else warnOnce(`attribution.${name}`, `withAttribution: ${name} is not usable text and is left out`);
  }
  const degraded = field(input, 'degraded');
  if (typeof degraded === 'boolean') kept.degraded = degraded;
  else if (degraded !== undefined)
    warnOnce('attribution.degraded', 'withAttribution: degraded is neither true nor false and is left out');
  return kept as Attribution;
}
