-- What Compass keeps beside a row of exported_summaries: what makes the row safe to use.
--
-- No foreign key, view or trigger ties it to exported_summaries, so that `pg_restore --clean` can
-- drop and recreate that table; rows of both meet by id. A row of exported_summaries without one
-- here was brought by plain SQL; a row here whose partner is gone says nothing.
CREATE TABLE benchmark_evidence (
    id uuid CONSTRAINT benchmark_evidence_pkey PRIMARY KEY,
    kind text NOT NULL
        CONSTRAINT benchmark_evidence_kind_known
        CHECK (kind IN ('measured', 'simulated', 'estimated')),
    -- Who brought the row. A load replaces the rows of its own source only.
    source text NOT NULL
        CONSTRAINT benchmark_evidence_source_named CHECK (btrim(source) <> ''),
    -- SHA-256 of what was loaded: tells an unchanged row from a changed one.
    content_digest bytea NOT NULL
        CONSTRAINT benchmark_evidence_content_digest_sha256 CHECK (octet_length(content_digest) = 32),
    -- From here on, null means that the source does not say.
    arrival_process text
        CONSTRAINT benchmark_evidence_arrival_process_known
        CHECK (arrival_process IN ('poisson', 'constant', 'closed_loop', 'throughput', 'trace')),
    requests_completed bigint
        CONSTRAINT benchmark_evidence_requests_completed_not_negative CHECK (requests_completed >= 0),
    requests_failed bigint
        CONSTRAINT benchmark_evidence_requests_failed_not_negative CHECK (requests_failed >= 0),
    requests_incomplete bigint
        CONSTRAINT benchmark_evidence_requests_incomplete_not_negative CHECK (requests_incomplete >= 0),
    duration_s double precision
        CONSTRAINT benchmark_evidence_duration_s_finite
        CHECK (duration_s >= 0 AND duration_s < 'Infinity'),
    -- The mean gap of each request is not the gap of each token: p95s of the two do not compare.
    itl_definition text
        CONSTRAINT benchmark_evidence_itl_definition_known
        CHECK (itl_definition IN ('request_mean', 'token_gap')),
    weight_dtype text,
    kv_cache_dtype text,
    prefix_sharing double precision
        CONSTRAINT benchmark_evidence_prefix_sharing_is_share CHECK (prefix_sharing BETWEEN 0 AND 1),
    max_num_seqs integer
        CONSTRAINT benchmark_evidence_max_num_seqs_positive CHECK (max_num_seqs > 0),
    max_num_batched_tokens integer
        CONSTRAINT benchmark_evidence_max_num_batched_tokens_positive CHECK (max_num_batched_tokens > 0),
    args_digest text,
    gpu_form_factor text,
    client text,
    client_version text,
    validation_class text
        CONSTRAINT benchmark_evidence_validation_class_known
        CHECK (validation_class IN ('anchored', 'weak', 'none')),
    -- True: the row may end a capacity and never back a recommendation.
    bounds_only boolean NOT NULL DEFAULT false,
    -- False: jbenchmark_created_at is the time of the load, because no date was recorded.
    date_known boolean NOT NULL DEFAULT true,
    provenance jsonb,
    loaded_at timestamptz NOT NULL DEFAULT now()
);

-- A load finds what its source brought before.
CREATE INDEX benchmark_evidence_source ON benchmark_evidence (source);
