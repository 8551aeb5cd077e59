-- Makes the current database as empty as a new one: ends the sessions of
-- others, waits until they are gone, and drops all schemas.
do $$
declare
	name text;
begin
	loop
		perform pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and pid <> pg_backend_pid();
		exit when not found;
		perform pg_sleep(0.001);
		perform pg_stat_clear_snapshot();
	end loop;
	for name in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
		execute format('drop schema %I cascade', name);
	end loop;
	create schema public;
	grant usage on schema public to public;
	execute format('alter database %I reset all', current_database());
end $$
