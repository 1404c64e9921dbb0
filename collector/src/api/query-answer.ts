import { type Static, Type } from 'typebox';

/** What a statement gives, as the API says it and as commands read it. */
export const QueryAnswerSchema = Type.Object({
  columns: Type.Array(Type.Object({ name: Type.String(), type: Type.String() })),
  rows: Type.Array(Type.Array(Type.Unknown()), {
    description: 'Decimals and 64-bit integers are strings, instants ISO 8601 in UTC.',
  }),
});
export type QueryAnswer = Static<typeof QueryAnswerSchema>;
