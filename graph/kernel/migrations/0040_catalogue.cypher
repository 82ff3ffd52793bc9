// The catalogue of agents' personas: each has its own stream, whose id is its name; a configuration's is its key.
CREATE CONSTRAINT agent_persona_name IF NOT EXISTS FOR (n:AgentPersona) REQUIRE n.name IS UNIQUE;
CREATE CONSTRAINT persona_configuration_key IF NOT EXISTS FOR (n:PersonaConfiguration) REQUIRE n.key IS UNIQUE;
// API processes ask for the sum of versions, which grows with each change.
CREATE INDEX agent_persona_version IF NOT EXISTS FOR (n:AgentPersona) ON (n.version);
CREATE INDEX persona_metric_series IF NOT EXISTS FOR (n:PersonaMetric) ON (n.persona, n.name, n.at);
CREATE INDEX persona_metric_age IF NOT EXISTS FOR (n:PersonaMetric) ON (n.at);
