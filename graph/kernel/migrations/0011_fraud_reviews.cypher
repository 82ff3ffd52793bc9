// Suspicions that await a person, the oldest first, one page after the other.
CREATE INDEX fraud_case_review IF NOT EXISTS FOR (n:FraudCase) ON (n.state, n.review_since, n.case_id);
// Customers who are still to hear that they were suspended: the sweep looks for them.
CREATE INDEX fraud_case_notice_due IF NOT EXISTS FOR (n:FraudCase) ON (n.notice_due);
