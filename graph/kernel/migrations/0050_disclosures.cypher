// Once per customer, day, recipient and purpose. The index also reads one customer's.
CREATE CONSTRAINT disclosure_once IF NOT EXISTS FOR (n:Disclosure) REQUIRE (n.customer_id, n.day, n.recipient, n.purpose) IS UNIQUE;
// Retention deletes the oldest days.
CREATE INDEX disclosure_day IF NOT EXISTS FOR (n:Disclosure) ON (n.day);
