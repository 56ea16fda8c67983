-- One row per event. The position is the order of commits: it has no gaps, and the change source counts by it.
create table events (
  position integer primary key,
  aggregate_type text not null,
  aggregate_id text not null,
  sequence_number integer not null,
  event_id text not null,
  event_type text not null,
  event_version integer not null,
  event_data text not null,
  command_id text,
  command_hash text,
  causation_id text,
  correlation_id text,
  user_id text,
  timestamp text not null,
  metadata text
) strict;

create unique index events_by_stream on events (aggregate_type, aggregate_id, sequence_number);

create table snapshots (
  aggregate_type text not null,
  aggregate_id text not null,
  version integer not null,
  event_id text not null,
  fingerprint text not null,
  content text not null,
  primary key (aggregate_type, aggregate_id)
) strict, without rowid;
