import { readFileSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';

const DESCRIPTORS = new URL('../../proto/gen/descriptors.binpb', import.meta.url);

/**
 * Serves our proto files to clients by reflection (v1 and v1alpha). The library gets the compiler's descriptors, because
 * those that it derives from a package lose timestamps and maps (grpc-node#2958).
 *
 * @param services full names of the services to list
 */
export function addReflection(server: Server, services: string[]): void {
  const set = fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS));
  const fileDescriptorProtos = set.file.map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file)));
  const definition = { all: { fileDescriptorProtos } } as unknown as ConstructorParameters<
    typeof ReflectionService
  >[0];
  new ReflectionService(definition, { services }).addToServer(server);
}
