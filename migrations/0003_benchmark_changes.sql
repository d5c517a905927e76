-- Which benchmarks changed, and in which transaction: what a reader holds in memory stays true until
-- a change that its snapshot had not seen. Written by triggers, so whoever changes a row, and by
-- whatever tool, is followed.
--
-- A sequence or a counter would not do: it can be read before the change it counts is committed.
-- A reader keeps `pg_current_snapshot()` instead, and asks for the changes that are not visible in
-- it; a transaction that was open then, and commits later, is among them.
CREATE TABLE benchmark_changes (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- No profile: anything may have changed. No model: any configuration of the profile.
    prompt_tokens integer,
    output_tokens integer,
    -- In lower case, as names compare.
    model text,
    -- As the row spells it, which may be an alias.
    hardware text,
    hardware_count integer,
    -- Stands for changes up to xid that are no longer listed: whoever may not have seen one of
    -- them, has to read everything.
    pruned boolean NOT NULL DEFAULT false
);

CREATE INDEX benchmark_changes_xid ON benchmark_changes (xid);

-- Changes older than an hour give way to one row. Only those before the oldest transaction that
-- still runs: then no reader of now is told to read everything.
CREATE FUNCTION compass_prune_changes() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    horizon constant timestamptz := clock_timestamp() - interval '1 hour';
    oldest_running constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
BEGIN
    -- Under a stricter isolation, rows that somebody else has pruned would fail the writer.
    IF current_setting('transaction_isolation') <> 'read committed'
        OR coalesce((SELECT recorded_at >= horizon OR xid >= oldest_running
                     FROM benchmark_changes WHERE NOT pruned ORDER BY xid LIMIT 1), true)
        OR NOT pg_try_advisory_xact_lock(hashtext('compass_prune_changes')) THEN
        RETURN;
    END IF;
    WITH gone AS (
        DELETE FROM benchmark_changes
        WHERE xid < oldest_running AND recorded_at < horizon
        RETURNING xid
    )
    INSERT INTO benchmark_changes (xid, pruned)
    SELECT xid, true FROM gone ORDER BY xid DESC LIMIT 1;
END $$;

-- The function of all triggers; its arguments are the transition tables, none for a TRUNCATE. It
-- runs as its owner: who may change a benchmark needs no right to this table.
CREATE FUNCTION compass_record_changes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    touched text;
    recorded bigint;
BEGIN
    IF TG_RELID = 'benchmark_evidence'::regclass THEN
        -- A load changes the summary of every row whose evidence it changes.
        IF current_setting('compass.loading', true) = 'on' THEN
            RETURN NULL;
        END IF;
        touched := 'SELECT summary.* FROM %I JOIN exported_summaries AS summary USING (id)';
    ELSE
        touched := 'SELECT * FROM %I';
    END IF;
    IF TG_NARGS = 0 THEN
        INSERT INTO benchmark_changes DEFAULT VALUES;
    ELSE
        SELECT string_agg(format(touched, name), ' UNION ALL ') INTO touched
        FROM unnest(TG_ARGV) AS name;
        -- More than 500 configurations of a profile are recorded as the profile.
        EXECUTE format(
            'INSERT INTO benchmark_changes (prompt_tokens, output_tokens, model, hardware, hardware_count)
             SELECT DISTINCT prompt_tokens, output_tokens, CASE WHEN few THEN model END,
                    CASE WHEN few THEN hardware END, CASE WHEN few THEN hardware_count END
             FROM (SELECT *, count(*) OVER (PARTITION BY prompt_tokens, output_tokens) <= 500 AS few
                   FROM (SELECT DISTINCT prompt_tokens, output_tokens, lower(model_hf_repo) AS model,
                                hardware, hardware_count
                         FROM (%s) AS touched
                         WHERE prompt_tokens IS NOT NULL AND output_tokens IS NOT NULL
                           AND hardware IS NOT NULL AND hardware_count > 0) AS configurations) AS counted',
            touched);
    END IF;
    GET DIAGNOSTICS recorded = ROW_COUNT;
    IF recorded > 0 THEN
        PERFORM pg_notify('compass_benchmarks', '');
        PERFORM compass_prune_changes();
    END IF;
    RETURN NULL;
END $$;

-- pg_restore, and anybody, may write with another search_path.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION compass_prune_changes SET search_path = pg_catalog, %I, pg_temp',
                   current_schema());
    EXECUTE format('ALTER FUNCTION compass_record_changes SET search_path = pg_catalog, %I, pg_temp',
                   current_schema());
END $$;

REVOKE EXECUTE ON FUNCTION compass_prune_changes, compass_record_changes FROM PUBLIC;
