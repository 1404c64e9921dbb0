import { randomUUID } from 'node:crypto';
import {
  ATTRIBUTES_READ,
  type Catalogue,
  type CreditRules,
  creditRules,
  DEFAULT_OBSERVE_SETTINGS,
  LOG_ATTRIBUTES_READ,
  NO_ATTRIBUTION_SETTINGS,
  type PlansConfiguration,
  plans,
  type RulesConfiguration,
} from '@spanledger/metering';
import type { FastifyInstance } from 'fastify';
import { onTestFinished } from 'vitest';
import type { CommandJournal } from '../../ledger/commands.ts';
import { LEDGER_LIMITS, Ledger } from '../../ledger/ledger.ts';
import { MemoryCommandJournal } from '../../ledger/memory-command-journal.ts';
import { MemoryJournal } from '../../ledger/testing/journal.ts';
import { GPT_4O } from '../../ledger/testing/rate-card.ts';
import { SCAN_LIMITS, WantedAttributes } from '../../otlp/index.ts';
import { aRequest, aRequestSpan, attributes, type RequestSpan } from '../../otlp/testing/bodies.ts';
import { readAccountSums } from '../../store/account-sums.ts';
import { QueryRunner } from '../../store/query.ts';
import type { DuckDbStore } from '../../store/store.ts';
import { aStore } from '../../store/testing/stores.ts';
import { buildApi } from '../api.ts';
import type { CreditsParts } from '../credits.ts';
import { NO_RERATING } from './rerating.ts';

/** gpt-4o has a price, whatever else is asked for has none. */
export const CATALOGUE: Catalogue = {
  find: ({ model }) =>
    model === 'gpt-4o'
      ? { kind: 'found', card: GPT_4O, matchKind: 'exact', region: null }
      : { kind: 'unpriced', reason: 'unknown_model', detail: null },
};

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what tests claim
  readonly body: any;
}

/** A chat of a customer: 1000 tokens in and 100 out of gpt-4o cost 0.0035 USD. */
export interface AChat {
  readonly customer?: string;
  readonly feature?: string;
  readonly user?: string;
  readonly model?: string;
  readonly trace?: string;
  readonly action?: string;
  /** Before now. */
  readonly agoMs?: number;
  readonly isFailed?: boolean;
  readonly isDegraded?: boolean;
}

/** The API of a real ledger on a file of its own, at a time that can be moved forward. */
export class CreditsApi {
  readonly server: FastifyInstance;
  readonly ledger: Ledger;
  readonly store: DuckDbStore;
  /** What the routes about credits have of the ledger. */
  readonly parts: CreditsParts;
  readonly rules: CreditRules;
  readonly #journal = new MemoryJournal();
  #onCommit: (offset: number) => void = () => {};
  #surprise: unknown = null;
  #aheadMs = 0;
  #span = 0;

  constructor(store: DuckDbStore, rules: CreditRules, planned: PlansConfiguration, commands: CommandJournal) {
    this.store = store;
    const parsed = plans(planned);
    if (parsed.kind === 'problems')
      throw new Error(`the plans of the test are wrong: ${JSON.stringify(parsed)}`);
    this.ledger = new Ledger({
      journal: this.#journal,
      store,
      book: { catalogue: CATALOGUE, rules },
      bookVersion: 'book-1',
      pastRules: new Map(),
      plans: parsed.plans,
      commands,
      newId: randomUUID,
      wanted: new WantedAttributes(ATTRIBUTES_READ),
      wantedOfLogs: new WantedAttributes(LOG_ATTRIBUTES_READ),
      observing: DEFAULT_OBSERVE_SETTINGS,
      attribution: NO_ATTRIBUTION_SETTINGS,
      limits: { ...LEDGER_LIMITS, maxInflatedBytes: 2 ** 20, scan: SCAN_LIMITS, idleCommitMs: 1 },
      nowMillis: () => this.nowMillis,
      onCommit: ({ position }) => this.#onCommit(position.offset),
      onRerated: () => {},
      onAlerts: () => {},
      onTrouble: ({ detail }) => {
        throw new Error(detail);
      },
    });
    const queries = new QueryRunner(store.instance);
    const query: QueryRunner['query'] = (sql, params) => queries.query(sql, params);
    this.rules = rules;
    this.parts = {
      ledger: this.ledger,
      query,
      sums: (question) => readAccountSums(query, question),
      openReader: () => store.openReader(),
      nowMillis: () => this.nowMillis,
    };
    this.server = buildApi({
      query,
      trace: async () => null,
      rerating: NO_RERATING,
      credits: this.parts,
      redeliver: async () => 0,
      readiness: () => ({ isReady: true, lagBytes: 0, waitingMs: 0, lastCommitAt: null }),
      metrics: async () => '',
      onSurprise: (error) => {
        this.#surprise = error;
      },
    });
  }

  /** Runs with the machine's clock, so that what is waited for comes. */
  get nowMillis(): number {
    return Date.now() + this.#aheadMs;
  }

  advance(ms: number): void {
    this.#aheadMs += ms;
  }

  async post(url: string, payload: object = {}, headers: Record<string, string> = {}): Promise<Answer> {
    return await this.#send('POST', url, payload, headers);
  }

  async patch(url: string, payload: object): Promise<Answer> {
    return await this.#send('PATCH', url, payload);
  }

  async get(url: string): Promise<Answer> {
    return await this.#send('GET', url);
  }

  async #send(
    method: 'GET' | 'POST' | 'PATCH',
    url: string,
    payload?: object,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const answer = await this.server.inject({
      method,
      url,
      headers,
      ...(payload === undefined ? {} : { payload }),
    });
    if (this.#surprise !== null) throw this.#surprise;
    return { status: answer.statusCode, headers: answer.headers, body: answer.json() };
  }

  /** Returns when the calls are in the file. */
  async chats(...chats: readonly AChat[]): Promise<void> {
    const receivedAtMillis = this.nowMillis;
    this.#journal.addRequest(aRequest(chats.map((chat) => this.#spanOf(chat, receivedAtMillis))), {
      receivedAtMillis,
    });
    const { end } = this.#journal;
    this.ledger.advance(end);
    await new Promise<void>((resolve) => {
      this.#onCommit = (offset) => {
        if (offset >= end.offset) resolve();
      };
    });
  }

  #spanOf(chat: AChat, nowMillis: number): RequestSpan {
    const number = ++this.#span;
    const { customer = 'cus_acme', model = 'gpt-4o', agoMs = 0 } = chat;
    const end = Math.floor(nowMillis - agoMs);
    return aRequestSpan({
      traceId: chat.trace ?? number.toString(16).padStart(32, '0'),
      spanId: number.toString(16).padStart(16, '0'),
      startTimeUnixNano: `${end - 500}000000`,
      endTimeUnixNano: `${end}000000`,
      ...(chat.isFailed === true ? { status: { code: 2 } } : {}),
      attributes: attributes({
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': model,
        'gen_ai.usage.input_tokens': 1000,
        'gen_ai.usage.output_tokens': 100,
        'spanledger.customer.id': customer,
        ...(chat.feature === undefined ? {} : { 'spanledger.feature.name': chat.feature }),
        ...(chat.user === undefined ? {} : { 'user.id': chat.user }),
        ...(chat.action === undefined ? {} : { 'spanledger.action.id': chat.action }),
        ...(chat.isDegraded === undefined ? {} : { 'spanledger.action.degraded': chat.isDegraded }),
      }),
    });
  }
}

export async function aCreditsApi({
  rules = {},
  plans: planned = {},
  commands = new MemoryCommandJournal(),
}: {
  rules?: RulesConfiguration;
  plans?: PlansConfiguration;
  commands?: CommandJournal;
} = {}): Promise<CreditsApi> {
  const parsed = creditRules(rules);
  if (parsed.kind === 'problems') throw new Error('the rules of the test are wrong');
  const { store } = await aStore();
  const api = new CreditsApi(store, parsed.rules, planned, commands);
  const running = api.ledger.run();
  onTestFinished(async () => {
    await api.server.close();
    api.ledger.drain();
    await running;
  });
  return api;
}
