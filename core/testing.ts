/** What tests import, as `annals/testing`. */
export { SpecificationError } from "./testing/comparison.ts";
export { http, type HttpSpecification } from "./testing/http.ts";
export { type ProjectionSpecification } from "./testing/projection.ts";
export { type CommandOf, type EventOf, type Specification, specification } from "./testing/specification.ts";
export { type VirtualRuntime, virtualRuntime } from "./testing/virtual_runtime.ts";
