import { type Static, Type } from 'typebox';
import { READER_LIMITS, type ReaderLimits } from './reader/limits.ts';
import { type Reader, ROLES, type Role } from './reader/roles.ts';
import { type SettingProblem, shown } from './settings-file.ts';

/** A verifier as PostgreSQL stores it (RFC 5802): iterations, salt, stored key, server key. */
const VERIFIER =
  /^SCRAM-SHA-256\$[1-9][0-9]{3,6}:[A-Za-z0-9+/]{8,}={0,2}\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/;
const USER_NAME = /^[a-z_][a-z0-9_.@-]{0,62}$/;

function limitsOf(role: Role, description: string) {
  const defaults = READER_LIMITS[role];
  return Type.Object(
    {
      max_rows: Type.Integer({
        minimum: 1,
        default: defaults.maxRows,
        description: 'Rows of one result; whoever wants more should aggregate or take an export.',
      }),
      max_result_bytes: Type.Integer({
        minimum: 1024,
        default: defaults.maxResultBytes,
        description: 'About the size of one result. Bytes.',
      }),
      timeout_ms: Type.Integer({
        minimum: 10,
        default: defaults.timeoutMs,
        description: 'A statement is ended after this time, waiting for its reader included.',
      }),
      max_concurrent: Type.Integer({
        minimum: 1,
        maximum: 12,
        default: defaults.maxConcurrent,
        description: 'Statements at once; others wait. Each holds a thread that commits need too.',
      }),
      max_connections: Type.Integer({
        minimum: 1,
        maximum: 1000,
        default: defaults.maxSessions,
        description: 'Connections at once; further ones are refused.',
      }),
    },
    { additionalProperties: false, default: {}, description },
  );
}

/** The section `reader` of the configuration: who may read the ledger in SQL, and how much. */
export const ReaderSection = Type.Object(
  {
    users: Type.Record(
      Type.String(),
      Type.Object(
        {
          role: Type.Enum([...ROLES], {
            description:
              'admin: all views and the lists of the catalogue. analyst: all views. customer: the usage and credits of one customer, without cost and prices.',
          }),
          password: Type.String({
            minLength: 1,
            description: 'A SCRAM-SHA-256 verifier, from which the password cannot be told.',
          }),
          customer: Type.Optional(
            Type.String({ minLength: 1, description: 'Whose rows the role customer sees.' }),
          ),
        },
        { additionalProperties: false },
      ),
      {
        default: {},
        description:
          'Who may log in, by name. Without any, whoever reaches the port on loopback reads as an analyst.',
      },
    ),
    tls: Type.Optional(
      Type.Object(
        {
          cert_file: Type.String({ minLength: 1, description: 'The certificate, with its chain, as PEM.' }),
          key_file: Type.String({ minLength: 1, description: 'Its private key as PEM.' }),
          required: Type.Boolean({
            default: false,
            description: 'Turn away clients that do not encrypt.',
          }),
        },
        {
          additionalProperties: false,
          description:
            'Encrypts the connections of PostgreSQL clients (sslmode=require). Read again on SIGHUP.',
        },
      ),
    ),
    roles: Type.Object(
      {
        admin: limitsOf('admin', 'Limits that all with the role admin share.'),
        analyst: limitsOf('analyst', 'Limits that all with the role analyst share.'),
        customer: limitsOf('customer', 'Limits that all with the role customer share.'),
      },
      { additionalProperties: false, default: {}, description: 'What each role may take.' },
    ),
  },
  { additionalProperties: false, default: {}, description: 'Readers of the ledger in SQL.' },
);

type ReaderSettings = Static<typeof ReaderSection>;

/** Somebody who may log in. */
export interface ReaderUser {
  readonly name: string;
  readonly reader: Reader;
  /** `SCRAM-SHA-256$…`. */
  readonly verifier: string;
}

export interface ReaderConfig {
  readonly users: ReadonlyMap<string, ReaderUser>;
  readonly limits: Readonly<Record<Role, ReaderLimits>>;
  readonly tls: ReaderTls | null;
}

export interface ReaderTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly isRequired: boolean;
}

/** The users whose settings fit together; the problems of the others are noted. */
export function readerConfig(settings: ReaderSettings, problems: SettingProblem[]): ReaderConfig {
  const users = new Map<string, ReaderUser>();
  for (const [name, { role, password, customer }] of Object.entries(settings.users)) {
    if (!USER_NAME.test(name)) {
      problems.push({
        path: 'reader.users',
        expected:
          'must have names of lower-case letters, digits and _ . @ -, at most 63, a letter or _ first',
        value: shown(name),
      });
    }
    if (!VERIFIER.test(password)) {
      // It may be the password itself.
      problems.push({
        path: `reader.users.${name}.password`,
        expected: 'must be a verifier, SCRAM-SHA-256$…, and never the password',
        value: 'something else (not shown)',
      });
    }
    const path = `reader.users.${name}.customer`;
    if (role === 'customer') {
      if (customer === undefined) {
        problems.push({
          path,
          expected: 'must name the customer whose rows this user sees',
          value: 'nothing',
        });
      } else users.set(name, { name, verifier: password, reader: { role, customer } });
    } else if (customer !== undefined) {
      // Whoever writes it expects that only those rows are shown.
      problems.push({
        path,
        expected: `must not be set: the role ${role} sees all customers`,
        value: customer,
      });
    } else users.set(name, { name, verifier: password, reader: { role } });
  }
  const { admin, analyst, customer } = settings.roles;
  const { tls } = settings;
  return {
    users,
    tls:
      tls === undefined ? null : { certFile: tls.cert_file, keyFile: tls.key_file, isRequired: tls.required },
    limits: { admin: asLimits(admin), analyst: asLimits(analyst), customer: asLimits(customer) },
  };
}

function asLimits(settings: ReaderSettings['roles'][Role]): ReaderLimits {
  return {
    maxRows: settings.max_rows,
    maxResultBytes: settings.max_result_bytes,
    timeoutMs: settings.timeout_ms,
    maxConcurrent: settings.max_concurrent,
    maxSessions: settings.max_connections,
  };
}
