-- More of what makes a row safe to use. Null means that the source does not say.
ALTER TABLE benchmark_evidence
    -- What the client was told to offer; a short run offers a little more or less.
    ADD COLUMN nominal_rps double precision
        CONSTRAINT benchmark_evidence_nominal_rps_finite
        CHECK (nominal_rps >= 0 AND nominal_rps < 'Infinity'),
    ADD COLUMN served_output_tokens_stdev double precision
        CONSTRAINT benchmark_evidence_served_output_tokens_stdev_finite
        CHECK (served_output_tokens_stdev >= 0 AND served_output_tokens_stdev < 'Infinity'),
    ADD COLUMN tensor_parallel_size integer
        CONSTRAINT benchmark_evidence_tensor_parallel_size_positive CHECK (tensor_parallel_size > 0),
    ADD COLUMN pipeline_parallel_size integer
        CONSTRAINT benchmark_evidence_pipeline_parallel_size_positive CHECK (pipeline_parallel_size > 0),
    ADD COLUMN data_parallel_size integer
        CONSTRAINT benchmark_evidence_data_parallel_size_positive CHECK (data_parallel_size > 0),
    ADD COLUMN expert_parallel_size integer
        CONSTRAINT benchmark_evidence_expert_parallel_size_positive CHECK (expert_parallel_size > 0),
    ADD COLUMN speculative_decoding text,
    ADD COLUMN image_digest text,
    ADD COLUMN run_id text;
