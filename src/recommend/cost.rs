//! R7: what a candidate costs.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use crate::catalog::Hardware;

/// US dollars in millionths: exact, and a total order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct MicroDollars(pub i128);

/// Hours that a month counts (R7).
pub const HOURS_PER_MONTH: i128 = 730;

impl MicroDollars {
    /// An amount with at most six decimals; what is beyond them is cut.
    pub fn of(dollars: Decimal) -> Self {
        let micro = dollars * Decimal::from(1_000_000);
        Self(micro.trunc().to_i128().unwrap_or(i128::MAX))
    }

    /// The same for a month of 730 hours.
    pub fn per_month(self) -> Self {
        Self(self.0 * HOURS_PER_MONTH)
    }
}

/// Dollars with two decimals, and up to six where the amount has them.
impl std::fmt::Display for MicroDollars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (dollars, micro) = (self.0 / 1_000_000, (self.0 % 1_000_000).abs());
        let digits = format!("{micro:06}");
        let cents = digits.trim_end_matches('0');
        f.pad(&format!("{dollars}.{cents:0<2}"))
    }
}

/// Price of one GPU x GPUs; `None` where the price is unknown, which is never 0.
pub(super) fn per_hour(hardware: Option<&Hardware>, gpus: i64) -> Option<MicroDollars> {
    let price = MicroDollars::of(hardware?.price.as_ref()?.usd_per_gpu_hour);
    Some(MicroDollars(price.0 * i128::from(gpus)))
}

/// The cost of whole nodes for `replicas` of `gpus_per_replica`; `None` where the price or a
/// node's size is unknown, or a replica does not fit one node.
pub(super) fn whole_nodes_per_hour(
    hardware: Option<&Hardware>,
    replicas: i32,
    gpus_per_replica: i32,
) -> Option<MicroDollars> {
    let gpus_per_node = i64::from(hardware?.gpus_per_node?);
    let replicas_per_node = gpus_per_node / i64::from(gpus_per_replica);
    if replicas_per_node == 0 {
        return None;
    }
    let nodes = (i64::from(replicas) + replicas_per_node - 1) / replicas_per_node;
    per_hour(hardware, nodes * gpus_per_node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::HardwareName;
    use crate::catalog::Catalog;

    #[test]
    fn money_is_exact_and_shown_with_its_decimals() {
        assert_eq!(MicroDollars::of(Decimal::new(45, 1)).to_string(), "4.50");
        assert_eq!(
            MicroDollars::of(Decimal::new(1234567, 6)).to_string(),
            "1.234567"
        );
        assert_eq!(MicroDollars(9_000_000).per_month().to_string(), "6570.00");
    }

    #[test]
    fn whole_nodes_count_gpus_that_stay_idle() {
        let catalog = Catalog::built_in();
        let h100 = catalog.hardware(&HardwareName::new("H100"));
        let one_gpu = per_hour(h100, 1).unwrap();
        assert_eq!(
            whole_nodes_per_hour(h100, 3, 4),
            Some(MicroDollars(one_gpu.0 * 16))
        );
        assert_eq!(whole_nodes_per_hour(h100, 1, 16), None);
        assert_eq!(per_hour(None, 4), None);
    }
}
