//! GPUs: memory, price, the node labels that select them and the names that files use for them.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::file::{CatalogError, CatalogFile};
use crate::benchmark::HardwareName;

/// Who makes the GPU; decides the resource that a pod asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// `nvidia.com/gpu`.
    Nvidia,
    /// `amd.com/gpu`.
    Amd,
}

impl Vendor {
    /// The extended resource that counts the vendor's GPUs.
    pub const fn resource_name(self) -> &'static str {
        match self {
            Self::Nvidia => "nvidia.com/gpu",
            Self::Amd => "amd.com/gpu",
        }
    }
}

/// A price with its date and source: a default, to be replaced by one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// US dollars for one GPU for one hour, at most six decimals.
    #[serde(with = "rust_decimal::serde::str")]
    pub usd_per_gpu_hour: Decimal,
    /// When the price was read.
    pub date: Date,
    /// Where.
    pub source: String,
}

/// One GPU.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hardware {
    /// Title for people.
    pub title: String,
    /// Who makes it.
    pub vendor: Vendor,
    /// Memory of one GPU, GiB.
    pub memory_gib: u32,
    /// SXM, PCIe, ...: evidence for one form factor does not hold for another.
    pub form_factor: String,
    /// GPUs of a usual node, where there is one.
    pub gpus_per_node: Option<u32>,
    /// `None`: unknown, which is never the same as free (R7).
    pub price: Option<Price>,
    /// Node labels and the values under which clusters know the GPU; one match of any is enough.
    pub node_labels: BTreeMap<String, Vec<String>>,
    /// Other names in benchmark files; compared without case.
    pub aliases: Vec<String>,
}

/// Hardware by canonical name; no alias stands for two.
pub(super) fn parse(file: &CatalogFile) -> Result<BTreeMap<HardwareName, Hardware>, CatalogError> {
    let hardware: BTreeMap<HardwareName, Hardware> = file.parse_map()?;
    let mut owners: HashMap<String, &HardwareName> = HashMap::new();
    for (name, entry) in &hardware {
        if let Some(price) = &entry.price
            && (price.usd_per_gpu_hour <= Decimal::ZERO
                || price.usd_per_gpu_hour > Decimal::from(1_000_000)
                || price.usd_per_gpu_hour.normalize().scale() > 6)
        {
            return Err(file.invalid(
                &[name.as_str(), "price", "usd_per_gpu_hour"],
                "a price is more than 0, at most 1,000,000 and has at most six decimals; use null where it is unknown",
            ));
        }
        if entry.memory_gib == 0 || entry.gpus_per_node == Some(0) {
            return Err(file.invalid(
                &[name.as_str()],
                "memory_gib and gpus_per_node are more than 0",
            ));
        }
        if entry.node_labels.values().any(Vec::is_empty) {
            return Err(file.invalid(&[name.as_str(), "node_labels"], "a label needs a value"));
        }
        for known_as in
            std::iter::once(name.as_str()).chain(entry.aliases.iter().map(String::as_str))
        {
            let owner = owners.entry(known_as.to_lowercase()).or_insert(name);
            if *owner != name {
                return Err(file.invalid(
                    &[name.as_str(), "aliases"],
                    format!("`{known_as}` already stands for {owner}"),
                ));
            }
        }
    }
    Ok(hardware)
}
