-- Whose session it is, which the catalogue itself asks. The server alone sets these variables of a connection.
CREATE MACRO pgcompat.pg.session_role() AS coalesce(getvariable('session_role'), 'spanledger')::VARCHAR;

-- Who is told of a row: NULL is everybody. A customer is told of the views with the customer's own rows, under the names that
-- the others have for theirs.
CREATE MACRO pgcompat.pg.is_told(told_to) AS
  told_to IS NULL OR told_to = CASE WHEN getvariable('spanledger_customer') IS NULL THEN 'public' ELSE 'customer' END;
