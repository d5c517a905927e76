-- What a restored dump may bring, replace or drop: run by every `compass migrate`, after the
-- numbered migrations, so each statement must be repeatable. The file has no number because a
-- `pg_restore --clean` undoes it behind the numbered migrations' back.
--
-- The columns, their order, types and nullability are those of the dump that users hold: it is
-- restored before or after a migration, and nothing of Compass's own may be added here.
CREATE TABLE IF NOT EXISTS exported_summaries (
    id uuid NOT NULL CONSTRAINT exported_summaries_pkey PRIMARY KEY,
    config_id text NOT NULL,
    model_hf_repo text NOT NULL,
    provider text,
    type text NOT NULL,
    ttft_mean double precision NOT NULL,
    ttft_p90 double precision NOT NULL,
    ttft_p95 double precision NOT NULL,
    ttft_p99 double precision NOT NULL,
    e2e_mean double precision NOT NULL,
    e2e_p90 double precision NOT NULL,
    e2e_p95 double precision NOT NULL,
    e2e_p99 double precision NOT NULL,
    itl_mean double precision,
    itl_p90 double precision,
    itl_p95 double precision,
    itl_p99 double precision,
    tps_mean double precision,
    tps_p90 double precision,
    tps_p95 double precision,
    tps_p99 double precision,
    hardware text,
    hardware_count integer,
    framework text,
    requests_per_second double precision NOT NULL,
    responses_per_second double precision,
    tokens_per_second double precision NOT NULL,
    mean_input_tokens double precision NOT NULL,
    mean_output_tokens double precision NOT NULL,
    huggingface_prompt_dataset text,
    jbenchmark_created_at timestamp without time zone NOT NULL,
    entrypoint text,
    docker_image text,
    framework_version text,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    loaded_at timestamp without time zone,
    prompt_tokens integer,
    prompt_tokens_stdev integer,
    prompt_tokens_min integer,
    prompt_tokens_max integer,
    output_tokens integer,
    output_tokens_min integer,
    output_tokens_max integer,
    output_tokens_stdev integer,
    profiler_type text,
    profiler_image text,
    profiler_tag text
);

-- One index answers three questions: the rows of a profile and the profiles there are, by its
-- first two columns, and the exact match of one configuration, by all five.
CREATE INDEX IF NOT EXISTS exported_summaries_exact_match ON exported_summaries
    (prompt_tokens, output_tokens, lower(model_hf_repo), hardware, hardware_count);

-- Whoever changes a benchmark, also one that writes as a replica does, has it recorded: see
-- 0003_benchmark_changes.sql.
DO $$
DECLARE
    watched regclass;
    event text;
    tables text;
    arguments text;
BEGIN
    FOR watched, event, tables, arguments IN
        SELECT relation, name, clause, list
        FROM unnest(ARRAY['exported_summaries', 'benchmark_evidence']::regclass[]) AS relation,
             (VALUES ('insert', 'REFERENCING NEW TABLE AS changed', '''changed'''),
                     ('update', 'REFERENCING OLD TABLE AS before NEW TABLE AS changed', '''before'', ''changed'''),
                     ('delete', 'REFERENCING OLD TABLE AS changed', '''changed'''),
                     ('truncate', '', '')) AS events (name, clause, list)
        WHERE NOT EXISTS (SELECT FROM pg_trigger
                          WHERE tgrelid = relation AND tgname = 'compass_' || name AND tgenabled = 'A')
    LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', 'compass_' || event, watched);
        EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION compass_record_changes(%s)',
                       'compass_' || event, event, watched, tables, arguments);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', watched, 'compass_' || event);
    END LOOP;
END $$;
