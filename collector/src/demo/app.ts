import { setTimeout as delay } from 'node:timers/promises';
import { withAttribution } from '@spanledger/instrumentation';
import OpenAI from 'openai';

/**
 * A small app as its developers would write it: three features on the OpenAI SDK, used by three customers. Metering
 * is the `withAttribution` around a request, and `--import @spanledger/instrumentation/register` on the command line.
 */
const openai = new OpenAI();

/** One use of a feature: who, what for, and the call. */
interface Visit {
  readonly customer: string;
  readonly user: string;
  readonly feature: 'support-chat' | 'ticket-summary' | 'semantic-search';
  readonly text: string;
  /** The shop's own people cost money, too, but burn nobody's credits. */
  readonly usageClass?: 'internal';
}

const features: { readonly [Feature in Visit['feature']]: (visit: Visit) => Promise<void> } = {
  async 'support-chat'({ customer, text }) {
    const stream = await openai.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [
        { role: 'system', content: 'You are the support desk of a bicycle shop. Be brief and kind.' },
        { role: 'user', content: text },
      ],
      stream: true,
      user: customer,
    });
    for await (const _chunk of stream) {
      // A real app would show each piece of the answer as it comes.
    }
  },

  async 'ticket-summary'({ customer, text }) {
    await openai.responses.create({
      model: 'gpt-4.1',
      instructions: 'Summarise the ticket in two sentences.',
      input: text,
      user: customer,
    });
  },

  async 'semantic-search'({ customer, text }) {
    await openai.embeddings.create({ model: 'text-embedding-3-small', input: text, user: customer });
  },
};

const customers = [
  { customer: 'cus_acme', user: 'u_1001' },
  { customer: 'cus_globex', user: 'u_2002' },
  { customer: 'cus_initech', user: 'u_3003' },
  { customer: 'bicycle-shop', user: 'u_staff', usageClass: 'internal' },
] as const;

const questions = [
  'My brakes squeak when it rains. What can I do?',
  'The parcel with the saddle arrived without the screws, and the rear light does not charge any more.',
  'Which tyres fit a cargo bike that carries two children and the shopping?',
] as const;

/** Customers come at the same time, so that nothing works by accident of order. */
async function traffic(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const visits = customers.flatMap((who, index) =>
      (Object.keys(features) as Visit['feature'][])
        // Some use more than others: that is what a ledger is for.
        .filter((_feature, position) => (round + position) % (index + 1) === 0)
        .map((feature, position) => ({
          ...who,
          feature,
          text: questions[(round + position) % 3] ?? questions[0],
        })),
    );
    await Promise.all(visits.map((visit) => withAttribution(visit, () => features[visit.feature](visit))));
    await delay(100);
  }
}

await traffic(Number(process.argv[2] ?? 12));
