import type { Dice } from './dice.ts';
import type { CallUsage, CostOf } from './prices.ts';
import type { Feature } from './shop.ts';
import type { Attributes, SentSpan } from './span.ts';
import { isIn, type Story } from './story.ts';

/** Somebody uses a feature. */
export interface Use {
  readonly feature: Feature;
  readonly startMicros: number;
  readonly customer: string | null;
  readonly user: string | null;
  readonly usageClass: string | null;
  /** The feature is not told. */
  readonly isNameless: boolean;
  /** How many times longer inputs are than usual. */
  readonly verbosity: number;
}

/** A request to a model (or pages that were read) which the ledger is to bill, once. */
export interface BilledCall {
  readonly endMicros: number;
  readonly provider: string;
  readonly model: string;
  /** Null: no span tells. */
  readonly usage: CallUsage | null;
  readonly hasFailed: boolean;
}

/** What a use leaves behind: the spans that are sent, and the truth about them. */
export interface Trace {
  readonly spans: SentSpan[];
  readonly calls: BilledCall[];
  /** The labels are on this span alone, and it is sent long after the others. */
  lateRoot: SentSpan | null;
  pages: number;
}

export interface Circumstances {
  readonly story: Story;
  readonly dice: Dice;
  readonly costOf: CostOf;
}

/** How often a call fails on an ordinary day, and while its provider has trouble. */
const ORDINARY_FAILURES = 0.008;
const FAILURES_IN_AN_INCIDENT = 0.6;
export const MILLI = 1000;

/** The spans of one trace, made one after the other as time goes by. */
export class Making {
  readonly use: Use;
  readonly story: Story;
  readonly dice: Dice;
  readonly costOf: CostOf;
  readonly traceId: string;
  readonly trace: Trace = { spans: [], calls: [], lateRoot: null, pages: 0 };
  /** Now, in the trace. */
  atMicros: number;

  constructor(use: Use, { story, dice, costOf }: Circumstances) {
    this.use = use;
    this.story = story;
    this.dice = dice;
    this.costOf = costOf;
    this.traceId = dice.hex(16);
    this.atMicros = use.startMicros;
  }

  newSpanId(): string {
    return this.dice.hex(8);
  }

  passMs(ms: number): void {
    this.atMicros += Math.max(1, Math.round(ms)) * MILLI;
  }

  add(span: Omit<SentSpan, 'traceId'>): SentSpan {
    const sent = { ...span, traceId: this.traceId };
    this.trace.spans.push(sent);
    return sent;
  }

  bill(provider: string, model: string, usage: CallUsage | null, endMicros: number, hasFailed = false): void {
    this.trace.calls.push({ endMicros, provider, model, usage, hasFailed });
  }

  failureShare(provider: string): number {
    const isTrouble = provider === 'anthropic' && isIn(this.story.incident, this.atMicros);
    return isTrouble ? FAILURES_IN_AN_INCIDENT : ORDINARY_FAILURES;
  }

  /** What the app says of who spends, in the words of our conventions. */
  labels(): Attributes {
    const { customer, feature, user, usageClass, isNameless } = this.use;
    return {
      'spanledger.customer.id': customer ?? undefined,
      'spanledger.feature.name': isNameless ? undefined : feature,
      'spanledger.usage.class': usageClass ?? undefined,
      'user.id': user ?? undefined,
    };
  }
}
