// What customers contest, and what awaits a decision, the oldest first.
CREATE CONSTRAINT contest_id IF NOT EXISTS FOR (n:Contest) REQUIRE n.contest_id IS UNIQUE;
CREATE INDEX contest_customer IF NOT EXISTS FOR (n:Contest) ON (n.customer_id, n.state);
CREATE INDEX contest_open IF NOT EXISTS FOR (n:Contest) ON (n.state, n.opened_at, n.contest_id);
// Customers who are still to hear of a decision: the sweep looks for them.
CREATE INDEX contest_notice_due IF NOT EXISTS FOR (n:Contest) ON (n.notice_due);
