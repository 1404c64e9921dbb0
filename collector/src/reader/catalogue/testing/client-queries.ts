import { readdirSync, readFileSync } from 'node:fs';

/** A statement that a client sends, and what it must find. */
export interface ClientQuery {
  readonly client: string;
  readonly name: string;
  readonly sql: string;
  /** Values of `$1`, `$2`, …, as JSON. */
  readonly params: readonly Param[];
  /** What some row must have, for each `finds`; none means that no row may come. */
  readonly finds: readonly Found[];
}

/** Cells by the names of columns, or from the first on; a text that ends in `…` is how the cell begins. */
export type Found = Readonly<Record<string, unknown>> | readonly unknown[];

export type Param = string | number | readonly number[];

const CLIENTS = new URL('./clients/', import.meta.url);

/**
 * The statements of real clients, written down as they were sent: one file a client, which begins with where they come
 * from. `{usage}` stands for the OID of the view of that name.
 */
export function clientQueries(): ClientQuery[] {
  return readdirSync(CLIENTS)
    .sort()
    .flatMap((file) => {
      const [, ...blocks] = readFileSync(new URL(file, CLIENTS), 'utf8').split(/^-- query: /m);
      return blocks.map((block) => parse(file.replace('.sql', ''), block));
    });
}

function parse(client: string, block: string): ClientQuery {
  const lines = block.trimEnd().split('\n');
  const marked = (mark: string) =>
    lines.filter((line) => line.startsWith(`-- ${mark}: `)).map((line) => line.slice(mark.length + 5));
  const [params = '[]'] = marked('with');
  const finds = marked('finds');
  if (finds.length === 0) throw new Error(`${client}, ${lines[0]}: the file must say what is found.`);
  return {
    client,
    name: lines[0] ?? '',
    sql: lines
      .slice(1)
      .filter((line) => !/^-- (with|finds): /.test(line))
      .join('\n')
      .replace(/;$/, ''),
    params: JSON.parse(params),
    finds: finds.filter((found) => found !== 'nothing').map((found) => JSON.parse(found)),
  };
}
