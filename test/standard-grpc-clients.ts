/** Clients of gRPC's own services, which Persona serves through libraries, made from their proto files. */

import { fileURLToPath } from 'node:url';
import { loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const PROTO = fileURLToPath(new URL('../proto/grpc/', import.meta.url));

/** Its statuses are `SERVING`, `NOT_SERVING`, …. */
export const HealthClient = clientOf('health/v1/health.proto', 'Health');
export const ReflectionV1 = clientOf('reflection/v1/reflection.proto', 'ServerReflection');
export const ReflectionV1Alpha = clientOf('reflection/v1alpha/reflection.proto', 'ServerReflection');

/** @param file `<package>/<version>/<name>.proto` below the package `grpc` */
function clientOf(file: string, service: string): ServiceClientConstructor {
  const loaded = loadPackageDefinition(
    loadSync(`${PROTO}${file}`, { keepCase: true, enums: String, oneofs: true }),
  );
  const path = ['grpc', ...file.split('/').slice(0, -1), service];
  return path.reduce<any>((found, name) => found[name], loaded);
}
