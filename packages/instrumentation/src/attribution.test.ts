import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';
import { type InMemoryTracing, traceInMemory } from '../test/in-memory.ts';
import {
  type Attribution,
  attributionAttributes,
  currentAttribution,
  withAttribution,
} from './attribution.ts';
import { SpanledgerSpanProcessor } from './span-processor.ts';

let tracing: InMemoryTracing | undefined;
afterEach(() => {
  tracing?.stop();
  tracing = undefined;
});

describe('withAttribution', () => {
  it('returns what the function returns, and throws what it throws', async () => {
    expect(withAttribution({ customer: 'a' }, () => 7)).toBe(7);
    await expect(withAttribution({ customer: 'a' }, async () => 8)).resolves.toBe(8);
    expect(() =>
      withAttribution({ customer: 'a' }, () => {
        throw new RangeError('mine');
      }),
    ).toThrow(RangeError);
  });

  it('merges with what surrounds it; the inner value wins', () => {
    withAttribution({ customer: 'a', feature: 'outer', user: 'u' }, () => {
      const inner = withAttribution({ feature: 'inner' }, currentAttribution);
      expect(inner).toEqual({ customer: 'a', feature: 'inner', user: 'u' });
      expect(currentAttribution()).toEqual({ customer: 'a', feature: 'outer', user: 'u' });
    });
    expect(currentAttribution()).toEqual({});
  });

  it('follows awaits without any OpenTelemetry set-up', async () => {
    const seen = await withAttribution({ customer: 'a' }, async () => {
      await new Promise(setImmediate);
      return currentAttribution();
    });
    expect(seen).toEqual({ customer: 'a' });
  });

  it('follows a context that is carried by hand', () => {
    tracing = traceInMemory();
    const carried = withAttribution({ customer: 'a' }, () => context.active());
    expect(currentAttribution()).toEqual({});
    expect(context.with(carried, currentAttribution)).toEqual({ customer: 'a' });
  });

  it('leaves out what is no usable text, and never throws', () => {
    const input = {
      customer: 42,
      feature: '',
      user: 'u',
      session: 'x'.repeat(1000),
      usageClass: 'vip',
      degraded: 'yes',
    };
    // @ts-expect-error: an app without types can pass anything.
    expect(withAttribution(input, currentAttribution)).toEqual({ user: 'u' });
    // @ts-expect-error: the same.
    expect(withAttribution(undefined, currentAttribution)).toEqual({});
  });
});

describe('a degraded action', () => {
  const around = { customer: 'a', feature: 'f', degraded: true };
  const inside = (outer: Attribution, inner: Attribution) =>
    withAttribution(outer, () => withAttribution(inner, () => currentAttribution().degraded));

  it.each<[string, Attribution, Attribution]>([
    ['a user is named', around, { user: 'u' }],
    ['the same is named again', around, { customer: 'a', feature: 'f' }],
    ['the action is named', around, { action: 'x' }],
    ['who it is for is named', { degraded: true }, { customer: 'b', feature: 'g' }],
    ['an action that has a name uses another feature', { ...around, action: 'x' }, { feature: 'g' }],
  ])('goes on where %s', (_what, outer, inner) => {
    expect(inside(outer, inner)).toBe(true);
  });

  it.each<[string, Attribution, Attribution]>([
    ['customer', around, { customer: 'b' }],
    ['feature', around, { feature: 'g' }],
    ['action', { ...around, action: 'x' }, { action: 'y' }],
  ])('says nothing of another %s inside it', (_what, outer, inner) => {
    expect(inside(outer, inner)).toBeUndefined();
    expect(inside(outer, { ...inner, degraded: true })).toBe(true);
  });

  it('may be full again inside, which spans say', () => {
    expect(inside(around, { degraded: false })).toBe(false);
    expect(attributionAttributes({ degraded: false })).toEqual({ 'spanledger.action.degraded': false });
  });
});

describe('the span processor', () => {
  it('writes who is spending on every span that starts inside', () => {
    tracing = traceInMemory(new SpanledgerSpanProcessor());
    const tracer = trace.getTracer('other');
    withAttribution(
      {
        customer: 'a',
        feature: 'f',
        user: 'u',
        session: 's',
        action: 'x',
        degraded: true,
        usageClass: 'trial',
      },
      () => tracer.startSpan('inside').end(),
    );
    tracer.startSpan('outside').end();
    expect(tracing.spans().map((span) => span.attributes)).toEqual([
      {
        'spanledger.customer.id': 'a',
        'spanledger.feature.name': 'f',
        'spanledger.action.id': 'x',
        'spanledger.action.degraded': true,
        'spanledger.usage.class': 'trial',
        'user.id': 'u',
        'session.id': 's',
      },
      {},
    ]);
  });

  it('finds it where the context manager lost it', () => {
    tracing = traceInMemory(new SpanledgerSpanProcessor());
    withAttribution({ customer: 'a' }, () =>
      trace.getTracer('other').startSpan('lost', {}, ROOT_CONTEXT).end(),
    );
    expect(tracing.spans()[0]?.attributes['spanledger.customer.id']).toBe('a');
  });

  it('keeps what the emitter said itself', () => {
    tracing = traceInMemory(new SpanledgerSpanProcessor());
    withAttribution({ customer: 'a', user: 'ours' }, () =>
      trace
        .getTracer('other')
        .startSpan('s', { attributes: { 'user.id': 'theirs' } })
        .end(),
    );
    expect(tracing.spans()[0]?.attributes).toEqual({ 'user.id': 'theirs', 'spanledger.customer.id': 'a' });
  });
});
