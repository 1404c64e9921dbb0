import { describe, expect, it } from 'vitest';
import { SpanledgerError } from '../errors.ts';
import { readScenario } from './read-scenario.ts';

const STORY = `
starts_at: 2026-11-01
steps:
  - usage: { customer: acme, feature: chat, model: small, tokens: { input: 10 } }
`;

function mistakesIn(text: string): readonly string[] {
  try {
    readScenario(text, 'story.yaml');
  } catch (error) {
    if (error instanceof SpanledgerError && error.code === 'SL_SCENARIO_INVALID') {
      return error.message
        .split('\n')
        .slice(1)
        .map((line) => line.trim());
    }
    throw error;
  }
  return [];
}

describe('a scenario', () => {
  it('needs no more than a beginning and a step', () => {
    const { steps, startsAtMicros } = readScenario(STORY, 'story.yaml');
    expect(startsAtMicros).toBe(Date.UTC(2026, 10, 1) * 1000);
    expect(steps.map(({ name, number }) => [name, number])).toEqual([['step-1', 1]]);
  });

  it('may be JSON, and means the same', () => {
    const json = {
      starts_at: '2026-11-01',
      steps: [{ usage: { customer: 'acme', feature: 'chat', model: 'small', tokens: { input: 10 } } }],
    };
    expect(readScenario(JSON.stringify(json), 'story.json').steps).toEqual(
      readScenario(STORY, 'story.yaml').steps,
    );
  });

  it('with mistakes of shape is refused with each of them, its place and what was found', () => {
    const mistakes = mistakesIn(`
starts_at: 2026-11-01
colour: blue
customers: [{ id: acme, plan: pro, anchor_day: 32 }]
steps:
  - usage: { customer: acme, tokens: { input: many } }
  - top_up: { customer: acme }
  - usage: [{ model: small, clas: internal }]
`);
    expect(mistakes).toEqual([
      'colour: is not a setting, found "blue"',
      'customers.0.anchor_day: must be <= 31, found 32',
      'steps.0.usage.tokens.input: must be integer, found "many"',
      'steps.1.top_up: must have required properties credits, found {"customer":"acme"}',
      'steps.2.usage.0.clas: is not a setting, found "internal"',
    ]);
  });

  it('with mistakes of meaning is refused with each of them', () => {
    const mistakes = mistakesIn(`
starts_at: 2026-13-01
prices:
  cards: [{ id: mine, match: { provider: house, model: small }, effective_from: some day in 2026, rates: { input: 1 } }]
credits: { default: { fixed: { credits: -1 } } }
plans: { pro: { fee_usd: much, allowance: 100 } }
steps:
  - advance: 3 days
  - usage: { parent: nobody, model: small, at: noon, duration: long }
  - deliver_again: { step: step-9 }
  - grant: { customer: acme, credits: 0.0000001 }
  - advance: 1d
    top_up: { customer: acme, credits: 5 }
  - note: nothing
  - statement: { customer: acme, period: last }
  - check: { customer: acme, tokens: { input: 1, cache_read: 2 } }
  - { name: twice, advance: 1d }
  - { name: twice, advance: 1d }
`);
    const places = mistakes.map((line) => line.slice(0, line.indexOf(':')));
    expect(new Set(places)).toEqual(
      new Set([
        'starts_at',
        'prices.cards.0.effective_from',
        'credits.default.fixed.credits',
        'plans.pro.fee_usd',
        'steps.0.advance',
        'steps.1.usage.parent',
        'steps.1.usage.at',
        'steps.1.usage.duration',
        'steps.2.deliver_again.step',
        'steps.3.grant.credits',
        'steps.4',
        'steps.5',
        'steps.6.statement.period',
        'steps.7.check.tokens',
        'steps.9.name',
      ]),
    );
    expect(mistakes).toContainEqual(
      'steps.0.advance: must be an instant (2026-11-03T12:00:00Z) or a time from now (3d, 1d12h, -45m), found "3 days"',
    );
  });

  it('knows spans by their names: a child is in the trace of its parent, wherever that is sent', () => {
    const { steps } = readScenario(
      `
starts_at: 2026-11-01
steps:
  - name: child
    usage: { parent: agent, model: small }
  - usage: { span: agent, trace: run, operation: invoke_agent, customer: acme }
  - name: alone
    usage: { model: small, times: 2 }
`,
      'story.yaml',
    );
    const spans = steps.flatMap(({ deed }) => (deed?.kind === 'usage' ? deed.spans : []));
    expect(spans.map(({ name, trace, parent }) => [name, trace, parent])).toEqual([
      ['child', 'run', 'agent'],
      ['agent', 'run', null],
      ['alone.1', 'alone.1', null],
      ['alone.2', 'alone.2', null],
    ]);
  });

  it.each([
    ['a parent that is its own child', '[{ span: a, parent: b }, { span: b, parent: a }]', 'own parent'],
    ['two spans of one name', '[{ span: a }, { span: a }]', 'no other span has'],
    ['a named span several times', '[{ span: a, times: 2 }]', 'left out'],
    [
      'more spans than a story has',
      '[{ times: 5000 }, { times: 5000 }, { times: 5000 }, { times: 5001 }]',
      '<= 5000',
    ],
  ])('is refused with %s', (_what, usage, words) => {
    expect(mistakesIn(`{ starts_at: 2026-11-01, steps: [{ usage: ${usage} }] }`).join('\n')).toContain(words);
  });

  it('is refused beyond the number of spans that a run is made for', () => {
    const many = Array.from({ length: 5 }, () => '{ times: 5000 }').join(', ');
    expect(mistakesIn(`{ starts_at: 2026-11-01, steps: [{ usage: [${many}] }] }`)).toEqual([
      'steps: must send at most 20000 spans, found 25000',
    ]);
  });
});
