-- What an operator asks of a dead letter: the kind of its event, whether its tries are used up, and which request was
-- last carried out on it.
alter table parked add column event_type text not null default '';
alter table parked add column given_up integer not null default 0;
alter table parked add column request integer not null default 0;
