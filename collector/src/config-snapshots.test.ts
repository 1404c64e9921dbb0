import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

const AT = { SPANLEDGER_DATA_DIR: '/var/lib/spanledger' };

describe('snapshots in the configuration', () => {
  it('are made only when asked for, the last three are kept, in the data folder', () => {
    expect(readConfig(null, AT).snapshots).toEqual({
      everyMs: null,
      keep: 3,
      parquet: true,
      folder: '/var/lib/spanledger/snapshots',
    });
  });

  it('may be made by the clock, and lie elsewhere', () => {
    const yaml = 'snapshots: {every_minutes: 60, keep: 24, parquet: false, folder: /mnt/share/ledger}';
    expect(readConfig(yaml, AT).snapshots).toEqual({
      everyMs: 3_600_000,
      keep: 24,
      parquet: false,
      folder: '/mnt/share/ledger',
    });
  });

  it.each(['exports', 'journal/copies', './commands/', '/var/lib/spanledger/exports/x'])(
    'may not lie in %s, which is not theirs',
    (folder) => {
      expect(() => readConfig(`snapshots: {folder: '${folder}'}`, AT)).toThrow(
        /snapshots\.folder: must be a folder of its own, not in journal, commands, exports/,
      );
    },
  );

  it('may lie in a folder whose name only begins like another', () => {
    expect(readConfig('snapshots: {folder: exports-for-bi}', AT).snapshots.folder).toBe(
      '/var/lib/spanledger/exports-for-bi',
    );
  });

  it.each(['keep: 0', 'every_minutes: 0', 'every_minutes: 1.5', 'kept: 1'])('are not %s', (setting) => {
    expect(() => readConfig(`snapshots: {${setting}}`, AT)).toThrow(/snapshots/);
  });
});
