import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { SpanledgerError } from '../errors.ts';

/** A file that is read from its beginning to its end, as often as it takes; never as a whole. */
export interface ImportFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** What shows that it is still the same: its size, and when it was written to last. */
  readonly state: string;
  /** The first bytes, unpacked. */
  readonly head: Uint8Array;
}

const CHUNK_BYTES = 1024 * 1024;
const HEAD_BYTES = 4096;

/** @throws {SpanledgerError} SL_IMPORT_UNREADABLE */
export async function openImportFile(path: string): Promise<ImportFile> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new Error('it is no file');
    const { size, mtimeMs } = found;
    const bare = { path, sizeBytes: size, state: `${size} ${mtimeMs}`, head: new Uint8Array() };
    for await (const chunk of bytesOf(bare, () => {})) {
      return { ...bare, head: chunk.subarray(0, HEAD_BYTES) };
    }
    return bare;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** @throws {SpanledgerError} SL_IMPORT_UNREADABLE when the file was written to meanwhile: it was checked as it was. */
export async function assertUnchanged({ path, state }: ImportFile): Promise<void> {
  const { size, mtimeMs } = await stat(path);
  if (`${size} ${mtimeMs}` === state) return;
  throw new SpanledgerError(
    'SL_IMPORT_UNREADABLE',
    `The file ${path} has changed while it was read. Import it again; what was sent already is not counted twice.`,
  );
}

/**
 * The bytes of a file, unpacked if they are gzip.
 *
 * @param onBytes is given the bytes as they lie on disk
 */
export async function* bytesOf(
  { path }: Pick<ImportFile, 'path'>,
  onBytes: (bytes: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  const raw = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
      const bytes: Uint8Array = chunk;
      onBytes(bytes);
      yield bytes;
    }
  };
  if (!(await isGzip(path))) {
    yield* raw();
    return;
  }
  try {
    const packed = Readable.from(raw(), { objectMode: false });
    const unpacked = createGunzip({ chunkSize: CHUNK_BYTES });
    packed.on('error', (error) => unpacked.destroy(error));
    for await (const chunk of packed.pipe(unpacked)) yield chunk;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function isGzip(path: string): Promise<boolean> {
  let file: FileHandle | null = null;
  try {
    file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file?.close();
  }
}

/** The text of a file: UTF-8, or UTF-16 where a byte order mark says so, as spreadsheets write it. */
export async function* textOfFile(
  file: ImportFile,
  onBytes: (bytes: Uint8Array) => void,
): AsyncGenerator<string> {
  const [first, second] = file.head;
  const encoding = first === 0xff && second === 0xfe ? 'utf-16le' : 'utf-8';
  const decoder = new TextDecoder(encoding, { fatal: true });
  const decode = (bytes?: Uint8Array) => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch (cause) {
      throw new SpanledgerError(
        'SL_IMPORT_UNREADABLE',
        `The file ${file.path} is not in UTF-8: names would be damaged. Save it as UTF-8.`,
        { cause },
      );
    }
  };
  for await (const bytes of bytesOf(file, onBytes)) yield decode(bytes);
  yield decode();
}

function unreadable(path: string, cause: unknown): SpanledgerError {
  if (cause instanceof SpanledgerError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SpanledgerError('SL_IMPORT_UNREADABLE', `The file ${path} cannot be read: ${reason}`, { cause });
}
