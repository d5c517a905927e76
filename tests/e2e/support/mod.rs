//! What the tests stand on.

mod account;
mod audit;
mod benchmarks;
mod cluster;
mod examples;
#[path = "../../shared/http.rs"]
pub mod http;
mod namespace;
mod operator;
mod prometheus;
#[path = "../../shared/run.rs"]
mod run;
#[path = "../../shared/cluster.rs"]
mod shared;

pub use account::{chart_account, chart_account_of};
pub use audit::{grant, writes_of};
pub use benchmarks::{Row, empty_knowledge_base};
pub use cluster::{
    CLUSTER, Cluster, ONE_OF_EACH, apply, client, compass, install_crd, load_knowledge_base,
    person_runs,
};
pub use examples::examples;
pub use namespace::{Namespace, condition, intent_yaml};
pub use operator::{Operator, OperatorOptions};
pub use prometheus::Prometheus;
pub use run::row;
pub use shared::eventually;
