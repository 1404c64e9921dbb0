import { variableUsesIn } from './interpolate.ts';
import { expandMacros } from './macros.ts';

/** What the macros of Grafana leave is decided by the range; any will do to see whether they are understood. */
const ANY_RANGE = { from: new Date(0), to: new Date(3_600_000) };

/** Read without a server: variables by their format, macros by their name, and traps of either. */
export function problemsOfSql(rawSql: string, defined: ReadonlySet<string>): readonly string[] {
  const problems: string[] = [];
  if (rawSql.trim() === '') return ['is empty'];
  for (const { match, name, format, isCall } of variableUsesIn(rawSql)) {
    if (isCall || name === '__interval' || name === '__interval_ms') continue;
    if (!defined.has(name)) problems.push(`reads ${match}, which nobody defines`);
    else if (format !== 'sqlstring')
      problems.push(`has ${match}, which is quoted only as \${${name}:sqlstring}`);
  }
  // Grafana 13 takes comments out before it sends a query; those before it look for macros in them.
  if (/--|\/\*/.test(withoutTexts(rawSql)))
    problems.push('has a comment, which not every Grafana leaves alone');
  if (/;\s*\S/.test(withoutTexts(rawSql))) problems.push('has more than one statement');
  try {
    expandMacros(rawSql, { range: ANY_RANGE, intervalMs: 3_600_000 });
  } catch (error) {
    problems.push(`is not understood: ${error instanceof Error ? error.message : String(error)}`);
  }
  return problems;
}

function withoutTexts(sql: string): string {
  return sql.replace(/'(?:[^']|'')*'/g, "''").replace(/"(?:[^"]|"")*"/g, '""');
}
