import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { machineBytes, memoryBounds } from './memory-bounds.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const DEFAULTS = { max_rss_bytes: 6 * GIB, memory_limit: '2GB' };

describe('what the ledger process may take', () => {
  it('is what is configured on a machine that is large enough', () => {
    expect(memoryBounds(DEFAULTS, 16 * GIB)).toEqual({
      maxRssBytes: 6 * GIB,
      engineBytes: 2_000_000_000,
      readersBytes: 1_000_000_000,
      lowered: [],
    });
  });

  it('leaves something of a small container to the receiver, and to the process what the engine may not have', () => {
    const { maxRssBytes, engineBytes, lowered } = memoryBounds(DEFAULTS, GIB);
    expect(GIB - maxRssBytes).toBeGreaterThan(400 * MIB);
    expect(maxRssBytes - engineBytes).toBeGreaterThan(300 * MIB);
    expect(lowered).toEqual(['max_rss_bytes', 'memory_limit']);
  });

  it('is less than a setting only where that is said', () => {
    const { maxRssBytes, lowered } = memoryBounds(DEFAULTS, 8 * GIB);
    expect(maxRssBytes).toBeLessThan(6 * GIB);
    expect(lowered).toEqual(['max_rss_bytes']);
    expect(memoryBounds({ max_rss_bytes: GIB, memory_limit: '4 GiB' }, 16 * GIB)).toEqual({
      maxRssBytes: GIB,
      engineBytes: GIB / 2,
      readersBytes: GIB / 4,
      lowered: ['memory_limit'],
    });
  });

  it.each([
    ['900MB', 900_000_000],
    ['1 GB', 1_000_000_000],
    ['512MiB', 512 * MIB],
    ['1 GiB', GIB],
  ])('is read in the units of the configuration: %s', (memory_limit, bytes) => {
    expect(memoryBounds({ ...DEFAULTS, memory_limit }, 16 * GIB).engineBytes).toBe(bytes);
  });

  it('depends on the machine, which is never larger than it is', () => {
    expect(machineBytes()).toBeGreaterThan(100 * MIB);
    expect(machineBytes()).toBeLessThanOrEqual(totalmem());
  });
});
