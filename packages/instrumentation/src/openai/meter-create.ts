import { type Attributes, context, SpanKind, trace } from '@opentelemetry/api';
import {
  GEN_AI_CONVERSATION_ID,
  GEN_AI_OPERATION_NAME,
  GEN_AI_PROVIDER_NAME,
  GEN_AI_REQUEST_MODEL,
  GEN_AI_REQUEST_STREAM,
  OPENAI_REQUEST_SERVICE_TIER,
  SERVER_ADDRESS,
  SERVER_PORT,
} from '@spanledger/semconv';
import { attributionAttributes, attributionIn } from '../attribution.ts';
import { announceFirstUse } from '../first-use.ts';
import type { MeteringOptions } from '../options.ts';
import { type Callable, field, isCallable, replaceProperty, text } from '../shape.ts';
import { INSTRUMENTATION_NAME, INSTRUMENTATION_VERSION } from '../version.ts';
import { warnOnce } from '../warn.ts';
import { type Endpoint, endpointOf } from './endpoint.ts';
import { MeteredCall } from './metered-call.ts';
import { type Observation, observePromise } from './observe-promise.ts';
import type { Surface } from './reading.ts';
import { requestUsage } from './stream-usage.ts';

/** Marks our `create`, so that no road of instrumentation can meter a call a second time. */
const METERED = Symbol.for('spanledger.metered');

export type PatchOutcome = 'patched' | 'already' | 'unfit';

/**
 * Puts metering around `create` of a resource: a class's prototype, or one client's resource. Every helper of the
 * SDK (`parse`, `stream`, `runTools`) calls `create`, so nothing else needs a hook, and nothing else may have one:
 * two would count twice.
 */
export function meterCreate(
  resource: object,
  surface: Surface,
  options: Required<MeteringOptions>,
): PatchOutcome {
  const create = field(resource, 'create');
  if (!isCallable(create)) return 'unfit';
  if (field(create, METERED) === true) return 'already';
  const metered = function create_(this: unknown, ...args: unknown[]) {
    return meteredCreate(this, create, args, surface, options);
  };
  Reflect.defineProperty(metered, 'name', { value: create.name, configurable: true });
  Reflect.defineProperty(metered, 'length', { value: create.length, configurable: true });
  Reflect.defineProperty(metered, METERED, { value: true });
  return replaceProperty(resource, 'create', metered) ? 'patched' : 'unfit';
}

/** What happens on one call, in order. */
function meteredCreate(
  resource: unknown,
  create: Callable,
  args: unknown[],
  surface: Surface,
  options: Required<MeteringOptions>,
): unknown {
  const observation = begin(resource, args[0], surface, options);
  // Nobody records: then the call is the SDK's alone, byte for byte.
  if (observation === undefined) return Reflect.apply(create, resource, args);

  const { call, usageRequest } = observation;
  const sent = usageRequest === undefined ? args : [usageRequest.body, ...args.slice(1)];
  let result: unknown;
  try {
    // Inside the span's context, so that the HTTP spans of this call hang below it.
    result = context.with(call.context, () => Reflect.apply(create, resource, sent));
  } catch (error) {
    call.fail(error);
    throw error;
  }
  try {
    if (!observePromise(result, observation)) {
      warnOnce('openai.shape', 'create() returned something unknown; its usage is not read');
      call.answer({});
    }
  } catch (error) {
    warnOnce('openai.observe', 'could not observe a call', error);
    call.abandon();
  }
  return result;
}

function begin(
  resource: unknown,
  body: unknown,
  surface: Surface,
  options: Required<MeteringOptions>,
): Observation | undefined {
  try {
    announceFirstUse();
    const parent = context.active();
    const endpoint = endpointOf(field(resource, '_client'));
    const model = text(field(body, 'model'));
    const span = trace.getTracer(INSTRUMENTATION_NAME, INSTRUMENTATION_VERSION).startSpan(
      model === undefined ? surface.operation : `${surface.operation} ${model}`,
      {
        kind: SpanKind.CLIENT,
        attributes: {
          ...requestAttributes(body, surface, endpoint),
          ...attributionAttributes(attributionIn(parent)),
        },
      },
      parent,
    );
    if (!span.isRecording()) {
      span.end();
      return undefined;
    }
    return {
      call: new MeteredCall(span, trace.setSpan(parent, span)),
      surface,
      usageRequest: surface.streamUsageOnRequest
        ? requestUsage(body, options.requestStreamUsage, endpoint)
        : undefined,
    };
  } catch (error) {
    warnOnce('openai.begin', 'could not begin to meter a call', error);
    return undefined;
  }
}

function requestAttributes(body: unknown, surface: Surface, endpoint: Endpoint): Attributes {
  const attributes: Attributes = {
    [GEN_AI_OPERATION_NAME]: surface.operation,
    [GEN_AI_PROVIDER_NAME]: endpoint.provider,
  };
  const optional = {
    [GEN_AI_REQUEST_MODEL]: text(field(body, 'model')),
    [OPENAI_REQUEST_SERVICE_TIER]: text(field(body, 'service_tier')),
    [GEN_AI_CONVERSATION_ID]: text(field(body, 'conversation')) ?? text(field(body, 'conversation', 'id')),
    [GEN_AI_REQUEST_STREAM]: field(body, 'stream') === true ? true : undefined,
    [SERVER_ADDRESS]: endpoint.host,
    [SERVER_PORT]: endpoint.port,
  };
  for (const [name, value] of Object.entries(optional)) {
    if (value !== undefined) attributes[name] = value;
  }
  return attributes;
}
