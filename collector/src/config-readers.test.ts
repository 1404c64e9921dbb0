import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';
import { READER_LIMITS } from './reader/limits.ts';

const VERIFIER = `SCRAM-SHA-256$4096:${'c2FsdHNhbHRzYWx0'}$${'A'.repeat(43)}=:${'B'.repeat(43)}=`;

function problemsOf(yaml: string): string {
  try {
    readConfig(yaml, {});
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('was accepted');
}

describe('readers in the configuration', () => {
  it('are none by themselves, and every role has limits', () => {
    const { users, limits } = readConfig(null, {}).reader;
    expect(users.size).toBe(0);
    expect(limits).toEqual(READER_LIMITS);
  });

  it('have a name, a role and a verifier, and a customer where the role is one of a customer', () => {
    const { users } = readConfig(
      `reader:
  users:
    grafana: {role: analyst, password: '${VERIFIER}'}
    acme_portal: {role: customer, customer: acme, password: '${VERIFIER}'}
`,
      {},
    ).reader;
    expect([...users.values()]).toEqual([
      { name: 'grafana', verifier: VERIFIER, reader: { role: 'analyst' } },
      { name: 'acme_portal', verifier: VERIFIER, reader: { role: 'customer', customer: 'acme' } },
    ]);
  });

  it('share the limits of their role, of which some can be set', () => {
    const { limits } = readConfig(
      'reader:\n  roles:\n    customer: {timeout_ms: 2000, max_connections: 3}\n',
      {},
    ).reader;
    expect(limits.customer).toEqual({ ...READER_LIMITS.customer, timeoutMs: 2000, maxSessions: 3 });
    expect(limits.analyst).toEqual(READER_LIMITS.analyst);
  });

  it.each([
    [
      'a customer without a customer',
      `{role: customer, password: '${VERIFIER}'}`,
      'reader.users.x.customer: must name the customer',
    ],
    [
      'an analyst with one',
      `{role: analyst, customer: acme, password: '${VERIFIER}'}`,
      'the role analyst sees all customers',
    ],
    ['a role that is none', `{role: root, password: '${VERIFIER}'}`, 'reader.users.x.role'],
    ['a word too many', `{role: admin, password: '${VERIFIER}', superuser: true}`, 'reader.users.x'],
    ['no password', '{role: admin}', 'reader.users.x'],
  ])('are refused with %s', (_what, user, words) => {
    expect(problemsOf(`reader:\n  users:\n    x: ${user}\n`)).toContain(words);
  });

  it('are refused with a password in plain text, which is not repeated', () => {
    const problems = problemsOf('reader:\n  users:\n    x: {role: admin, password: hunter2}\n');
    expect(problems).toContain('reader.users.x.password: must be a verifier');
    expect(problems).not.toContain('hunter2');
  });

  it('are refused with a name that clients would fold or quote', () => {
    expect(problemsOf(`reader:\n  users:\n    "X y": {role: admin, password: '${VERIFIER}'}\n`)).toContain(
      'reader.users: must have names',
    );
  });
});
