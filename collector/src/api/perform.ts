import { createHash } from 'node:crypto';
import type { RefusalCode } from '@spanledger/metering';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Command, CommandOutcome } from '../ledger/commands.ts';
import { type CreditsParts, keyOf } from './credits.ts';

/** A write, as a route says it. */
export interface Write extends Pick<Command, 'decide' | 'answer' | 'actor'> {
  readonly customer: string;
}

/** Runs a write and answers it: once for each Idempotency-Key, however often it is sent. */
export async function perform(
  request: FastifyRequest,
  reply: FastifyReply,
  { ledger }: Pick<CreditsParts, 'ledger'>,
  { customer, ...write }: Write,
): Promise<FastifyReply> {
  const outcome = await ledger.commands.run({
    ...keyOf(customer),
    ...write,
    key: request.headers['idempotency-key']?.toString() ?? null,
    fingerprint: fingerprintOf(request),
  });
  return answer(reply, outcome);
}

function answer(reply: FastifyReply, outcome: CommandOutcome): FastifyReply {
  switch (outcome.kind) {
    case 'answered':
      if (outcome.isRepeated) reply.header('idempotency-replayed', 'true');
      return reply.code(outcome.status).send(outcome.body);
    case 'refused':
      return refuse(reply, outcome.code, outcome.message);
    case 'key_reused':
      return reply.code(409).send({
        error: {
          code: 'IDEMPOTENCY_KEY_REUSED',
          message:
            'The Idempotency-Key was used for another request. Send a new key for a new request, and the same request for the same key.',
        },
      });
  }
}

export function refuse(reply: FastifyReply, code: RefusalCode, message: string): FastifyReply {
  return reply.code(REFUSED[code]).send({ error: { code, message } });
}

/** 400: the request makes no sense; 402: the credits are not enough; 404, 409: it does not fit what there is. */
const REFUSED: { readonly [Code in RefusalCode]: number } = {
  INVALID_AMOUNT: 400,
  INVALID_ANCHOR: 400,
  INVALID_EXPIRY: 400,
  REASON_REQUIRED: 400,
  UNKNOWN_PLAN: 400,
  START_IN_FUTURE: 400,
  START_TOO_EARLY: 400,
  HOLD_TOO_LONG: 400,
  ACTUAL_REQUIRED: 400,
  ACTUAL_UNEXPECTED: 400,
  INSUFFICIENT_CREDITS: 402,
  OVERAGE_LIMIT: 402,
  HOLD_UNKNOWN: 404,
  ALREADY_SUBSCRIBED: 409,
  NOT_SUBSCRIBED: 409,
  ALREADY_CANCELED: 409,
  SAME_PLAN: 409,
  PERIOD_CLOSED: 409,
  HOLD_EXISTS: 409,
  HOLD_ENDED: 409,
};

/** Equal requests have equal fingerprints, in whatever order the fields of their bodies come. */
function fingerprintOf({ method, url, body }: FastifyRequest): string {
  const [path] = url.split('?');
  const text = JSON.stringify([method, path, body ?? null], (_name, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value,
  );
  return createHash('sha256').update(text).digest('hex');
}
