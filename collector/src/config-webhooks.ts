import { type Static, Type } from 'typebox';
import { type SettingProblem, shown } from './settings-file.ts';
import {
  ALERT_EVENTS,
  endpointId,
  SECRET_SHAPE,
  signingKeys,
  type WebhookEndpoint,
} from './webhooks/index.ts';

/** The section `webhooks` of the configuration: where alerts are sent. */
export const WebhooksSchema = Type.Array(
  Type.Object(
    {
      url: Type.String({
        minLength: 1,
        description: 'Where alerts are posted: https, or http on this machine. Each address once.',
      }),
      secret_env: Type.String({
        pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
        description: `The environment variable that holds the secret: ${SECRET_SHAPE}. Two, separated by a space, while it is changed.`,
      }),
      events: Type.Optional(
        Type.Array(Type.Enum([...ALERT_EVENTS]), { minItems: 1, description: 'Only these; all without it.' }),
      ),
    },
    { additionalProperties: false },
  ),
  {
    default: [],
    maxItems: 16,
    description:
      'Where alerts are sent, signed as Standard Webhooks has it, and again for a day where they are not taken.',
  },
);

/** The endpoints, with their secrets from the environment. Secrets are in no message. */
export function readWebhooks(
  settings: Static<typeof WebhooksSchema>,
  environment: Readonly<Record<string, string | undefined>>,
  problems: SettingProblem[],
): readonly WebhookEndpoint[] {
  const endpoints = new Map<string, WebhookEndpoint>();
  for (const [index, { url: address, secret_env: variable, events }] of settings.entries()) {
    const problem = (key: string, expected: string, value: string) =>
      problems.push({ path: `webhooks.${index}.${key}`, expected, value });
    const url = URL.canParse(address) ? new URL(address) : null;
    if (url === null || !isAllowed(url)) {
      problem('url', 'must be an https address, or http on a loopback address', shown(address));
      continue;
    }
    const secrets = environment[variable] ?? '';
    const keys = secrets === '' ? null : signingKeys(secrets);
    if (keys === null) {
      const found = secrets === '' ? 'nothing' : 'something else (not shown)';
      problem(
        'secret_env',
        `must name an environment variable with ${SECRET_SHAPE}`,
        `${variable} with ${found}`,
      );
      continue;
    }
    const id = endpointId(url);
    if (endpoints.has(id)) problem('url', 'must be there once', shown(address));
    endpoints.set(id, { id, url, keys, events: events === undefined ? null : new Set(events) });
  }
  return [...endpoints.values()];
}

function isAllowed({ protocol, hostname }: URL): boolean {
  if (protocol === 'https:') return true;
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
  return protocol === 'http:' && isLoopback;
}
