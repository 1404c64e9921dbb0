import { describe, expect, it } from 'vitest';
import { type Dashboard, parseDashboard, type Variable } from './dashboard.ts';
import { frameOf } from './frames.ts';
import { interpolate } from './interpolate.ts';
import { linkFrom } from './links.ts';
import {
  ALL,
  choose,
  fixedOptions,
  lookupIn,
  optionsOf,
  type Scope,
  type VariableChoices,
  wavesOf,
} from './variables.ts';

const range = { from: new Date('2026-11-01T00:00:00Z'), to: new Date('2026-11-02T00:00:00Z') };

const aDashboard = (variables: readonly Variable[]): Dashboard =>
  parseDashboard({
    uid: 'spanledger-x',
    title: 'X',
    schemaVersion: 42,
    panels: [],
    templating: { list: [...variables] },
  });

const aVariable = (name: string, changes: Partial<Variable> = {}): Variable => ({
  name,
  type: 'query',
  query: `SELECT ${name} FROM usage`,
  multi: true,
  includeAll: true,
  current: { text: ['All'], value: [ALL] },
  ...changes,
});

const optionsNamed = (...values: string[]) => values.map((value) => ({ text: value, value }));

/** The scope of a dashboard with the variables customer and feature, each with the options a, b and O'Neil. */
const aScope = (choices: VariableChoices = {}): Scope => {
  const options = optionsNamed('a', 'b', "O'Neil");
  const variables = [aVariable('customer'), aVariable('feature')].map((variable) =>
    choose(variable, options, choices[variable.name]),
  );
  return {
    dashboard: aDashboard([]),
    variables: new Map(variables.map((variable) => [variable.name, variable])),
    range,
    intervalMs: 3_600_000,
  };
};

const textOf = (text: string, choices?: VariableChoices) =>
  interpolate(text, lookupIn(aScope(choices)), 'glob');

describe('a variable in a text', () => {
  it('is the list of all options when All is chosen', () => {
    expect(textOf('IN (${customer:sqlstring})')).toBe("IN ('a','b','O''Neil')");
    expect(textOf('${customer:text}')).toBe('All');
    expect(textOf('${customer:queryparam}')).toBe('var-customer=%24__all');
  });

  it.each([
    ['${customer:sqlstring}', "'O''Neil','b'"],
    ['${customer:csv}', "O'Neil,b"],
    ['${customer:raw}', "O'Neil,b"],
    ['${customer:pipe}', "O'Neil|b"],
    ['${customer:json}', '["O\'Neil","b"]'],
    ['${customer:text}', "O'Neil + b"],
    ['${customer:queryparam}', 'var-customer=O%27Neil&var-customer=b'],
    ['${customer:percentencode}', '%7BO%27Neil%2Cb%7D'],
    ['$customer', "{O'Neil,b}"],
    ['[[customer:csv]]', "O'Neil,b"],
  ])('%s of two chosen values is %s', (written, expected) => {
    expect(textOf(written, { customer: ["O'Neil", 'b'] })).toBe(expected);
  });

  it('stays when nobody knows it', () => {
    expect(textOf('$nobody ${nobody:csv} $__timeFilter(x)')).toBe('$nobody ${nobody:csv} $__timeFilter(x)');
  });

  it('with an unknown format is refused', () => {
    expect(() => textOf('${customer:sqlstrings}')).toThrow(
      'unknown format of a variable: customer:sqlstrings',
    );
  });

  it.each([
    ['${__from}', '1793491200000'],
    ['${__to:date:iso}', '2026-11-02T00:00:00.000Z'],
    ['${__from:date:seconds}', '1793491200'],
    ['${__interval} ${__interval_ms}', '1h 3600000'],
    ['${__dashboard} ${__dashboard.uid}', 'X spanledger-x'],
  ])('%s is %s', (written, expected) => {
    expect(textOf(written)).toBe(expected);
  });
});

describe('what is chosen', () => {
  const options = optionsNamed('a', 'b');

  it('is what was saved, as long as there is such an option', () => {
    const saved = (...value: string[]) =>
      choose(aVariable('x', { current: { text: value, value } }), options, undefined);
    expect(saved(ALL).chosen).toBe(ALL);
    expect(saved('b').chosen).toEqual(['b']);
    expect(saved('gone').chosen).toEqual(['a']);
  });

  it('is what an address asks for, also when there is no such option', () => {
    expect(choose(aVariable('x'), options, ['gone']).chosen).toEqual(['gone']);
  });

  it('is All when there is nothing to choose, and then an empty list', () => {
    const chosen = choose(aVariable('x', { current: { text: 'a', value: 'a' } }), [], undefined);
    expect(chosen.chosen).toBe(ALL);
    const scope = { ...aScope(), variables: new Map([['x', chosen]]) };
    expect(interpolate('IN (${x:sqlstring})', lookupIn(scope), 'glob')).toBe('IN ()');
  });
});

describe('the options', () => {
  it('of a query are the values of its answer, each once', () => {
    const answer = { columns: [{ name: 'customer', oid: 25 }], rows: [['a'], ['b'], ['a']] };
    const { frame } = frameOf(answer, { format: 'table', range });
    expect(optionsOf(frame)).toEqual(optionsNamed('a', 'b'));
  });

  it('of a query may have a text of their own', () => {
    const columns = [
      { name: '__value', oid: 25 },
      { name: '__text', oid: 25 },
    ];
    const { frame } = frameOf({ columns, rows: [['cus_1', 'Acme']] }, { format: 'table', range });
    expect(optionsOf(frame)).toEqual([{ text: 'Acme', value: 'cus_1' }]);
  });

  it('of the other types are in the file', () => {
    expect(fixedOptions(aVariable('x', { type: 'custom', query: 'a, Two : 2' }))).toEqual([
      { text: 'a', value: 'a' },
      { text: 'Two', value: '2' },
    ]);
    expect(fixedOptions(aVariable('x', { type: 'textbox', query: 'https://t/' }))).toEqual(
      optionsNamed('https://t/'),
    );
    const source = aVariable('x', {
      type: 'datasource',
      current: { text: 'Spanledger', value: 'spanledger' },
    });
    expect(fixedOptions(source)).toEqual([{ text: 'Spanledger', value: 'spanledger' }]);
    expect(() => fixedOptions(aVariable('x', { type: 'adhoc' }))).toThrow(/type adhoc/);
  });
});

describe('variables that need others', () => {
  const needs = (name: string, other: string) =>
    aVariable(name, { query: `SELECT 1 WHERE 'x' IN (\${${other}:sqlstring})` });

  it('are asked after them', () => {
    const waves = wavesOf(aDashboard([needs('c', 'b'), aVariable('a'), needs('b', 'a')]));
    expect(waves.map((wave) => wave.map(({ name }) => name))).toEqual([['a'], ['b'], ['c']]);
  });

  it('must not need one another', () => {
    expect(() => wavesOf(aDashboard([needs('a', 'b'), needs('b', 'a')]))).toThrow(/need one another: a, b/);
  });
});

describe('a data link', () => {
  const { frame } = frameOf(
    {
      columns: [
        { name: 'customer', oid: 25 },
        { name: 'Cost of calls', oid: 1700 },
        { name: 'time', oid: 1184 },
      ],
      rows: [['R&D', '1.5', '2026-11-01 00:00:00+00']],
    },
    { format: 'table', range },
  );
  const [customer, cost] = frame.fields;
  const from = (url: string, field = customer) => {
    if (field === undefined) throw new Error('the frame has lost its fields');
    return linkFrom(url, aScope({ customer: ['a'] }), { frame, field, row: 0 });
  };

  it('keeps the time range and every variable', () => {
    expect(from('/d/spanledger-calls?${__url_time_range}&${__all_variables}')).toBe(
      '/d/spanledger-calls?from=1793491200000&to=1793577600000&var-customer=a&var-feature=%24__all',
    );
  });

  it('takes values of its row, encoded only where it says so', () => {
    expect(from('?var-customer=${__data.fields.customer:percentencode}')).toBe('?var-customer=R%26D');
    expect(from('?var-customer=${__data.fields["customer"]}')).toBe('?var-customer=R&D');
    expect(from('?${__data.fields["Cost of calls"]}&${__data.fields[1].numeric}')).toBe('?1.5&1.5');
  });

  it('takes the value and the name of the field that was clicked', () => {
    expect(from('?${__value.raw}&${__field.name}&${__value.time}', cost)).toBe(
      '?1.5&Cost%20of%20calls&1793491200000',
    );
  });

  it('takes labels of the series that was clicked', () => {
    const labelled = { name: 'cost', type: 'number', labels: { feature: 'chat' }, values: [1] } as const;
    const scope = aScope();
    const cell = { frame: { fields: [labelled], length: 1 }, field: labelled, row: 0 };
    expect(linkFrom('?var-feature=${__field.labels.feature}', scope, cell)).toBe('?var-feature=chat');
  });
});
