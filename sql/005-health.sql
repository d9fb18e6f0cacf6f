-- After how many hours without a delivery a connection is late; null: never. Whether it is paused: signatures are checked,
-- and what was sent is dropped.
alter table connections
  add column expect_hours integer default 24 check (expect_hours between 1 and 8760),
  add column is_paused boolean not null default false;
update connections set expect_hours = null where kind = 'script';

-- How many requests of a connection were refused since the last one that was taken; `has_taken`: whether one was taken in
-- what was written last.
create table refused_in_a_row (
  kind text not null,
  path text not null,
  count bigint not null,
  has_taken boolean not null,
  primary key (kind, path)
) with (fillfactor = 50);

-- What was told to the operator, by cause and connection ('kind/path', or '' for the service itself). Whoever makes or ends
-- the row tells it, so that of several services on one database only one does.
create table alerts (
  cause text not null,
  connection text not null,
  began_at timestamptz not null default now(),
  -- Of a cause that each service sees for itself: when one saw it last.
  seen_at timestamptz not null default now(),
  over_at timestamptz,
  primary key (cause, connection)
) with (fillfactor = 50);

-- What is to be sent, and what was. No address and no token is in it.
create table alert_messages (
  id bigint primary key generated always as identity,
  at timestamptz not null default now(),
  channel text not null,
  cause text not null,
  connection text not null,
  is_over boolean not null,
  text text not null,
  tries integer not null default 0,
  -- Null: it was sent, or given up.
  next_try_at timestamptz default now(),
  sent_at timestamptz,
  problem text
);
create index on alert_messages (next_try_at) where next_try_at is not null;
