import { describe, expect, it } from 'vitest';
import { aChat, aUsage } from '../test/builders.ts';
import { recordsOf } from '../test/traces.ts';
import { digest } from './digest.ts';
import type { UsageRecord } from './usage.ts';

const NO_MODALITIES = { audioInput: null, audioOutput: null, imageInput: null, imageOutput: null };
const NO_UNITS = {
  requests: null,
  webSearches: null,
  images: null,
  milliseconds: null,
  pages: null,
  custom: null,
};

describe('the digest of a record', () => {
  it('is what it was before prices needed more than tokens, where none of that is said', () => {
    const [record] = recordsOf([
      aChat({
        'gen_ai.usage.audio.input_tokens': 5,
        'gen_ai.usage.cache_creation.input_tokens': 9,
        'gen_ai.response.id': 'resp_1',
      }),
    ]);
    if (record === undefined) throw new Error('a chat has a record');
    // As the version before computed it: ledgers hold such numbers, and another one would be a correction.
    expect(digest(record)).toBe(8145973511937728);
  });

  it('differs by each thing that a price depends on', () => {
    const changes: Partial<UsageRecord>[] = [
      {},
      { serviceTier: 'flex' },
      { region: 'flex' },
      { inferenceGeo: 'flex' },
      { cacheWrite12h: 1 },
      { modalities: { ...NO_MODALITIES, cacheReadAudio: null } },
      { modalities: { ...NO_MODALITIES, cacheReadAudio: 1 } },
      { units: { ...NO_UNITS, requests: 1 } },
      { units: { ...NO_UNITS, webSearches: 1 } },
      { units: { ...NO_UNITS, images: 1 } },
      { units: { ...NO_UNITS, milliseconds: 1 } },
      { units: { ...NO_UNITS, pages: 1 } },
      { units: { ...NO_UNITS, custom: { unit: 'document', thousandths: 1 } } },
      { units: { ...NO_UNITS, custom: { unit: 'document', thousandths: 2 } } },
      { units: { ...NO_UNITS, custom: { unit: 'email', thousandths: 1 } } },
    ];
    const digests = changes.map((change) => digest(aUsage(change)));
    expect(new Set(digests).size).toBe(changes.length);
  });

  it('differs by whether its action took the smaller form', () => {
    expect(digest(aUsage({ isDegraded: true }))).not.toBe(digest(aUsage()));
  });
});
