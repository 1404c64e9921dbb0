import { resolve } from 'node:path';
import {
  type AttributionSettings,
  type CreditRules,
  creditRules,
  type LabelSettings,
  type Labels,
  type Plans,
  plans as plansOf,
} from '@spanledger/metering';
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { FEED_FORMATS } from './catalogue/import/index.ts';
import type { FeedSettings } from './catalogue/price-feed.ts';
import { AliasEntry, CardEntry, CurrencyRate } from './catalogue/price-file.ts';
import { type PriceLayer, readPriceFile } from './catalogue/read-price-file.ts';
import { BudgetsSection, readBudgets } from './config-budgets.ts';
import { CREDIT_RULES } from './config-credits.ts';
import { PlansSection } from './config-plans.ts';
import { type ReaderConfig, ReaderSection, readerConfig } from './config-readers.ts';
import { type SnapshotConfig, SnapshotsSection, snapshotConfig } from './config-snapshots.ts';
import { type ConfiguredWebhook, readWebhooks, WebhooksSchema, withSecrets } from './config-webhooks.ts';
import { SpanledgerError } from './errors.ts';
import { MAX_OPEN_ACCOUNTS } from './ledger/accounts.ts';
import {
  collectProblems,
  isMap,
  parseYaml,
  type SettingProblem,
  shown,
  withScalars,
} from './settings-file.ts';
import type { Budget } from './store/budgets.ts';
import type { WebhookEndpoint } from './webhooks/index.ts';

/**
 * The configuration, declared once: the type, the check, the JSON Schema (`spanledger.schema.json`) and the defaults
 * all come from here. Amounts stay text until `creditRules` reads them exactly; a YAML number never becomes a float.
 */

const MIB = 1024 * 1024;

function bytes(megabytes: number, description: string) {
  return Type.Integer({ minimum: 1024, default: megabytes * MIB, description: `${description} Bytes.` });
}

function port(number: number, description: string) {
  return Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: number,
    description: `${description} 0 takes any free port.`,
  });
}

function section<Properties extends Record<string, TSchema>>(properties: Properties, description: string) {
  return Type.Object(properties, { additionalProperties: false, default: {}, description });
}

function attributeNames(meaning: string) {
  return Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    description: `Attributes of spans or resources that say ${meaning}. Read after spanledger.*, before all others.`,
  });
}

const UsageClassRule = Type.Object(
  {
    class: Type.Enum(['customer', 'trial', 'internal', 'test', 'demo', 'admin']),
    environment: Type.Optional(Type.String({ minLength: 1, description: 'deployment.environment.name' })),
    service: Type.Optional(Type.String({ minLength: 1, description: 'service.name' })),
    customer: Type.Optional(Type.String({ minLength: 1 })),
  },
  {
    additionalProperties: false,
    minProperties: 2,
    description: 'Usage that fits all of it is of the class.',
  },
);

export const ConfigSchema = Type.Object(
  {
    data_dir: Type.String({
      minLength: 1,
      default: 'spanledger-data',
      description: 'Where the journal and the ledger file lie; relative to the working directory.',
    }),
    log_level: Type.Enum(['debug', 'info', 'warn', 'error', 'silent'], { default: 'info' }),
    listen: section(
      {
        host: Type.String({
          default: '127.0.0.1',
          description: 'Loopback only, until requests carry credentials.',
        }),
        otlp_http_port: port(4318, 'OTLP over HTTP.'),
        api_port: port(4319, 'The API: queries, health, metrics.'),
        sql_port: port(5433, 'The ledger for clients of PostgreSQL, to be read.'),
        sql_host: Type.Optional(
          Type.String({
            minLength: 1,
            description:
              'Where clients of PostgreSQL are listened for; without it on host. Beyond loopback only with reader.users.',
          }),
        ),
      },
      'Addresses.',
    ),
    credits: section(
      CREDIT_RULES,
      'How actions become credits. Without a rule an action has cost and burns no credits.',
    ),
    plans: PlansSection,
    prices: section(
      {
        version: Type.Integer({ minimum: 1, maximum: 1, default: 1, description: 'Of this format.' }),
        aliases: Type.Array(AliasEntry, {
          default: [],
          description: 'What names mean that only you know, such as Azure deployments.',
        }),
        cards: Type.Array(CardEntry, {
          default: [],
          description: 'Own models and contracts. They win over every list.',
        }),
        currencies: Type.Record(
          Type.String({ pattern: '^[A-Z]{3}$' }),
          Type.Array(CurrencyRate, { minItems: 1 }),
          {
            default: {},
            description:
              'The fixed rate of each period, by currency (ISO 4217), for cards that are not in USD.',
          },
        ),
        refresh: Type.Optional(
          Type.Object(
            {
              source: Type.String({
                minLength: 1,
                description: 'A path, or an http(s) address, of a price list in a known format.',
              }),
              format: Type.Enum(['auto', ...FEED_FORMATS], { default: 'auto' }),
              every_hours: Type.Integer({ minimum: 1, maximum: 24 * 20, default: 24 }),
            },
            {
              additionalProperties: false,
              description:
                'Asks a price list regularly for prices that the built-in one does not have yet. Off without it.',
            },
          ),
        ),
        similar_models: Type.Enum(['unpriced', 'estimate'], {
          default: 'unpriced',
          description:
            'A model that is only similar to one that is known has no price, or that of the other as an estimate.',
        }),
      },
      'What models cost, over the built-in price list.',
    ),
    budgets: BudgetsSection,
    attribution: section(
      {
        customer: attributeNames('whose usage it is'),
        feature: attributeNames('the feature that was used'),
        user: attributeNames('who used it'),
        session: attributeNames('the session or conversation'),
        usage_class: attributeNames('the usage class'),
        usage_class_rules: Type.Array(UsageClassRule, {
          default: [],
          description: 'The first rule that fits decides the usage class where no span says it.',
        }),
        defaults: section(
          {
            customer: Type.Optional(Type.String({ minLength: 1 })),
            feature: Type.Optional(Type.String({ minLength: 1 })),
            user: Type.Optional(Type.String({ minLength: 1 })),
          },
          'Whom usage is booked on where no span and no resource says anything.',
        ),
      },
      'Who pays: names of attributes, beside those that Spanledger knows, and what holds where none is set.',
    ),
    traces: section(
      {
        grace_ms: Type.Integer({
          minimum: 0,
          default: 60_000,
          description:
            'A container with usage waits this long after its end for the calls below it, before it bills itself.',
        }),
        max_open_spans: Type.Integer({
          minimum: 1000,
          default: 300_000,
          description:
            'Spans of recent traces in memory, 0.7 to 1.2 kB each; what is older is read back from the ledger file when a late span comes.',
        }),
      },
      'How spans of one trace are put together.',
    ),
    accounts: section(
      {
        max_open: Type.Integer({
          minimum: 100,
          default: MAX_OPEN_ACCOUNTS,
          description:
            'Accounts of customers in memory, some 20 kB each after two years; others are opened from the ledger file when they are needed, which takes from milliseconds on and longer the larger the file is. So it is to be more than the customers of a busy hour.',
        }),
      },
      'Customers and their credits.',
    ),
    receiver: section(
      {
        max_body_bytes: bytes(
          64,
          'Largest request body as sent; the recommendation of the OTLP specification.',
        ),
        max_inflated_bytes: bytes(
          64,
          'Largest request body after inflating; bounds what a gzip bomb can do.',
        ),
        max_in_flight_bytes: bytes(256, 'Bodies being received at once; beyond it requests get 503.'),
        request_timeout_ms: Type.Integer({
          minimum: 100,
          default: 30_000,
          description: 'A sender slower than this is cut off.',
        }),
        max_attribute_value_bytes: Type.Integer({
          // Names of up to 1,000 characters are kept whole, and longer ones told apart by what follows.
          minimum: 4096,
          default: 64 * 1024,
          description: 'Texts that metering reads are cut at this length.',
        }),
      },
      'Bounds of the OTLP receiver.',
    ),
    journal: section(
      {
        segment_bytes: bytes(128, 'A segment file is rolled over at this size.'),
        max_pending_bytes: bytes(256, 'Bodies waiting for their sync; beyond it requests get 503.'),
        max_lag_bytes: bytes(
          8192,
          'Bodies on disk that the ledger has not posted yet; beyond it requests get 503.',
        ),
        ready_within_ms: Type.Integer({
          minimum: 1000,
          default: 30_000,
          description:
            'Bodies that are on disk for longer and not posted make /readyz answer 503; spans are still accepted. Usually they wait for less than a second, under load for five.',
        }),
        min_free_bytes: Type.Integer({
          minimum: 0,
          default: 256 * MIB,
          description:
            'Free disk space below which requests get 503, so that the ledger can still write; at most a tenth of the disk is kept free.',
        }),
        retention_ms: Type.Integer({
          minimum: 0,
          default: 24 * 3_600_000,
          description: 'Posted segments are kept this long,',
        }),
        retention_bytes: bytes(2048, 'or up to this size, whichever is reached first.'),
      },
      'Bounds of the journal.',
    ),
    store: section(
      {
        memory_limit: Type.String({
          pattern: '^[0-9]+ ?(MB|GB|MiB|GiB)$',
          default: '2GB',
          description: "DuckDB's memory limit; mostly cache.",
        }),
        threads: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 256,
            description:
              'Threads DuckDB may use. Without it all cores but one, which is for posting spans and answering.',
          }),
        ),
        checkpoint_at_wal: Type.String({
          pattern: '^[0-9]+ ?(MB|GB|MiB|GiB)$',
          default: '256MB',
          description: 'The write-ahead log is folded into the file past this size.',
        }),
        max_identities: Type.Integer({
          minimum: 1,
          default: 60_000_000,
          description:
            'Traces, and as many links between them, that are known to be in the file, 5.3 bytes each; older ones are looked up.',
        }),
        max_rss_bytes: bytes(6144, 'The ledger process is restarted when it grows past this.'),
      },
      'The ledger process and its DuckDB file.',
    ),
    query: section(
      {
        max_rows: Type.Integer({ minimum: 1, default: 100_000 }),
        timeout_ms: Type.Integer({ minimum: 10, default: 30_000 }),
        max_concurrent: Type.Integer({
          minimum: 1,
          maximum: 12,
          default: 4,
          description: 'Each running query holds a thread that commits need too.',
        }),
      },
      'Bounds of queries.',
    ),
    reader: ReaderSection,
    snapshots: SnapshotsSection,
    webhooks: WebhooksSchema,
  },
  { additionalProperties: false, title: 'spanledger.yaml' },
);

/** The JSON Schema of `spanledger.yaml`, as text, for editors and people. */
export function configJsonSchema(): string {
  const schema = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...ConfigSchema };
  return `${JSON.stringify(schema, withoutRequiredDefaults, 2)}\n`;
}

/** What has a default is required after reading, but not in the file. */
function withoutRequiredDefaults(_key: string, value: unknown): unknown {
  if (!isMap(value) || !isMap(value.properties) || !Array.isArray(value.required)) return value;
  const { properties } = value;
  const required = value.required
    .map(String)
    .filter((name) => !isMap(properties[name]) || !('default' in properties[name]));
  const { required: _all, ...rest } = value;
  return required.length > 0 ? { ...rest, required } : rest;
}

type Settings = Static<typeof ConfigSchema>;

export interface Config
  extends Omit<
    Settings,
    'attribution' | 'budgets' | 'plans' | 'prices' | 'reader' | 'snapshots' | 'webhooks'
  > {
  readonly reader: ReaderConfig;
  readonly snapshots: SnapshotConfig;
  readonly rules: CreditRules;
  readonly plans: Plans;
  readonly budgets: readonly Budget[];
  readonly prices: {
    readonly layer: PriceLayer;
    readonly similarModels: Settings['prices']['similar_models'];
    readonly refresh: FeedSettings | null;
  };
  readonly labels: LabelSettings;
  readonly attribution: AttributionSettings;
}

/** With the secrets that only the service needs. */
export interface ServiceConfig extends Config {
  readonly webhooks: readonly WebhookEndpoint[];
}

const FILE = 'spanledger.yaml';

/** The few operational settings that the environment may override. */
const ENVIRONMENT: Readonly<Record<string, readonly [section: keyof Settings, key?: string]>> = {
  SPANLEDGER_DATA_DIR: ['data_dir'],
  SPANLEDGER_LOG_LEVEL: ['log_level'],
  SPANLEDGER_OTLP_HTTP_PORT: ['listen', 'otlp_http_port'],
  SPANLEDGER_API_PORT: ['listen', 'api_port'],
  SPANLEDGER_SQL_PORT: ['listen', 'sql_port'],
};

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration from the text of `spanledger.yaml` (null: there is none) and the environment. Secrets are not
 * asked for: whoever only queries or imports need not have them.
 *
 * @throws {SpanledgerError} SL_CONFIG_INVALID with every problem in its message
 */
export function readConfig(text: string | null, environment: Environment): Config {
  return read(text, environment, () => []);
}

/**
 * The same for whoever runs the service, with the secrets from the environment.
 *
 * @throws {SpanledgerError} SL_CONFIG_INVALID with every problem in its message, secrets that are missing too
 */
export function readServiceConfig(text: string | null, environment: Environment): ServiceConfig {
  return read(text, environment, (webhooks, problems) => withSecrets(webhooks, environment, problems));
}

function read(
  text: string | null,
  environment: Environment,
  endpointsOf: (
    webhooks: readonly ConfiguredWebhook[],
    problems: SettingProblem[],
  ) => readonly WebhookEndpoint[],
): ServiceConfig {
  const problems: SettingProblem[] = [];
  const tree = parseYaml(text, FILE, problems);
  for (const [name, [top, key]] of Object.entries(ENVIRONMENT)) {
    const value = environment[name];
    if (value === undefined || value === '') continue;
    const section = tree[top] ?? {};
    if (key === undefined) tree[top] = value;
    // A section that is no map stays as it is, so that it is reported and not hidden.
    else if (isMap(section)) tree[top] = { ...section, [key]: value };
  }
  const converted = withScalars(ConfigSchema, Value.Default(ConfigSchema, tree));
  collectProblems(ConfigSchema, converted, FILE, problems);
  if (problems.length === 0 && Value.Check(ConfigSchema, converted)) {
    const { credits, plans: writtenPlans, prices, ...settings } = converted;
    const rules = creditRules(credits);
    const plans = plansOf(writtenPlans);
    if (plans.kind === 'problems') {
      problems.push(
        ...plans.problems.map((p) => ({ ...p, path: `plans.${p.path}`, expected: `must be ${p.expected}` })),
      );
    }
    const overrides = readPriceFile(prices, 'override');
    const budgets = readBudgets(settings.budgets, problems);
    const reader = readerConfig(settings.reader, problems);
    const snapshots = snapshotConfig(settings.snapshots, settings.data_dir, problems);
    const webhooks = endpointsOf(readWebhooks(settings.webhooks, problems), problems);
    if (overrides.kind === 'problems') {
      problems.push(...overrides.problems.map((p) => ({ ...p, path: `prices.${p.path}` })));
    }
    if (settings.data_dir.includes('\0')) {
      problems.push({
        path: 'data_dir',
        expected: 'must be a path, and none holds NUL',
        value: shown(settings.data_dir),
      });
    }
    if (!isLoopback(settings.listen.host)) {
      problems.push({
        path: 'listen.host',
        expected: 'must be a loopback address (127.0.0.1, ::1, localhost): requests carry no credentials yet',
        value: settings.listen.host,
      });
    }
    const sqlHost = settings.listen.sql_host;
    if (sqlHost !== undefined && !isLoopback(sqlHost) && reader.users.size === 0) {
      problems.push({
        path: 'listen.sql_host',
        expected:
          'must be a loopback address (127.0.0.1, ::1, localhost) while nobody is in reader.users: without users, whoever reaches the port may read (`spanledger user add` adds one)',
        value: sqlHost,
      });
    }
    if (settings.journal.max_pending_bytes <= settings.receiver.max_body_bytes) {
      problems.push({
        path: 'journal.max_pending_bytes',
        expected: `must be above receiver.max_body_bytes (${settings.receiver.max_body_bytes}), or the largest bodies would be refused for ever`,
        value: String(settings.journal.max_pending_bytes),
      });
    }
    if (rules.kind === 'problems')
      problems.push(
        ...rules.problems.map((p) => ({
          ...p,
          path: `credits.${p.path}`,
          expected: `must be ${p.expected}`,
        })),
      );
    else if (problems.length === 0 && overrides.kind === 'layer' && plans.kind === 'plans') {
      const { attribution, ...rest } = settings;
      return {
        ...rest,
        data_dir: resolve(settings.data_dir),
        credits,
        rules: rules.rules,
        plans: plans.plans,
        budgets,
        reader,
        snapshots,
        webhooks,
        prices: {
          layer: overrides.layer,
          similarModels: prices.similar_models,
          refresh: feedSettings(prices.refresh),
        },
        labels: { ...attribution, usageClass: attribution.usage_class },
        attribution: {
          usageClassRules: attribution.usage_class_rules.map(({ class: usageClass, ...conditions }) => ({
            usageClass,
            name: Object.entries(conditions)
              .map(([key, value]) => `${key} = ${value}`)
              .join(', '),
            ...conditions,
          })),
          defaults: defaultLabels(attribution.defaults),
        },
      };
    }
  }
  throw new SpanledgerError(
    'SL_CONFIG_INVALID',
    [
      `The configuration has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}:`,
      ...problems.map(({ path, expected, value }) => `  ${path}: ${expected}, found ${value}`),
    ].join('\n'),
  );
}

function feedSettings(refresh: Settings['prices']['refresh']): FeedSettings | null {
  if (refresh === undefined) return null;
  const { source, format, every_hours: everyHours } = refresh;
  return { source, format, everyHours };
}

const DEFAULT_FIELDS = { customer: 'customer', feature: 'feature', user: 'userId' } as const;

function defaultLabels(defaults: Settings['attribution']['defaults']): Labels {
  const labels: { -readonly [Field in keyof Labels]: Labels[Field] } = {};
  for (const name of ['customer', 'feature', 'user'] as const) {
    const value = defaults[name];
    if (value !== undefined) labels[DEFAULT_FIELDS[name]] = { value, key: `attribution.defaults.${name}` };
  }
  return labels;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
