import { describe, expect, it } from 'vitest';
import { readConfig, readServiceConfig, type ServiceConfig } from './config.ts';
import { SpanledgerError } from './errors.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OTHER = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
const ENVIRONMENT = { HOOK_SECRET: SECRET, TWO_SECRETS: `${OTHER} ${SECRET}`, NO_SECRET: 'hunter2' };

function configured(webhooks: string): ServiceConfig['webhooks'] {
  return readServiceConfig(`webhooks:\n${webhooks}`, ENVIRONMENT).webhooks;
}

function problemsOf(webhooks: string): string {
  try {
    configured(webhooks);
  } catch (error) {
    if (error instanceof SpanledgerError) return error.message;
    throw error;
  }
  return 'none';
}

describe('webhooks in the configuration', () => {
  it('are none by default', () => {
    expect(readServiceConfig(null, {}).webhooks).toEqual([]);
  });

  it('have an address, the secret that the environment holds, and all events or some', () => {
    const [all, some, ...more] = configured(`
      - {url: https://hooks.example/in, secret_env: HOOK_SECRET}
      - {url: 'http://127.0.0.1:9/x', secret_env: TWO_SECRETS, events: [threshold, negative_margin]}`);
    expect(more).toEqual([]);
    expect(all).toMatchObject({ events: null, keys: [Buffer.alloc(32, 7)] });
    expect(all?.url.href).toBe('https://hooks.example/in');
    expect(some?.events).toEqual(new Set(['threshold', 'negative_margin']));
    expect(some?.keys).toHaveLength(2);
    expect(all?.id).not.toBe(some?.id);
  });

  it.each(['http://localhost/', 'http://[::1]:8080/hook', 'https://10.0.0.7/'])('may be at %s', (url) => {
    expect(configured(`  - {url: '${url}', secret_env: HOOK_SECRET}`)).toHaveLength(1);
  });

  it.each([
    'http://hooks.example/',
    'http://127.0.0.1.evil.example/',
    'http://localhost.evil.example/',
    'ftp://127.0.0.1/',
    'hooks.example',
  ])('may not be at %s', (url) => {
    expect(problemsOf(`  - {url: '${url}', secret_env: HOOK_SECRET}`)).toContain(
      'webhooks.0.url: must be an https address, or http on a loopback address',
    );
  });

  it('are each told what is wrong with them, and no secret is shown', () => {
    const message = problemsOf(`
      - {url: 'https://one.example/', secret_env: NOT_SET}
      - {url: 'https://two.example/', secret_env: NO_SECRET}
      - {url: 'https://three.example/', secret_env: HOOK_SECRET}
      - {url: 'https://three.example', secret_env: HOOK_SECRET}`);
    expect(message).toContain('webhooks.0.secret_env: must name an environment variable with whsec_');
    expect(message).toContain('found NOT_SET with nothing');
    expect(message).toContain('webhooks.1.secret_env');
    expect(message).toContain('webhooks.3.url: must be there once');
    expect(message).not.toContain('hunter2');
  });

  it('need their secrets where the service runs, and nowhere else', () => {
    const text = "webhooks: [{url: 'https://one.example/', secret_env: NOT_SET}]";
    expect(readConfig(text, {}).log_level).toBe('info');
    expect(() => readServiceConfig(text, {})).toThrow('found NOT_SET with nothing');
    const wrong = "webhooks: [{url: 'http://one.example/', secret_env: NOT_SET}]";
    expect(() => readConfig(wrong, {})).toThrow('webhooks.0.url: must be an https address');
  });

  it('take no secret in the file, and no event that does not exist', () => {
    const message = problemsOf(`  - {url: 'https://one.example/', secret: x, events: [birthday]}`);
    expect(message).toContain('webhooks.0.secret: is not a setting');
    expect(message).toContain('must have required properties secret_env');
    expect(message).toContain('webhooks.0.events.0');
  });
});
