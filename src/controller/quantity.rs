//! Kubernetes' quantities as numbers. Pure.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// A quantity that counts, such as GPUs.
pub fn whole(quantity: &Quantity) -> Option<u64> {
    milli(quantity).map(|milli| milli / 1000)
}

/// A quantity in thousandths, rounded up, in any of Kubernetes' notations: `500m`, `1.5`, `2Ti`, `3e6`.
pub fn milli(Quantity(text): &Quantity) -> Option<u64> {
    let is_of_number = |c: char| matches!(c, '0'..='9' | '.' | '+' | '-');
    let end = text.find(|c| !is_of_number(c)).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let number: Decimal = number.parse().ok()?;
    let scale = match suffix {
        "n" => Decimal::new(1, 9),
        "u" => Decimal::new(1, 6),
        "m" => Decimal::new(1, 3),
        "" => Decimal::ONE,
        "k" => power(1000, 1)?,
        "M" => power(1000, 2)?,
        "G" => power(1000, 3)?,
        "T" => power(1000, 4)?,
        "P" => power(1000, 5)?,
        "E" => power(1000, 6)?,
        "Ki" => power(1024, 1)?,
        "Mi" => power(1024, 2)?,
        "Gi" => power(1024, 3)?,
        "Ti" => power(1024, 4)?,
        "Pi" => power(1024, 5)?,
        "Ei" => power(1024, 6)?,
        exponent => {
            let exponent: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            match u32::try_from(exponent) {
                Ok(exponent) => power(10, exponent)?,
                Err(_) => Decimal::try_new(1, exponent.unsigned_abs()).ok()?,
            }
        }
    };
    let milli = number
        .checked_mul(scale)?
        .checked_mul(Decimal::ONE_THOUSAND)?;
    milli.ceil().to_u64()
}

fn power(base: u32, exponent: u32) -> Option<Decimal> {
    let base = Decimal::from(base);
    (0..exponent).try_fold(Decimal::ONE, |power, _| power.checked_mul(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thousandths(text: &str) -> Option<u64> {
        milli(&Quantity(text.into()))
    }

    #[test]
    fn every_notation_of_a_quantity_is_read() {
        for (text, expected) in [
            ("500m", 500),
            ("1.5", 1500),
            ("100n", 1),
            ("2k", 2_000_000),
            ("2Ki", 2_048_000),
            ("1Ti", 1_099_511_627_776_000),
            ("1e3", 1_000_000),
            ("1E3", 1_000_000),
            ("5e-1", 500),
            ("0", 0),
        ] {
            assert_eq!(thousandths(text), Some(expected), "{text}");
        }
        for text in ["", "x", "-1", "1Zi", "1e999999999"] {
            assert_eq!(thousandths(text), None, "{text}");
        }
    }
}
