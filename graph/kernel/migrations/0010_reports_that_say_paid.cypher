// A claim asks whether an accepted report says that its obligation is paid.
CREATE INDEX accepted_report_payment IF NOT EXISTS FOR (n:AcceptedReport) ON (n.payment_id);
