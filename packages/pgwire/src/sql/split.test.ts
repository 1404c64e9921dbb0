import { describe, expect, it } from 'vitest';
import { splitStatements } from './split.ts';

describe('the statements of a text', () => {
  it.each<[string, readonly string[]]>([
    ['', []],
    [' ; ;; -- only this ;\n /* ; */ ;', []],
    ['select 1', ['select 1']],
    [' select 1 ; select 2; ', ['select 1', 'select 2']],
    ['select \';\' ; select ";"', ["select ';'", 'select ";"']],
    ['select $$;$$; select $x$;$$;$x$', ['select $$;$$', 'select $x$;$$;$x$']],
    ['select 1 -- ; no\n + 1; select 2', ['select 1 -- ; no\n + 1', 'select 2']],
    ['select /* ; /* ; */ ; */ 1', ['select /* ; /* ; */ ; */ 1']],
    ["select e'\\';' ; select 'a\\'; select 2", ["select e'\\';'", "select 'a\\'", 'select 2']],
  ])('of %j are %j', (sql, statements) => {
    expect(splitStatements(sql, 10).map((piece) => piece.sql)).toEqual(statements);
  });

  it('each says where it begins', () => {
    expect(splitStatements('  select 1;  select 2', 10).map(({ start }) => start)).toEqual([2, 13]);
  });

  it('are no more than allowed', () => {
    expect(splitStatements('a;b;', 2)).toHaveLength(2);
    expect(() => splitStatements('a;b;c', 2)).toThrow(expect.objectContaining({ code: '54000' }));
  });

  it('a million semicolons are nothing, and take little time', () => {
    expect(splitStatements(';'.repeat(1_000_000), 10)).toEqual([]);
  });
});
