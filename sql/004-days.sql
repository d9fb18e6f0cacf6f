-- What a delivery tells beside the time in the game. `seen_at` is the signed time of the newest delivery: it differs from
-- `bm_signed_at` after a correction by hand. `bm_gained_seconds` is by how much the newest delivery's figure differs from
-- the one before it: the upsert alone sees both, and hands the difference on to the days by this column.
alter table playtimes
  add column org_seconds integer check (org_seconds >= 0),
  add column org_signed_at timestamptz,
  add column seen_at timestamptz,
  add column bm_gained_seconds integer;

-- Fills the column while the table is written once more: an update would leave a second, dead copy of each row.
alter table playtimes alter column seen_at type timestamptz using bm_signed_at;

-- How long each player played on each day, by the calendar of [HISTORY] TIME_ZONE. A day changes a few times, and then no
-- more: pages keep some room for that, since no index is on `seconds`.
create table playtime_days (
  steam_id bigint not null,
  game_id integer not null,
  day date not null,
  seconds integer not null check (seconds > 0),
  primary key (steam_id, game_id, day)
) with (fillfactor = 85);

-- Of one game everybody's days: the top list, and the oldest for the clean-up.
create index playtime_days_of_game on playtime_days (game_id, day);
