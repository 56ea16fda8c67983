import type { Guard } from "./guards.ts";

const STORE = "plugins/storage_scylla";
const LEASES = `${STORE}/leases_cluster_test.ts`;
const FAULTS = `${STORE}/feed_faults_cluster_test.ts`;
const TAKEOVER = `${STORE}/feed_takeover_cluster_test.ts`;
const SOURCE = `${STORE}/change_source_cluster_test.ts`;
const WRITES = `${STORE}/read_models_faults_cluster_test.ts`;
const LISTS = `${STORE}/index_rows_cluster_test.ts`;
const SHARED = "tests/cluster/shared_documents_cluster_test.ts";

const PARK = "        await inFlight(park, IN_FLIGHT, (each) => rows.put(subscription, each));\n";
const COMMIT = "        if (checkpoint !== null) await feed.commit(checkpoint);\n";

const INSERT_ROWS = "    await this.#rows.insert(key, each, lists);\n";
const DELETE_ROWS = "    await this.#rows.deleteOld(key, { before, after: document }, lists);\n";
const WRITE = `    const values = [BigInt(version), toCell(each, lists), toKey(key)];
    await this.#session.execute({ cql: this.#update, values });
`;
const WRITE_SHARED = `    const text = toKey(key);
    const read = before.version === 0 ? null : BigInt(before.version);
    const isWritten = await isApplied(this.#session, [
      { cql: this.#cql.update, values: [BigInt(version), toCell(each, lists), text, read] },
      ...[...shown].map(([stream, seq]) => ({ cql: this.#cql.show, values: [text, toText(stream), BigInt(seq)] })),
    ]);
`;
const READ_DOCUMENT = '      const stored = await this.reader.one(key, { consistency: "serial" });\n';
const READ_STREAMS = "      found.set(key, { ...stored, shown: await this.#readShown(key, streamsOf(key)) });\n";
const READ_STREAMS_FIRST = `      const shown = await this.#readShown(key, streamsOf(key));
${READ_DOCUMENT}      found.set(key, { ...stored, shown });
`;

/** Of the cluster store's leases, feed and read models. */
export const feedGuards: readonly Guard[] = [
  {
    promise: "a lease is taken in the epoch in which it stood still",
    file: `${STORE}/lease_row.ts`,
    find: "IF epoch = ? AND beat = ?",
    replace: "IF epoch >= ? AND beat = ?",
    test: LEASES,
    case: "are not taken by a request",
  },
  {
    promise: "a lease is renewed in the epoch in which its renewal was sent",
    file: `${STORE}/lease_row.ts`,
    find: "IF owner = ? AND epoch = ? AND beat = ?",
    replace: "IF owner = ? AND epoch >= ? AND beat = ?",
    test: LEASES,
    case: "are not renewed by a request",
  },
  {
    promise: "no lease outlives the sleep of a machine",
    file: `${STORE}/lease.ts`,
    find: "Math.max(monotonicMs - provenAt.monotonicMs, wallMs - provenAt.wallMs)",
    replace: "monotonicMs - provenAt.monotonicMs",
    test: LEASES,
    case: "the machine has slept",
  },
  {
    promise: "what began in an earlier epoch of a lease may not take effect in a later one",
    file: `${STORE}/leases.ts`,
    find: "lease.epoch === epoch && lease.isValid",
    replace: "lease.isValid",
    test: LEASES,
    case: "what began in an earlier epoch",
  },
  {
    promise: "no beat of a lease is sent twice",
    file: `${STORE}/lease.ts`,
    find: "const beat = this.#nextBeat(epoch);",
    replace: "const beat = held.beat + 1;",
    test: LEASES,
    case: "however many were sent after it",
  },
  {
    promise: "a lease is valid from when its renewal was sent, not answered",
    file: `${STORE}/lease.ts`,
    find: "held.provenAt = held.sent.get(beat) ?? held.provenAt;",
    replace: "held.provenAt = this.#moment();",
    test: LEASES,
    case: "from when they were renewed",
  },
  {
    promise: "a lease that was taken is valid from when that was sent",
    file: `${STORE}/lease.ts`,
    find: "this.#begin({ epoch, beat: 0, lowWater: seen.lowWater }, sentAt);",
    replace: "this.#begin({ epoch, beat: 0, lowWater: seen.lowWater }, this.#moment());",
    test: LEASES,
    case: "from when they were taken",
  },
  {
    promise: "a lease is taken only when it has stood for longer than it is valid",
    file: `${STORE}/lease.ts`,
    find: "this.standingMs >= this.#parts.times.takeAfterMs",
    replace: "this.standingMs >= this.#parts.times.renewEveryMs * 2",
    test: LEASES,
    case: "not while its leases are valid",
  },
  {
    promise: "others take over from a copy that was killed",
    file: `${STORE}/leases.ts`,
    find: "return [...within, ...left];",
    replace: "return [...within, ...left].filter((lease) => lease.isFree);",
    test: LEASES,
    case: "soon after one was killed",
  },
  {
    promise: "a lease keeps the low water of subscriptions that this release does not know",
    file: `${STORE}/lease.ts`,
    find: "lowWater: new Map(lowWater), sent",
    replace: "lowWater: new Map(), sent",
    test: LEASES,
    case: "keep the low water",
  },
  {
    promise: "an owner that was stopped beyond its lease has no effect when it resumes",
    file: `${STORE}/progress.ts`,
    find: "if (checkpoint !== null) feed.requireValid(checkpoint);",
    replace: "",
    test: TAKEOVER,
    case: "paused beyond its lease",
  },
  {
    promise: "a watermark never goes back",
    file: `${STORE}/feed/watermarks.ts`,
    find: "void await session.batch(batch)",
    replace: `void await session.batch(batch.map(({ cql, values }) => {
    return { cql: cql.replace(" USING TIMESTAMP ?", ""), values: values.slice(0, -1) };
  }))`,
    test: TAKEOVER,
    case: "move no watermark back",
  },
  {
    promise: "a watermark is moved after the effect is durable",
    file: `${STORE}/read_models.ts`,
    find: "const outcome = await answering(() => writeAll(",
    replace: "await progress.move(model.incarnation, update);\n      const outcome = await answering(() => writeAll(",
    test: SOURCE,
    case: "before a document is durable",
  },
  {
    promise: "an aggregate is parked before its watermark passes it by",
    file: `${STORE}/progress.ts`,
    find: PARK,
    replace: COMMIT + PARK,
    test: SOURCE,
    case: "before what is parked is durable",
  },
  {
    promise: "a copy whose lease ran out while it parked moves no watermark",
    file: `${STORE}/progress.ts`,
    find: "        check(update);\n        if (checkpoint",
    replace: "        if (checkpoint",
    test: TAKEOVER,
    case: "whose lease is over by then",
  },
  {
    promise: "a paused copy undoes nothing of what another has done about a parked aggregate",
    file: `${STORE}/parked_rows.ts`,
    find: "{ cql: UPDATE, values: [...values, before] }",
    replace: '{ cql: UPDATE.replace("IF revision = ?", "IF EXISTS"), values }',
    test: TAKEOVER,
    case: "that was paused before",
  },
  {
    promise: "an announced commit that does not come is made impossible, not only given up",
    file: `${STORE}/feed/settlement.ts`,
    find: "const [row] = await session.execute({ cql: FENCE, values });",
    replace: 'const row = { "[applied]": values.length > 0 };',
    test: FAULTS,
    case: "shuts out a commit",
  },
  {
    promise: "an announced commit is given up only if the fence was applied",
    file: `${STORE}/feed/settlement.ts`,
    find: 'return row?.["[applied]"] === true ? { is: "dead" } : undefined;',
    replace: 'return row === undefined ? undefined : { is: "dead" };',
    test: FAULTS,
    case: "in which it was to be shut out",
  },
  {
    promise: "a new subscription begins with the first event, not with the first one seen",
    file: `${STORE}/feed/page_maker.ts`,
    find: "found.get(key) ?? 0)",
    replace: "found.get(key) || (dirty.events[0]?.sequenceNumber ?? 1) - 1)",
    test: FAULTS,
    case: "whichever it hears of first",
  },
  {
    promise: "a checkpoint that is ahead of its time is not believed",
    file: `${STORE}/feed/slice_sweep.ts`,
    find: "Math.min(stored ?? held[0] ?? closed, closed)",
    replace: "(stored ?? held[0] ?? closed)",
    test: FAULTS,
    case: "the low water is in the future",
  },
  {
    promise: "a minute is passed only after it was read when nobody could add to it",
    file: `${STORE}/feed/slice_sweep.ts`,
    find: "const isClosing = reads === times.rereadAgesMs.length;",
    replace: "const isClosing = reads > 0;",
    test: FAULTS,
    case: "passes it only after the last",
  },
  {
    promise: "a sweep that was given up moves no low water",
    file: `${STORE}/feed/slice_sweep.ts`,
    find: "    signal.throwIfAborted();\n    if (isFar)",
    replace: "    if (isFar)",
    test: `${STORE}/feed/slice_sweep_test.ts`,
    case: "is not set back",
  },
  {
    promise: "a minute that stays open is told of, whichever run has read it",
    file: `${STORE}/feed/slice_sweep.ts`,
    find: "if (this.#stopping.signal.aborted) return;",
    replace: "if (signal.aborted) return;",
    test: `${STORE}/feed/slice_sweep_test.ts`,
    case: "cannot be settled",
  },
  {
    promise: "a run that was given up asks for no minutes",
    file: `${STORE}/feed/announced.ts`,
    find: "    signal.throwIfAborted();\n",
    replace: "",
    test: `${STORE}/feed/announced_test.ts`,
    case: "once nobody wants",
  },
  {
    promise: "a minute is done by what is durable, not by what was shown",
    file: `${STORE}/feed/slice_care.ts`,
    find: "positions?.get(streamKey(each))?.durable",
    replace: "positions?.get(streamKey(each))?.delivered",
    test: FAULTS,
    case: "has not made it durable",
  },
  {
    promise: "a minute is read again for what was announced by a clock that is behind",
    file: `${STORE}/feed/slice_sweep.ts`,
    find: "times.rereadAgesMs.filter((ageMs) =>",
    replace: "times.rereadAgesMs.slice(-1).filter((ageMs) =>",
    test: FAULTS,
    case: "in the minute's later reads",
  },
  {
    promise: "what is not announced any more is found by a scan",
    file: `${STORE}/feed/slice_care.ts`,
    find: "if (needsScan) await scan(slice, signal);",
    replace: "",
    test: FAULTS,
    case: "of before what is still announced",
  },
  {
    promise: "a scan that was given up shows nothing",
    file: `${STORE}/feed/slice_care.ts`,
    find: "        if (signal.aborted) return;\n        minute = ",
    replace: "        minute = ",
    test: `${STORE}/feed/slice_care_test.ts`,
    case: "before a scan has shown it",
  },
  {
    promise: "a look for what was missed that was given up is done again from where it began",
    file: `${STORE}/feed/slice_care.ts`,
    find: "    if (this.#lookedFrom !== undefined) this.miss(this.#lookedFrom);\n",
    replace: "",
    test: `${STORE}/feed/slice_care_test.ts`,
    case: "in its next run",
  },
  {
    promise: "a new subscription has a low water only when what its scan has found is durable",
    file: `${STORE}/feed/scans.ts`,
    find: "      await feed.whenDurable(signal);\n",
    replace: "",
    test: FAULTS,
    case: "before all that its scan has found is durable",
  },
  {
    promise: "a scan that is asked for as another one ends is begun",
    file: `${STORE}/feed/scans.ts`,
    find: "    this.#running = undefined;\n  }\n",
    replace: "  }\n",
    test: `${STORE}/feed/scans_test.ts`,
  },
  {
    promise: "a checkpoint that is missing is made anew by a scan",
    file: `${STORE}/feed/slice_care.ts`,
    find: "const stored = leases.lowWater(this.tenure.slice, feed.name);",
    replace: "const stored = leases.lowWater(this.tenure.slice, feed.name) ?? settled;",
    test: FAULTS,
    case: "nothing of it is announced any more",
  },
  {
    promise: "a checkpoint older than what is kept of announcements is made anew by a scan",
    file: `${STORE}/feed/times.ts`,
    find: "scanBeyondMs: 6 * 24 * 3_600_000",
    replace: "scanBeyondMs: 8 * 24 * 3_600_000",
    test: FAULTS,
    case: "of before what is still announced",
  },
  {
    promise: "what a subscription had no room for is found again",
    file: `${STORE}/feed/subscription_feed.ts`,
    find: "else this.#parts.onMissed(dirty.slice, minuteOf(dirty.atMs) - 1);",
    replace: "",
    test: FAULTS,
    case: "by itself",
  },
  {
    promise: "a document's index rows are there before it",
    file: `${STORE}/one_stream_documents.ts`,
    find: INSERT_ROWS + WRITE,
    replace: WRITE + INSERT_ROWS,
    test: WRITES,
    case: "of one in its list",
  },
  {
    promise: "a document's old index rows are there until it is written",
    file: `${STORE}/one_stream_documents.ts`,
    find: INSERT_ROWS,
    replace: INSERT_ROWS + DELETE_ROWS,
    test: WRITES,
    case: "of one in its list",
  },
  {
    promise: "a shared document's index rows are there before it",
    file: `${STORE}/many_streams_documents.ts`,
    find: INSERT_ROWS + WRITE_SHARED,
    replace: WRITE_SHARED + INSERT_ROWS,
    test: WRITES,
    case: "of many in its list",
  },
  {
    promise: "a shared document's old index rows are there until it is written",
    file: `${STORE}/many_streams_documents.ts`,
    find: INSERT_ROWS,
    replace: INSERT_ROWS + DELETE_ROWS,
    test: WRITES,
    case: "of many in its list",
  },
  {
    promise: "a late write of a document changes nothing",
    file: `${STORE}/one_stream_documents.ts`,
    find: "const values = [BigInt(version), ",
    replace: "const values = [BigInt(Date.now()) * 1000n, ",
    test: WRITES,
    case: "changes nothing",
  },
  {
    promise: "a late deletion of an index row takes none that is newer",
    file: `${STORE}/index_rows.ts`,
    find: "values: [BigInt(version), list, value, shardOf(text), sort, text]",
    replace: "values: [BigInt(Date.now()) * 1000n, list, value, shardOf(text), sort, text]",
    test: WRITES,
    case: "changes nothing",
  },
  {
    promise: "an index row is written with the version that it is of, and so can be deleted",
    file: `${STORE}/index_rows.ts`,
    find: "shardOf(text), sort, text, BigInt(version)]",
    replace: "shardOf(text), sort, text, BigInt(Date.now()) * 1000n]",
    test: LISTS,
    case: "is clean then",
  },
  {
    promise: "a shared document is read before its streams",
    file: `${STORE}/many_streams_documents.ts`,
    find: READ_DOCUMENT + READ_STREAMS,
    replace: READ_STREAMS_FIRST,
    test: SHARED,
    case: "dice",
  },
  {
    promise: "a shared document is written over the one it was made from",
    file: `${STORE}/many_streams_documents.ts`,
    find: 'return row?.["[applied]"] === true;',
    replace: "return row !== undefined;",
    test: SHARED,
    case: "dice 1",
  },
  {
    promise: "a list can be read however often documents have moved in it",
    file: `${STORE}/index_rows.ts`,
    find: "AND gc_grace_seconds = 0`",
    replace: "`",
    test: LISTS,
    case: "has moved in it and out of it",
  },
];
