import { SQLSTATE, SqlError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { UTC, type Zone, zoneOf } from '../types/zone.ts';

/** One run-time parameter: what it may be and whether clients are told when it changes. */
interface Parameter {
  /** As it is written in answers; it is found in any case. */
  readonly name: string;
  readonly value: string;
  /** ParameterStatus tells the client of it (54.2.7, "Asynchronous Operations"). */
  readonly isReported?: boolean;
  /** Only the server decides. */
  readonly isFixed?: boolean;
  /** The value as it is kept. Whatever is not what clients rely on is refused rather than ignored. */
  readonly accept?: (value: string) => string;
}

const ON = ['on', 'true', 'yes', '1', 't', 'y'];
const OFF = ['off', 'false', 'no', '0', 'f', 'n'];

function onOrOff(value: string): string {
  const word = value.toLowerCase();
  if (ON.includes(word)) return 'on';
  if (OFF.includes(word)) return 'off';
  throw notOne(value);
}

function oneOf(...allowed: readonly string[]): (value: string) => string {
  return (value) => {
    const word = value.toLowerCase();
    if (allowed.includes(word)) return word;
    throw notOne(value);
  };
}

function integer(value: string): string {
  if (!/^-?\d{1,10}$/.test(value)) throw notOne(value);
  return String(Number(value));
}

const UNIT_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `250`, `'250ms'`, `'1min'`: kept in milliseconds. Longer than a timer can wait is as good as never. */
function duration(value: string): string {
  const match = /^\s*(\d{1,12}(?:\.\d{1,6})?)\s*(us|ms|s|min|h|d)?\s*$/.exec(value);
  const ms = Math.round(Number(match?.[1]) * (UNIT_MS[match?.[2] ?? 'ms'] ?? Number.NaN));
  if (!(ms <= 0x7fff_ffff)) throw notOne(value);
  return String(ms);
}

/** Text of dates is ISO whatever the order of fields says, which only matters for other styles. */
function dateStyle(value: string): string {
  const [style = '', order = ''] = value.split(',').map((word) => word.trim().toUpperCase());
  if (style === 'ISO' && order === '') return 'ISO, MDY';
  if (style === 'ISO' && ['MDY', 'DMY', 'YMD'].includes(order)) return `ISO, ${order}`;
  if (order === '' && ['MDY', 'DMY', 'YMD'].includes(style)) return `ISO, ${style}`;
  throw notOne(value);
}

/** `SQL_ASCII` means that nothing is converted, which is what happens to UTF-8 here. */
function encoding(value: string): string {
  const word = value.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (word === 'utf8' || word === 'unicode') return 'UTF8';
  if (word === 'sqlascii') return 'SQL_ASCII';
  throw notOne(value);
}

function timeZone(value: string): string {
  return zoneOf(value).name;
}

function notOne(value: string): RangeError {
  return new RangeError(value);
}

/** What clients set and ask for. A parameter that nothing here or in a backend looks at is kept and shown, no more. */
const PARAMETERS: readonly Parameter[] = [
  { name: 'server_version', value: '15.0', isReported: true, isFixed: true },
  { name: 'server_encoding', value: 'UTF8', isReported: true, isFixed: true },
  { name: 'client_encoding', value: 'UTF8', isReported: true, accept: encoding },
  { name: 'DateStyle', value: 'ISO, MDY', isReported: true, accept: dateStyle },
  { name: 'IntervalStyle', value: 'postgres', isReported: true, accept: oneOf('postgres') },
  { name: 'TimeZone', value: 'UTC', isReported: true, accept: timeZone },
  { name: 'integer_datetimes', value: 'on', isReported: true, isFixed: true },
  // A backslash in a plain string is a backslash: statements are told apart by this rule.
  { name: 'standard_conforming_strings', value: 'on', isReported: true, accept: oneOf('on', 'true', '1') },
  { name: 'is_superuser', value: 'off', isReported: true, isFixed: true },
  { name: 'session_authorization', value: '', isReported: true, isFixed: true },
  { name: 'application_name', value: '', isReported: true },
  { name: 'default_transaction_read_only', value: 'off', isReported: true, accept: onOrOff },
  { name: 'in_hot_standby', value: 'off', isReported: true, isFixed: true },
  { name: 'search_path', value: '"$user", public' },
  { name: 'statement_timeout', value: '0', accept: duration },
  { name: 'lock_timeout', value: '0', accept: duration },
  { name: 'idle_in_transaction_session_timeout', value: '0', accept: duration },
  { name: 'idle_session_timeout', value: '0', accept: duration },
  { name: 'transaction_timeout', value: '0', accept: duration },
  { name: 'extra_float_digits', value: '1', accept: integer },
  { name: 'bytea_output', value: 'hex', accept: oneOf('hex') },
  { name: 'client_min_messages', value: 'notice' },
  { name: 'role', value: 'none', accept: oneOf('none') },
  { name: 'transaction_isolation', value: 'read committed' },
  { name: 'default_transaction_isolation', value: 'read committed' },
  { name: 'default_transaction_deferrable', value: 'off', accept: onOrOff },
  { name: 'transaction_read_only', value: 'off', accept: onOrOff },
  { name: 'transaction_deferrable', value: 'off', accept: onOrOff },
  { name: 'max_identifier_length', value: '63', isFixed: true },
  { name: 'max_index_keys', value: '32', isFixed: true },
  { name: 'lc_messages', value: 'C' },
  { name: 'lc_monetary', value: 'C' },
  { name: 'lc_numeric', value: 'C' },
  { name: 'lc_time', value: 'C' },
  { name: 'lc_collate', value: 'C', isFixed: true },
  { name: 'lc_ctype', value: 'C', isFixed: true },
  { name: 'escape_string_warning', value: 'on', accept: onOrOff },
  { name: 'backslash_quote', value: 'safe_encoding' },
  { name: 'quote_all_identifiers', value: 'off', accept: onOrOff },
  { name: 'row_security', value: 'on', accept: onOrOff },
  { name: 'synchronize_seqscans', value: 'on', accept: onOrOff },
  { name: 'synchronous_commit', value: 'on' },
  { name: 'work_mem', value: '4MB' },
  { name: 'jit', value: 'off', accept: onOrOff },
  { name: 'geqo', value: 'on', accept: onOrOff },
  { name: 'plan_cache_mode', value: 'auto' },
  { name: 'xmloption', value: 'content' },
  { name: 'ssl', value: 'off', isFixed: true },
];

type Values = ReadonlyMap<string, string>;

/** What the settings are at one instant, to return to when a transaction is rolled back. */
export interface SettingsAt {
  readonly session: Values;
  readonly local: Values;
}

/**
 * The run-time parameters of one session, from its start to its end. What is set in a transaction is undone with it,
 * and what is set `LOCAL` does not outlive it.
 */
export class Settings {
  readonly #parameters: ReadonlyMap<string, Parameter>;
  readonly #limits: Limits;
  /** What the session began with, which `RESET` returns to. */
  #defaults = new Map<string, string>();
  #session = new Map<string, string>();
  #local = new Map<string, string>();
  readonly #told = new Map<string, string>();
  #zone: Zone = UTC;

  /** `overrides`: other defaults, and parameters of a server's own, which clients may set to anything. */
  constructor(overrides: Readonly<Record<string, string>>, limits: Limits) {
    this.#parameters = parametersWith(overrides);
    this.#limits = limits;
  }

  get(name: string): string | undefined {
    const key = name.toLowerCase();
    return (
      this.#local.get(key) ??
      this.#session.get(key) ??
      this.#defaults.get(key) ??
      this.#parameters.get(key)?.value
    );
  }

  /** @throws {SqlError} 42704 for a parameter that nobody knows */
  show(name: string): string {
    const value = this.get(name);
    if (value === undefined) throw unrecognised(name);
    return value;
  }

  /** As it is written in the heading of an answer. */
  nameOf(name: string): string {
    return this.#parameters.get(name.toLowerCase())?.name ?? name;
  }

  all(): readonly (readonly [name: string, value: string])[] {
    const keys = new Set([...this.#parameters.keys(), ...this.#defaults.keys(), ...this.#session.keys()]);
    return [...keys].sort().map((key) => [this.nameOf(key), this.show(key)]);
  }

  /** The zone that times are written and read in. */
  get zone(): Zone {
    const name = this.get('timezone') ?? 'UTC';
    if (this.#zone.name !== name) this.#zone = zoneOf(name);
    return this.#zone;
  }

  /** A timeout that the session has set for itself, in milliseconds; 0 for none. */
  timeoutMs(
    name: 'statement_timeout' | 'idle_in_transaction_session_timeout' | 'idle_session_timeout',
  ): number {
    return Number(this.get(name));
  }

  /**
   * From the startup message (54.7, StartupMessage). What nobody knows is passed over: clients send what some server
   * somewhere understands.
   */
  start(name: string, value: string): void {
    const key = name.toLowerCase();
    const parameter = this.#parameters.get(key);
    if (parameter === undefined || parameter.isFixed) return;
    this.#defaults.set(key, this.#accepted(name, value, parameter));
  }

  /** The server's own word, such as who the user is. */
  fix(name: string, value: string): void {
    this.#defaults.set(name.toLowerCase(), value);
  }

  /** @throws {SqlError} 42704, 22023, 55P02, 53400 */
  set(name: string, value: string | undefined, scope: 'session' | 'local'): void {
    const key = name.toLowerCase();
    const parameter = this.#parameters.get(key);
    // Anything with a dot is the client's own (20.16, "Customized Options").
    if (parameter === undefined && !key.includes('.')) throw unrecognised(name);
    if (parameter?.isFixed && value !== undefined)
      throw new SqlError(SQLSTATE.cantChangeRuntimeParam, `parameter "${parameter.name}" cannot be changed`);
    const values = scope === 'local' ? this.#local : this.#session;
    if (value === undefined) {
      this.#local.delete(key);
      values.delete(key);
      return;
    }
    const accepted = this.#accepted(name, value, parameter);
    if (!values.has(key) && values.size >= this.#limits.maxSettings + this.#parameters.size)
      throw new SqlError(SQLSTATE.configurationLimitExceeded, 'too many parameters are set in this session');
    if (scope === 'session') this.#local.delete(key);
    values.set(key, accepted);
  }

  reset(name: string | 'all'): void {
    if (name !== 'all') {
      if (this.get(name) === undefined) throw unrecognised(name);
      this.set(name, undefined, 'session');
      return;
    }
    this.#session.clear();
    this.#local.clear();
  }

  at(): SettingsAt {
    return { session: new Map(this.#session), local: new Map(this.#local) };
  }

  returnTo(at: SettingsAt): void {
    this.#session = new Map(at.session);
    this.#local = new Map(at.local);
  }

  endLocal(): void {
    this.#local.clear();
  }

  /** The reported parameters whose value the client does not know yet. */
  takeUntold(): readonly (readonly [name: string, value: string])[] {
    const untold: (readonly [string, string])[] = [];
    for (const { name, isReported } of this.#parameters.values()) {
      if (!isReported) continue;
      const value = this.show(name);
      if (this.#told.get(name) === value) continue;
      this.#told.set(name, value);
      untold.push([name, value]);
    }
    return untold;
  }

  #accepted(name: string, value: string, parameter: Parameter | undefined): string {
    if (Buffer.byteLength(value) > this.#limits.settingBytes || value.includes('\0'))
      throw invalidValue(name, `${value.slice(0, 20)}…`);
    try {
      return parameter?.accept?.(value) ?? value;
    } catch (cause) {
      throw invalidValue(parameter?.name ?? name, value, cause);
    }
  }
}

function parametersWith(overrides: Readonly<Record<string, string>>): ReadonlyMap<string, Parameter> {
  const parameters = new Map(PARAMETERS.map((parameter) => [parameter.name.toLowerCase(), parameter]));
  for (const [name, value] of Object.entries(overrides)) {
    const known = parameters.get(name.toLowerCase());
    parameters.set(name.toLowerCase(), { ...(known ?? { name }), value });
  }
  const version = /^(\d+)(?:\.(\d+))?/.exec(parameters.get('server_version')?.value ?? '');
  const number = Number(version?.[1] ?? 0) * 10_000 + Number(version?.[2] ?? 0);
  // Two names of one thing, of which clients ask for either.
  parameters.set('server_version_num', { name: 'server_version_num', value: String(number), isFixed: true });
  return parameters;
}

function unrecognised(name: string): SqlError {
  return new SqlError(SQLSTATE.undefinedObject, `unrecognized configuration parameter "${name}"`);
}

function invalidValue(name: string, value: string, cause?: unknown): SqlError {
  return new SqlError(SQLSTATE.invalidParameterValue, `invalid value for parameter "${name}": "${value}"`, {
    cause,
  });
}
