import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SqlError } from '../errors.ts';
import { type Command, parseCommand } from './command.ts';

describe('commands of a session', () => {
  it.each<[string, Command]>([
    ['BEGIN', { kind: 'begin', tag: 'BEGIN' }],
    ['begin work isolation level read committed, read only', { kind: 'begin', tag: 'BEGIN' }],
    ['start transaction read write not deferrable', { kind: 'begin', tag: 'START TRANSACTION' }],
    ['COMMIT WORK', { kind: 'commit', chain: false }],
    ['end and no chain', { kind: 'commit', chain: false }],
    ['rollback and chain', { kind: 'rollback', chain: true }],
    ['abort transaction', { kind: 'rollback', chain: false }],
    ['rollback work to savepoint "A b"', { kind: 'rollback to', name: 'A b' }],
    ['rollback to s', { kind: 'rollback to', name: 's' }],
    ['release savepoint s', { kind: 'release', name: 's' }],
    ['SET extra_float_digits = 3', { kind: 'set', name: 'extra_float_digits', value: '3', local: false }],
    ['set session characteristics as transaction read only', { kind: 'set transaction' }],
    ['set transaction isolation level serializable', { kind: 'set transaction' }],
    ['set local TimeZone to default', { kind: 'set', name: 'timezone', value: undefined, local: true }],
    [
      "SET TIME ZONE 'Europe/Berlin'",
      { kind: 'set', name: 'timezone', value: 'Europe/Berlin', local: false },
    ],
    ['set time zone -3.5', { kind: 'set', name: 'timezone', value: '-3.5', local: false }],
    ['set time zone local', { kind: 'set', name: 'timezone', value: undefined, local: false }],
    ["set names 'UTF8'", { kind: 'set', name: 'client_encoding', value: 'UTF8', local: false }],
    [
      "set session datestyle to iso, 'YMD'",
      { kind: 'set', name: 'datestyle', value: 'iso, YMD', local: false },
    ],
    [
      'set search_path to "$user", public, "A""b"',
      { kind: 'set', name: 'search_path', value: '"$user", public, "A""b"', local: false },
    ],
    ["set schema 'x'", { kind: 'set', name: 'search_path', value: 'x', local: false }],
    ["set my.own = 'x'", { kind: 'set', name: 'my.own', value: 'x', local: false }],
    ['set role none', { kind: 'set', name: 'role', value: undefined, local: false }],
    ['reset all', { kind: 'reset', name: 'all' }],
    ['reset session authorization', { kind: 'reset', name: 'session_authorization' }],
    ['show transaction isolation level', { kind: 'show', name: 'transaction_isolation' }],
    ['show time zone', { kind: 'show', name: 'timezone' }],
    ['SHOW search_path', { kind: 'show', name: 'search_path' }],
    ['discard temporary', { kind: 'discard', what: 'temp' }],
    ['deallocate prepare s', { kind: 'deallocate', name: 's' }],
    ['deallocate all', { kind: 'deallocate', name: undefined }],
    [
      'declare "C" binary insensitive scroll cursor with hold for select 1 -- one',
      { kind: 'declare', cursor: 'C', isBinary: true, isHeld: true, sql: 'select 1 -- one' },
    ],
    ['fetch c', { kind: 'fetch', cursor: 'c', count: 1, isMove: false }],
    ['fetch from c', { kind: 'fetch', cursor: 'c', count: 1, isMove: false }],
    ['fetch 10 in "c"', { kind: 'fetch', cursor: 'c', count: 10, isMove: false }],
    ['fetch forward 5 from c', { kind: 'fetch', cursor: 'c', count: 5, isMove: false }],
    ['fetch relative 1 from c', { kind: 'fetch', cursor: 'c', count: 1, isMove: false }],
    ['fetch all c', { kind: 'fetch', cursor: 'c', count: Infinity, isMove: false }],
    ['move forward all in c', { kind: 'fetch', cursor: 'c', count: Infinity, isMove: true }],
    ['close all', { kind: 'close', cursor: undefined }],
    ['listen x', { kind: 'listen' }],
    ['unlisten *', { kind: 'unlisten' }],
  ])('%s', (sql, command) => {
    expect(parseCommand(sql)).toEqual(command);
  });

  it.each([
    'select 1',
    'with c as (select 1) select 1',
    '"begin"',
    '(show x)',
    'explain select 1',
    'constructor',
  ])('%s is for the backend', (sql) => {
    expect(parseCommand(sql)).toBeUndefined();
  });

  it.each([
    ['begin nonsense', '42601', 7],
    ['set x', '42601', 6],
    ['set x = ', '42601', 9],
    ['set x = $1', '42601', 9],
    ['show a b', '42601', 8],
    ['declare c cursor for', '42601', 21],
    ['fetch', '42601', 6],
    ['set role admin', '42501', undefined],
    ["set session authorization 'admin'", '42501', undefined],
    ['commit prepared', '0A000', undefined],
    ['fetch backward 1 from c', '55000', undefined],
    ['fetch prior from c', '55000', undefined],
    ['fetch -1 from c', '55000', undefined],
    ['fetch 0 from c', '55000', undefined],
    ['move absolute 1 in c', '55000', undefined],
  ])('%s is refused with %s', (sql, code, position) => {
    expect(() => parseCommand(sql)).toThrow(
      expect.objectContaining({ code, details: position === undefined ? {} : { position } }),
    );
  });

  it('whatever follows a word of ours, it is a command or refused with a code', () => {
    const word = fc.constantFrom(
      ...'begin set show fetch declare close reset to = , all from cursor for local time zone 1 - $1 c'.split(
        ' ',
      ),
      "'x'",
      '"y"',
    );
    let commandCount = 0;
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), (words) => {
        try {
          if (parseCommand(words.join(' ')) !== undefined) commandCount++;
        } catch (error) {
          expect(error).toBeInstanceOf(SqlError);
        }
      }),
      { numRuns: 1_000 }, // of a hundred, sometimes none was a command
    );
    expect(commandCount).toBeGreaterThan(0);
  });
});
