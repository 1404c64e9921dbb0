-- All accounts that there are, and when each comes due next: which of them must be opened is known without opening any.
CREATE TABLE ledger.account (
  tenant INTEGER NOT NULL,
  customer VARCHAR NOT NULL,
  due_at TIMESTAMPTZ -- NULL: never by time alone
);

-- Nobody has noted it so far: each is looked at once.
INSERT INTO ledger.account
SELECT tenant, customer, make_timestamptz(0)
FROM (
  SELECT tenant, customer FROM ledger.account_fact
  UNION
  SELECT tenant, customer FROM ledger.credit_transfer
);
