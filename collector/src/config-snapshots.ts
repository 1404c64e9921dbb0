import { join, relative, resolve, sep } from 'node:path';
import { type Static, Type } from 'typebox';
import { COMMANDS_FOLDER, EXPORT_FOLDER, JOURNAL_FOLDER, SNAPSHOT_FOLDER } from './data-folder.ts';
import { type SettingProblem, shown } from './settings-file.ts';

/** The section `snapshots` of the configuration: copies of the ledger for readers with a DuckDB of their own. */
export const SnapshotsSection = Type.Object(
  {
    every_minutes: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 7 * 24 * 60,
        description:
          'Make one this long after the one before was begun. Off without it: a copy costs disk and work, and not everybody reads one; `spanledger snapshot` makes one at any time.',
      }),
    ),
    keep: Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 3,
      description:
        'So many of the newest stay. Days of Parquet that did not change take room once; the database file takes it each time.',
    }),
    parquet: Type.Boolean({
      default: true,
      description: 'Beside the database file, the views as Parquet files: usage and credit_ledger one a day.',
    }),
    folder: Type.String({
      minLength: 1,
      default: SNAPSHOT_FOLDER,
      description: 'Where they lie; relative to data_dir. May be on another disk.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'Copies of the ledger for readers with a DuckDB of their own.',
  },
);

export interface SnapshotConfig {
  /** Null: only when somebody asks. */
  readonly everyMs: number | null;
  readonly keep: number;
  readonly parquet: boolean;
  /** Absolute. */
  readonly folder: string;
}

/** Folders of ours in which nothing else may lie: some are emptied at every start. */
const OWN_FOLDERS = [JOURNAL_FOLDER, COMMANDS_FOLDER, EXPORT_FOLDER];

export function snapshotConfig(
  { every_minutes: everyMinutes, keep, parquet, folder }: Static<typeof SnapshotsSection>,
  dataDir: string,
  problems: SettingProblem[],
): SnapshotConfig {
  const path = resolve(dataDir, folder);
  const isTaken = OWN_FOLDERS.some((own) => {
    const way = relative(join(resolve(dataDir), own), path);
    return way !== '..' && !way.startsWith(`..${sep}`);
  });
  if (isTaken || folder.includes('\0')) {
    problems.push({
      path: 'snapshots.folder',
      expected: `must be a folder of its own, not in ${OWN_FOLDERS.join(', ')}`,
      value: shown(folder),
    });
  }
  return {
    everyMs: everyMinutes === undefined ? null : everyMinutes * 60_000,
    keep,
    parquet,
    folder: path,
  };
}
