import {
  DEPLOYMENT_ENVIRONMENT,
  DEPLOYMENT_ENVIRONMENT_NAME,
  GEN_AI_CONVERSATION_ID,
  SERVICE_NAME,
  SESSION_ID,
  SPANLEDGER_ACTION_DEGRADED,
  SPANLEDGER_ACTION_ID,
  SPANLEDGER_CUSTOMER_ID,
  SPANLEDGER_FEATURE_NAME,
  SPANLEDGER_IMPORT_BATCH,
  SPANLEDGER_IMPORT_MODE,
  SPANLEDGER_USAGE_CLASS,
  USER_ID,
} from '@spanledger/semconv';
import { jsonList, jsonObject, scalar } from './json.ts';
import { label } from './label.ts';
import type { AttributeValue } from './span.ts';

/**
 * What a label can say. A stand-in is not called customer or feature but may serve as one (an API key's team, an
 * agent's name): it counts only where nothing in the whole trace says it outright.
 */
export type LabelField =
  | 'customer'
  | 'feature'
  | 'userId'
  | 'sessionId'
  | 'usageClass'
  | 'actionId'
  | 'customerStandIn'
  | 'featureStandIn'
  | 'importBatch'
  | 'importMode'
  | 'degraded';

/** One label as it stood on a span or resource. */
export interface Label {
  readonly value: string;
  /** The attribute, with the name inside it after a slash where it held several. */
  readonly key: string;
}

/** The best label for each field that one span or resource has; fields without one are absent. */
export type Labels = { readonly [Field in LabelField]?: Label };

export const NO_LABELS: Labels = {};

/** Whether there is any label. */
export function bears(labels: Labels): boolean {
  for (const _field in labels) return true;
  return false;
}

/** Where labels stand beside the names below: emitters put the app's own names under these. */
const METADATA_PREFIXES = [
  'traceloop.association.properties.',
  'ai.telemetry.metadata.',
  'ai.settings.context.',
  'langfuse.trace.metadata.',
  'langfuse.observation.metadata.',
  'langsmith.metadata.',
  'mastra.metadata.',
  'trace.metadata.',
  'span.metadata.',
  'agento11y.tag.',
  'metadata.',
  'baggage.',
];

/** Attributes that hold several labels in one JSON text. */
const JSON_KEYS = [
  'metadata',
  'langfuse.trace.metadata',
  'langfuse.observation.metadata',
  'metadata.requester_metadata',
  'metadata.spend_logs_metadata',
  'litellm.team.metadata',
];

/** Attributes that hold a list of tags, as a list, as a JSON text or separated by commas. */
const TAG_KEYS = ['langfuse.trace.tags', 'tag.tags', 'langsmith.span.tags', 'mastra.tags', 'logfire.tags'];

/** The app's own names, wherever they stand. */
const APP_NAMES = {
  customer: [
    'customer.id',
    'customer_id',
    'customerId',
    'customer',
    'tenant.id',
    'tenant_id',
    'tenantId',
    'tenant',
    'org_id',
    'orgId',
  ],
  feature: ['feature', 'feature.name', 'feature_name', 'featureName'],
  userId: ['user_id', 'userId', 'user.id', 'langfuse_user_id'],
  sessionId: [
    'session_id',
    'sessionId',
    'session.id',
    'conversationId',
    'conversation_id',
    'langfuse_session_id',
  ],
  usageClass: ['usage.class', 'usage_class', 'usageClass'],
} as const;

/** In order of precedence; `METADATA` stands for the app's names under every prefix, in a JSON text or in a tag. */
const METADATA = Symbol('metadata');
const KEY_ORDER: { readonly [Field in LabelField]: readonly (string | typeof METADATA)[] } = {
  customer: [
    SPANLEDGER_CUSTOMER_ID,
    'customer.id',
    'tenant.id',
    'app.customer.id',
    'app.customer',
    'app.tenant.id',
    METADATA,
    'customer_id',
    'customerId',
    'tenant_id',
    'tenantId',
  ],
  customerStandIn: [
    'litellm.team.id',
    'metadata.user_api_key_team_id',
    'litellm.metadata.user_api_key_org_id',
    'metadata.user_api_key_org_id',
    'litellm.api_key.hash',
    'organization.id',
    'team.id',
    'department',
  ],
  feature: [SPANLEDGER_FEATURE_NAME, 'feature', 'app.feature', 'feature.name', METADATA],
  featureStandIn: [
    'traceloop.workflow.name',
    'gen_ai.workflow.name',
    'ai.telemetry.functionId',
    'resource.name',
    'gen_ai.function_id',
    'gen_ai.pipeline.name',
    'langfuse.trace.name',
    'skill.name',
    'gen_ai.agent.name',
    'gen_ai.prompt.name',
  ],
  userId: [
    'user.account_uuid',
    USER_ID,
    'langfuse.user.id',
    'enduser.id',
    'enduser.pseudo.id',
    'gen_ai.user.id',
    'gen_ai.request.user',
    'gen_ai.user',
    'llm.user',
    METADATA,
    'litellm.end_user.id',
    'metadata.user_api_key_end_user_id',
    'user_id',
  ],
  // `langsmith.trace.session_id` is not here: it names the project.
  sessionId: [
    GEN_AI_CONVERSATION_ID,
    SESSION_ID,
    'langfuse.session.id',
    METADATA,
    'gen_ai.session.id',
    'gcp.vertex.agent.session_id',
    'spring.ai.chat.client.conversation.id',
    'conversation.id',
  ],
  usageClass: [SPANLEDGER_USAGE_CLASS, 'usage.class', 'usage_class', METADATA],
  actionId: [SPANLEDGER_ACTION_ID],
  importBatch: [SPANLEDGER_IMPORT_BATCH],
  importMode: [SPANLEDGER_IMPORT_MODE],
  degraded: [SPANLEDGER_ACTION_DEGRADED],
};

/** Labels with which the user of this product extends the tables: read before all but the product's own keys. */
export interface LabelSettings {
  readonly customer: readonly string[];
  readonly feature: readonly string[];
  readonly user: readonly string[];
  readonly session: readonly string[];
  readonly usageClass: readonly string[];
}

export const NO_LABEL_SETTINGS: LabelSettings = {
  customer: [],
  feature: [],
  user: [],
  session: [],
  usageClass: [],
};

interface Place {
  readonly field: LabelField;
  /** Of the field in `LABEL_FIELDS`. */
  readonly index: number;
  /** Smaller wins. */
  readonly rank: number;
}

/** What an attribute says of labels: it is one for some fields, or it holds several. */
export interface LabelMeaning {
  readonly places: readonly Place[];
  readonly holds: 'one' | 'json' | 'tags';
}

/** Which names are labels for what. Made once from the settings; reading a span is then one look for each of its keys. */
export interface LabelTable {
  readonly attributes: readonly string[];
  readonly byKey: ReadonlyMap<string, LabelMeaning>;
  /** The app's names, for the insides of JSON texts and tags. */
  readonly byAppName: ReadonlyMap<string, readonly Place[]>;
}

/** Room between the ranks of the order, for the names that one place in it stands for. */
const RANKS_PER_PLACE = 1000;

export function labelTable(settings: LabelSettings = NO_LABEL_SETTINGS): LabelTable {
  const placesByKey = new Map<string, Place[]>();
  const byAppName = new Map<string, Place[]>();
  const add = (map: Map<string, Place[]>, key: string, place: Place) => {
    const places = map.get(key) ?? [];
    if (!places.some(({ field }) => field === place.field)) map.set(key, [...places, place]);
  };
  LABEL_FIELDS.forEach((field, index) => {
    const [own, ...rest] = KEY_ORDER[field];
    const order = [...(own === undefined ? [] : [own]), ...configured(field, settings), ...rest];
    order.forEach((key, step) => {
      const rank = step * RANKS_PER_PLACE;
      if (key !== METADATA) {
        if (typeof key === 'string') add(placesByKey, key, { field, index, rank });
        return;
      }
      const names = appNames(field);
      names.forEach((name, nameIndex) => {
        METADATA_PREFIXES.forEach((prefix, prefixIndex) => {
          add(placesByKey, prefix + name, {
            field,
            index,
            rank: rank + prefixIndex * names.length + nameIndex,
          });
        });
        const inside = rank + METADATA_PREFIXES.length * names.length + nameIndex;
        add(byAppName, name, { field, index, rank: inside });
      });
    });
  });
  const keys = new Set([...placesByKey.keys(), ...JSON_KEYS, ...TAG_KEYS]);
  const byKey = new Map<string, LabelMeaning>();
  for (const key of keys) byKey.set(key, { places: placesByKey.get(key) ?? [], holds: holdingOf(key) });
  return { attributes: [...keys, SERVICE_NAME, ...ENVIRONMENT_KEYS], byKey, byAppName };
}

function holdingOf(key: string): LabelMeaning['holds'] {
  if (JSON_KEYS.includes(key)) return 'json';
  return TAG_KEYS.includes(key) ? 'tags' : 'one';
}

/** In the order in which `LabelReading` writes them down, and in which they are stored (`kept.ts`): new ones come last. */
export const LABEL_FIELDS: readonly LabelField[] = [
  'customer',
  'feature',
  'userId',
  'sessionId',
  'usageClass',
  'actionId',
  'customerStandIn',
  'featureStandIn',
  'importBatch',
  'importMode',
  'degraded',
];
export const ENVIRONMENT_KEYS = [DEPLOYMENT_ENVIRONMENT_NAME, DEPLOYMENT_ENVIRONMENT];

function configured(field: LabelField, settings: LabelSettings): readonly string[] {
  switch (field) {
    case 'userId':
      return settings.user;
    case 'sessionId':
      return settings.session;
    case 'customer':
    case 'feature':
    case 'usageClass':
      return settings[field];
    default:
      return [];
  }
}

function appNames(field: LabelField): readonly string[] {
  switch (field) {
    case 'actionId':
    case 'customerStandIn':
    case 'featureStandIn':
    case 'importBatch':
    case 'importMode':
    case 'degraded':
      return [];
    default:
      return APP_NAMES[field];
  }
}

/** Tags rank behind every attribute of the same name, and a JSON text behind an attribute of its own. */
const TAG_RANK = RANKS_PER_PLACE / 2;

/** The labels of one span or resource, by precedence of their keys, never by their order; it lives for one reading. */
export class LabelReading {
  readonly #table: LabelTable;
  /** By the index of their fields. */
  readonly #labels: (Label | null)[] = [null, null, null, null, null, null, null, null, null, null, null];
  readonly #ranks: number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

  constructor(table: LabelTable) {
    this.#table = table;
  }

  take({ places, holds }: LabelMeaning, value: AttributeValue | undefined, key: string): void {
    this.#takeOne(places, value, key, 0);
    if (holds === 'json') this.#takeJson(value, key);
    else if (holds === 'tags') this.#takeTags(value, key);
  }

  /** Always with the fields in one order, so that equal labels are equal texts, and few shapes of objects. */
  labels(): Labels {
    if (this.#labels.every((found) => found === null)) return NO_LABELS;
    const [customer, feature, userId, sessionId, usageClass, actionId, customerStandIn, ...rest] =
      this.#labels;
    const [featureStandIn, importBatch, importMode, degraded] = rest;
    const labels: { [Field in LabelField]?: Label } = {};
    if (customer != null) labels.customer = customer;
    if (feature != null) labels.feature = feature;
    if (userId != null) labels.userId = userId;
    if (sessionId != null) labels.sessionId = sessionId;
    if (usageClass != null) labels.usageClass = usageClass;
    if (actionId != null) labels.actionId = actionId;
    if (customerStandIn != null) labels.customerStandIn = customerStandIn;
    if (featureStandIn != null) labels.featureStandIn = featureStandIn;
    if (importBatch != null) labels.importBatch = importBatch;
    if (importMode != null) labels.importMode = importMode;
    if (degraded != null) labels.degraded = degraded;
    return labels;
  }

  #takeOne(places: readonly Place[], value: AttributeValue | undefined, key: string, behind: number): void {
    for (const { index, rank } of places) {
      const mine = rank + behind;
      const before = this.#labels[index] ?? null;
      const best = this.#ranks[index] ?? 0;
      if (before !== null && (best < mine || (best === mine && before.key <= key))) continue;
      const text = label(value);
      if (text === null) continue;
      this.#ranks[index] = mine;
      this.#labels[index] = { value: text, key };
    }
  }

  #takeJson(value: AttributeValue | undefined, key: string): void {
    const object = jsonObject(value);
    if (object === null) return;
    for (const [name, inner] of Object.entries(object)) {
      const places = this.#table.byAppName.get(name);
      if (places !== undefined) this.#takeOne(places, scalar(inner), `${key}/${name}`, 0);
    }
  }

  /** A tag is a label when it reads `name:value` with one of the app's names. */
  #takeTags(value: AttributeValue | undefined, key: string): void {
    const tags = jsonList(value) ?? (typeof value === 'string' ? value.split(',') : []);
    for (const tag of tags) {
      const [, name = '', text = ''] =
        (typeof tag === 'string' ? /^\s*([\w.]+)\s*[:=]\s*(.+)$/.exec(tag) : null) ?? [];
      const places = this.#table.byAppName.get(name);
      if (places !== undefined) this.#takeOne(places, text.trim(), `${key}/${name}`, TAG_RANK);
    }
  }
}
