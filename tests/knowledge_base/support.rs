//! A database of one's own, rows to put into it, and PostgreSQL's own programs.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use compass::benchmark::{Evidence, TrafficProfile};
use compass::catalog::{Catalog, CatalogFiles};
use compass::knowledge_base::{
    ConnectionSettings, KnowledgeBase, KnowledgeBaseError, LoadFile, LoadOptions, LoadReport, load,
    migrate,
};
use compass_testbed::Postgres;
use compass_testbed::postgres::{Binaries, execute, table};
use serde_json::{Value, json};

pub static SERVER: LazyLock<Postgres> = LazyLock::new(|| Postgres::start().unwrap());

pub const PROFILE: TrafficProfile = TrafficProfile {
    prompt_tokens: 512,
    output_tokens: 256,
};

/// One database of the server.
pub struct Database {
    pub url: String,
}

impl Database {
    pub fn empty() -> Self {
        Self {
            url: SERVER.create_database("knowledge").unwrap(),
        }
    }

    pub async fn migrated() -> Self {
        let database = Self::empty();
        migrate(&database.url).await.unwrap();
        database
    }

    /// Leaves the table of the dump alone, as it is where Compass never was, and adds the dump's second
    /// table with its foreign key, a row for each benchmark.
    pub fn forget_compass(&self) {
        self.execute(
            "DROP TABLE benchmark_evidence, benchmark_changes, _sqlx_migrations;
             DROP FUNCTION compass_record_changes CASCADE;
             DROP FUNCTION compass_prune_changes;
             DROP INDEX exported_summaries_exact_match;
             CREATE TABLE scenario_summary_environment_loads (
                 scenario_summary_id uuid NOT NULL REFERENCES exported_summaries (id),
                 environment character varying, created_at timestamp(6) without time zone);
             INSERT INTO scenario_summary_environment_loads
                 SELECT id, 'production', '2026-01-01' FROM exported_summaries;",
        );
    }

    pub fn execute(&self, statements: &str) {
        execute(&self.url, statements).unwrap();
    }

    /// The rows of a query, without the names of its columns.
    pub fn query(&self, query: &str) -> Vec<Vec<String>> {
        table(&self.url, query).unwrap().split_off(1)
    }

    pub fn value(&self, query: &str) -> String {
        self.query(query).remove(0).remove(0)
    }

    /// Rows of both tables.
    pub fn counts(&self) -> [i64; 2] {
        ["exported_summaries", "benchmark_evidence"].map(|table| {
            self.value(&format!("SELECT count(*) FROM {table}"))
                .parse()
                .unwrap()
        })
    }

    /// Inserts a row by plain SQL, as nobody's load would.
    pub fn insert(&self, changes: Value) {
        let mut row = row(changes);
        let defaults = json!({
            "id": uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, row.to_string().as_bytes()),
            "created_at": row["jbenchmark_created_at"], "updated_at": row["jbenchmark_created_at"],
        });
        for (column, value) in defaults.as_object().unwrap() {
            row.as_object_mut()
                .unwrap()
                .entry(column.clone())
                .or_insert(value.clone());
        }
        self.execute(&format!(
            "INSERT INTO exported_summaries
             SELECT * FROM json_populate_record(NULL::exported_summaries, '{}')",
            row.to_string().replace('\'', "''")
        ));
    }

    pub fn knowledge_base(&self) -> KnowledgeBase {
        connect(&self.url)
    }

    pub async fn evidence(&self) -> Evidence {
        self.knowledge_base().evidence(PROFILE).await.unwrap()
    }

    /// Loads rows that differ from the sample row by `changes`, as one file of `source`.
    pub async fn try_load(
        &self,
        source: &str,
        changes: &[Value],
        options: LoadOptions,
    ) -> Result<LoadReport, KnowledgeBaseError> {
        let options = LoadOptions {
            source: Some(source.to_owned()),
            ..options
        };
        self.load_files(vec![load_file("test.json", file(changes))], &options)
            .await
    }

    pub async fn load_files(
        &self,
        files: Vec<LoadFile>,
        options: &LoadOptions,
    ) -> Result<LoadReport, KnowledgeBaseError> {
        load(&self.url, files, options, &catalog()).await
    }

    /// Fails where the file is refused.
    pub async fn load(&self, source: &str, changes: &[Value]) -> LoadReport {
        let report = self
            .try_load(source, changes, LoadOptions::default())
            .await
            .unwrap();
        assert_eq!(report.refused().count(), 0, "{report:?}");
        report
    }

    /// As `load`, and removes what the source brought before.
    pub async fn replace(&self, source: &str, changes: &[Value]) -> LoadReport {
        let options = LoadOptions {
            replace: true,
            ..LoadOptions::default()
        };
        self.try_load(source, changes, options).await.unwrap()
    }

    /// Why the file of these rows is refused.
    pub async fn refusal(&self, source: &str, changes: &[Value]) -> String {
        let report = self
            .try_load(source, changes, LoadOptions::default())
            .await
            .unwrap();
        report.files[0].refused.clone().expect("a refused file")
    }
}

/// A file with this content.
pub fn load_file(name: &str, content: impl Into<Vec<u8>>) -> LoadFile {
    let content = content.into();
    LoadFile {
        name: name.to_owned(),
        default_source: "file".to_owned(),
        open: Box::new(move || Ok(Box::new(std::io::Cursor::new(content)))),
    }
}

pub fn connect(url: &str) -> KnowledgeBase {
    let settings = ConnectionSettings {
        acquire_timeout: std::time::Duration::from_secs(2),
        ..ConnectionSettings::default()
    };
    KnowledgeBase::connect_lazy(url, &settings, catalog()).unwrap()
}

/// A catalog whose aliases the tests know.
pub fn catalog() -> Arc<Catalog> {
    static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
        let folder = compass_testbed::Scratch::create().unwrap();
        let path = folder.join("hardware.json");
        let gpu = |aliases: Value| {
            json!({"title": "GPU", "vendor": "nvidia", "memory_gib": 80, "form_factor": "SXM",
                "gpus_per_node": 8, "price": null, "node_labels": {}, "aliases": aliases})
        };
        let hardware = json!({
            "H100": gpu(json!(["NVIDIA-H100-80GB-HBM3"])),
            "A100-80": gpu(json!(["NVIDIA-A100-SXM4-80GB"])),
        });
        std::fs::write(&path, hardware.to_string()).unwrap();
        let files = CatalogFiles {
            hardware: Some(&path),
            ..CatalogFiles::default()
        };
        Arc::new(Catalog::load(&files).unwrap())
    });
    CATALOG.clone()
}

/// Compass JSON with one row for each of `changes`.
pub fn file(changes: &[Value]) -> String {
    let rows: Vec<_> = changes.iter().cloned().map(row).collect();
    format!(
        r#"{{"format": "compass.benchmarks/v1", "source": "lab", "benchmarks": {}}}"#,
        Value::from(rows)
    )
}

/// The sample row with `changes` made to it.
pub fn row(changes: Value) -> Value {
    let mut row = json!({
        "config_id": "qwen-1xH100", "model_hf_repo": "Qwen/Qwen3-32B", "type": "benchmark",
        "ttft_mean": 40.0, "ttft_p90": 45.0, "ttft_p95": 50.0, "ttft_p99": 60.0,
        "e2e_mean": 4000.0, "e2e_p90": 4500.0, "e2e_p95": 5000.0, "e2e_p99": 6000.0,
        "itl_mean": 10.0, "itl_p90": 11.0, "itl_p95": 12.0, "itl_p99": 13.0,
        "hardware": "H100", "hardware_count": 1, "framework": "vllm", "framework_version": "0.11.0",
        "requests_per_second": 2.5, "responses_per_second": 2.45, "tokens_per_second": 627.2,
        "mean_input_tokens": 512.3, "mean_output_tokens": 256.0,
        "jbenchmark_created_at": "2026-10-01T12:00:00",
        "prompt_tokens": 512, "output_tokens": 256,
    });
    let columns = row.as_object_mut().unwrap();
    columns.extend(changes.as_object().unwrap().clone());
    columns.retain(|_, value| !value.is_null());
    row
}

/// An id that is easy to read.
pub fn id(number: u8) -> String {
    format!("00000000-0000-0000-0000-0000000000{number:02x}")
}

/// One of PostgreSQL's client programs; a fetched server brings none.
pub fn client_program(name: &str) -> Option<PathBuf> {
    let beside_server = Binaries::find().unwrap().program(name);
    let on_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
        .map(|folder| folder.join(name));
    std::iter::once(beside_server)
        .chain(on_path)
        .find(|program| program.is_file())
}
