-- Each service that runs on this database, and the number of the last notes that it wrote: notes that are written a second
-- time, since the answer to the first was lost, change nothing.
create table replicas (
  id uuid primary key,
  notes bigint not null,
  seen_at timestamptz not null
) with (fillfactor = 50);

-- What only one of these services does at a time: who did it last, and when.
create table turns (
  name text primary key,
  place text not null,
  at timestamptz not null
);

-- The hours of one connection. No count is in it, so that its update stays heap-only.
create index on hourly_counts (kind, path, hour);
