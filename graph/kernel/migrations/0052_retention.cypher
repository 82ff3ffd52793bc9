// When retention last went through everything.
CREATE CONSTRAINT retention_id IF NOT EXISTS FOR (n:Retention) REQUIRE n.id IS UNIQUE;
// The notices of a recovery, which retention deletes together.
CREATE INDEX notice_payment IF NOT EXISTS FOR (n:Notice) ON (n.payment_id);
