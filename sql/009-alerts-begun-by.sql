-- Which look of which service noted the beginning: only that one makes the messages.
alter table alerts add column begun_by uuid;
