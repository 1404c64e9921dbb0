import { JOURNAL_DEFAULTS, JournalWriter } from '../index.ts';

/** Appends numbered bodies, 16 at a time, for as long as it lives, and prints each number once it is acked. */
const [directory, first] = process.argv.slice(2);
if (directory === undefined || first === undefined) throw new Error('usage: <directory> <first number>');

const writer = await JournalWriter.open({
  ...JOURNAL_DEFAULTS,
  directory,
  node: 'killed',
  segmentBytes: 100_000,
  minFreeBytes: 0,
  nowMillis: Date.now,
});
let next = Number(first);
await Promise.all(
  Array.from({ length: 16 }, async () => {
    for (;;) {
      const n = next++;
      const body = Buffer.from(`${n} `.padEnd((n * 37) % 3000, 'x'));
      await writer.append({
        receivedAtMillis: Date.now(),
        tenant: 'acme',
        signal: 'traces',
        bodyType: 'protobuf',
        bodyEncoding: 'identity',
        spans: 1,
        body,
      });
      process.stdout.write(`${n}\n`);
    }
  }),
);
