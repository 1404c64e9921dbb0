import { type AccountHistory, CLOSE_GRACE_MICROS, openHistory } from '@spanledger/metering';
import {
  catalogueOf,
  catalogueWith,
  overlay,
  type PriceCatalogue,
  type PriceLayer,
} from '../catalogue/index.ts';
import type { Posting } from '../ledger/store.ts';
import { accountCommand } from './account-command.ts';
import {
  balanceReport,
  factReport,
  movementReport,
  periodCost,
  type StatementReport,
  statementReport,
} from './account-reports.ts';
import { type ActionReport, actionsOf, groupOf, SpanNames } from './actions.ts';
import { unmetOf } from './expectations.ts';
import { atOf, instantText } from './moment.ts';
import { checkOf } from './preflight-step.ts';
import type { ArrivalReport, OutcomeReport, ScenarioReport, StepReport } from './report.ts';
import type { CorrectionDeed, Deed, Scenario, StatementDeed, Step } from './scenario.ts';
import { SimulatedLedger, TENANT } from './simulated-ledger.ts';
import { requestBody, type SimulatedSpan } from './spans.ts';

export interface RunOptions {
  /** Another process takes over before the step with this index; for tests. */
  readonly restartsBefore?: ReadonlySet<number>;
}

/**
 * Runs a scenario through the ledger, step by step: what the step does, then everything that comes of it, then what it
 * expects. The same scenario gives the same report.
 */
export async function runScenario(
  scenario: Scenario,
  { restartsBefore = new Set() }: RunOptions = {},
): Promise<ScenarioReport> {
  const run = new Run(scenario);
  await run.begin();
  const steps: StepReport[] = [];
  for (const [index, step] of scenario.steps.entries()) {
    if (restartsBefore.has(index)) await run.restart();
    steps.push(await run.step(step));
  }
  return await run.end(steps);
}

/** What a deed has come to, beside what the ledger shows. */
interface Done {
  readonly outcome: OutcomeReport | null;
  readonly statement: StatementReport | null;
}

const DONE: Done = { outcome: null, statement: null };

/** What takes no time; everything else takes a millisecond. */
const TIMELESS: ReadonlySet<Deed['kind']> = new Set(['check', 'statement', 'advance', 'close']);

class Run {
  readonly #scenario: Scenario;
  readonly #ledger: SimulatedLedger;
  readonly #names: SpanNames;
  /** When spans ended, by their names: a copy ends when the first one did. */
  readonly #ends = new Map<string, number>();
  #layers: readonly PriceLayer[];
  /** How much of the store earlier steps have shown. */
  #shown = { postings: 0, accounts: 0, quarantined: 0 };

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#layers = [scenario.prices.layer];
    this.#ledger = new SimulatedLedger({
      startsAtMicros: scenario.startsAtMicros,
      catalogue: this.#catalogue(),
      rules: scenario.rules,
      plans: scenario.plans,
    });
    this.#names = new SpanNames(
      scenario.steps.flatMap(({ deed }) => (deed !== null && 'spans' in deed ? deed.spans : [])),
    );
  }

  async begin(): Promise<void> {
    await this.#ledger.settle();
    this.#ledger.takeCommitted();
  }

  async restart(): Promise<void> {
    await this.#ledger.restart();
  }

  async end(steps: readonly StepReport[]): Promise<ScenarioReport> {
    const customers = this.#ledger.accounts().map(([, account]) => account.customer);
    const statements: StatementReport[] = [];
    for (const customer of customers.sort()) {
      const statement = await this.#statement({ kind: 'statement', customer, period: 'current' });
      if (statement !== null) statements.push(statement);
    }
    await this.#ledger.end();
    const unmet = steps.reduce((sum, step) => sum + step.unmet.length, 0);
    return {
      description: this.#scenario.description,
      starts_at: instantText(this.#scenario.startsAtMicros),
      ends_at: instantText(this.#ledger.nowMicros),
      versions: {
        prices: this.#ledger.catalogue.version,
        rules: this.#ledger.rules.version,
        plans: this.#ledger.plans.version,
      },
      steps,
      statements,
      expectations: {
        met: steps.reduce((sum, step) => sum + step.expected, 0) - unmet,
        unmet,
      },
    };
  }

  async step(step: Step): Promise<StepReport> {
    const { outcome, statement } = step.deed === null ? DONE : await this.#do(step.deed, step.name);
    const ledger = this.#ledger;
    if (step.deed !== null && !TIMELESS.has(step.deed.kind)) ledger.tick();
    await ledger.checkAlerts((account) => periodCost(account, ledger.store, ledger.nowMicros));
    const all = actionsOf(ledger, this.#names);
    const { actions, movements, facts, alerts, touched, arrival } = this.#newlyShown(all);
    const balances = Object.fromEntries(
      [...touched].sort().flatMap((customer) => {
        const account = ledger.account(customer);
        return account === null ? [] : [[customer, balanceReport(account, ledger.store, ledger.nowMicros)]];
      }),
    );
    const { expected, unmet } = unmetOf(step.expect, {
      actions: [...all.values()],
      balanceOf: (customer) => balanceReport(ledger.openAccount(customer), ledger.store, ledger.nowMicros),
      alertsOf: (customer) => this.#firedFor(customer),
      outcome,
      arrival,
    });
    return {
      number: step.number,
      name: step.name,
      note: step.note,
      kind: step.deed?.kind ?? 'expect',
      at: instantText(ledger.nowMicros),
      customer: step.deed !== null && 'customer' in step.deed ? step.deed.customer : null,
      outcome,
      arrival,
      actions,
      facts,
      movements,
      balances,
      alerts,
      statement,
      expected,
      unmet,
    };
  }

  async #do(deed: Deed, name: string): Promise<Done> {
    const ledger = this.#ledger;
    switch (deed.kind) {
      case 'usage':
      case 'backfill':
      case 'deliver_again':
        await ledger.deliver(
          requestBody(deed.spans, (span) => this.#endOf(span)),
          deed.spans.length,
        );
        return DONE;
      case 'check':
        return { ...DONE, outcome: { kind: 'checked', ...checkOf(deed, ledger) } };
      case 'price_correction':
        await this.#correctPrices(deed);
        return DONE;
      case 'rules':
        await ledger.useBook(ledger.catalogue, deed.rules);
        return DONE;
      case 'plans':
        await ledger.usePlans(deed.plans);
        return DONE;
      case 'advance':
        return await this.#advance(atOf(deed.to, ledger.nowMicros));
      case 'close':
        return await this.#advance(this.#closesAt(deed.customer));
      case 'statement': {
        const statement = await this.#statement(deed);
        if (statement !== null) return { ...DONE, statement };
        return refusal('NO_PERIOD', `${deed.customer} has had no such period.`);
      }
      default: {
        const answer = await ledger.run(name, accountCommand(deed, ledger.plans));
        if (answer.kind === 'answered') {
          return { ...DONE, outcome: { kind: 'done', is_repeated: answer.isRepeated } };
        }
        if (answer.kind === 'key_reused') throw new Error('a command without a key reuses one');
        return refusal(answer.code, answer.message);
      }
    }
  }

  async #advance(toMicros: number): Promise<Done> {
    const { nowMicros } = this.#ledger;
    if (toMicros < nowMicros) {
      return refusal(
        'CLOCK_BACK',
        `It is ${instantText(nowMicros)}: the clock does not go back to ${instantText(toMicros)}.`,
      );
    }
    await this.#ledger.advanceTo(toMicros);
    return DONE;
  }

  #closesAt(customer: string): number {
    const { nowMicros } = this.#ledger;
    const period = this.#ledger.openAccount(customer).periodAt(nowMicros);
    return (period?.bounds.endMicros ?? nowMicros) + CLOSE_GRACE_MICROS;
  }

  #endOf({ name, end }: SimulatedSpan): number {
    const known = this.#ends.get(name);
    if (end === null && known !== undefined) return known;
    const endMicros = end === null ? this.#ledger.nowMicros : atOf(end, this.#ledger.nowMicros);
    if (known === undefined) this.#ends.set(name, endMicros);
    return endMicros;
  }

  async #correctPrices({ layer, rerate }: CorrectionDeed): Promise<void> {
    const ledger = this.#ledger;
    if (layer !== null) {
      this.#layers = [...this.#layers, layer];
      await ledger.useBook(this.#catalogue(), ledger.rules);
    }
    if (rerate === null) return;
    const { from, to, model, policy } = rerate;
    await ledger.rerate({
      fromMicros: from === null ? 0 : atOf(from, ledger.nowMicros),
      // What ends at this very moment is of the past, too.
      toMicros: to === null ? ledger.nowMicros + 1 : atOf(to, ledger.nowMicros),
      model,
      policy,
    });
  }

  #catalogue(): PriceCatalogue {
    if (!this.#scenario.prices.isOnly) return catalogueWith([overlay(), ...this.#layers]);
    return catalogueOf({ lists: [], source: 'scenario', layers: this.#layers, similarModels: 'unpriced' });
  }

  async #statement({ customer, period }: StatementDeed): Promise<StatementReport | null> {
    const { nowMicros, store } = this.#ledger;
    const account = this.#ledger.account(customer);
    const running = account?.periodAt(nowMicros) ?? null;
    if (account === null || running === null) return null;
    const opened = store.accountPostings
      .filter((posting) => posting.customer === customer)
      .flatMap(({ facts }) => facts.filter((fact) => fact.kind === 'period_opened'));
    const number =
      period === 'current' ? running.period : period === 'previous' ? running.period - 1 : period;
    const found = opened.findLast((fact) => fact.period === number);
    if (number === running.period) return statementReport(account, found ?? running, store, nowMicros);
    if (found === undefined) return null;
    return statementReport(await this.#historyOf(customer), found, store, nowMicros);
  }

  /** The account itself has forgotten what is closed. */
  async #historyOf(customer: string): Promise<AccountHistory> {
    const [held] = await this.#ledger.store.loadAccounts([{ tenant: TENANT, customer }]);
    if (held === undefined) throw new Error(`the ledger holds no account of ${customer}`);
    return openHistory(customer, held.facts, held.usage, held.asOfMicros ?? undefined);
  }

  /** What the store has that no earlier step has shown. */
  #newlyShown(all: ReadonlyMap<string, ActionReport>) {
    const { store } = this.#ledger;
    const postings = store.postings.slice(this.#shown.postings);
    const accounts = store.accountPostings.slice(this.#shown.accounts);
    const quarantined = store.quarantined.slice(this.#shown.quarantined);
    this.#shown = {
      postings: store.postings.length,
      accounts: store.accountPostings.length,
      quarantined: store.quarantined.length,
    };
    const changed = new Set(postings.map(groupOf));
    const booked = [
      ...accounts.flatMap(({ customer, movements }) => movements.map((movement) => ({ customer, movement }))),
      ...postings.flatMap(({ bookings }) => bookings),
    ];
    const touched = new Set([
      ...postings.flatMap(({ usage }: Posting) => usage.customer ?? []),
      ...accounts.map(({ customer }) => customer),
    ]);
    const committed = this.#ledger.takeCommitted();
    const count = (of: 'posted' | 'corrected' | 'duplicates' | 'conflicts') =>
      committed.reduce((sum, each) => sum + each[of], 0);
    const arrival: ArrivalReport = {
      spans: committed.reduce((sum, { spans }) => sum + spans, 0),
      posted: count('posted'),
      corrected: count('corrected'),
      duplicates: count('duplicates'),
      conflicts: count('conflicts'),
      set_aside: quarantined.map(({ spanId, reason }) => `${this.#names.span(spanId)}: ${reason}`),
    };
    return {
      actions: [...all].filter(([key]) => changed.has(key)).map(([, action]) => action),
      movements: booked.map(({ customer, movement }) => movementReport(customer, movement)),
      facts: accounts.flatMap(({ customer, facts }) =>
        facts.filter(({ kind }) => kind !== 'alert').map((fact) => factReport(customer, fact)),
      ),
      alerts: accounts.flatMap(({ customer, facts }) =>
        facts.flatMap((fact) =>
          fact.kind === 'alert' ? [{ customer, alert: fact.alert, detail: fact.detail }] : [],
        ),
      ),
      touched,
      arrival,
    };
  }

  /** In the running period. */
  #firedFor(customer: string): readonly string[] {
    const { nowMicros, store } = this.#ledger;
    const period = this.#ledger.account(customer)?.periodAt(nowMicros)?.period;
    return store.accountPostings
      .filter((posting) => posting.customer === customer)
      .flatMap(({ facts }) => facts)
      .flatMap((fact) => (fact.kind === 'alert' && fact.period === period ? [fact.alert] : []));
  }
}

function refusal(code: string, message: string): Done {
  return { ...DONE, outcome: { kind: 'refused', code, message } };
}
