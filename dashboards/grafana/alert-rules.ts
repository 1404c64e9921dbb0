import type pg from 'pg';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import type { Frame } from './frames.ts';
import { type QueryOutcome, runQuery } from './sql.ts';

/** The rules of a provisioning file, and what Grafana's alerting makes of their queries. */

const RulesFile = Type.Object({
  groups: Type.Array(
    Type.Object({
      name: Type.String(),
      rules: Type.Array(
        Type.Object({
          uid: Type.String(),
          title: Type.String(),
          data: Type.Array(
            Type.Object({
              refId: Type.String(),
              datasourceUid: Type.String(),
              relativeTimeRange: Type.Optional(Type.Object({ from: Type.Number(), to: Type.Number() })),
              model: Type.Object({
                rawSql: Type.Optional(Type.String()),
                format: Type.Optional(Type.String()),
                intervalMs: Type.Optional(Type.Number()),
              }),
            }),
          ),
        }),
      ),
    }),
  ),
});

export interface AlertQuery {
  readonly rule: string;
  readonly refId: string;
  readonly rawSql: string;
  readonly format: string;
  /** Seconds before now. */
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly intervalMs: number;
}

/** Data source of the expressions (reduce, threshold) of a rule. */
const EXPRESSIONS = '__expr__';
const ALERT_INTERVAL_MS = 1000;

/** @throws when the file is no provisioning file of alert rules. */
export function alertQueriesIn(yaml: string): readonly AlertQuery[] {
  const file: unknown = parse(yaml);
  if (!Value.Check(RulesFile, file)) {
    const mistakes = Value.Errors(RulesFile, file).map(
      ({ instancePath, message }) => `${instancePath} ${message}`,
    );
    throw new Error(`no provisioning file of alert rules: ${mistakes.join('; ')}`);
  }
  return file.groups.flatMap(({ rules }) => rules.flatMap(queriesOf));
}

function queriesOf({
  title,
  data,
}: Static<typeof RulesFile>['groups'][number]['rules'][number]): AlertQuery[] {
  return data
    .filter(({ datasourceUid }) => datasourceUid !== EXPRESSIONS)
    .map(({ refId, relativeTimeRange, model }) => ({
      rule: title,
      refId,
      rawSql: model.rawSql ?? '',
      format: model.format ?? 'time_series',
      fromSeconds: relativeTimeRange?.from ?? 0,
      toSeconds: relativeTimeRange?.to ?? 0,
      intervalMs: model.intervalMs ?? ALERT_INTERVAL_MS,
    }));
}

/** Runs the query as alerting does: it knows no variables, and what it cannot reduce to a number is "no data" or an error. */
export async function runAlertQuery(pool: pg.Pool, query: AlertQuery, now: Date): Promise<QueryOutcome> {
  const { refId, rawSql, format, fromSeconds, toSeconds, intervalMs } = query;
  const outcome = await runQuery(
    pool,
    { refId, rawSql, format: 'time_series' },
    {
      dashboard: { uid: '', title: '' },
      variables: new Map(),
      range: {
        from: new Date(now.getTime() - fromSeconds * 1000),
        to: new Date(now.getTime() - toSeconds * 1000),
      },
      intervalMs,
    },
  );
  const problems = [
    ...outcome.problems,
    ...(outcome.problems.length === 0 ? problemsOfAlert(outcome.frame) : []),
  ];
  if (format !== 'time_series') problems.push('alerting reads only time series');
  return { ...outcome, problems };
}

function problemsOfAlert({ fields, length }: Frame): readonly string[] {
  if (length === 0) return ['no row: the alert would say that there is no data'];
  const values = fields.filter(({ type }) => type === 'number');
  const names = new Set(values.map(({ name }) => name));
  return [
    ...(names.size > 1 ? [`several values: ${[...names].join(', ')}`] : []),
    ...values
      .filter(({ values: cells }) => cells.at(-1) === null)
      .map(({ labels }) => `the last value ${JSON.stringify(labels ?? {})} is NULL`),
  ];
}
