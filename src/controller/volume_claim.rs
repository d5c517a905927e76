//! What of a PersistentVolumeClaim that is there already can still be changed. Pure.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

use super::quantity::milli;

/// Makes `wanted` a spec that the API server takes in place of `live`: only more storage can be asked
/// of a claim, and the rest of it stays.
pub fn keep(wanted: &mut Value, live: &Value) {
    let asked = wanted["resources"]["requests"]["storage"].clone();
    for field in ["accessModes", "storageClassName", "resources"] {
        match live.get(field) {
            Some(value) => wanted[field] = value.clone(),
            None => {
                wanted.as_object_mut().map(|wanted| wanted.remove(field));
            }
        }
    }
    let amount = |storage: &Value| milli(&Quantity(storage.as_str()?.to_owned()));
    let storage = &mut wanted["resources"]["requests"]["storage"];
    if let (Some(more), Some(there)) = (amount(&asked), amount(storage))
        && more > there
    {
        *storage = asked;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claim(storage: &str, modes: &[&str]) -> Value {
        json!({"accessModes": modes, "resources": {"requests": {"storage": storage}}})
    }

    fn kept(wanted: &str, live: &str) -> Value {
        let mut spec = claim(wanted, &["ReadWriteMany"]);
        spec["storageClassName"] = json!("fast");
        keep(&mut spec, &claim(live, &["ReadWriteOnce"]));
        spec
    }

    #[test]
    fn a_claim_grows_and_never_shrinks() {
        for (wanted, live, result) in [
            ("300Gi", "200Gi", "300Gi"),
            ("100Gi", "200Gi", "200Gi"),
            ("1000Gi", "1Ti", "1Ti"),
            ("1025Gi", "1Ti", "1025Gi"),
            ("200Gi", "214748364800", "214748364800"),
            ("200Gi", "200G", "200Gi"),
            ("200Gi", "1.5Ti", "1.5Ti"),
        ] {
            assert_eq!(
                kept(wanted, live),
                claim(result, &["ReadWriteOnce"]),
                "{wanted} {live}"
            );
        }
    }
}
