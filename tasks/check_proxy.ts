import { runShell, takeDebianPackage } from "./debian_package.ts";

/** Runs the tests of `deploy/proxy` in front of a real nginx. */
const nginx = `${await takeDebianPackage("nginx")}/usr/sbin/nginx`;
await runShell('NGINX="$0" exec deno task test tests/service/proxy_test.ts', nginx);
