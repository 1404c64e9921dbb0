import type { Socket } from 'node:net';
import type { Login } from './backend.ts';
import { asFatal, internalError, malformed, type Notice, SQLSTATE, SqlError } from './errors.ts';
import type { Admission, Host } from './host.ts';
import { authenticate } from './login/authenticate.ts';
import {
  NEWEST_MINOR_VERSION,
  NEWEST_VERSION,
  type Opening,
  readOpening,
  settingsOfOptions,
} from './login/startup.ts';
import { answerError, answerReady, type Dialogue } from './query/dialogue.ts';
import { answerStep } from './query/extended.ts';
import { Interrupts } from './query/interrupts.ts';
import { Holding, Portals } from './query/portals.ts';
import { PreparedStatements } from './query/prepared.ts';
import { answerQuery } from './query/simple.ts';
import { Settings } from './session/settings.ts';
import { Transaction } from './session/transaction.ts';
import {
  authenticationOk,
  backendKeyData,
  errorResponse,
  negotiateProtocolVersion,
  noticeResponse,
} from './wire/replies.ts';
import { parseRequest, type Request, requestRule } from './wire/requests.ts';
import { type Patience, Wire } from './wire/wire.ts';

/**
 * The life of a connection (54.2, "Message Flow"):
 *
 * 1. It opens: the client may ask for encryption, and then says who it is, or whose statement it wants to stop.
 * 2. It logs in, within a fixed time. Until then it is kept apart from sessions, and nothing large is read from it.
 * 3. It is admitted, and told what a client has to know: settings, and the key to stop its statements with.
 * 4. It asks and is answered, until it says goodbye, is gone, or does something after which nothing can be understood.
 * 5. It is released, whatever happened: what it held in the backend is let go of.
 */
export class Connection {
  readonly #host: Host;
  readonly #wire: Wire;
  readonly #interrupts = new Interrupts();

  constructor(socket: Socket, host: Host) {
    this.#host = host;
    this.#wire = new Wire(socket, host.limits);
    this.#wire.onGone(() => {
      this.#interrupts.end(
        new SqlError(SQLSTATE.connectionFailure, 'connection to client lost', { severity: 'FATAL' }),
      );
    });
  }

  /** From the first byte to the last. */
  async serve(): Promise<void> {
    const { limits } = this.#host;
    try {
      const deadline = setTimeout(
        () => this.#wire.fail(authenticationTimeout()),
        limits.authenticationTimeoutMs,
      );
      try {
        const opening = await readOpening(this.#wire, limits, this.#host.secureContext);
        if (opening.kind === 'cancel') this.#host.cancel(opening.processId, opening.secret);
        if (opening.kind !== 'session') return;
        const login = await this.#logIn(opening);
        if (login === undefined) return;
        clearTimeout(deadline);
        await this.#beginSession(opening, login);
      } finally {
        clearTimeout(deadline);
      }
    } catch (error) {
      this.#farewell(error);
    } finally {
      await this.#wire.close();
    }
  }

  /** Stops the statement that is running, if there is one. */
  cancel(): void {
    this.#interrupts.cancel();
  }

  /** Ends the connection once what is running has been answered. */
  retire(reason: SqlError): void {
    this.#wire.fail(reason);
  }

  /** Ends the connection, and what is running with it. */
  terminate(reason: SqlError): void {
    this.#wire.fail(reason);
    this.#interrupts.end(reason);
  }

  async #logIn({ minorVersion, parameters, options }: SessionOpening): Promise<Login | undefined> {
    const wire = this.#wire;
    // Before anything else, so that the client knows what the rest means.
    if (minorVersion > NEWEST_MINOR_VERSION || options.length > 0)
      negotiateProtocolVersion(wire.out, versionFor(minorVersion), options);
    const user = parameters.get('user') ?? '';
    if (user === '')
      throw new SqlError(
        SQLSTATE.invalidAuthorizationSpecification,
        'no PostgreSQL user name specified in startup packet',
      );
    if (!['false', 'off', 'no', '0'].includes(parameters.get('replication') ?? 'false'))
      throw new SqlError(SQLSTATE.featureNotSupported, 'replication connections are not supported');
    const isEncrypted = wire.tls !== undefined;
    if (this.#host.requireEncryption && !isEncrypted)
      throw new SqlError(
        SQLSTATE.invalidAuthorizationSpecification,
        'the server takes encrypted connections only',
        { hint: 'Connect with sslmode=require.' },
      );
    this.#host.expectRoom();
    const { remoteAddress } = wire;
    const login: Login = { user, database: parameters.get('database') || user, remoteAddress, isEncrypted };
    return (await authenticate(wire, login, this.#host)) === 'gone' ? undefined : login;
  }

  async #beginSession(opening: SessionOpening, login: Login): Promise<void> {
    const host = this.#host;
    const admission = host.admit(login.user, opening.minorVersion, this);
    try {
      const settings = settingsAtStart(host, opening.parameters, login);
      const session = await host.backend.openSession({
        ...login,
        processId: admission.processId,
        setting: (name) => settings.get(name),
      });
      try {
        await this.#converse(this.#dialogue(settings, session), admission);
      } finally {
        await session.close();
      }
    } finally {
      admission.release();
    }
  }

  #dialogue(settings: Settings, session: Dialogue['session']): Dialogue {
    const { limits, onUnexpected } = this.#host;
    const wire = this.#wire;
    const holding = new Holding(limits.heldBytes);
    return {
      wire,
      session,
      settings,
      transaction: new Transaction(settings, limits.maxSavepoints),
      statements: new PreparedStatements(holding, limits.maxPreparedStatements),
      portals: new Portals(holding, limits),
      interrupts: this.#interrupts,
      limits,
      notify: (notice: Notice) => noticeResponse(wire.out, notice),
      onUnexpected,
    };
  }

  async #converse(dialogue: Dialogue, { processId, secret }: Admission): Promise<void> {
    const wire = this.#wire;
    try {
      wire.allowLargeMessages();
      authenticationOk(wire.out);
      backendKeyData(wire.out, processId, secret);
      await answerReady(dialogue);
      await answerRequests(dialogue);
    } finally {
      await dialogue.portals.closeAll('all');
      await dialogue.statements.closeAll();
    }
  }

  /** The last thing that is said: why it ends. */
  #farewell(error: unknown): void {
    if (!(error instanceof SqlError)) this.#host.onUnexpected(error);
    errorResponse(this.#wire.out, asFatal(error instanceof SqlError ? error : internalError(error)));
  }
}

type SessionOpening = Extract<Opening, { kind: 'session' }>;

/** The newest version that both sides know. */
function versionFor(minorVersion: number): number {
  return Math.min(NEWEST_VERSION, NEWEST_VERSION - NEWEST_MINOR_VERSION + minorVersion);
}

function authenticationTimeout(): SqlError {
  return new SqlError(SQLSTATE.queryCanceled, 'canceling authentication due to timeout', {
    severity: 'FATAL',
  });
}

/** What the startup message says about the session rather than about the login. */
const LOGIN_PARAMETERS = new Set(['user', 'database', 'options', 'replication']);

function settingsAtStart(host: Host, parameters: ReadonlyMap<string, string>, login: Login): Settings {
  const settings = new Settings(host.settings, host.limits);
  settings.fix('session_authorization', login.user);
  settings.fix('ssl', login.isEncrypted ? 'on' : 'off');
  for (const [name, value] of settingsOfOptions(parameters.get('options') ?? '')) settings.start(name, value);
  for (const [name, value] of parameters) if (!LOGIN_PARAMETERS.has(name)) settings.start(name, value);
  return settings;
}

/** Requests are answered in the order they come, one at a time, however many of them the client has sent ahead. */
async function answerRequests(dialogue: Dialogue): Promise<void> {
  const { wire, limits } = dialogue;
  const rule = requestRule(limits);
  // After a mistake in the extended protocol, nothing that was sent on top of it is done (54.2.3).
  let isSkipping = false;
  while (true) {
    const frame = await wire.next(rule, patience(dialogue));
    if (frame === undefined || frame.type === 'X') return;
    if (isSkipping && frame.type !== 'S') continue;
    isSkipping = false;
    let request: Request | undefined;
    try {
      request = parseRequest(frame);
      await answer(dialogue, request);
    } catch (error) {
      answerError(dialogue, error);
      wire.flush();
      isSkipping = STEPS.has(frame.type);
      if (!isSkipping) await answerReady(dialogue);
    }
  }
}

/** Parse, Bind, Describe, Execute, Close and Flush: whoever sends them will send Sync. */
const STEPS = new Set(['P', 'B', 'D', 'E', 'C', 'H']);

async function answer(dialogue: Dialogue, request: Request): Promise<void> {
  switch (request.kind) {
    case 'query':
      return answerQuery(dialogue, request.sql);
    case 'sync':
      return answerReady(dialogue);
    case 'flush':
      return dialogue.wire.flush();
    case 'function-call':
      throw new SqlError(SQLSTATE.featureNotSupported, 'function calls are not supported');
    // A client that has not heard yet that its copy has failed.
    case 'copy':
      return;
    case 'terminate':
      throw malformed('nothing is answered to Terminate');
    default:
      await answerStep(dialogue, request);
      // An answer of many steps is not kept until the last of them.
      if (dialogue.wire.isFull) await dialogue.wire.relieve(new AbortController().signal);
  }
}

/**
 * How long the client may think. Less while it holds something in the backend, or a transaction whose cursors could;
 * and less when it has asked for that itself.
 */
function patience({ transaction, portals, settings, limits }: Dialogue): Patience {
  const isHolding = transaction.status !== 'I' || portals.holdsAny;
  const [own, bound, code, what] = isHolding
    ? [
        settings.timeoutMs('idle_in_transaction_session_timeout'),
        limits.idleInTransactionTimeoutMs,
        SQLSTATE.idleInTransactionSessionTimeout,
        'idle-in-transaction timeout',
      ]
    : [
        settings.timeoutMs('idle_session_timeout'),
        limits.idleTimeoutMs,
        SQLSTATE.idleSessionTimeout,
        'idle-session timeout',
      ];
  return {
    timeoutMs: own > 0 ? Math.min(own, bound) : bound,
    error: () => new SqlError(code, `terminating connection due to ${what}`, { severity: 'FATAL' }),
  };
}
