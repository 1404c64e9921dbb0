import { Type } from 'typebox';
import { ErrorSchema } from './schemas.ts';
import type { ApiServer } from './server.ts';

/** Sends again what was given up; resolves with how many. Null: all of it. */
export type Redeliver = (deliveries: readonly string[] | null) => Promise<number>;

const RedeliverBody = Type.Object(
  {
    deliveries: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
        minItems: 1,
        maxItems: 1000,
        description: 'Ids of `webhook_deliveries`, as receivers see them; all that were given up without it.',
      }),
    ),
  },
  { additionalProperties: false },
);

export function webhookRoutes(server: ApiServer, redeliver: Redeliver): void {
  server.post(
    '/api/webhooks/redeliver',
    {
      schema: {
        summary: 'Send alerts again that were given up',
        tags: ['service'],
        body: RedeliverBody,
        response: { 200: Type.Object({ redelivered: Type.Integer() }), '4xx': ErrorSchema },
      },
      preValidation: async (request) => {
        request.body ??= {};
      },
    },
    async (request) => ({ redelivered: await redeliver(request.body.deliveries ?? null) }),
  );
}
