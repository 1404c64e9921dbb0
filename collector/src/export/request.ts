import { instantMicros } from '@spanledger/metering';
import { type Static, Type } from 'typebox';
import { SpanledgerError } from '../errors.ts';

export const EXPORTS = ['usage', 'ledger', 'statements', 'focus'] as const;
export const EXPORT_FORMATS = ['csv', 'parquet'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const ExportParams = Type.Object({
  what: Type.Enum(['usage', 'ledger', 'statements', 'focus'], {
    description:
      'usage: the view usage; ledger: the view credit_ledger; statements: the view statements; focus: cost rows with the columns of FOCUS 1.2.',
  }),
});

const Instant = (description: string) => Type.Optional(Type.String({ minLength: 1, description }));

export const ExportQuery = Type.Object(
  {
    format: Type.Enum(['csv', 'parquet'], { default: 'csv' }),
    from: Instant(
      'From here on: an instant (RFC 3339), or a date, which begins at 00:00 UTC. Left out: from the first.',
    ),
    to: Instant('Before this. Left out: up to the last.'),
    issuer: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'Who bills the customers; for focus.' }),
    ),
  },
  { additionalProperties: false },
);

/** What is to be exported, in half-open time. */
export interface ExportRequest {
  readonly what: Static<typeof ExportParams>['what'];
  readonly format: ExportFormat;
  /** Microseconds since the Unix epoch; null where open. */
  readonly fromMicros: number | null;
  readonly toMicros: number | null;
  readonly issuer: string;
}

const ISSUER = 'Spanledger';

/** @throws {SpanledgerError} SL_EXPORT_REQUEST */
export function exportRequest(
  { what }: Static<typeof ExportParams>,
  { format, from, to, issuer }: Static<typeof ExportQuery>,
): ExportRequest {
  const [fromMicros, toMicros] = [from, to].map((text) => (text === undefined ? null : microsOf(text)));
  if (fromMicros != null && toMicros != null && fromMicros >= toMicros) {
    throw new SpanledgerError('SL_EXPORT_REQUEST', `The time must end after it begins: ${from} to ${to}.`);
  }
  return {
    what,
    format,
    fromMicros: fromMicros ?? null,
    toMicros: toMicros ?? null,
    issuer: issuer ?? ISSUER,
  };
}

function microsOf(text: string): number {
  const micros = instantMicros(text);
  if (micros !== null) return micros;
  throw new SpanledgerError(
    'SL_EXPORT_REQUEST',
    `${text} is no time: an instant (2026-10-01T00:00:00Z) or a date (2026-10-01) is expected.`,
  );
}
