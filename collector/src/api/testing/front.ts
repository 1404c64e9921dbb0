import { request } from 'node:http';
import { onTestFinished } from 'vitest';
import type { CheckNews, CheckQuestion } from '../check-messages.ts';
import { buildFront } from '../front.ts';
import { Known } from '../known.ts';
import { Teller, tellWithAnswers } from '../teller.ts';
import type { Answer, CreditsApi } from './credits.ts';

/** The API as the world sees it, before a real ledger; what they say to each other goes through a copy. */
export class TestFront {
  /** All that the ledger was asked. */
  readonly asked: CheckQuestion[] = [];
  /** News wait here while they are held back. */
  #held: CheckNews[] | null = null;
  readonly known: Known;
  readonly #teller: Teller;
  readonly #server: ReturnType<typeof buildFront>;
  readonly #api: CreditsApi;
  #ledgerPort: number | null = null;
  #port = 0;

  constructor(api: CreditsApi) {
    this.#api = api;
    this.#teller = new Teller(api.parts, (news) => this.#carry(structuredClone(news)));
    this.known = new Known({
      ask: (id, question) => {
        this.asked.push(question);
        void this.#teller
          .answer(structuredClone(question))
          .then((reply) => this.known.hearReply(id, structuredClone(reply)));
      },
      forget: (customers) => this.#teller.forget(customers),
      rules: api.rules,
      nowMillis: () => api.nowMillis,
    });
    this.#server = buildFront({
      known: this.known,
      ledger: () => (this.#ledgerPort === null ? null : { host: '127.0.0.1', port: this.#ledgerPort }),
      onSurprise: (error) => {
        throw error;
      },
    });
  }

  async open(): Promise<void> {
    this.#api.ledger.accounts.onChanged((key) => this.#teller.noteChange(key));
    tellWithAnswers(this.#api.server, this.#teller);
    this.#ledgerPort = portOf(await this.#api.server.listen({ host: '127.0.0.1', port: 0 }));
    this.#port = portOf(await this.#server.listen({ host: '127.0.0.1', port: 0 }));
    onTestFinished(() => this.#server.close());
  }

  /** The ledger process has ended. */
  loseLedger(): void {
    this.#ledgerPort = null;
    this.known.lose();
  }

  /** News stay on their way until `work` says otherwise. */
  async withNewsHeld<Result>(work: (release: () => void) => Promise<Result>): Promise<Result> {
    const held: CheckNews[] = [];
    this.#held = held;
    return await work(() => {
      this.#held = null;
      for (const news of held) this.known.hearNews(news);
    });
  }

  /** The path goes out as it stands here. */
  async send(method: string, path: string, body?: object): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return await new Promise((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port: this.#port, method, path });
      if (text !== undefined) outgoing.setHeader('content-type', 'application/json');
      outgoing.on('response', async (response) => {
        const chunks = await response.toArray();
        const content = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: content === '' ? null : JSON.parse(content),
        });
      });
      outgoing.on('error', reject);
      outgoing.end(text);
    });
  }

  async check(customer: string, body: object): Promise<Pick<Answer, 'status' | 'body'>> {
    const { status, body: answer } = await this.send(
      'POST',
      `/api/customers/${encodeURIComponent(customer)}/check`,
      body,
    );
    return { status, body: answer };
  }

  #carry(news: CheckNews): void {
    if (this.#held !== null) this.#held.push(news);
    else this.known.hearNews(news);
  }
}

export async function aFront(api: CreditsApi): Promise<TestFront> {
  const front = new TestFront(api);
  await front.open();
  return front;
}

function portOf(address: string): number {
  return Number(new URL(address).port);
}
