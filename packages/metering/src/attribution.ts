import {
  DEPLOYMENT_ENVIRONMENT,
  DEPLOYMENT_ENVIRONMENT_NAME,
  GEN_AI_CONVERSATION_ID,
  SERVICE_NAME,
  SESSION_ID,
  SPANLEDGER_ACTION_ID,
  SPANLEDGER_CUSTOMER_ID,
  SPANLEDGER_FEATURE_NAME,
  SPANLEDGER_USAGE_CLASS,
  USER_ID,
} from '@spanledger/semconv';
import { firstLabel, label } from './label.ts';
import type { Span } from './span.ts';
import type { UsageClass, UsageRecord } from './usage.ts';

/** Who is spending, on what, from where. */
export type Attribution = Pick<
  UsageRecord,
  'actionId' | 'customer' | 'feature' | 'userId' | 'sessionId' | 'usageClass' | 'environment' | 'service'
>;

const USER_KEYS = [USER_ID, 'enduser.id'];
const SESSION_KEYS = [GEN_AI_CONVERSATION_ID, SESSION_ID];
const CUSTOMER_KEYS = [SPANLEDGER_CUSTOMER_ID];
const FEATURE_KEYS = [SPANLEDGER_FEATURE_NAME];
const USAGE_CLASS_KEYS = [SPANLEDGER_USAGE_CLASS];
const ENVIRONMENT_KEYS = [DEPLOYMENT_ENVIRONMENT_NAME, DEPLOYMENT_ENVIRONMENT];

export const ATTRIBUTION_KEYS: readonly string[] = [
  ...CUSTOMER_KEYS,
  ...FEATURE_KEYS,
  ...USER_KEYS,
  ...SESSION_KEYS,
  ...USAGE_CLASS_KEYS,
  SPANLEDGER_ACTION_ID,
  SERVICE_NAME,
  ...ENVIRONMENT_KEYS,
];

/**
 * Reads attribution from the span, then from its resource: a process that serves one customer may say so once.
 * The action belongs to one call, so only the span may name it; service and environment belong to the process.
 */
export function attribution(span: Span): Attribution {
  return {
    actionId: label(span.attributes.get(SPANLEDGER_ACTION_ID)) ?? span.traceId,
    customer: nearest(span, CUSTOMER_KEYS),
    feature: nearest(span, FEATURE_KEYS),
    userId: nearest(span, USER_KEYS),
    sessionId: nearest(span, SESSION_KEYS),
    usageClass: usageClass(nearest(span, USAGE_CLASS_KEYS)),
    environment: firstLabel(span.resource, ENVIRONMENT_KEYS),
    service: label(span.resource.get(SERVICE_NAME)),
  };
}

function nearest(span: Span, keys: readonly string[]): string | null {
  return firstLabel(span.attributes, keys) ?? firstLabel(span.resource, keys);
}

/** An unknown word means `customer`, like no word: a spelling mistake must not make usage free. */
function usageClass(word: string | null): UsageClass {
  switch (word?.trim().toLowerCase()) {
    case 'trial':
      return 'trial';
    case 'internal':
      return 'internal';
    case 'test':
      return 'test';
    case 'demo':
      return 'demo';
    case 'admin':
      return 'admin';
    default:
      return 'customer';
  }
}
