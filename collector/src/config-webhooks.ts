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

/** A webhook as it is written, its address read. */
export interface ConfiguredWebhook {
  /** Of the setting, for problems: `webhooks.0`. */
  readonly path: string;
  readonly url: URL;
  readonly secretVariable: string;
  readonly events: WebhookEndpoint['events'];
}

/** The webhooks whose address may be one; the problems of the others are noted. */
export function readWebhooks(
  settings: Static<typeof WebhooksSchema>,
  problems: SettingProblem[],
): readonly ConfiguredWebhook[] {
  const webhooks = new Map<string, ConfiguredWebhook>();
  for (const [index, { url: address, secret_env: secretVariable, events }] of settings.entries()) {
    const path = `webhooks.${index}`;
    const problem = (expected: string) =>
      problems.push({ path: `${path}.url`, expected, value: shown(address) });
    const url = URL.canParse(address) ? new URL(address) : null;
    if (url === null || !isAllowed(url)) {
      problem('must be an https address, or http on a loopback address');
      continue;
    }
    if (webhooks.has(url.href)) problem('must be there once');
    webhooks.set(url.href, {
      path,
      url,
      secretVariable,
      events: events === undefined ? null : new Set(events),
    });
  }
  return [...webhooks.values()];
}

/** The endpoints, with their secrets from the environment. Secrets are in no message. */
export function withSecrets(
  webhooks: readonly ConfiguredWebhook[],
  environment: Readonly<Record<string, string | undefined>>,
  problems: SettingProblem[],
): readonly WebhookEndpoint[] {
  return webhooks.flatMap(({ path, url, secretVariable, events }) => {
    const secrets = environment[secretVariable] ?? '';
    const keys = secrets === '' ? null : signingKeys(secrets);
    if (keys !== null) return [{ id: endpointId(url), url, keys, events }];
    const found = secrets === '' ? 'nothing' : 'something else (not shown)';
    problems.push({
      path: `${path}.secret_env`,
      expected: `must name an environment variable with ${SECRET_SHAPE}`,
      value: `${secretVariable} with ${found}`,
    });
    return [];
  });
}

function isAllowed({ protocol, hostname }: URL): boolean {
  if (protocol === 'https:') return true;
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
  return protocol === 'http:' && isLoopback;
}
