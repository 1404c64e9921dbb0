import { describe, expect, it } from 'vitest';
import { RawClient } from './testing/raw-client.ts';
import { serve } from './testing/serve.ts';
import { TRANSCRIPTS } from './testing/transcripts.ts';

describe('a conversation', () => {
  for (const { claim, says, hears } of TRANSCRIPTS) {
    it(claim, async () => {
      const { port, backend, unexpected } = await serve();
      const client = await RawClient.session(port);
      client.send(...says);
      client.end();
      expect(await client.untilEnd()).toEqual([...hears, '(end)']);
      expect(backend.open).toEqual({ sessions: 0, statements: 0, executions: 0 });
      expect(unexpected).toEqual([]);
    });
  }
});
