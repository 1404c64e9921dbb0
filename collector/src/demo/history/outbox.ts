import type { Dice } from './dice.ts';
import type { Trace } from './making.ts';
import { otlpBody } from './otlp-body.ts';
import type { Origin, SentSpan } from './span.ts';
import type { Deliveries } from './truth.ts';

export interface HistoryBody {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly spans: number;
  /** HTTP status that it is to be answered with. */
  readonly expectedStatus: number;
  /** The day it was sent on, counted from 1. */
  readonly day: number;
}

/** As many as a batch exporter sends at once. */
const SPANS_OF_A_BODY = 512;
/** Every so many bodies one is sent again, because its answer was lost; and one has a span that nobody can read. */
const REPEATED_EVERY = 45;
const MALFORMED_EVERY = 20;
const CONFLICTS = 3;
const PROTOBUF = 'application/x-protobuf';

/** Spans on their way, by the process that sends them. */
export class Outbox {
  day = 1;
  readonly #dice: Dice;
  readonly #waiting = new Map<string, { readonly origin: Origin; spans: SentSpan[] }>();
  readonly #late: { readonly origin: Origin; readonly span: SentSpan }[] = [];
  readonly #conflicting: { readonly origin: Origin; readonly span: SentSpan }[] = [];
  #counts = {
    spans: 0,
    bodies: 0,
    bytes: 0,
    actions: 0,
    duplicates: 0,
    rejected: 0,
    conflicts: 0,
    lateRoots: 0,
    refusedBodies: 0,
  };

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  get deliveries(): Deliveries {
    return this.#counts;
  }

  put(origin: Origin, { spans, lateRoot }: Trace): void {
    this.#counts.actions++;
    const key = JSON.stringify(origin);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, { origin, spans: [...spans] });
    else waiting.spans.push(...spans);
    if (lateRoot !== null) this.#late.push({ origin, span: lateRoot });
    const [first] = spans;
    if (
      first !== undefined &&
      this.#conflicting.length < CONFLICTS &&
      'gen_ai.usage.input_tokens' in first.attributes
    ) {
      this.#conflicting.push({ origin, span: first });
    }
  }

  /** Of processes that have enough for a body. */
  *filled(): Generator<HistoryBody> {
    for (const waiting of this.#waiting.values()) {
      while (waiting.spans.length >= SPANS_OF_A_BODY) {
        yield* this.#send(waiting.origin, waiting.spans.splice(0, SPANS_OF_A_BODY));
      }
    }
  }

  /** Everything else that is waiting. */
  *rest(): Generator<HistoryBody> {
    for (const { origin, spans } of this.#waiting.values())
      if (spans.length > 0) yield* this.#send(origin, spans);
    yield* this.#refused();
  }

  /** Copies that contradict, and spans that say for whom a call was that was posted long ago. */
  *late(): Generator<HistoryBody> {
    for (const { origin, span } of this.#conflicting) {
      const attributes = { ...span.attributes, 'gen_ai.usage.input_tokens': 1, 'user.id': 'somebody-else' };
      this.#counts.conflicts++;
      yield this.#body(origin, [{ ...span, attributes }]);
    }
    for (const { origin, span } of this.#late) {
      this.#counts.lateRoots++;
      yield this.#body(origin, [span]);
    }
  }

  *#send(origin: Origin, spans: readonly SentSpan[]): Generator<HistoryBody> {
    const number = this.#counts.bodies + 1;
    const isMalformed = number % MALFORMED_EVERY === 3;
    const body = this.#body(origin, isMalformed ? [...spans, this.#malformed(spans)] : spans);
    if (isMalformed) this.#counts.rejected++;
    yield body;
    if (number % REPEATED_EVERY !== 5) return;
    this.#count(body);
    this.#counts.duplicates += spans.length;
    if (isMalformed) this.#counts.rejected++;
    yield body;
  }

  #body(origin: Origin, spans: readonly SentSpan[]): HistoryBody {
    const body = {
      bytes: otlpBody(origin, spans),
      contentType: PROTOBUF,
      spans: spans.length,
      expectedStatus: 200,
      day: this.day,
    };
    this.#count(body);
    return body;
  }

  #count({ bytes, spans }: HistoryBody): void {
    this.#counts.bodies++;
    this.#counts.spans += spans;
    this.#counts.bytes += bytes.byteLength;
  }

  /** A process whose clock or id generator has failed: no trace id, or no end. */
  #malformed([span]: readonly SentSpan[]): SentSpan {
    if (span === undefined) throw new Error('a body has spans');
    return this.#dice.isBelow(0.5)
      ? { ...span, traceId: '0'.repeat(32) }
      : { ...span, spanId: this.#dice.hex(8), endMicros: 0 };
  }

  /** What is no OTLP at all: cut off on its way, and sent by somebody who took the port for another. */
  *#refused(): Generator<HistoryBody> {
    const refused = [
      { bytes: Buffer.from([0x0a, 0xff]), contentType: PROTOBUF, expectedStatus: 400 },
      { bytes: Buffer.from('hello'), contentType: 'text/plain', expectedStatus: 415 },
    ];
    for (const body of refused) {
      this.#counts.refusedBodies++;
      yield { ...body, spans: 0, day: this.day };
    }
  }
}
