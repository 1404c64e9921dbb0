import type { Span } from '../span.ts';
import type { Dialect } from './dialect.ts';
import { DIALECTS } from './table.ts';

/** Dialects as bits, the first of the table as the lowest, so that the order of the table is that of the bits. */
export type DialectSet = number;

if (DIALECTS.length > 31) throw new Error('a set of dialects has no more bits');

/** What an attribute gives away: dialects in any scope, and dialects in their own scopes. */
export interface Clue {
  readonly anywhere: DialectSet;
  readonly inScope: DialectSet;
}

/** Every attribute that is a clue to some dialect. */
export const CLUES: ReadonlyMap<string, Clue> = cluesOf(DIALECTS);

const WITHOUT_CLUES: DialectSet = setOf(({ clues }) => clues === 'any');

export interface Recognised {
  readonly dialect: Dialect;
  readonly evidence: string;
}

/** The first dialect of the table that recognises a span, of those to which there is any clue: asking all is slow. */
export function recognise(span: Span, { anywhere, inScope }: Clue): Recognised | null {
  const scope = scopeNamed(span.scopeName);
  let candidates = WITHOUT_CLUES | anywhere | scope.withoutClues | (scope.withClues & inScope);
  while (candidates !== 0) {
    const dialect = DIALECTS[31 - Math.clz32(candidates & -candidates)];
    const evidence = dialect?.recognise(span) ?? null;
    if (dialect !== undefined && evidence !== null) return { dialect, evidence };
    candidates &= candidates - 1;
  }
  return null;
}

interface ScopeDialects {
  readonly withClues: DialectSet;
  readonly withoutClues: DialectSet;
}

/** A process has dozens of scopes; whoever makes up more of them only makes their recognition slower. */
const MAX_SCOPES = 1000;
const scopes = new Map<string, ScopeDialects>();

function scopeNamed(name: string): ScopeDialects {
  const before = scopes.get(name);
  if (before !== undefined) return before;
  if (scopes.size >= MAX_SCOPES) scopes.clear();
  const isOf = ({ cluesInScope }: Dialect) => cluesInScope?.scope.test(name) === true;
  const made = {
    withClues: setOf((dialect) => isOf(dialect) && dialect.cluesInScope?.clues !== 'any'),
    withoutClues: setOf((dialect) => isOf(dialect) && dialect.cluesInScope?.clues === 'any'),
  };
  scopes.set(name, made);
  return made;
}

function setOf(belongs: (dialect: Dialect) => boolean): DialectSet {
  return DIALECTS.reduce((set, dialect, index) => (belongs(dialect) ? set | (1 << index) : set), 0);
}

function cluesOf(dialects: readonly Dialect[]): ReadonlyMap<string, Clue> {
  const keysOf = (clues: readonly string[] | 'any' = []) => (clues === 'any' ? [] : clues);
  const all = dialects.flatMap(({ clues, cluesInScope }) => [
    ...keysOf(clues),
    ...keysOf(cluesInScope?.clues),
  ]);
  return new Map(
    all.map((key) => [
      key,
      {
        anywhere: setOf(({ clues }) => keysOf(clues).includes(key)),
        inScope: setOf(({ cluesInScope }) => keysOf(cluesInScope?.clues).includes(key)),
      },
    ]),
  );
}
