/** Compares the headers of responses with those that the OpenAPI document names. */

type Headers = Record<string, { required?: boolean }>;

/** The part of an OpenAPI document that says what is sent. */
export interface DocumentedResponses {
  paths: Record<string, Record<string, { responses: Record<string, { headers?: Headers }> }>>;
}

/** HTTP's own, and those that protect the documentation's page. */
const UNDOCUMENTED =
  /^(connection|content-(length|type|security-policy)|cross-origin-.*|date|keep-alive|origin-agent-cluster|referrer-policy|strict-transport-security|transfer-encoding|x-(content-type-options|dns-prefetch-control|download-options|frame-options|permitted-cross-domain-policies|xss-protection))$/;

/** @param route as in an example: `GET /healthz` @returns what is sent but not documented, or missing; if none, empty */
export function wrongHeaders(
  document: DocumentedResponses,
  route: string,
  { status, headers }: Pick<Response, 'status' | 'headers'>,
): string[] {
  const [verb = '', path = ''] = route.split(' ');
  const response = document.paths[path]?.[verb.toLowerCase()]?.responses[status];
  if (response === undefined) return [`${route}: ${status} is not documented`];
  const documented = new Map(
    Object.entries(response.headers ?? {}).map(([name, { required = false }]) => [
      name.toLowerCase(),
      required,
    ]),
  );
  const unknown = [...headers.keys()].filter((name) => !UNDOCUMENTED.test(name) && !documented.has(name));
  const missing = [...documented].filter(([name, required]) => required && !headers.has(name));
  return [
    ...unknown.map((name) => `${route}: ${status} sends ${name}, which is not documented`),
    ...missing.map(([name]) => `${route}: ${status} lacks ${name}`),
  ];
}
