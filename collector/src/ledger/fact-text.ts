import type { AccountFact } from '@spanledger/metering';

/**
 * A fact as JSON. Amounts are `bigint`, which JSON does not have: they become texts of digits that end in `n`. A text
 * that looks like one is marked, so that everything comes back as it was.
 */
export function factText(fact: AccountFact): string {
  return written(fact);
}

/** How a member of a fact stands in its text. */
export function memberText(name: string, value: string): string {
  return written({ [name]: value }).slice(1, -1);
}

function written(content: object): string {
  return JSON.stringify(content, (_name, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    return typeof value === 'string' && LOOKS_LIKE_AMOUNT.test(value) ? `${MARK}${value}` : value;
  });
}

export function isOfHold(fact: AccountFact, hold: string): boolean {
  return 'hold' in fact && fact.hold === hold;
}

/** What `factText` was given. */
export function factOf(text: string): AccountFact {
  // Our own writing: only `factText` makes these texts.
  return JSON.parse(text, (_name, value: unknown) => {
    if (typeof value !== 'string' || !LOOKS_LIKE_AMOUNT.test(value)) return value;
    return value.startsWith(MARK) ? value.slice(MARK.length) : BigInt(value.slice(0, -1));
  }) as AccountFact;
}

const MARK = '~';
const LOOKS_LIKE_AMOUNT = /^~*-?\d+n$/;
