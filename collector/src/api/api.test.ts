import type { FastifyInstance } from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ErrorCode, SpanledgerError } from '../errors.ts';
import { type ApiParts, buildApi } from './api.ts';
import { NEVER_ASKED } from './never-asked.ts';
import { NO_RERATING } from './testing/rerating.ts';
import type { TraceReport } from './trace.ts';

interface BuiltApi {
  readonly server: FastifyInstance;
  readonly asked: [sql: string, params: readonly unknown[]][];
  readonly surprises: unknown[];
}

function anApi(parts: Partial<ApiParts> = {}): BuiltApi {
  const asked: BuiltApi['asked'] = [];
  const surprises: unknown[] = [];
  const server = buildApi({
    async query(sql, params) {
      asked.push([sql, params]);
      return { columns: [{ name: 'credits', type: 'DECIMAL(18,6)' }], rows: [['0.100000']] };
    },
    trace: async () => null,
    rerating: NO_RERATING,
    credits: NEVER_ASKED.credits,
    redeliver: async () => 0,
    readiness: () => ({ isReady: true, lagBytes: 0, waitingMs: 0, lastCommitAt: null }),
    metrics: async () => '# HELP spanledger_up\n',
    onSurprise: (error) => surprises.push(error),
    ...parts,
  });
  onTestFinished(() => server.close());
  return { server, asked, surprises };
}

function post(server: FastifyInstance, payload: object | string, headers: Record<string, string> = {}) {
  return server.inject({ method: 'POST', url: '/api/query', payload, headers });
}

describe('POST /api/query', () => {
  it('hands statement and parameters on, and answers with columns and rows', async () => {
    const { server, asked } = anApi();
    const answer = await post(server, { sql: 'SELECT $1', params: ['a', 1.5, true, null] });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      columns: [{ name: 'credits', type: 'DECIMAL(18,6)' }],
      rows: [['0.100000']],
    });
    expect(asked).toEqual([['SELECT $1', ['a', 1.5, true, null]]]);
  });

  it('takes a statement without parameters', async () => {
    const { server, asked } = anApi();
    await post(server, { sql: 'SELECT 1' });
    expect(asked).toEqual([['SELECT 1', []]]);
  });

  it.each<[string, object | string, RegExp]>([
    ['no statement', {}, /sql/],
    ['an empty statement', { sql: '' }, /sql.*1/],
    ['a statement that is no text', { sql: 5 }, /sql.*string/],
    ['a field that it does not know', { sql: 'SELECT 1', limit: 5 }, /limit: expected nothing/],
    ['parameters that are no list', { sql: 'SELECT 1', params: 'a' }, /params.*array/],
    ['a parameter that is an object', { sql: 'SELECT 1', params: [{}] }, /params\.0/],
    [
      'too many parameters',
      { sql: 'SELECT 1', params: Array.from({ length: 1001 }, () => 1) },
      /params.*1000/,
    ],
    ['a list', [], /object/],
    ['no JSON', 'sql=SELECT', /JSON/],
    ['nothing', '', /body|JSON/i],
  ])('refuses %s and says so', async (_what, payload, words) => {
    const { server, asked, surprises } = anApi();
    const answer = await post(server, payload, { 'content-type': 'application/json' });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({
      error: { code: 'SL_API_REQUEST', message: expect.stringMatching(words) },
    });
    expect(asked).toEqual([]);
    expect(surprises).toEqual([]);
  });

  it('refuses another content type', async () => {
    const answer = await post(anApi().server, '<sql/>', { 'content-type': 'application/xml' });
    expect(answer.statusCode).toBe(415);
    expect(answer.json()).toMatchObject({ error: { code: 'SL_API_REQUEST' } });
  });

  it('refuses a statement of more than a megabyte', async () => {
    const { server, asked } = anApi();
    const answer = await post(server, { sql: `SELECT '${'x'.repeat(1024 * 1024)}'` });
    expect(answer.statusCode).toBe(413);
    expect(answer.json()).toMatchObject({ error: { code: 'SL_API_REQUEST' } });
    expect(asked).toEqual([]);
  });
});

describe('GET /api/traces/:id', () => {
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
  const report: TraceReport = {
    trace_id: TRACE,
    linked_traces: [],
    totals: {
      billed_calls: 0,
      input_tokens: null,
      output_tokens: null,
      cost_usd: null,
      credits: null,
      unpriced_calls: 0,
      calls_without_usage: 0,
    },
    spans: [],
  };

  it('answers with the report of the trace, whatever the case of its id', async () => {
    const asked: string[] = [];
    const { server } = anApi({
      async trace(traceId) {
        asked.push(traceId);
        return report;
      },
    });
    for (const id of [TRACE, TRACE.toUpperCase()]) {
      const answer = await server.inject(`/api/traces/${id}`);
      expect([answer.statusCode, answer.json()]).toEqual([200, report]);
    }
    expect(asked).toEqual([TRACE, TRACE]);
  });

  it.each(['abc', `${TRACE}0`, TRACE.replace('4', 'g'), '%20', '-'])(
    'refuses %s, which is no trace id',
    async (id) => {
      const { server } = anApi({ trace: () => Promise.reject(new Error('nobody may be asked')) });
      const answer = await server.inject(`/api/traces/${id}`);
      expect(answer.statusCode).toBe(400);
      expect(answer.json()).toEqual({
        error: { code: 'SL_API_REQUEST', message: expect.stringContaining('32 hexadecimal digits') },
      });
    },
  );

  it('says of a trace that is not there that it is not', async () => {
    const answer = await anApi().server.inject(`/api/traces/${TRACE}`);
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toEqual({
      error: { code: 'SL_TRACE_UNKNOWN', message: expect.stringContaining(`trace ${TRACE}`) },
    });
  });
});

describe('an error of the API', () => {
  it.each<[ErrorCode, number]>([
    ['SL_QUERY_REFUSED', 400],
    ['SL_QUERY_FAILED', 400],
    ['SL_QUERY_LIMIT', 422],
    ['SL_QUERY_BUSY', 503],
    ['SL_STORE_UNREADABLE', 500],
  ])('%s is answered with %d, its code and its sentence', async (code, status) => {
    const { server, surprises } = anApi({
      query: async () => {
        throw new SpanledgerError(code, 'What happened, and what to do.');
      },
    });
    const answer = await post(server, { sql: 'SELECT 1' });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.json()).toEqual({ error: { code, message: 'What happened, and what to do.' } });
    expect(surprises).toEqual([]);
  });

  it.each([
    ['an error', new Error('password=hunter2 in memory at 0x7f')],
    ['an error that says it is a 500', Object.assign(new Error('password=hunter2'), { statusCode: 500 })],
    ['what is no error at all', 'password=hunter2'],
  ])('that nobody expected is logged and not told: %s', async (_what, thrown) => {
    const { server, surprises } = anApi({
      query: async () => {
        throw thrown;
      },
    });
    const answer = await post(server, { sql: 'SELECT 1' });
    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toEqual({
      error: { code: 'SL_INTERNAL', message: 'A mistake of ours; the log has the details.' },
    });
    expect(answer.body).not.toContain('hunter2');
    expect(surprises).toEqual([thrown]);
  });

  it.each([
    ['GET', '/nowhere'],
    ['GET', '/api/query'],
    ['DELETE', '/healthz'],
    ['POST', '/api/'],
  ] as const)('for %s %s says what there is', async (method, url) => {
    const answer = await anApi().server.inject({ method, url });
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toEqual({
      error: {
        code: 'SL_API_PATH',
        message: `Nothing is served at ${method} ${url}. GET /api/openapi.json describes what there is.`,
      },
    });
  });

  it('that cannot be decoded is answered like every other mistake', async () => {
    const answer = await anApi().server.inject('/api/customers/%zz');
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ error: { code: 'SL_API_REQUEST' } });
  });
});

describe('the state of the service', () => {
  it('is healthy while the process answers', async () => {
    const answer = await anApi().server.inject('/healthz');
    expect([answer.statusCode, answer.json()]).toEqual([200, { status: 'ok' }]);
  });

  it.each([
    [true, 200, 'ready'],
    [false, 503, 'not ready'],
  ])('is ready: %s', async (isReady, status, word) => {
    const readiness = () => ({
      isReady,
      lagBytes: 17,
      waitingMs: 31_000,
      lastCommitAt: '2026-11-22T12:00:00.000Z',
    });
    const answer = await anApi({ readiness }).server.inject('/readyz');
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toEqual({
      status: word,
      lag_bytes: 17,
      waiting_ms: 31_000,
      last_commit_at: '2026-11-22T12:00:00.000Z',
    });
  });

  it('has metrics in the text format', async () => {
    const answer = await anApi().server.inject('/metrics');
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.body).toBe('# HELP spanledger_up\n');
  });
});
