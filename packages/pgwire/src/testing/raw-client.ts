import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { BodyReader } from '../wire/body.ts';
import { FrameReader, type FrameRule } from '../wire/frames.ts';
import { Outgoing } from '../wire/outgoing.ts';
import type { Format } from '../wire/requests.ts';

/** A client that says exactly what it is told to, and writes down what it hears, a line for each message. */
export class RawClient {
  readonly #frames = new FrameReader();
  #stream: Duplex;
  #isEnded = false;
  #wake: () => void = () => {};
  /** Of the session, once it has begun. */
  processId = 0;
  secret: Buffer = Buffer.alloc(0);

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.#listen(stream);
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Connects and logs in as somebody who is trusted. */
  static async session(
    port: number,
    parameters: Record<string, string> = { user: 'bob' },
  ): Promise<RawClient> {
    const client = await RawClient.connect(port);
    client.send(startup(parameters));
    await client.until('Z');
    return client;
  }

  get socket(): Duplex {
    return this.#stream;
  }

  send(...messages: readonly Uint8Array[]): void {
    this.#stream.write(Buffer.concat(messages));
  }

  /** What comes up to a message of this type, or to the end. */
  async until(type: string): Promise<string[]> {
    const lines: string[] = [];
    while (true) {
      const frame = this.#frames.next(ANYTHING);
      if (frame !== undefined) {
        lines.push(this.#line(frame.type, new BodyReader(frame.body)));
        if (frame.type === type) return lines;
      } else if (this.#isEnded) return [...lines, '(end)'];
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  async untilEnd(): Promise<string[]> {
    return this.until('(nothing)');
  }

  end(): void {
    this.#stream.end();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  #listen(stream: Duplex): void {
    const ended = (): void => {
      this.#isEnded = true;
      this.#wake();
    };
    stream.on('data', (chunk: Buffer) => {
      this.#frames.push(chunk);
      this.#wake();
    });
    stream.on('close', ended).on('end', ended).on('error', ended);
  }

  #line(type: string, body: BodyReader): string {
    switch (type) {
      case 'R':
        return `R ${body.int32()} ${printable(body.rest())}`.trim();
      case 'S':
        return `S ${body.text()}=${body.text()}`;
      case 'K':
        this.processId = body.int32();
        this.secret = Buffer.from(body.rest());
        return 'K';
      case 'T':
        return `T ${list(body, () => {
          const name = body.text();
          body.bytes(6);
          const oid = body.uint32();
          body.bytes(6);
          return `${name}:${oid}${body.int16() === 1 ? ':binary' : ''}`;
        }).join(' ')}`.trim();
      case 't':
        return `t ${list(body, () => String(body.uint32())).join(' ')}`.trim();
      case 'D':
        return `D ${list(body, () => {
          const length = body.int32();
          return length === -1 ? 'NULL' : printable(body.bytes(length));
        }).join('|')}`.trim();
      case 'C':
        return `C ${body.text()}`;
      case 'Z':
        return `Z ${String(body.rest())}`;
      case 'E':
      case 'N': {
        const fields = new Map<string, string>();
        for (let letter = body.byte(); letter !== 0; letter = body.byte())
          fields.set(String.fromCharCode(letter), body.text());
        return `${type} ${fields.get('V')} ${fields.get('C')} ${fields.get('M')}`;
      }
      case 'v':
        return `v ${body.int32() & 0xffff} ${Array.from({ length: body.int32() }, () => body.text()).join(' ')}`.trim();
      default:
        return type;
    }
  }
}

const ANYTHING: FrameRule = { typed: true, maxBytes: () => 0x7fff_ffff };

function list<T>(body: BodyReader, read: () => T): T[] {
  return Array.from({ length: body.count() }, read);
}

function printable(bytes: Buffer): string {
  return /^[\x20-\x7e\x80-\xff]*$/.test(bytes.toString('latin1'))
    ? bytes.toString('utf8')
    : `\\x${bytes.toString('hex')}`;
}

function message(type: string, write: (out: Outgoing) => void): Buffer {
  const out = new Outgoing();
  const at = out.begin(type);
  write(out);
  out.end(at);
  return out.take();
}

function untyped(write: (out: Outgoing) => void): Buffer {
  const out = new Outgoing();
  const at = out.reserveLength();
  write(out);
  out.end(at);
  return out.take();
}

export function startup(parameters: Readonly<Record<string, string>>, version = 3 << 16): Buffer {
  return untyped((out) => {
    out.int32(version);
    for (const [name, value] of Object.entries(parameters)) {
      out.cstring(name);
      out.cstring(value);
    }
    out.byte(0);
  });
}

export const SSL_REQUEST = untyped((out) => out.int32(80_877_103));
export const GSSENC_REQUEST = untyped((out) => out.int32(80_877_104));

export function cancelRequest(processId: number, secret: Uint8Array): Buffer {
  return untyped((out) => {
    out.int32(80_877_102);
    out.int32(processId);
    out.bytes(secret);
  });
}

export function query(sql: string): Buffer {
  return message('Q', (out) => out.cstring(sql));
}

export function parse(sql: string, statement = '', oids: readonly number[] = []): Buffer {
  return message('P', (out) => {
    out.cstring(statement);
    out.cstring(sql);
    out.count(oids.length);
    for (const oid of oids) out.uint32(oid);
  });
}

export interface BindOptions {
  readonly portal?: string;
  readonly statement?: string;
  readonly values?: readonly (string | Uint8Array | null)[];
  readonly formats?: readonly Format[];
  readonly results?: readonly Format[];
}

export function bind({
  portal = '',
  statement = '',
  values = [],
  formats = [],
  results = [],
}: BindOptions = {}): Buffer {
  const writeFormats = (out: Outgoing, all: readonly Format[]): void => {
    out.count(all.length);
    for (const format of all) out.int16(format === 'binary' ? 1 : 0);
  };
  return message('B', (out) => {
    out.cstring(portal);
    out.cstring(statement);
    writeFormats(out, formats);
    out.count(values.length);
    for (const value of values) {
      const bytes = typeof value === 'string' ? Buffer.from(value) : value;
      out.int32(bytes === null ? -1 : bytes.length);
      if (bytes !== null) out.bytes(bytes);
    }
    writeFormats(out, results);
  });
}

export function describe(target: 'S' | 'P', name = ''): Buffer {
  return message('D', (out) => {
    out.ascii(target);
    out.cstring(name);
  });
}

export function close(target: 'S' | 'P', name = ''): Buffer {
  return message('C', (out) => {
    out.ascii(target);
    out.cstring(name);
  });
}

export function execute(portal = '', maxRows = 0): Buffer {
  return message('E', (out) => {
    out.cstring(portal);
    out.int32(maxRows);
  });
}

export function sasl(bytes: Uint8Array): Buffer {
  return message('p', (out) => out.bytes(bytes));
}

export function saslInitial(mechanism: string, first: string): Buffer {
  return message('p', (out) => {
    out.cstring(mechanism);
    out.int32(Buffer.byteLength(first));
    out.text(first);
  });
}

export const sync = message('S', () => {});
export const flush = message('H', () => {});
export const terminate = message('X', () => {});
/** A message of any type with any body, right or wrong. */
export function raw(type: string, body: string): Buffer {
  return message(type, (out) => out.bytes(Buffer.from(body, 'latin1')));
}
