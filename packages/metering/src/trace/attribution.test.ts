import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aChat,
  aSpan,
  MINUTE_MICROS,
  NOON_MICROS,
  SETTLED,
  spanIdOf,
  type TreeSpan,
} from '../../test/builders.ts';
import { billed, chat, type Given, recordOf, recordsOf, tree } from '../../test/traces.ts';
import { decide } from '../decide.ts';
import { observe, observeSettings } from '../observe.ts';
import type { Attributes, AttributeValue, Span } from '../span.ts';
import type { AttributionSettings } from './attribution.ts';

describe('labels', () => {
  const labelled = (customer: string): Given => ({ 'customer.id': customer });

  it('come from the nearest span that has one, and say from where', () => {
    const call: TreeSpan = { id: 'x', attributes: chat(5, 1) };
    const spans = tree({
      id: 'root',
      attributes: { ...labelled('far'), 'app.feature': 'search' },
      below: [{ id: 'near', attributes: labelled('near'), below: [call] }],
    });
    expect(recordOf('x', spans)).toMatchObject({
      customer: 'near',
      feature: 'search',
      sources: {
        customer: { level: 'ancestor', key: 'customer.id' },
        feature: { level: 'root', key: 'app.feature' },
        userId: null,
      },
    });
  });

  it('arrive with an ancestor that arrives later', () => {
    const spans = tree({
      id: 'root',
      attributes: labelled('acme'),
      below: [{ id: 'x', attributes: chat(5, 1) }],
    });
    expect(recordOf('x', spans.slice(1)).customer).toBeNull();
    expect(recordOf('x', [...spans].reverse()).customer).toBe('acme');
  });

  it('of the trace count where the way up is broken, the closest in time first', () => {
    const wide = { startTimeMicros: NOON_MICROS - MINUTE_MICROS, endTimeMicros: NOON_MICROS + MINUTE_MICROS };
    const root = tree({ id: 'root', attributes: labelled('wide'), ...wide });
    const near = tree({ id: 'near', attributes: labelled('near'), parentSpanId: spanIdOf('root') });
    const lost = tree({ id: 'x', attributes: chat(5, 1), parentSpanId: 'dddddddddddddddd' });
    expect(recordOf('x', root, near, lost)).toMatchObject({
      customer: 'near',
      sources: { customer: { level: 'trace', key: 'customer.id' } },
    });
    expect(recordOf('x', root, lost).customer).toBe('wide');
  });

  it('of the process come after all of the trace, and the default of the key after those', () => {
    const resource = { 'service.name': 'shop', 'customer.id': 'process' };
    const root = (attributes: Given) =>
      tree({ id: 'root', attributes, below: [{ id: 'x', resource, attributes: chat(5, 1) }] });
    expect(recordOf('x', root(labelled('acme'))).customer).toBe('acme');
    expect(recordOf('x', root({}))).toMatchObject({
      customer: 'process',
      sources: { customer: { level: 'resource' } },
    });
    const defaults = { customer: { value: 'owner', key: 'api key' } };
    const [record] = recordsOf(tree({ id: 'x', attributes: chat(5, 1) }), SETTLED, {
      usageClassRules: [],
      defaults,
    });
    expect(record).toMatchObject({
      customer: 'owner',
      sources: { customer: { level: 'default', key: 'api key' } },
    });
  });

  it('of the process count for a field that the span leaves blank or out', () => {
    const resource = {
      'spanledger.customer.id': 'process',
      'enduser.id': 'r',
      'spanledger.usage.class': 'demo',
    };
    const given = (customer: string) =>
      tree({ id: 'x', resource, attributes: chat(5, 1, { 'spanledger.customer.id': customer }) });
    expect(recordOf('x', given('span'))).toMatchObject({ customer: 'span', userId: 'r', usageClass: 'demo' });
    expect(recordOf('x', given(' ')).customer).toBe('process');
  });

  it('name action, session, user and environment by the newest attribute that is there', () => {
    const resource = { 'deployment.environment': 'old', 'deployment.environment.name': 'production' };
    const named = (more: Given) => recordOf('x', tree({ id: 'x', resource, attributes: chat(5, 1, more) }));
    const older = { 'session.id': 's', 'enduser.id': 'e' };
    const newer = { 'gen_ai.conversation.id': 'thread-7', 'user.id': 'u', 'spanledger.action.id': 'a-1' };
    expect(named(older)).toMatchObject({ sessionId: 's', userId: 'e', environment: 'production' });
    expect(named(older).actionId).toBe(named(older).traceId);
    expect(named({ ...older, ...newer })).toMatchObject({
      actionId: 'a-1',
      sessionId: 'thread-7',
      userId: 'u',
    });
  });

  it('keep two customers with very long names apart', () => {
    const [one, other] = ['1', '2'].map(
      (end) =>
        recordOf('x', tree({ id: 'x', attributes: chat(5, 1, labelled('c'.repeat(1500) + end)) })).customer,
    );
    expect(one).not.toBeNull();
    expect(one).not.toBe(other);
  });

  it.each<[string, AttributeValue, string]>([
    ['traceloop.association.properties.customer_id', 'acme', 'traceloop.association.properties.customer_id'],
    ['ai.settings.context.customerId', 'acme', 'ai.settings.context.customerId'],
    ['langfuse.trace.metadata.customer', 'acme', 'langfuse.trace.metadata.customer'],
    ['metadata', '{"plan":"pro","customer":"acme"}', 'metadata/customer'],
    ['tag.tags', '["env:test","customer:acme"]', 'tag.tags/customer'],
    ['langfuse.trace.tags', ['a', 'customer:acme'], 'langfuse.trace.tags/customer'],
    ['langsmith.span.tags', 'x, customer:acme', 'langsmith.span.tags/customer'],
    ['baggage.customer', 'acme', 'baggage.customer'],
    ['litellm.team.id', 'acme', 'litellm.team.id'],
    ['my.tenant.key', 'acme', 'my.tenant.key'],
  ])('are read from %s', (name, value, key) => {
    const settings = observeSettings({
      customer: ['my.tenant.key'],
      feature: [],
      user: [],
      session: [],
      usageClass: [],
    });
    const observation = observe(aChat({ 'spanledger.customer.id': '', [name]: value }), settings);
    const [decision] = decide(observation === null ? [] : [observation], SETTLED).values();
    expect(decision?.usage).toMatchObject({
      customer: 'acme',
      sources: { customer: { level: 'span', key } },
    });
  });

  it('do not depend on the order of the attributes', () => {
    const given: [string, AttributeValue][] = [
      ['gen_ai.operation.name', 'chat'],
      ['metadata', '{"customer":"json","tenant_id":"json2"}'],
      ['customer_id', 'bare'],
      ['traceloop.association.properties.customer_id', 'association'],
      ['tag.tags', '["customer:tag"]'],
      ['organization.id', 'organization'],
      ['app.feature', 'search'],
      ['gen_ai.agent.name', 'agent'],
    ];
    const first = observe(aSpan({ attributes: Object.fromEntries(given) }));
    expect(first?.labels).toMatchObject({ customer: { value: 'association' }, feature: { value: 'search' } });
    fc.assert(
      fc.property(fc.shuffledSubarray(given, { minLength: given.length }), (shuffled) => {
        const attributes: Attributes = new Map(shuffled);
        expect(observe({ ...aSpan(), attributes })?.labels).toEqual(first?.labels);
      }),
    );
  });

  it('that were meant as such count before names that only stand in, even from further away', () => {
    const spans = tree({
      id: 'root',
      attributes: { feature: 'search', 'customer.id': 'acme' },
      below: [
        { id: 'x', attributes: chat(5, 1, { 'gen_ai.agent.name': 'helper', 'organization.id': 'org' }) },
      ],
    });
    expect(recordOf('x', spans)).toMatchObject({ customer: 'acme', feature: 'search' });
    const alone = tree({
      id: 'x',
      attributes: chat(5, 1, { 'gen_ai.agent.name': 'helper', 'organization.id': 'org' }),
    });
    expect(recordOf('x', alone)).toMatchObject({ customer: 'org', feature: 'helper' });
  });

  it("of a developer's tool do not pass to a program that was started from it", () => {
    const tool = { 'service.name': 'claude-code' };
    const app = { 'service.name': 'shop' };
    const spans = tree({
      id: 'root',
      name: 'claude_code.interaction',
      resource: tool,
      attributes: { 'user.id': 'developer', 'organization.id': 'org' },
      below: [
        {
          id: 'own',
          name: 'claude_code.llm_request',
          resource: tool,
          attributes: { input_tokens: 2, output_tokens: 9, cache_read_tokens: 84_562 },
        },
        {
          id: 'bash',
          name: 'claude_code.tool',
          resource: tool,
          below: [
            { id: 'served', resource: app, below: [{ id: 'x', resource: app, attributes: chat(5, 1) }] },
          ],
        },
      ],
    });
    expect(recordOf('x', spans)).toMatchObject({ customer: null, userId: null });
    expect(recordOf('own', spans)).toMatchObject({
      customer: 'org',
      userId: 'developer',
      provider: 'anthropic',
      tokens: { uncachedInput: 2, cacheRead: 84_562 },
    });
    expect(billed(spans)).toEqual({ own: [84_564, 9], x: [5, 1] });
  });

  it('pass from one service of an app to the next', () => {
    const spans = tree({
      id: 'root',
      resource: { 'service.name': 'web' },
      attributes: labelled('acme'),
      below: [{ id: 'x', resource: { 'service.name': 'model-service' }, attributes: chat(5, 1) }],
    });
    expect(recordOf('x', spans).customer).toBe('acme');
  });
});

describe('the usage class', () => {
  const inEnvironment = (environment: string, attributes: Given = {}) =>
    tree({
      id: 'x',
      resource: { 'deployment.environment.name': environment },
      attributes: chat(5, 1, attributes),
    });

  it('is that of the label, else of a rule, else of an environment named like a class, else customer', () => {
    const rules: AttributionSettings = {
      usageClassRules: [{ usageClass: 'internal', name: 'staging is ours', environment: 'staging' }],
      defaults: {},
    };
    const classOf = (spans: Span[], settings?: AttributionSettings) =>
      recordsOf(spans, SETTLED, settings).map(({ usageClass, sources }) => [
        usageClass,
        sources.usageClass?.level,
      ]);
    expect(classOf(inEnvironment('staging', { 'usage.class': 'trial' }), rules)).toEqual([['trial', 'span']]);
    expect(classOf(inEnvironment('staging'), rules)).toEqual([['internal', 'rule']]);
    expect(classOf(inEnvironment('demo'))).toEqual([['demo', 'environment']]);
    expect(classOf(inEnvironment('staging'))).toEqual([['customer', undefined]]);
  });

  it.each([
    ['trial', 'trial'],
    [' Internal ', 'internal'],
    ['intrenal', 'customer'],
    ['', 'customer'],
  ])('of the label %j is %s', (sent, usageClass) => {
    const spans = tree({ id: 'x', attributes: chat(5, 1, { 'spanledger.usage.class': sent }) });
    expect(recordOf('x', spans).usageClass).toBe(usageClass);
  });
});
