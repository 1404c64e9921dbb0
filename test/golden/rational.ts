/**
 * Arithmetic as it is written down beside a golden price: decimals, `+ - * /` and parentheses, evaluated exactly. It
 * shares nothing with the price engine, so that a mistake there cannot confirm itself here.
 */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** The value of an expression. Throws a `SyntaxError` that names the place where it cannot be read. */
export function evaluate(expression: string): Rational {
  const tokens = tokenise(expression);
  let at = 0;

  function sum(): Rational {
    let value = product();
    while (tokens[at] === '+' || tokens[at] === '-') {
      const isSum = tokens[at++] === '+';
      const term = product();
      value = add(value, isSum ? term : { ...term, numerator: -term.numerator });
    }
    return value;
  }

  function product(): Rational {
    let value = factor();
    while (tokens[at] === '*' || tokens[at] === '/') {
      const isProduct = tokens[at++] === '*';
      const next = factor();
      value = multiply(value, isProduct ? next : reciprocal(next, expression));
    }
    return value;
  }

  function factor(): Rational {
    const token = tokens[at++];
    if (token === '(') {
      const value = sum();
      if (tokens[at++] !== ')') throw new SyntaxError(`unclosed parenthesis in ${expression}`);
      return value;
    }
    if (token === undefined || !NUMBER.test(token)) {
      throw new SyntaxError(`expected a number, found ${token ?? 'the end'} in ${expression}`);
    }
    return decimal(token);
  }

  const value = sum();
  if (at < tokens.length) throw new SyntaxError(`unexpected ${tokens[at]} in ${expression}`);
  return value;
}

/** Whether two fractions are the same number, however far each is reduced. */
export function isEqual(a: Rational, b: Rational): boolean {
  return a.numerator * b.denominator === b.numerator * a.denominator;
}

const TOKEN = /\s*(\d+(?:\.\d+)?|[-+*/()])/y;
const NUMBER = /^\d/;

function tokenise(expression: string): readonly string[] {
  const tokens: string[] = [];
  const text = expression.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const start = TOKEN.lastIndex;
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) throw new SyntaxError(`cannot read ${text.slice(start)} in ${expression}`);
    tokens.push(token);
  }
  return tokens;
}

function decimal(text: string): Rational {
  const [whole = '', fraction = ''] = text.split('.');
  return { numerator: BigInt(whole + fraction), denominator: 10n ** BigInt(fraction.length) };
}

function add(a: Rational, b: Rational): Rational {
  return {
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

function multiply(a: Rational, b: Rational): Rational {
  return { numerator: a.numerator * b.numerator, denominator: a.denominator * b.denominator };
}

function reciprocal(a: Rational, expression: string): Rational {
  if (a.numerator === 0n) throw new SyntaxError(`division by zero in ${expression}`);
  return { numerator: a.denominator, denominator: a.numerator };
}
