import { isAbsolute, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Config, readConfig } from './config.ts';
import { SpanledgerError } from './errors.ts';

/** The lines of the refusal below its heading: one for each problem. */
function problemsOf(text: string | null, environment: Record<string, string> = {}): string[] {
  let config: Config;
  try {
    config = readConfig(text, environment);
  } catch (error) {
    if (!(error instanceof SpanledgerError)) throw error;
    expect(error.code).toBe('SL_CONFIG_INVALID');
    const [heading, ...problems] = error.message.split('\n');
    expect(heading).toBe(
      problems.length === 1
        ? 'The configuration has a mistake:'
        : `The configuration has ${problems.length} mistakes:`,
    );
    return problems.map((line) => line.replace(/^ {2}/, ''));
  }
  throw new Error(`was accepted: ${JSON.stringify(config)}`);
}

describe('the configuration', () => {
  it.each([null, '', '\n  \n', '# nothing but a comment\n', '---\n', '{}'])(
    'has a default for everything: %j',
    (text) => {
      const { rules, ...settings } = readConfig(text, {});
      expect(settings).toMatchObject({
        data_dir: resolve('spanledger-data'),
        log_level: 'info',
        listen: { host: '127.0.0.1', otlp_http_port: 4318, api_port: 4319 },
        receiver: { max_body_bytes: 64 * 2 ** 20, request_timeout_ms: 30_000 },
        store: { memory_limit: '2GB' },
        query: { max_rows: 100_000, timeout_ms: 30_000, max_concurrent: 4 },
      });
      expect(rules.ruleAt('anything', 0)).toBeNull();
    },
  );

  it('has the defaults of a section beside what is written in it', () => {
    expect(readConfig('listen:\n  api_port: 0\n', {}).listen).toEqual({
      host: '127.0.0.1',
      otlp_http_port: 4318,
      sql_port: 5433,
      api_port: 0,
    });
  });

  it('has an absolute data directory', () => {
    const { data_dir } = readConfig('data_dir: some/where', {});
    expect(isAbsolute(data_dir)).toBe(true);
    expect(data_dir).toBe(resolve('some/where'));
  });

  it('does not remember one reading in the next', () => {
    readConfig('listen: {api_port: 1234}', { SPANLEDGER_OTLP_HTTP_PORT: '1235' });
    expect(readConfig(null, {}).listen).toMatchObject({ api_port: 4319, otlp_http_port: 4318 });
  });
});

describe('the environment', () => {
  it('goes before the file', () => {
    const text = 'data_dir: from-file\nlog_level: warn\nlisten:\n  otlp_http_port: 1\n  api_port: 2\n';
    const config = readConfig(text, {
      SPANLEDGER_DATA_DIR: 'from-environment',
      SPANLEDGER_LOG_LEVEL: 'error',
      SPANLEDGER_OTLP_HTTP_PORT: '3',
      SPANLEDGER_API_PORT: '0',
    });
    expect(config).toMatchObject({
      data_dir: resolve('from-environment'),
      log_level: 'error',
      listen: { host: '127.0.0.1', otlp_http_port: 3, api_port: 0 },
    });
  });

  it('does nothing where it is empty or names what is no setting of its own', () => {
    const environment = { SPANLEDGER_API_PORT: '', SPANLEDGER_THREADS: '9', SPANLEDGER_DATA_DIR: undefined };
    const { rules, plans, ...settings } = readConfig('listen: {api_port: 7}', {});
    expect(readConfig('listen: {api_port: 7}', environment)).toMatchObject(settings);
    expect(settings.listen.api_port).toBe(7);
    expect(rules.ruleAt(null, 0)).toBeNull();
    expect(plans.names).toEqual([]);
  });

  it('is checked like the file', () => {
    expect(
      problemsOf(null, {
        SPANLEDGER_API_PORT: 'abc',
        SPANLEDGER_OTLP_HTTP_PORT: '70000',
        SPANLEDGER_LOG_LEVEL: 'loud',
      }),
    ).toEqual([
      'log_level: must be one of debug, info, warn, error, silent, found "loud"',
      'listen.otlp_http_port: must be <= 65535, found 70000',
      'listen.api_port: must be integer, found "abc"',
    ]);
  });

  it('does not hide a mistake of the file behind its own value', () => {
    expect(problemsOf('listen: 7', { SPANLEDGER_API_PORT: '5' })).toEqual([
      'listen: must be object, found "7"',
    ]);
  });
});

describe('a configuration with mistakes', () => {
  it('tells all of them at once, with their paths and values', () => {
    const text = `
lisen: {api_port: 5}
log_level: loud
listen: {apiport: 5, api_port: 70000}
receiver: {max_body_bytes: -5}
journal: {retention_ms: a day, segment_bytes: 1}
store: {threads: many, memory_limit: lots, checkpoint_at_wal: 5}
query: {timeout_ms: 0, max_concurrent: 13, max_rows: 1.5}
credits: {features: {a: {percent: 5}}}
`;
    expect(problemsOf(text).sort()).toEqual([
      expect.stringMatching(/^credits\.features\.a: must be fixed: .*, found \{"percent":"5"\}$/),
      'journal.retention_ms: must be integer, found "a day"',
      'journal.segment_bytes: must be >= 1024, found 1',
      'lisen: is not a setting, found {"api_port":"5"}',
      'listen.api_port: must be <= 65535, found 70000',
      'listen.apiport: is not a setting, found "5"',
      'log_level: must be one of debug, info, warn, error, silent, found "loud"',
      'query.max_concurrent: must be <= 12, found 13',
      'query.max_rows: must be integer, found "1.5"',
      'query.timeout_ms: must be >= 10, found 0',
      'receiver.max_body_bytes: must be >= 1024, found -5',
      'store.checkpoint_at_wal: must match pattern "^[0-9]+ ?(MB|GB|MiB|GiB)$", found "5"',
      'store.memory_limit: must match pattern "^[0-9]+ ?(MB|GB|MiB|GiB)$", found "lots"',
      'store.threads: must be integer, found "many"',
    ]);
  });

  it.each([
    '4.5',
    '1e3',
    '0x10',
    '4_319',
    'true',
    '""',
    '" 1"',
    '[1]',
    '{a: 1}',
    '~',
    '99999999999999999999',
  ])('takes only whole numbers in digits for a number: not %s', (value) => {
    expect(problemsOf(`listen: {api_port: ${value}}`)).toEqual([
      expect.stringMatching(/^listen\.api_port: must be integer, found /),
    ]);
  });

  it.each([
    ['listen:', 'listen: must be object, found ""'],
    ['listen: 5', 'listen: must be object, found "5"'],
    ['listen: [a]', 'listen: must be object, found ["a"]'],
    ['data_dir: [a]', 'data_dir: must be string, found ["a"]'],
    ['data_dir: {a: b}', 'data_dir: must be string, found {"a":"b"}'],
    ['credits: {features: [a]}', 'credits.features: must be object, found ["a"]'],
    ['- a', 'spanledger.yaml: must be a map of settings, found ["a"]'],
    ['just words', 'spanledger.yaml: must be a map of settings, found "just words"'],
    ['__proto__: {x: 1}', '__proto__: is not a setting, found {"x":"1"}'],
    ['constructor: 1', 'constructor: is not a setting, found "1"'],
  ])('says where the shape is wrong: %s', (text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  it.each<[string, string, RegExp]>([
    [
      'a key twice',
      'log_level: info\nlog_level: warn',
      /^line 2, column 1: must be valid YAML, found Map keys must be unique/,
    ],
    ['a nested key twice', 'listen:\n  api_port: 1\n  api_port: 2', /^line 3, column 3: .*unique/],
    ['a tab', 'listen:\n\tapi_port: 1', /^line 2, column 1: .*Tabs are not allowed/],
    [
      'two documents',
      '---\nlog_level: info\n---\nlog_level: warn',
      /^line 3, column 1: .*multiple documents/,
    ],
    ['an open bracket', 'listen: {api_port: 1', /must be valid YAML/],
    ['an alias of nothing', 'data_dir: *nowhere', /^spanledger\.yaml: must be valid YAML, .*nowhere/],
    [
      'NUL in a path',
      'data_dir: "a\\0b"',
      /^data_dir: must be a path, and none holds NUL, found "a\\u0000b"$/,
    ],
  ])('says where it is no YAML or no path: %s', (_what, text, problem) => {
    expect(problemsOf(text)).toEqual(expect.arrayContaining([expect.stringMatching(problem)]));
  });

  it('ends aliases that would multiply without end', () => {
    const bomb = [
      'a: &a [x, x]',
      ...'bcdefghijklmnopq'.split('').map((key, index) => {
        const before = 'abcdefghijklmnopq'[index];
        return `${key}: &${key} [*${before}, *${before}, *${before}, *${before}]`;
      }),
    ].join('\n');
    expect(problemsOf(bomb)).toEqual([expect.stringMatching(/alias/i)]);
  });

  it('is told of an alias that stands within its own anchor', () => {
    expect(() => readConfig('credits: &all\n  default: *all\n', {})).toThrow(
      expect.objectContaining({
        code: 'SL_CONFIG_INVALID',
        message: expect.stringMatching(/must end somewhere/),
      }),
    );
  });

  it('cuts a long value instead of filling the screen', () => {
    const [problem = '', ...more] = problemsOf(`log_level: ${'x'.repeat(1_000_000)}`);
    expect(more).toEqual([]);
    expect(problem.length).toBeLessThan(250);
    expect(problem).toMatch(/x…$/);
  });

  it('may be a megabyte long', () => {
    const text = `# ${'a long comment '.repeat(70_000)}\nlog_level: warn\n`;
    expect(text.length).toBeGreaterThan(1_000_000);
    expect(readConfig(text, {}).log_level).toBe('warn');
  });

  it('lets no large body be refused for ever', () => {
    expect(problemsOf('receiver: {max_body_bytes: 2000}\njournal: {max_pending_bytes: 2000}')).toEqual([
      expect.stringMatching(/^journal\.max_pending_bytes: must be above receiver\.max_body_bytes \(2000\)/),
    ]);
  });
});

describe('the address', () => {
  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('may be loopback: %s', (host) => {
    expect(readConfig(`listen: {host: "${host}"}`, {}).listen.host).toBe(host);
  });

  it.each([
    '0.0.0.0',
    '::',
    '192.168.1.1',
    'example.com',
    '127.0.0.1.example.com',
    '10.127.0.0.1',
    'localhost.example.com',
    '',
  ])('is refused when others could reach it: "%s"', (host) => {
    expect(problemsOf(`listen: {host: "${host}"}`)).toEqual([
      expect.stringMatching(/^listen\.host: must be a loopback address .*requests carry no credentials yet/),
    ]);
  });
});

describe('credit rules', () => {
  it.each([
    ['0.10', 100_000n],
    ['"0.10"', 100_000n],
    ['1e-6', 1n],
    ['12345678901.000001', 12_345_678_901_000_001n],
    ['0.30000000000000000', 300_000n],
  ])('keep the amount %s exact', (credits, micro) => {
    const { rules } = readConfig(`credits: {default: {fixed: {credits: ${credits}}}}`, {});
    expect(rules.ruleAt(null, 0)?.charging).toEqual({ kind: 'fixed', credits: micro });
  });

  it('are found by feature, whatever the feature is called', () => {
    const text = `
credits:
  default: {fixed: {credits: 1}}
  features:
    support-chat: {fixed: {credits: 2}}
    yes: {fixed: {credits: 3}}
    10: {fixed: {credits: 4}}
    "a/b.c d": {fixed: {credits: 5}}
    constructor: {fixed: {credits: 6}}
`;
    const { rules } = readConfig(text, {});
    const creditsOf = (feature: string | null) => {
      const charging = rules.ruleAt(feature, 0)?.charging;
      return charging?.kind === 'fixed' ? charging.credits / 1_000_000n : null;
    };
    const features = ['support-chat', 'yes', '10', 'a/b.c d', 'constructor', 'unknown', null];
    expect(features.map(creditsOf)).toEqual([2n, 3n, 4n, 5n, 6n, 1n, 1n]);
  });

  it.each([
    ['{fixed: 5}', 'credits.default.fixed: must be object, found "5"'],
    ['{fixed: {}}', /^credits\.default\.fixed: must have required properties credits/],
    ['{fixed: {credits: 5, x: 1}}', 'credits.default.fixed.x: is not a setting, found "1"'],
    ['{fixed: {credits: [5]}}', /^credits\.default\.fixed\.credits: must be /],
    ['{tokens: {input: 1, per: [1]}}', /^credits\.default\.tokens\.per: must be /],
    ['{fixed: {credits: 1}, charge: never}', /^credits\.default\.charge: must be one of success, always/],
    ['[{fixed: {credits: 5}}, {fixed: 5}]', 'credits.default.1.fixed: must be object, found "5"'],
    ['5', /^credits\.default: must be fixed: /],
    ['[]', /^credits\.default: must be fixed: /],
    ['{}', /^credits\.default: must be exactly one of fixed, cost_plus, .*found none/],
    [
      '{fixed: {credits: 1}, cost_plus: {markup: 1, credit_value_usd: 1}}',
      /^credits\.default: must be exactly one of .*found fixed and cost_plus/,
    ],
  ])('of a wrong shape have one problem, the one that was meant: %s', (rule, problem) => {
    expect(problemsOf(`credits: {default: ${rule}}`)).toEqual([
      typeof problem === 'string' ? problem : expect.stringMatching(problem),
    ]);
  });

  it('of every kind are read, in versions', () => {
    const text = `
credits:
  features:
    write:
      - cost_plus: { target_margin: 0.5 }
      - from: 2026-12-01
        cost_plus: { markup: 0.5 }
        minimum: 1
        increment: 0.1
        cap: 50
        feature_value: 1.5
        complexity: [{ calls: 1, factor: 1 }, { calls: 5, factor: 1.5 }]
        charge: always
        degraded: { model: gpt-5-mini, fixed: { credits: 5 } }
    chat: { tokens: { per: 1000, uncached_input: 1, cache_read: 0.1, cache_write: 1.25, output: 4, reasoning: 4 } }
    draw: { units: { image: 5, minute: 2, second: 0.05, page: 0.5, request: 1, web_search: 1 } }
    parse: { units: { document: 0.001 } }
`;
    const { rules } = readConfig(text, {});
    const fromMicros = Date.UTC(2026, 11, 1) * 1000;
    expect(rules.ruleAt('write', fromMicros - 1)).toMatchObject({ fromMicros: null, cap: null });
    expect(rules.ruleAt('write', fromMicros)).toMatchObject({
      fromMicros,
      minimum: 1_000_000n,
      increment: 100_000n,
      cap: 50_000_000n,
      featureValue: { numerator: 3n, denominator: 2n },
      complexity: [
        { calls: 1, factor: { numerator: 1n, denominator: 1n } },
        { calls: 5, factor: { numerator: 3n, denominator: 2n } },
      ],
      chargesFailed: true,
      degraded: { model: 'gpt-5-mini', terms: { charging: { kind: 'fixed', credits: 5_000_000n } } },
    });
    const parsing = rules.ruleAt('parse', 0)?.charging;
    expect(parsing?.kind === 'usage' && parsing.units?.custom).toEqual(new Map([['document', 1_000n]]));
    expect(rules.ruleAt('chat', 0)?.charging).toEqual({
      kind: 'usage',
      tokens: {
        per: 1000n,
        credits: {
          uncachedInput: 1_000_000n,
          cacheRead: 100_000n,
          cacheWrite: 1_250_000n,
          visibleOutput: 4_000_000n,
          reasoning: 4_000_000n,
        },
      },
      units: null,
    });
    expect(rules.ruleAt('draw', 0)?.charging).toMatchObject({
      tokens: null,
      units: {
        image: 5_000_000n,
        minute: 2_000_000n,
        second: 50_000n,
        page: 500_000n,
        webSearch: 1_000_000n,
      },
    });
  });

  it('with wrong values are told together, by feature, with all other problems of values', () => {
    const text = `
listen: {host: 0.0.0.0}
credits:
  default: {cost_plus: {target_margin: 1, credit_value_usd: 0.01}}
  features:
    a: {cost_plus: {credit_value_usd: -1}}
    b/c: {fixed: {credits: five}}
`;
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^listen\.host: /),
      'credits.features.a.cost_plus: must be exactly one of target_margin and markup, found neither',
      'credits.features.a.cost_plus.credit_value_usd: must be a decimal above 0, with at most 15 decimal places, found -1',
      'credits.features.b/c.fixed.credits: must be a decimal of 0 or more, with at most 6 decimal places, found five',
      'credits.default.cost_plus.target_margin: must be a decimal from 0 to below 1, with at most 9 decimal places, found 1',
    ]);
  });
});
