-- Each incarnation of a read model has a table of documents of its own, made when it is prepared.
create table read_models (
  incarnation text primary key,
  indexes text not null
) strict, without rowid;

-- The event id at the position tells whether the events are still those the documents were made from.
create table progress (
  subscription text primary key,
  position integer,
  event_id text,
  revision integer not null
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
