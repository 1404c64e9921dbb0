import { expect, it } from 'vitest';
import { alertQueriesIn } from './alert-rules.ts';

const RULES = `
apiVersion: 1
groups:
  - name: budgets
    folder: Spanledger
    interval: 1m
    rules:
      - uid: used-up
        title: Budget used up
        condition: C
        data:
          - refId: A
            datasourceUid: spanledger
            relativeTimeRange: { from: 600, to: 0 }
            model: { rawSql: SELECT now() AS "time", format: time_series, intervalMs: 5000 }
          - refId: C
            datasourceUid: __expr__
            model: { type: threshold, expression: A }
`;

it('the queries of a file of rules are those that ask the ledger', () => {
  expect(alertQueriesIn(RULES)).toEqual([
    {
      rule: 'Budget used up',
      refId: 'A',
      rawSql: 'SELECT now() AS "time"',
      format: 'time_series',
      fromSeconds: 600,
      toSeconds: 0,
      intervalMs: 5000,
    },
  ]);
});

it('another file is refused', () => {
  expect(() => alertQueriesIn('contactPoints: []')).toThrow(/no provisioning file of alert rules/);
});
