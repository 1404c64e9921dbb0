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

/** What `factText` was given. Millions of them are read at a start. */
export function factOf(text: string): AccountFact {
  const fact: unknown = JSON.parse(text);
  if (isContainer(fact)) readAmounts(fact);
  // Our own writing: only `factText` makes these texts.
  return fact as AccountFact;
}

/** In place, and not by a function that JSON.parse calls for every value, which takes several times as long. */
function readAmounts(content: Record<string, unknown>): void {
  for (const name in content) {
    const value = content[name];
    if (isContainer(value)) readAmounts(value);
    // Only members that are there are set, so that no name can mean what every object inherits.
    else if (typeof value === 'string' && value.endsWith('n')) content[name] = textRead(value);
  }
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function textRead(text: string): string | bigint {
  if (!LOOKS_LIKE_AMOUNT.test(text)) return text;
  return text.startsWith(MARK) ? text.slice(MARK.length) : BigInt(text.slice(0, -1));
}

const MARK = '~';
const LOOKS_LIKE_AMOUNT = /^~*-?\d+n$/;
