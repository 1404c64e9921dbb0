import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

export const MANIFEST_FILE = 'manifest.json';
/** Clients name a database after its file: it is called as on the service. */
export const DATABASE_FILE = 'spanledger.duckdb';

const Count = (description: string) => Type.String({ pattern: '^[0-9]+$', description });
const Totals = Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()]), {
  description: 'Sums of columns, as decimal texts; null where no row has a value.',
});

const ParquetFile = Type.Object({
  file: Type.String({ description: 'Path below the snapshot.' }),
  view: Type.String(),
  rows: Count('Rows in the file.'),
  bytes: Count('Size of the file.'),
  day: Type.Optional(Type.String({ description: 'The day (UTC) whose rows it holds.' })),
  digest: Type.Optional(
    Type.String({ description: 'Of all values of the rows: equal when, and only when, the rows are.' }),
  ),
  totals: Type.Optional(Totals),
});
export type ParquetFile = Static<typeof ParquetFile>;

/** `manifest.json`: what is in a snapshot. Counts and sums are texts, so that no reader rounds them. */
export const ManifestSchema = Type.Object({
  format: Type.Literal(1),
  name: Type.String(),
  taken_at: Type.String({ description: 'When its state of the ledger held. RFC 3339.' }),
  journal: Type.Union([Type.Object({ segment: Type.String(), offset: Type.String() }), Type.Null()], {
    description: 'How far of the journal is in it; null: nothing was journalled yet.',
  }),
  command_number: Count('The last command on an account that is in it.'),
  last_commit_at: Type.Union([Type.String(), Type.Null()]),
  schema_version: Count('Of the tables behind the views.'),
  spanledger_version: Type.String(),
  duckdb_version: Type.String(),
  database: Type.Object({ file: Type.String(), bytes: Count('Size of the file.') }),
  parquet: Type.Union([
    Type.Object({
      shapes: Type.Record(Type.String(), Type.String(), {
        description:
          'Of each view with a file a day: what decides, besides its rows, whether files are equal.',
      }),
      totals: Type.Record(Type.String(), Type.Object({ rows: Count('Of all days.'), totals: Totals })),
      carried_over: Count('Files that are those of the snapshot before.'),
      files: Type.Array(ParquetFile),
    }),
    Type.Null(),
  ]),
});
export type Manifest = Static<typeof ManifestSchema>;

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await writeFile(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Null: there is none that this version understands. */
export async function readManifest(folder: string): Promise<Manifest | null> {
  try {
    const read: unknown = JSON.parse(await readFile(join(folder, MANIFEST_FILE), 'utf8'));
    return Value.Check(ManifestSchema, read) ? read : null;
  } catch {
    return null;
  }
}
