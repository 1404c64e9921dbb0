import type { SecureContext } from 'node:tls';
import type { Connection } from './connection.ts';
import type { Doorkeeper } from './login/authenticate.ts';

/** What a connection needs of the server it belongs to. */
export interface Host extends Doorkeeper {
  readonly secureContext: (() => SecureContext) | undefined;
  readonly requireEncryption: boolean;
  /** Defaults of the server's own. */
  readonly settings: Readonly<Record<string, string>>;
  readonly onUnexpected: (error: unknown) => void;
  /**
   * Turns the client away before the login when it could not be admitted anyway.
   *
   * @throws {SqlError} 53300
   */
  expectRoom(): void;
  /**
   * Makes a session of a connection that has logged in.
   *
   * @throws {SqlError} 53300
   */
  admit(user: string, minorVersion: number, connection: Connection): Admission;
  /** Stops the statement of the session that this is the key of. Whether there is one, nobody is told. */
  cancel(processId: number, secret: Buffer): void;
}

export interface Admission {
  readonly processId: number;
  /** The key to stop its statements with (54.7, BackendKeyData). */
  readonly secret: Buffer;
  readonly release: () => void;
}
