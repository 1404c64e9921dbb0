/**
 * Replaces the variables of a text as Grafana does: `$name`, `${name:format}`, `${name.path:format}`. Which values a name
 * has is the caller's: those of the dashboard in queries, those of the clicked row too in data links.
 */

export interface Substitute {
  readonly value: string | readonly string[];
  /** What people see in its place: `All`, or the texts of the options. */
  readonly text?: string;
  /** What the address of the dashboard says of it; the values when left out. */
  readonly urlValues?: readonly string[];
  /** Has its format already. */
  readonly isFormatted?: boolean;
}

/** `path` is what follows the dot in `${name.path}`. */
export type Lookup = (name: string, path: string | undefined) => Substitute | undefined;

const VARIABLE = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^}]+))?(?::([^}]+))?\}/g;

/**
 * Names that the lookup does not know stay as they are, as in Grafana.
 *
 * @throws on a format that Grafana does not know: it would take another one, and only say so on the console.
 */
export function interpolate(text: string, lookup: Lookup, defaultFormat: string): string {
  return text.replace(
    VARIABLE,
    (
      match,
      plain?: string,
      bracketed?: string,
      bracketFormat?: string,
      braced?: string,
      path?: string,
      format?: string,
    ) => {
      const name = plain ?? bracketed ?? braced ?? '';
      const substitute = lookup(name, path);
      if (substitute === undefined) return match;
      if (substitute.isFormatted === true) return String(substitute.value);
      return formatted(name, substitute, bracketFormat ?? format ?? defaultFormat);
    },
  );
}

export interface VariableUse {
  readonly match: string;
  readonly name: string;
  readonly path?: string;
  readonly format?: string;
  /** `$name(`: for the macros of the data source. */
  readonly isCall: boolean;
}

/** Each place of a text where a variable or macro is meant, taken apart. */
export function variableUsesIn(text: string): readonly VariableUse[] {
  return [...text.matchAll(VARIABLE)].map((found) => {
    const [match, plain, bracketed, bracketFormat, braced, path, bracedFormat] = found;
    const format = bracketFormat ?? bracedFormat;
    return {
      match,
      name: plain ?? bracketed ?? braced ?? '',
      ...(path === undefined ? {} : { path }),
      ...(format === undefined ? {} : { format }),
      isCall: plain !== undefined && text[found.index + match.length] === '(',
    };
  });
}

/** The names of the variables that a text reads. */
export function variableNamesIn(text: string): ReadonlySet<string> {
  return new Set(variableUsesIn(text).map(({ name }) => name));
}

function formatted(name: string, substitute: Substitute, format: string): string {
  const { value, text, urlValues } = substitute;
  const values = typeof value === 'string' ? [value] : value;
  const isList = typeof value !== 'string';
  const [kind = '', ...args] = format.split(':');
  switch (kind) {
    case 'sqlstring':
      return values.map((one) => `'${one.replaceAll("'", "''")}'`).join(',');
    case 'csv':
    case 'raw':
      return values.join(',');
    case 'pipe':
      return values.join('|');
    case 'json':
      return isList ? JSON.stringify(values) : values.join();
    case 'text':
      return text ?? values.join(' + ');
    case 'glob':
      return isList && values.length > 1 ? `{${values.join(',')}}` : values.join();
    case 'queryparam':
      return (urlValues ?? values).map((one) => `var-${name}=${encodeComponent(one)}`).join('&');
    case 'percentencode':
      return encodeComponent(isList ? `{${values.join(',')}}` : values.join());
    case 'uriencode':
      return strict(encodeURI(isList ? `{${values.join(',')}}` : values.join()));
    case 'date':
      return dated(Number(values[0]), args);
    default:
      throw new Error(`unknown format of a variable: ${name}:${format}`);
  }
}

function dated(epochMs: number, [form = 'iso']: readonly string[]): string {
  if (form === 'iso') return new Date(epochMs).toISOString();
  if (form === 'seconds') return String(Math.round(epochMs / 1000));
  if (form === 'ms') return String(epochMs);
  throw new Error(`only iso, seconds and ms are known here as forms of a date, not '${form}'`);
}

/** Of RFC 3986: what `encodeURIComponent` leaves, encoded too. */
export function encodeComponent(text: string): string {
  return strict(encodeURIComponent(text));
}

function strict(encoded: string): string {
  return encoded.replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
