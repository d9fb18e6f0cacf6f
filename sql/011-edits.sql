-- Times that an operator set by hand. One counts as such while the time in playtimes has the same moment; what Steam or
-- BattleMetrics tells later has another.
create table edits (
  steam_id bigint not null,
  game_id integer not null,
  of text not null check (of in ('steam', 'battlemetrics')),
  at timestamptz not null,
  primary key (steam_id, game_id, of)
);
