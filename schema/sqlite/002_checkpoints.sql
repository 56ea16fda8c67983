-- How far the subscriptions have come whose effects are outside: with the events, so that whoever deletes the views
-- has nothing done again outside.
create table progress (
  subscription text primary key,
  position integer
) strict, without rowid;

create table parked (
  subscription text not null,
  aggregate_type text not null,
  aggregate_id text not null,
  parked_from integer not null,
  parked_through integer not null,
  attempts integer not null,
  error text not null,
  first_failed_at text not null,
  last_failed_at text not null,
  primary key (subscription, aggregate_type, aggregate_id)
) strict, without rowid;
