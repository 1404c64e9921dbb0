import type { Dashboard, Variable } from './dashboard.ts';
import { sqlOfVariable, variablesOf } from './dashboard.ts';
import type { Frame } from './frames.ts';
import { encodeComponent, type Lookup, type Substitute, variableNamesIn } from './interpolate.ts';
import { formatInterval, type TimeRange } from './interval.ts';

/** The variables of a dashboard: what can be chosen, what is, and what a text gets in their place. */

/** How Grafana writes the choice of everything, in files and addresses. */
export const ALL = '$__all';
const ALL_TEXT = 'All';

export interface VariableOption {
  readonly text: string;
  readonly value: string;
}

/** What is provisioned, and what Grafana takes when nothing was chosen: the first data source of the type. */
const OWN_DATA_SOURCE: VariableOption = { text: 'Spanledger', value: 'spanledger' };

/** A variable whose options are known. */
export interface ChosenVariable {
  readonly name: string;
  readonly isMulti: boolean;
  readonly options: readonly VariableOption[];
  readonly chosen: typeof ALL | readonly string[];
  readonly isInUrl: boolean;
}

export type ChosenVariables = ReadonlyMap<string, ChosenVariable>;

/** By name: everything, or these values. A variable that is not named is as the dashboard was saved. */
export type VariableChoices = Readonly<Record<string, typeof ALL | readonly string[]>>;

/** In which order variables are asked for: each wave needs only those before it. */
export function wavesOf(dashboard: Dashboard): readonly (readonly Variable[])[] {
  const waves: Variable[][] = [];
  let left = [...variablesOf(dashboard)];
  while (left.length > 0) {
    const waiting = new Set(left.map(({ name }) => name));
    const wave = left.filter((variable) => {
      const reads = variableNamesIn(sqlOfVariable(variable) ?? '');
      return ![...reads].some((name) => name !== variable.name && waiting.has(name));
    });
    if (wave.length === 0) throw new Error(`variables that need one another: ${[...waiting].join(', ')}`);
    waves.push(wave);
    left = left.filter((variable) => !wave.includes(variable));
  }
  return waves;
}

/** The options of a variable that asks no query. */
export function fixedOptions(variable: Variable): readonly VariableOption[] {
  const query = typeof variable.query === 'string' ? variable.query : '';
  switch (variable.type) {
    case 'custom':
    case 'interval':
      return query.split(',').map((part) => optionOf(part.trim()));
    case 'datasource':
      return variable.current?.value === undefined ? [OWN_DATA_SOURCE] : currentOptions(variable);
    case 'textbox':
    case 'constant':
      return [{ text: query, value: query }];
    default:
      throw new Error(`variable ${variable.name}: type ${variable.type} is not known here`);
  }
}

/** `text : value`, or one for both. */
function optionOf(part: string): VariableOption {
  const [text = '', value = text] = part.split(' : ');
  return { text, value };
}

function currentOptions({ current }: Variable): readonly VariableOption[] {
  const values = listOf(current?.value);
  const texts = listOf(current?.text);
  return values.map((value, index) => ({ value, text: texts[index] ?? value }));
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** The options that an answer stands for: `__text` and `__value` when there are both, else every field's values. */
export function optionsOf(frame: Frame): readonly VariableOption[] {
  const texts = frame.fields.find(({ name }) => name === '__text');
  const values = frame.fields.find(({ name }) => name === '__value');
  const options =
    texts === undefined || values === undefined
      ? frame.fields.flatMap((field) =>
          field.values.map((value) => ({ text: `${value}`, value: `${value}` })),
        )
      : texts.values.map((text, index) => ({ text: `${text}`, value: `${values.values[index]}` }));
  // By text, as Grafana: of two values with one text only the first can be chosen.
  const byText = new Map<string, VariableOption>();
  for (const option of options) if (!byText.has(option.text)) byText.set(option.text, option);
  return [...byText.values()];
}

/** As Grafana chooses on load: what was asked for, else what was saved, else the first option. */
export function choose(
  variable: Variable,
  options: readonly VariableOption[],
  choice: VariableChoices[string] | undefined,
): ChosenVariable {
  const base = {
    name: variable.name,
    isMulti: variable.multi === true,
    options,
    isInUrl: variable.skipUrlSync !== true && variable.type !== 'constant',
  };
  if (choice !== undefined) return { ...base, chosen: choice };
  if (variable.type === 'constant' || variable.type === 'textbox')
    return { ...base, chosen: options.map(({ value }) => value) };
  const saved = listOf(variable.current?.value);
  if (variable.includeAll === true && (saved[0] === ALL || options.length === 0))
    return { ...base, chosen: ALL };
  const valid = saved.filter((value) => options.some((option) => option.value === value));
  const [first] = options;
  return { ...base, chosen: valid.length > 0 || first === undefined ? valid : [first.value] };
}

/** What the variables of a dashboard and Grafana's own say at this moment. */
export interface Scope {
  readonly dashboard: Pick<Dashboard, 'uid' | 'title'>;
  readonly variables: ChosenVariables;
  readonly range: TimeRange;
  readonly intervalMs?: number;
}

export function lookupIn(scope: Scope): Lookup {
  return (name, path) => {
    const variable = scope.variables.get(name);
    if (variable !== undefined) return path === undefined ? substituteOf(variable) : undefined;
    return builtIn(name, path, scope);
  };
}

function substituteOf({ options, chosen, isMulti }: ChosenVariable): Substitute {
  // Without a value of its own for everything, All is the list of what can be chosen.
  if (chosen === ALL) return { value: options.map(({ value }) => value), text: ALL_TEXT, urlValues: [ALL] };
  const texts = chosen.map((value) => options.find((option) => option.value === value)?.text ?? value);
  return { value: isMulti ? chosen : (chosen[0] ?? ''), text: texts.join(' + ') };
}

function builtIn(name: string, path: string | undefined, scope: Scope): Substitute | undefined {
  const { range, intervalMs, dashboard } = scope;
  switch (name) {
    case '__from':
      return { value: String(range.from.getTime()) };
    case '__to':
      return { value: String(range.to.getTime()) };
    case '__interval':
      return intervalMs === undefined ? undefined : { value: formatInterval(intervalMs) };
    case '__interval_ms':
      return intervalMs === undefined ? undefined : { value: String(intervalMs) };
    case '__dashboard':
      return { value: path === 'uid' ? dashboard.uid : dashboard.title };
    case '__url_time_range':
      return { value: `from=${range.from.getTime()}&to=${range.to.getTime()}`, isFormatted: true };
    case '__all_variables':
      return { value: allVariables(scope.variables), isFormatted: true };
    default:
      return undefined;
  }
}

function allVariables(variables: ChosenVariables): string {
  return [...variables.values()]
    .filter(({ isInUrl }) => isInUrl)
    .flatMap(({ name, chosen }) =>
      (chosen === ALL ? [ALL] : chosen).map((value) => `var-${name}=${encodeComponent(value)}`),
    )
    .join('&');
}
