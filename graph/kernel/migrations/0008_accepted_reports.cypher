// Messages that an edge has accepted and no transaction has recorded yet. One event's id may stand for reports of
// different kinds: an agent may pass a webhook's id on as its own.
CREATE CONSTRAINT accepted_report_event IF NOT EXISTS FOR (n:AcceptedReport) REQUIRE (n.kind, n.event_id) IS UNIQUE;
// The sweep sends again what is older than a minute.
CREATE INDEX accepted_report_at IF NOT EXISTS FOR (n:AcceptedReport) ON (n.at);
