import {
  type Attributes,
  type AttributeValue,
  context,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import {
  GEN_AI_PROVIDER_NAME,
  GEN_AI_REQUEST_MODEL,
  SPANLEDGER_USAGE_QUANTITY,
  SPANLEDGER_USAGE_UNIT,
} from '@spanledger/semconv';
import { type Attribution, attributionAttributes, attributionIn, withAttribution } from './attribution.ts';
import { text } from './shape.ts';
import { INSTRUMENTATION_NAME, INSTRUMENTATION_VERSION } from './version.ts';
import { warnOnce } from './warn.ts';

/** Units that price lists know; any other name is one of the app's own, which its prices and credit rules may name. */
export type UsageUnit =
  | 'request'
  | 'api_call'
  | 'web_search'
  | 'image'
  | 'page'
  | 'second'
  | 'minute'
  | 'hour'
  | (string & Record<never, never>);

/** Who is spending, where it is not who is spending around it, and what was used. */
export interface UsageToRecord extends Attribution {
  /** `image`, `minute`, or a name of your own: `document`. Lower case, starting with a letter; at most 64 characters. */
  readonly unit: UsageUnit;
  /**
   * How many, 0 or more. Time may have a fraction, a unit of your own three decimal places; a decimal text is read
   * exactly. All else is counted in whole ones.
   */
  readonly quantity: number | string;
  /** Whose service it was, where it has a price: as `gen_ai.provider.name` has it. */
  readonly provider?: string;
  readonly model?: string;
  /** `error`: it has its cost, and by default burns no credits. */
  readonly status?: 'ok' | 'error';
}

/**
 * Tells the ledger of something that no instrumentation sees: pages read, minutes transcribed, documents made. One span
 * that is over at once, attributed like every call here. Never throws; without a tracer provider it does nothing.
 *
 * What cannot be a usage is sent all the same where it can be: the ledger shows it as `invalid`, with the reason, and
 * that is better than nothing where something was used.
 */
export function recordUsage(usage: UsageToRecord): void {
  try {
    withAttribution(usage, () => endAtOnce(usage));
  } catch (error) {
    warnOnce('record-usage', 'recordUsage: could not record a usage', error);
  }
}

function endAtOnce({ unit, quantity, provider, model, status }: UsageToRecord): void {
  const name = text(unit);
  const counted = quantityAttribute(quantity);
  if (name === undefined || counted === undefined) {
    warnOnce('record-usage.shape', 'recordUsage: unit and quantity are needed; a usage is not recorded');
    return;
  }
  const parent = context.active();
  const attributes: Attributes = {
    [SPANLEDGER_USAGE_UNIT]: name,
    [SPANLEDGER_USAGE_QUANTITY]: counted,
    ...attributionAttributes(attributionIn(parent)),
  };
  const [billedBy, billedModel] = [text(provider), text(model)];
  if (billedBy !== undefined) attributes[GEN_AI_PROVIDER_NAME] = billedBy;
  if (billedModel !== undefined) attributes[GEN_AI_REQUEST_MODEL] = billedModel;
  const span = trace
    .getTracer(INSTRUMENTATION_NAME, INSTRUMENTATION_VERSION)
    .startSpan(`usage ${name}`, { kind: SpanKind.INTERNAL, attributes }, parent);
  if (status === 'error') span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** A number as it is; as text what OTLP or JSON have no number for, so that the ledger sees it. */
function quantityAttribute(quantity: unknown): AttributeValue | undefined {
  if (typeof quantity === 'number' && Number.isFinite(quantity)) return quantity;
  return typeof quantity === 'number' || typeof quantity === 'bigint' ? String(quantity) : text(quantity);
}
