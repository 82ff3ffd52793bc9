// The erasure of a customer: the customer's id is on it only while it runs, and a customer has one at a time.
CREATE CONSTRAINT erasure_id IF NOT EXISTS FOR (n:Erasure) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT erasure_customer IF NOT EXISTS FOR (n:Erasure) REQUIRE n.customer_id IS UNIQUE;
// Those that run, one page after the other.
CREATE INDEX erasure_state IF NOT EXISTS FOR (n:Erasure) ON (n.state, n.id);
// The hashes of erased ids, by which a late message is recognised.
CREATE CONSTRAINT erased_id_hash IF NOT EXISTS FOR (n:ErasedId) REQUIRE n.hash IS UNIQUE;
// How far the erasure journal was applied to this graph.
CREATE CONSTRAINT erasure_journal_id IF NOT EXISTS FOR (n:ErasureJournal) REQUIRE n.id IS UNIQUE;
// What is stored about a customer apart from the log.
CREATE INDEX command_receipt_stream IF NOT EXISTS FOR (n:CommandReceipt) ON (n.stream_id);
CREATE INDEX accepted_report_customer IF NOT EXISTS FOR (n:AcceptedReport) ON (n.customer_id);
