import {
  type CustomerAccount,
  type Decided,
  decideAdjust,
  decideAuthorise,
  decideCancel,
  decideChangePlan,
  decideGrant,
  decideHeartbeat,
  decideRelease,
  decideSettle,
  decideSubscribe,
  decideTopUp,
  type Plans,
} from '@spanledger/metering';
import type { Command } from '../ledger/commands.ts';
import { atOf, type Moment } from './moment.ts';
import type { AccountDeed } from './scenario.ts';
import { TENANT } from './simulated-ledger.ts';

/** What a step asks of an account, as a command of the ledger. */
export function accountCommand(deed: AccountDeed, plans: Plans): Command {
  const { actor, reason } = 'actor' in deed ? deed : { actor: null, reason: null };
  return {
    tenant: TENANT,
    customer: deed.customer,
    key: null,
    fingerprint: '',
    actor,
    decide: (account, id, nowMicros) => decide(deed, account, { id, actor, reason }, plans, nowMicros),
    answer: () => ({ status: 200, body: null }),
  };
}

function decide(
  deed: AccountDeed,
  account: CustomerAccount,
  base: { readonly id: string; readonly actor: string | null; readonly reason: string | null },
  plans: Plans,
  nowMicros: number,
): Decided {
  const at = (moment: Moment | null) => (moment === null ? null : atOf(moment, nowMicros));
  switch (deed.kind) {
    case 'subscribe': {
      const { plan, zone, anchorDay, withTrial, start } = deed;
      const command = { ...base, plan, zone, anchorDay, withTrial, startMicros: at(start) };
      return decideSubscribe(account, command, plans, nowMicros);
    }
    case 'change_plan':
      return decideChangePlan(account, { ...base, plan: deed.plan }, plans, nowMicros);
    case 'cancel':
      return decideCancel(account, { ...base, when: deed.when }, nowMicros);
    case 'top_up': {
      const { amount, paidUsd, expires } = deed;
      const command = { ...base, amount, paidUsd, expiresMicros: at(expires), priority: null };
      return decideTopUp(command, nowMicros);
    }
    case 'grant': {
      const { amount, priority, expires } = deed;
      return decideGrant({ ...base, amount, priority, expiresMicros: at(expires) }, nowMicros);
    }
    case 'adjust': {
      const { amount, expires } = deed;
      return decideAdjust(account, { ...base, amount, expiresMicros: at(expires) }, nowMicros);
    }
    case 'authorise': {
      const { hold, amount, feature, actionId, expires } = deed;
      const expiresMicros = atOf(expires, nowMicros);
      return decideAuthorise(account, { ...base, hold, amount, feature, actionId, expiresMicros }, nowMicros);
    }
    case 'heartbeat': {
      const { hold, expires } = deed;
      return decideHeartbeat(account, { ...base, hold, expiresMicros: atOf(expires, nowMicros) }, nowMicros);
    }
    case 'settle': {
      const { hold, actual } = deed;
      return decideSettle(account, { ...base, hold, actual }, nowMicros);
    }
    case 'release':
      return decideRelease(account, { ...base, hold: deed.hold }, nowMicros);
  }
}
