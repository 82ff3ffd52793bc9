import { expect, test } from 'vitest';
import { identityOfCertificate } from './certificates.ts';

test('the role of an agent is in the SPIFFE id of its certificate', () => {
  expect(identityOfCertificate('DNS:cerebrum.internal, URI:spiffe://persona/agent/cerebrum')).toEqual({
    name: 'agent:cerebrum',
    grants: new Set(['cerebrum']),
  });
});

test.each([
  undefined,
  '',
  'DNS:cerebrum',
  'URI:spiffe://persona/agent/admin',
  'URI:spiffe://persona/agent/self',
  'URI:spiffe://other/agent/ops',
  'URI:spiffe://persona/agent/ops/more',
  'URI:spiffe://persona/agent/cerebrum, URI:spiffe://persona/agent/ops',
  'DNS:"a, URI:spiffe://persona/agent/ops"',
  'DNS:"a, URI:spiffe://persona/agent/ops, b"',
])('a certificate with the names %s is refused', (names) => {
  expect(() => identityOfCertificate(names)).toThrow('the client certificate must have one URI');
});
